"""Episodes that can be played again from any of their steps.

A *fork* is a place in an episode: an environment seed and the actions that lead there. It is
reached by replaying them, or, where the environment has `get_state` and `set_state` and no wrapper
keeps a memory of its own, by putting a saved state back. From the fork on a branch has fresh random
numbers, named by its stream: one uniform per step decides the policy's action, and the environment
draws from a new generator. Branches of one stream share them all (common random numbers), so that
they differ by what was forced upon them and by nothing else.

Fresh numbers reach the environment through `reseed(seed)` where it has such a method (ours do:
state and clock stay as they are), else by replacing `np_random`, where Gymnasium asks environments
to draw from. Noise from elsewhere stays that of the episode's seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.wrappers import OrderEnforcing, PassiveEnvChecker, TimeLimit

from agents.diagnosis.actors import Actor
from agents.diagnosis.observations import allowed_actions
from agents.diagnosis.worlds import MEMORYLESS
from gw_envs.checks import BadInput

NEGLIGIBLE = 1e-9  # rewards whose discount is below this are not waited for
CHECKED_STEPS = 200


@dataclass(frozen=True)
class Fork:
    """A place in an episode: the environment's seed, the actions so far, what is seen there."""

    seed: int
    prefix: tuple[int, ...]
    observation: Any


@dataclass
class Branch:
    """One continuation of an episode, to be played.

    Attributes:
        fork: where it begins.
        stream: names its random numbers; None leaves those of the episode's seed to the
            environment and names the policy's by that seed.
        forced: the actions it must take first.
        record: whether to keep observations and actions.
        value: discounted sum of rewards from the fork on, once played.
        length: steps from the fork on.
        finished: whether the episode ended, or was discounted to nothing, within the limit.
    """

    fork: Fork
    stream: tuple[int, ...] | None = None
    forced: tuple[int, ...] = ()
    record: bool = False
    value: float = 0.0
    length: int = 0
    finished: bool = False
    observations: list[Any] = field(default_factory=list)
    actions: list[int] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)


class Uniforms:
    """The uniform numbers of a stream, read one by one."""

    def __init__(self, entropy: tuple[int, ...]) -> None:
        self._rng = np.random.default_rng(entropy)
        self._block: list[float] = []

    def draw(self) -> float:
        """The next number in [0, 1)."""
        if not self._block:
            self._block = self._rng.random(64).tolist()[::-1]
        return self._block.pop()


