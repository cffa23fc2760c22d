"""One face for every policy: probabilities at a batch of observations, and whether a step moves it.

Known are Stable-Baselines3 models (on-policy ones have probabilities, DQN and its kin act
greedily), tables of probabilities or logits, our tabular agents, and plain functions of one
observation. Discrete actions only.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import gymnasium as gym
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gw_envs.checks import BadInput, Floats, check_float

DEFAULT_LEARNING_RATE = 0.4


class Actor(Protocol):
    """What the diagnosis needs of a policy.

    Attributes:
        num_actions: K.
        discount: of the returns it was trained for; None where it does not say.
        learning_rate: eta of the softmax policy gradient whose clock is predicted.
    """

    num_actions: int
    discount: float | None
    learning_rate: float

    def probabilities(self, observations: Sequence[Any]) -> Floats:
        """pi(a|s) [N, K] at N observations."""
        ...

    def moves(self, observations: Sequence[Any], advantages: Floats, weights: Floats) -> bool:
        """Whether one gradient step along the advantages [N, K] changes any logit, to the bit."""
        ...


class SoftmaxTable:
    """A softmax policy given by its table of logits, in the float type they are stored in.

    Args:
        logits: theta [S, K], or [K] for one state; float32 stays float32, so that an update too
            small for it is lost here as it is lost in training.
        learning_rate: eta > 0.
        discount: of the returns; None takes the environment's.

    Raises:
        ValueError: for logits of another shape or not finite.
    """

    def __init__(
        self,
        logits: ArrayLike,
        learning_rate: float = DEFAULT_LEARNING_RATE,
        discount: float | None = None,
    ) -> None:
        table = np.asarray(logits)
        if table.dtype not in (np.float16, np.float32):
            table = np.asarray(table, dtype=np.float64)
        table = np.atleast_2d(table)
        if table.ndim != 2 or table.shape[1] < 2 or not np.isfinite(table).all():
            raise BadInput(
                f"logits of shape {np.shape(logits)} must be finite numbers [S, K] or [K], K >= 2."
            )
        self.theta: NDArray[Any] = table
        self.num_actions = int(table.shape[1])
        self.learning_rate = check_float("learning_rate", learning_rate, 0, open_low=True)
        self.discount = discount

    def probabilities(self, observations: Sequence[Any]) -> Floats:
        """softmax(theta[s]) [N, K], computed in the float type of the logits."""
        rows = self.theta[np.asarray(observations, dtype=np.int64).reshape(len(observations))]
        weights = np.exp(rows - rows.max(axis=1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)

    def moves(self, observations: Sequence[Any], advantages: Floats, weights: Floats) -> bool:
        """Whether theta + eta d/(1-discount) pi A, rounded to the table's type, differs."""
        rows = self.theta[np.asarray(observations, dtype=np.int64).reshape(len(observations))]
        change = self.learning_rate * weights[:, None] * self.probabilities(observations)
        change = (change * advantages).astype(rows.dtype)
        return bool(np.any(rows + change != rows))


class FunctionActor:
    """A function of one observation that returns K probabilities, or the index of an action."""

    def __init__(self, function: Callable[[Any], Any], num_actions: int) -> None:
        self.function, self.num_actions = function, num_actions
        self.discount: float | None = None
        self.learning_rate = DEFAULT_LEARNING_RATE

    def probabilities(self, observations: Sequence[Any]) -> Floats:
        """The function's answers, [N, K]; an action becomes probability one."""
        return np.array([self._row(self.function(seen)) for seen in observations])

    def _row(self, answer: Any) -> Floats:
        given = np.asarray(answer)
        if given.ndim == 0 and np.issubdtype(given.dtype, np.integer):
            if not 0 <= given < self.num_actions:
                raise BadInput(f"policy returned {answer!r}; actions are 0..K-1, K is the env's.")
            return np.asarray(np.eye(self.num_actions)[int(given)])
        row = np.asarray(given, dtype=np.float64)
        fits = row.shape == (self.num_actions,) and (row >= 0).all()
        if not fits or abs(row.sum() - 1) > 1e-6:
            raise BadInput(
                f"policy returned {answer!r}; it must return an action's index or "
                f"{self.num_actions} probabilities that sum to 1."
            )
        return row

    def moves(self, observations: Sequence[Any], advantages: Floats, weights: Floats) -> bool:
        """True: a function has no parameters that could be stuck."""
        return True


class ModelActor:
    """A Stable-Baselines3 model with discrete actions."""

    def __init__(self, model: Any) -> None:
        if not isinstance(model.action_space, gym.spaces.Discrete):
            raise BadInput(
                f"model has action space {model.action_space}; only Discrete actions can be "
                "diagnosed: probing takes single actions one by one."
            )
        if hasattr(model.policy, "lstm_actor"):
            raise BadInput("model is recurrent; policies with a memory cannot be forked.")
        self.model, self.policy = model, model.policy
        self.num_actions = int(model.action_space.n)
        self.discount: float | None = float(model.gamma)
        schedule = getattr(model, "lr_schedule", None)
        remaining = float(getattr(model, "_current_progress_remaining", 1.0))
        rate = float(schedule(remaining)) if schedule is not None else 0.0
        self.learning_rate = rate if rate > 0 else DEFAULT_LEARNING_RATE
        self.is_stochastic = hasattr(self.policy, "get_distribution")

    def probabilities(self, observations: Sequence[Any]) -> Floats:
        """The policy's probabilities [N, K]; one for the greedy action of a value-based model."""
        import torch

        self.policy.set_training_mode(False)
        with torch.no_grad():
            seen, _ = self.policy.obs_to_tensor(stack(observations))
            if self.is_stochastic:
                return np.asarray(
                    torch.softmax(_logits(self.policy, seen).double(), dim=1).cpu().numpy()
                )
            greedy = self.policy._predict(seen, deterministic=True).cpu().numpy()
        return np.asarray(np.eye(self.num_actions)[greedy.astype(np.int64)])

    def moves(self, observations: Sequence[Any], advantages: Floats, weights: Floats) -> bool:
        """Whether a step of the model's own optimizer, on a copy, changes any logit."""
        if not self.is_stochastic:
            return True
        import torch

        policy = copy.deepcopy(self.policy)
        seen, _ = policy.obs_to_tensor(stack(observations))
        before = _logits(policy, seen).detach().clone()
        value = torch.as_tensor(advantages * weights[:, None], dtype=before.dtype).to(before.device)
        policy.optimizer.zero_grad()
        (-(torch.softmax(_logits(policy, seen), dim=1) * value).sum()).backward()
        policy.optimizer.step()
        return bool((_logits(policy, seen) != before).any())


