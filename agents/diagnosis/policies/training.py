"""Between environment and model in training: the VecEnv wrappers, from the model or from files.

Only what changes observations counts. Rewards stay those of the environment: a diagnosis asks what
the policy is worth, not what it was shown.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from agents.diagnosis.policies.worlds import Normalized, Part, Stacked
from gw_envs.checks import BadInput

Dressing = tuple[str, Callable[[gym.Env[Any, Any]], gym.Env[Any, Any]]]
MOST_STACKED = 64
CLIP_OBS = 10.0  # VecNormalize's own limit
UNBOUNDED = 1e30  # limits beyond are none: Gymnasium wrote float32's largest, then infinity
LEAVE_OBSERVATIONS = ("VecMonitor", "VecCheckNan", "VecVideoRecorder", "VecTransposeImage")


def dressings(model: Any, env: gym.Env[Any, Any], vec_normalize: Any) -> list[Dressing]:
    """The wrappers to put around an environment, innermost first, each with its name.

    Args:
        model: a Stable-Baselines3 model; the VecEnv it holds says how it was wrapped. A model
            loaded from a file holds none: its observation space then says how frames were stacked.
        env: what is to be wrapped.
        vec_normalize: statistics to use (a VecNormalize or its file); None: the model's own; False:
            none.

    Raises:
        ValueError: for a wrapper that is not known, statistics that are missing, damaged or of
            another environment, or a model of other observations.
    """
    held = getattr(model, "env", None)
    given = None if vec_normalize is None or vec_normalize is False else statistics(vec_normalize)
    found = _implied(model, env, given) if held is None else _held(held, vec_normalize, given)
    if vec_normalize is None and not any(name == "VecNormalize" for name, _ in found):
        _refuse_lost_statistics(model, held)
    space = dressed(env, found).observation_space
    if not fits(model.observation_space, space):
        seen = f"the env shows {space}" + (f" through {named(found)}" if found else "")
        raise BadInput(
            f"model observes {model.observation_space}, but {seen}; give the env (and wrappers) it "
            "was trained in."
        )
    return found


def dressed(env: gym.Env[Any, Any], found: list[Dressing]) -> gym.Env[Any, Any]:
    """The environment with the wrappers around it."""
    for _, wrap in found:
        env = wrap(env)
    return env


def named(found: list[Dressing]) -> str:
    """The wrappers in words, innermost first."""
    return ", then ".join(name for name, _ in found)


def _held(layer: Any, choice: Any, given: Any) -> list[Dressing]:
    """The wrappers of the VecEnv that the model holds."""
    from stable_baselines3.common import vec_env as known

    found: list[Dressing] = []
    while isinstance(layer, known.VecEnvWrapper):
        if isinstance(layer, known.VecNormalize):
            if choice is not False and layer.norm_obs:
                found.append(_normalize(layer if given is None else given))
        elif isinstance(layer, known.VecFrameStack):
            found.append(_stack_like(layer.stacked_obs))
        elif isinstance(layer, known.VecExtractDictObs):
            found.append(_part(layer.key))
        elif type(layer).__name__ not in LEAVE_OBSERVATIONS:
            raise BadInput(
                f"model was trained in {type(layer).__name__}, a VecEnv wrapper that is not known "
                "here; load the model without it (load(path)) and give an env that shows the same "
                "by Gymnasium wrappers."
            )
        layer = layer.venv
    if given is not None and given.norm_obs and not any(n == "VecNormalize" for n, _ in found):
        found.append(_normalize(given))
    return found[::-1]


def _implied(model: Any, env: gym.Env[Any, Any], given: Any) -> list[Dressing]:
    """Given statistics, and the stack of frames that leads to the model's observation space."""
    found: list[Dressing] = []
    space = env.observation_space
    normalizes = given is not None and given.norm_obs
    if normalizes and fits(given.observation_space, space):
        found.append(_normalize(given))
    if not fits(model.observation_space, space):
        stacked = _stack_towards(model.observation_space, space)
        found += [] if stacked is None else [stacked]
    if normalizes and not any(name == "VecNormalize" for name, _ in found):
        found.append(_normalize(given))
    return found