class Arena:
    """Copies of an environment in which branches are played side by side.

    Args:
        make_env: makes one environment, with its wrappers.
        actor: the policy.
        discount: of the returns, in [0, 1].
        max_episode_steps: a branch longer than this is cut and counts as unfinished.
        width: number of copies: one call of the policy serves them all.
    """

    def __init__(
        self,
        make_env: Callable[[], gym.Env[Any, Any]],
        actor: Actor,
        discount: float,
        max_episode_steps: int,
        width: int = 64,
    ) -> None:
        self.make_env, self.actor, self.discount = make_env, actor, discount
        self.envs = [make_env()]
        self.width = width
        self.first_action = int(getattr(self.envs[0].action_space, "start", 0))
        self.limit = max_episode_steps
        self.horizon: float = math.inf
        if discount < 1:
            self.horizon = math.ceil(math.log(NEGLIGIBLE) / math.log(discount)) if discount else 1
        self.steps = 0
        self.forks_directly = False
        self._saved: dict[tuple[int, tuple[int, ...]], tuple[Any, int]] = {}

    def close(self) -> None:
        """Close the environments."""
        for env in self.envs:
            env.close()

    def play(self, branches: Sequence[Branch]) -> None:
        """Play every branch to its end and fill in what came of it."""
        waiting = list(branches)[::-1]
        while len(self.envs) < min(self.width, len(branches)):
            self.envs.append(self.make_env())
        active: list[_Seat] = []
        free = list(self.envs)
        while waiting or active:
            while waiting and free:
                active.append(self._begin(waiting.pop(), free.pop()))
            self._advance(active)
            for seat in active:
                if seat.over:
                    free.append(seat.env)
            active = [seat for seat in active if not seat.over]

    def _advance(self, active: list[_Seat]) -> None:
        """One step of every active branch."""
        draws = np.array([seat.uniforms.draw() for seat in active])
        forced = [seat.forced(self.actor.num_actions) for seat in active]
        needed = [i for i, action in enumerate(forced) if action is None]
        chosen = [0 if action is None else action for action in forced]
        if needed:
            seen = [active[i].observation for i in needed]
            sums = np.cumsum(self.actor.probabilities(seen), axis=1)
            picks = (draws[needed, None] >= sums / sums[:, -1:]).sum(axis=1)
            for i, pick in zip(needed, picks.tolist(), strict=True):
                chosen[i] = pick
        for seat, action in zip(active, chosen, strict=True):
            self._step(seat, action)

    def _step(self, seat: _Seat, action: int) -> None:
        branch = seat.branch
        if branch.record:
            branch.observations.append(seat.observation)
            branch.actions.append(action)
        observation, reward, terminated, truncated, _ = seat.env.step(self.first_action + action)
        self.steps += 1
        if branch.record:
            branch.rewards.append(float(reward))
        branch.value += seat.weight * float(reward)
        seat.weight *= self.discount
        seat.time += 1
        seat.observation = observation
        ended = bool(terminated or truncated)
        branch.finished = ended or seat.time >= self.horizon
        seat.over = branch.finished or seat.time >= self.limit
        branch.length = seat.time

    def _begin(self, branch: Branch, env: gym.Env[Any, Any]) -> _Seat:
        """Bring an environment to the fork and give the branch its random numbers."""
        fork, stream = branch.fork, branch.stream
        observation = self._reach(fork, env)
        if stream is None:
            return _Seat(branch, env, Uniforms((fork.seed,)), observation)
        reseed(env, int(np.random.SeedSequence(stream).generate_state(1)[0]))
        return _Seat(branch, env, Uniforms((*stream, 1)), observation)

    def _reach(self, fork: Fork, env: gym.Env[Any, Any]) -> Any:
        """Bring an environment to the fork; return what it shows there.

        Raises:
            ValueError: if it shows something else than when the fork was recorded.
        """
        key = (fork.seed, fork.prefix)
        if key in self._saved:
            env.reset(seed=fork.seed)
            put_state(env, self._saved[key])
            return fork.observation
        observation, _ = env.reset(seed=fork.seed)
        for action in fork.prefix:
            observation, *_ = env.step(self.first_action + action)
        self.steps += len(fork.prefix)
        if fork.observation is not None and not same(observation, fork.observation):
            raise BadInput(
                f"the environment does not replay: after seed {fork.seed} and the same "
                f"{len(fork.prefix)} actions it shows {observation!r} where it showed "
                f"{fork.observation!r}. Its randomness must come from reset(seed=...) alone, and "
                "reset must forget earlier episodes."
            )
        if self.forks_directly and fork.prefix:
            self._saved[key] = take_state(env)
        return observation

    def check_replay(self, episode: Branch) -> None:
        """Replay a recorded episode twice and compare to the bit; see whether states can be saved.

        Raises:
            ValueError: naming the first step at which a replay differs.
        """
        fork, actions = episode.fork, episode.actions[:CHECKED_STEPS]
        for _ in range(2):
            env = self.envs[0]
            observation, _ = env.reset(seed=fork.seed)
            for step, action in enumerate(actions):
                expected = episode.observations[step]
                if not same(observation, expected):
                    raise BadInput(
                        f"the environment does not replay: with seed {fork.seed} and the same "
                        f"actions, step {step} shows {observation!r} where it showed "
                        f"{expected!r}. Its randomness must come from reset(seed=...) alone."
                    )
                observation, reward, *_ = env.step(self.first_action + action)
                self.steps += 1
                if float(reward) != episode.rewards[step]:
                    raise BadInput(
                        f"the environment does not replay: with seed {fork.seed} and the same "
                        f"actions, step {step} pays {reward!r} where it paid "
                        f"{episode.rewards[step]!r}. Its randomness must come from "
                        "reset(seed=...) alone."
                    )
        self.forks_directly = can_save(self.envs[0]) and self._saves_faithfully(fork.seed, actions)

    def _saves_faithfully(self, seed: int, actions: list[int]) -> bool:
        """Whether a state put back continues as the episode it was taken from, to the bit."""
        env, middle = self.envs[0], len(actions) // 2

        def rest() -> list[Any]:
            reseed(env, 0)
            return [env.step(self.first_action + action)[:4] for action in actions[middle:]]

        env.reset(seed=seed)
        for action in actions[:middle]:
            env.step(self.first_action + action)
        state = take_state(env)
        first = rest()
        env.reset(seed=seed + 1)
        put_state(env, state)
        self.steps += middle + 2 * (len(actions) - middle)
        return all(
            all(same(x, y) for x, y in zip(a, b, strict=True))
            for a, b in zip(first, rest(), strict=True)
        )


@dataclass
class _Seat:
    """A branch being played."""

    branch: Branch
    env: gym.Env[Any, Any]
    uniforms: Uniforms
    observation: Any
    time: int = 0
    weight: float = 1.0
    over: bool = False

    def forced(self, num_actions: int) -> int | None:
        """What must be done now; None where that, or a mask, leaves it to the policy."""
        if self.time >= len(self.branch.forced):
            return None
        action = self.branch.forced[self.time]
        return action if allowed_actions(self.observation, num_actions)[action] else None


def reseed(env: gym.Env[Any, Any], seed: int) -> None:
    """Give the environment fresh random numbers from here on and leave its state alone."""
    inner = env.unwrapped
    if hasattr(inner, "reseed"):
        inner.reseed(seed)
    else:
        inner.np_random = np.random.default_rng(seed)


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
    clock = _time_limit(env)
    return inner.get_state(), 0 if clock is None else int(clock._elapsed_steps or 0)


def put_state(env: gym.Env[Any, Any], saved: tuple[Any, int]) -> None:
    """Put back what `take_state` took, the time limit's count included."""
    inner: Any = env.unwrapped
    inner.set_state(saved[0])
    clock = _time_limit(env)
    if clock is not None:
        clock._elapsed_steps = saved[1]


def _time_limit(env: gym.Env[Any, Any]) -> Any:
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
    """What two observations share exactly when they are `same`."""
    if isinstance(observation, dict):
        return b"".join(str(k).encode() + key_of(observation[k]) for k in sorted(observation))
    if isinstance(observation, tuple):
        return b"(" + b",".join(map(key_of, observation)) + b")"
    return np.asarray(observation).tobytes()