def _logits(policy: Any, seen: Any) -> Any:
    """Log-probabilities [N, K] of a Stable-Baselines3 actor-critic policy."""
    return policy.get_distribution(seen).distribution.logits


def stack(observations: Sequence[Any]) -> Any:
    """A batch of observations as Stable-Baselines3 takes it."""
    if isinstance(observations[0], dict):
        return {key: np.stack([o[key] for o in observations]) for key in observations[0]}
    return np.stack([np.asarray(o) for o in observations])


def as_actor(policy: Any, env: gym.Env[Any, Any]) -> Actor:
    """The actor behind what the user gave, checked against the environment's spaces.

    Args:
        policy: a Stable-Baselines3 model, a `SoftmaxTable`, probabilities [S, K] or [K], one of
            our agents with a `policy` of shape [1, S, K], or a function.
        env: what it acts in.

    Raises:
        ValueError: for actions that are not discrete, or spaces that do not fit.
    """
    if not isinstance(env.action_space, gym.spaces.Discrete):
        raise BadInput(
            f"env has action space {env.action_space}; only Discrete actions can be diagnosed: "
            "probing takes single actions one by one. Discretise the actions with a wrapper."
        )
    count = int(env.action_space.n)
    if hasattr(policy, "observation_space") and hasattr(policy, "policy"):
        _check_spaces(policy, env)
        return ModelActor(policy)
    if isinstance(policy, SoftmaxTable):
        return _checked_table(policy, env, count)
    table = getattr(policy, "policy", policy)
    if isinstance(table, np.ndarray | list | tuple):
        return _checked_table(_table_actor(policy, np.asarray(table, np.float64)), env, count)
    if callable(policy):
        return FunctionActor(policy, count)
    raise BadInput(
        f"policy={policy!r} is no Stable-Baselines3 model, table of probabilities, SoftmaxTable, "
        "agent with a `policy`, or function of an observation."
    )


def _table_actor(policy: Any, table: Floats) -> SoftmaxTable:
    """Logits of a table of probabilities; an agent's own learning rate where it has one."""
    if table.ndim == 3:
        if len(table) != 1:
            raise BadInput(f"policy holds {len(table)} runs; give one: agent.policy[run].")
        table = table[0]
    table = np.atleast_2d(table)
    sums = table.sum(axis=-1)
    if table.ndim != 2 or (table < 0).any() or not (np.abs(sums - 1) < 1e-6).all():
        raise BadInput(
            f"policy of shape {table.shape} must be probabilities [S, K] or [K] whose rows sum to "
            "1; wrap logits in SoftmaxTable(logits)."
        )
    rate = getattr(policy, "learning_rate", DEFAULT_LEARNING_RATE)
    tiny = np.log(np.maximum(table, 1e-300))
    return SoftmaxTable(tiny, rate if isinstance(rate, float) else DEFAULT_LEARNING_RATE)


def _checked_table(actor: SoftmaxTable, env: gym.Env[Any, Any], count: int) -> SoftmaxTable:
    space = env.observation_space
    if not isinstance(space, gym.spaces.Discrete) or space.start != 0:
        raise BadInput(f"policy is a table, but the env observes {space}; Discrete(S) is needed.")
    if actor.theta.shape != (space.n, count):
        raise BadInput(
            f"policy has shape {list(actor.theta.shape)}, but the env has {space.n} states and "
            f"{count} actions."
        )
    return actor


def _check_spaces(model: Any, env: gym.Env[Any, Any]) -> None:
    """The model's spaces must be the environment's (images may have their channels first)."""
    ours, theirs = model.observation_space, env.observation_space
    fits = ours == theirs
    if not fits and isinstance(ours, gym.spaces.Box) and isinstance(theirs, gym.spaces.Box):
        moved = (*theirs.shape[-1:], *theirs.shape[:-1])
        fits = ours.dtype == theirs.dtype and ours.shape in (theirs.shape, moved)
    if not fits:
        raise BadInput(
            f"model observes {ours}, but the env shows {theirs}; give the env (and wrappers) it "
            "was trained in."
        )
    if model.action_space != env.action_space:
        raise BadInput(
            f"model acts in {model.action_space}, but the env takes {env.action_space}; give the "
            "env (and wrappers) it was trained in."
        )


def policy_entropy(probabilities: Floats) -> Floats:
    """Entropy in nats of each row [N, K]."""
    safe = np.maximum(probabilities, 1e-300)
    return cast(Floats, -(probabilities * np.log(safe)).sum(axis=-1))
