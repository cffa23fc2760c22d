"""Where an environment's luck comes from, and whether its episodes can be played again.

Gymnasium asks environments to draw from `np_random`, which `reset(seed=...)` seeds. Those that
people bring keep generators of their own, numpy's or Python's global one, or seed nothing. So luck
is looked for: every generator that an environment or a wrapper holds is found by walking through
their attributes, and can be seeded where it stands, whatever its kind.
"""

from __future__ import annotations

import contextlib
import pickle
import random
import sys
import types
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.wrappers import OrderEnforcing, PassiveEnvChecker, TimeLimit

from agents.diagnosis.policies.worlds import MEMORYLESS, World

DEEPEST = 6  # attributes of attributes
MOST_OBJECTS = 5_000
LONGEST_LIST = 64
# Whose insides hold no generator of an environment.
CLOSED = (types.ModuleType, type, str, bytes, int, float, complex, np.ndarray, np.generic)


def generators(env: gym.Env[Any, Any]) -> dict[str, Any]:
    """The random generators that an environment holds, by the path of attributes to each.

    Found are numpy's `Generator` and `RandomState`, Python's `Random` and torch's `Generator`, in
    wrappers, attributes of instances and classes, lists, dictionaries, methods and closures.
    """
    kinds = _kinds()
    found: dict[int, tuple[str, Any]] = {}
    seen: set[int] = set()
    waiting: list[tuple[str, Any, int]] = [("env", env.env if isinstance(env, World) else env, 0)]
    while waiting and len(seen) < MOST_OBJECTS:
        path, thing, depth = waiting.pop()
        if id(thing) in seen or thing is None or isinstance(thing, CLOSED):
            continue
        seen.add(id(thing))
        if isinstance(thing, kinds):
            found[id(thing)] = (path, thing)
        elif depth < DEEPEST:
            waiting += [(f"{path}.{name}", part, depth + 1) for name, part in _parts(thing)]
    return dict(sorted(found.values(), key=lambda pair: pair[0]))


def _kinds() -> tuple[type, ...]:
    torch = sys.modules.get("torch")
    ours: tuple[type, ...] = (np.random.Generator, np.random.RandomState, random.Random)
    return ours if torch is None else (*ours, torch.Generator)


def _parts(thing: Any) -> Iterator[tuple[str, Any]]:
    """What an object is made of, with names."""
    if isinstance(thing, dict):
        yield from ((str(key), part) for key, part in thing.items())
    elif isinstance(thing, list | tuple | set | frozenset):
        if len(thing) <= LONGEST_LIST:
            yield from ((str(n), part) for n, part in enumerate(thing))
    elif isinstance(thing, types.FunctionType):
        names, cells = thing.__code__.co_freevars, thing.__closure__ or ()
        for name, cell in zip(names, cells, strict=True):
            with contextlib.suppress(ValueError):  # a cell not filled yet
                yield name, cell.cell_contents
    elif isinstance(thing, MEMORYLESS):  # what these show by is no luck, and copies share it
        yield "env", thing.env
    elif not type(thing).__module__.startswith(("torch", "numpy")):
        if isinstance(thing, types.MethodType | types.BuiltinMethodType):
            yield "__self__", thing.__self__
        else:
            shared = _of_class(type(thing)) if isinstance(thing, gym.Env) else {}
            yield from (shared | getattr(thing, "__dict__", {})).items()


def _of_class(kind: type) -> dict[str, Any]:
    """Generators, and spaces, which have one, that all environments of a class share."""
    wanted = (*_kinds(), gym.Space)
    names = {
        name
        for base in kind.__mro__
        if base.__module__.split(".")[0] != "gymnasium"
        for name, part in vars(base).items()
        if isinstance(part, wanted)
    }
    return {name: getattr(kind, name, None) for name in names}


def state_of(generator: Any) -> bytes:
    """What two generators share exactly when they will draw the same."""
    if isinstance(generator, np.random.Generator):
        return pickle.dumps(generator.bit_generator.state)
    if isinstance(generator, np.random.RandomState):
        return pickle.dumps(generator.get_state(legacy=False))
    if isinstance(generator, random.Random):
        return pickle.dumps(generator.getstate())
    return bytes(generator.get_state().numpy().tobytes())