def statistics(vec_normalize: Any) -> Any:
    """The VecNormalize that was given, or that its file holds. Reading a file runs its code.

    Raises:
        ValueError: for a file that is missing or holds something else, or statistics that are not
            finite.
    """
    from stable_baselines3.common.vec_env import VecNormalize

    found = vec_normalize
    if isinstance(vec_normalize, str | Path):
        path = Path(vec_normalize)
        if not path.is_file():
            raise BadInput(f"vec_normalize={str(path)!r} does not exist.")
        try:
            found = pickle.loads(path.read_bytes())
        except Exception as error:  # a foreign pickle may raise anything
            raise BadInput(
                f"vec_normalize={str(path)!r} cannot be read ({type(error).__name__}); give what "
                "VecNormalize.save wrote."
            ) from None
    if not isinstance(found, VecNormalize):
        raise BadInput(
            f"vec_normalize holds a {type(found).__name__}; give a VecNormalize or the file that "
            "its save wrote."
        )
    return found


def statistics_beside(path: Path, env_id: str) -> Path | None:
    """Where rl-zoo3 puts the statistics of a saved model: `ENV_ID/vecnormalize.pkl` beside it."""
    name = env_id.split(":")[-1].replace("/", "-")
    found = path.parent / name / "vecnormalize.pkl"
    return found if found.is_file() else None


def fits(ours: gym.Space[Any], theirs: gym.Space[Any]) -> bool:
    """Whether observations of `theirs` can be ours; images may have their channels first."""
    if isinstance(ours, gym.spaces.Dict) and isinstance(theirs, gym.spaces.Dict):
        return ours.keys() == theirs.keys() and all(fits(ours[k], theirs[k]) for k in ours)
    if not isinstance(ours, gym.spaces.Box) or not isinstance(theirs, gym.spaces.Box):
        return bool(ours == theirs)
    low, high = theirs.low, theirs.high
    if ours.shape != theirs.shape and len(theirs.shape) == 3:
        low, high = np.moveaxis(low, -1, 0), np.moveaxis(high, -1, 0)
    same = ours.shape == low.shape and ours.dtype == theirs.dtype
    return same and _near(ours.low, low) and _near(ours.high, high)


def _near(a: Any, b: Any) -> bool:
    x, y = (np.clip(np.asarray(v, np.float64), -UNBOUNDED, UNBOUNDED) for v in (a, b))
    return bool(np.allclose(x, y, rtol=1e-3))


def _normalize(given: Any) -> Dressing:
    """Normalisation by these statistics, once they are seen to fit the environment.

    They are copied: a VecNormalize that lives on goes on learning them, and leads to the
    environments of training, which a diagnosis must not reach.
    """
    alone = object.__new__(type(given))  # it cannot pickle itself before it has a venv
    alone.__dict__.update(given.__dict__, venv=None, obs_rms=copy.deepcopy(given.obs_rms))
    return _normalize_by(alone)


def _normalize_by(given: Any) -> Dressing:
    rows = list(given.obs_rms.values()) if isinstance(given.obs_rms, dict) else [given.obs_rms]
    if not all(np.isfinite(row.mean).all() and np.isfinite(row.var).all() for row in rows):
        raise BadInput("vec_normalize holds statistics that are not finite; training diverged.")

    def wrap(env: gym.Env[Any, Any]) -> gym.Env[Any, Any]:
        if _shapes(given.observation_space) != _shapes(env.observation_space) or not (
            fits(given.observation_space, env.observation_space) or _has_image(given)
        ):
            raise BadInput(
                f"vec_normalize holds statistics of another environment: of observations "
                f"{given.observation_space}, but the env shows {env.observation_space}."
            )
        if given.action_space != env.action_space:
            raise BadInput(
                f"vec_normalize holds statistics of another environment: of actions "
                f"{given.action_space}, but the env takes {env.action_space}."
            )
        return Normalized(env, given)

    return "VecNormalize", wrap