def seed_generator(generator: Any, entropy: tuple[int, ...]) -> None:
    """Seed a generator where it stands; whoever shares it draws the new numbers."""
    sequence = np.random.SeedSequence(entropy)
    number = int(sequence.generate_state(1)[0])
    if isinstance(generator, np.random.Generator):
        bits: Any = generator.bit_generator
        bits.state = type(bits)(sequence).state
    elif isinstance(generator, np.random.RandomState | random.Random):
        generator.seed(number)
    else:
        generator.manual_seed(number)


def reseed(env: gym.Env[Any, Any], entropy: tuple[int, ...], with_global: bool = False) -> None:
    """Give an environment fresh random numbers; its state and clock stay as they are.

    Args:
        env: whose generators are seeded, one by one and differently.
        entropy: names the numbers.
        with_global: whether numpy's, Python's and torch's global generators are seeded too.
    """
    getattr(env.unwrapped, "np_random", None)  # Gymnasium makes it when it is first asked for
    for number, generator in enumerate(generators(env).values()):
        seed_generator(generator, (*entropy, number))
    own = getattr(env.unwrapped, "reseed", None)
    if callable(own):
        own(int(np.random.SeedSequence(entropy).generate_state(1)[0]))
    if with_global:
        seed_globals(int(np.random.SeedSequence((*entropy, 1)).generate_state(1)[0]))


def seed_globals(seed: int) -> None:
    """Seed numpy's and Python's global generators, and torch's where it is loaded."""
    np.random.seed(seed % 2**32)
    random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def global_states() -> dict[str, bytes]:
    """Where numpy's, Python's and torch's global generators stand, by their names."""
    torch = sys.modules.get("torch")
    found = {
        "numpy's global generator": pickle.dumps(np.random.get_state(legacy=False)),
        "Python's global generator": pickle.dumps(random.getstate()),
    }
    if torch is not None:
        found["torch's global generator"] = torch.get_rng_state().numpy().tobytes()
    return found


@contextlib.contextmanager
def globals_kept() -> Iterator[None]:
    """Puts the global generators back as they were."""
    torch = sys.modules.get("torch")
    theirs = (np.random.get_state(), random.getstate())
    network = None if torch is None else torch.get_rng_state()
    try:
        yield
    finally:
        np.random.set_state(theirs[0])
        random.setstate(theirs[1])
        if torch is not None:
            torch.set_rng_state(network)


def can_save(env: gym.Env[Any, Any]) -> bool:
    """Whether `get_state` and `set_state` hold everything: no wrapper has a memory of its own."""
    layer = env
    while isinstance(layer, gym.Wrapper):
        if type(layer) not in (OrderEnforcing, PassiveEnvChecker, TimeLimit, *MEMORYLESS):
            return False
        layer = layer.env
    return all(callable(getattr(layer, name, None)) for name in ("get_state", "set_state"))


def take_state(env: gym.Env[Any, Any]) -> tuple[Any, int]:
    """The environment's state and the steps its time limit has counted."""
    inner: Any = env.unwrapped
    clock = time_limit(env)
    return inner.get_state(), 0 if clock is None else int(clock._elapsed_steps or 0)


def put_state(env: gym.Env[Any, Any], saved: tuple[Any, int]) -> None:
    """Put back what `take_state` took, the time limit's count included."""
    inner: Any = env.unwrapped
    inner.set_state(saved[0])
    clock = time_limit(env)
    if clock is not None:
        clock._elapsed_steps = saved[1]


def time_limit(env: gym.Env[Any, Any]) -> Any:
    """The outermost `TimeLimit` around an environment, or None."""
    layer: Any = env
    while isinstance(layer, gym.Wrapper):
        if isinstance(layer, TimeLimit):
            return layer
        layer = layer.env
    return None


def same(a: Any, b: Any) -> bool:
    """Whether two observations are equal to the bit; dictionaries and tuples part by part."""
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, tuple):
        return isinstance(b, tuple) and len(a) == len(b) and all(map(same, a, b))
    x, y = np.asarray(a), np.asarray(b)
    return x.shape == y.shape and x.dtype == y.dtype and x.tobytes() == y.tobytes()


def key_of(observation: Any) -> bytes:
    """What two observations share exactly when they hold the same; whole numbers of any width."""
    if isinstance(observation, dict):
        return b"".join(str(k).encode() + key_of(observation[k]) for k in sorted(observation))
    if isinstance(observation, tuple):
        return b"(" + b",".join(map(key_of, observation)) + b")"
    values = np.asarray(observation)
    whole = values.ndim == 0 and values.dtype.kind in "iu"
    return bytes((values.astype(np.int64) if whole else values).tobytes())