def _has_image(given: Any) -> bool:
    """Whether VecNormalize has replaced the space of an image by that of its normalised form."""
    spaces = given.observation_space
    parts = spaces.values() if isinstance(spaces, gym.spaces.Dict) else [spaces]
    return any(len(part.shape or ()) == 3 for part in parts)


def _shapes(space: gym.Space[Any]) -> Any:
    if isinstance(space, gym.spaces.Dict):
        return {key: part.shape for key, part in space.items()}
    return space.shape


def _stack_like(stack: Any) -> Dressing:
    parts = getattr(stack, "sub_stacked_observations", None)
    if parts is not None:
        order: Any = {key: _order(part) for key, part in parts.items()}
    else:
        order = _order(stack)
    return _stack(stack.n_stack, order)


def _order(stack: Any) -> str:
    return "first" if stack.channels_first else "last"


def _stack(count: int, order: Any, note: str = "") -> Dressing:
    return f"VecFrameStack({count}){note}", lambda env: Stacked(env, count, order)


def _stack_towards(ours: gym.Space[Any], theirs: gym.Space[Any]) -> Dressing | None:
    """The stack of frames of `theirs` that has our space; None where there is none."""
    from stable_baselines3.common.vec_env.stacked_observations import StackedObservations

    kinds = (gym.spaces.Box, gym.spaces.Dict)
    if not isinstance(theirs, kinds) or not all(
        isinstance(part, gym.spaces.Box) and part.shape for part in _parts(theirs)
    ):
        return None
    larger = sum(np.prod(part.shape) for part in _parts(ours) if part.shape is not None)
    count = round(float(larger / sum(np.prod(part.shape) for part in _parts(theirs))))
    if not 2 <= count <= MOST_STACKED:
        return None
    for order in (None, "last", "first"):
        stack: Any = StackedObservations(1, count, theirs, order)
        if fits(ours, stack.stacked_observation_space):
            return _stack(count, order, " (as the model's observation space implies)")
    return None


def _parts(space: gym.Space[Any]) -> list[Any]:
    return list(space.values()) if isinstance(space, gym.spaces.Dict) else [space]


def _part(key: str) -> Dressing:
    return f"VecExtractDictObs({key!r})", lambda env: Part(env, key)


def _refuse_lost_statistics(model: Any, held: Any) -> None:
    """Refuse a model that remembers an observation from before VecNormalize, which is not there.

    On-policy models keep `_last_original_obs` only if they were trained in VecNormalize. Others
    keep the observation before the last there: it gives them away where it is large, and the last
    one lies within the limits of VecNormalize.
    """
    from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
    from stable_baselines3.common.vec_env import VecNormalize, unwrap_vec_wrapper

    if held is not None and unwrap_vec_wrapper(held, VecNormalize) is not None:
        return  # it normalises rewards only
    original, last = (getattr(model, name, None) for name in ("_last_original_obs", "_last_obs"))
    if original is None:
        return
    tells = _largest(original) > 2 * CLIP_OBS and _largest(last) <= CLIP_OBS
    if isinstance(model, OnPolicyAlgorithm) or tells:
        raise BadInput(
            "model was trained on normalised observations (VecNormalize), and its statistics are "
            "not here; give them as vec_normalize (--vec-normalize FILE), or False (none) if only "
            "rewards were normalised."
        )


def _largest(observations: Any) -> float:
    """The largest number of a batch of observations, in size."""
    if observations is None:
        return 0.0
    parts = observations.values() if isinstance(observations, dict) else [observations]
    return max(float(np.abs(np.asarray(part, np.float64)).max()) for part in parts)
