"""One face for every policy: probabilities at a batch of observations, and whether a step moves it.

Known are Stable-Baselines3 models, torch modules, tables of probabilities or logits, our tabular
agents, and plain functions of one observation. Actions are numbered 0..K-1 (`Actions` names them).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import gymnasium as gym
import numpy as np
from numpy.typing import ArrayLike, NDArray

from agents.diagnosis.policies.actions import Actions
from agents.diagnosis.policies.models import DEFAULT_LEARNING_RATE, ModelActor
from agents.diagnosis.policies.observations import allowed_actions, bare
from agents.diagnosis.policies.outputs import Logits, Reading, short
from agents.diagnosis.policies.torch_agents import TorchActor, is_module
from gw_envs.checks import BadInput, Floats, check_bool, check_float, check_numbers


class Actor(Protocol):
    """What the diagnosis needs of a policy.

    Attributes:
        num_actions: K.
        discount: of the returns it was trained for; None where it does not say.
        learning_rate: eta of the softmax policy gradient whose clock is predicted.
        from_zero: whether it hands `step` 0..n-1 even where the action space starts elsewhere.
        reads_masks: whether its probabilities heed the masks of `Masked` observations.
        manner: how it acts, "stochastic" or "deterministic (...)".
    """

    num_actions: int
    discount: float | None
    learning_rate: float
    from_zero: bool
    reads_masks: bool
    manner: str

    @property
    def source(self) -> str:
        """What it is, in words."""
        ...

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

    from_zero = False
    reads_masks = False
    manner = "stochastic"
    source = "a table of logits"

    def __init__(
        self,
        logits: ArrayLike,
        learning_rate: float = DEFAULT_LEARNING_RATE,
        discount: float | None = None,
    ) -> None:
        table = (
            np.asarray(logits)
            if isinstance(logits, np.ndarray)
            else check_numbers("logits", logits)
        )
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
        self.discount = None if discount is None else check_float("discount", discount, 0, 1)
        self.first_state = 0

    def probabilities(self, observations: Sequence[Any]) -> Floats:
        """softmax(theta[s]) [N, K], computed in the float type of the logits."""
        rows = self._rows(observations)
        weights = np.exp(rows - rows.max(axis=1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)

    def moves(self, observations: Sequence[Any], advantages: Floats, weights: Floats) -> bool:
        """Whether theta + eta d/(1-discount) pi A, rounded to the table's type, differs."""
        rows = self._rows(observations)
        change = self.learning_rate * weights[:, None] * self.probabilities(observations)
        change = (change * advantages).astype(rows.dtype)
        return bool(np.any(rows + change != rows))

    def _rows(self, observations: Sequence[Any]) -> NDArray[Any]:
        states = np.asarray(observations, dtype=np.int64).reshape(len(observations))
        return self.theta[states - self.first_state]


class FunctionActor:
    """A function of one observation that returns K probabilities or logits.

    An action's index does not say with what probability it was taken: it is accepted only where
    the user says that the policy is deterministic, and refused when a second call differs.

    Args:
        function: the policy.
        num_actions: K.
        reading: how its answers are read.
        deterministic: whether it may return the index of an action.
    """

    from_zero = False
    reads_masks = False
    manner = "stochastic"

    def __init__(
        self,
        function: Callable[[Any], Any],
        num_actions: int,
        reading: Reading | None = None,
        deterministic: bool = False,
    ) -> None:
        self.function, self.num_actions = function, num_actions
        self.reading, self.deterministic = reading or Reading(), deterministic
        self.discount: float | None = None
        self.learning_rate = DEFAULT_LEARNING_RATE

    @property
    def source(self) -> str:
        """What it is: its outputs are known once it was asked."""
        return f"a function of observations ({self.reading.kind or 'actions'})"

    def probabilities(self, observations: Sequence[Any]) -> Floats:
        """The function's answers as probabilities [N, K]."""
        return np.array([self._row(seen) for seen in observations])

    def _row(self, observation: Any) -> Floats:
        answer = _numbers(self.function(observation))
        if answer.size != 1:
            return self.reading.row(answer, self.num_actions)
        if not self.deterministic:
            raise BadInput(
                f"policy returned {short(answer.item())}, an action; {self.num_actions} "
                "probabilities (or logits) are needed, since one action does not say how likely "
                "the others were. If it always returns the same action for an observation, say "
                "deterministic=True."
            )
        again = _numbers(self.function(observation))
        if again.size != 1 or again.item() != answer.item():
            raise BadInput(
                f"policy returned {short(answer.item())} and then {short(again)} for one "
                "observation; it samples its actions and is not deterministic. Return "
                "probabilities."
            )
        index = answer.item()
        if index not in range(self.num_actions):
            raise BadInput(f"policy returned {index!r}; actions are 0..{self.num_actions - 1}.")
        return np.asarray(np.eye(self.num_actions)[int(index)])

    def moves(self, observations: Sequence[Any], advantages: Floats, weights: Floats) -> bool:
        """True: a function has no parameters that could be stuck."""
        return True


class _Changed:
    """An actor with other probabilities; the rest is that of the actor within."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.num_actions, self.discount = actor.num_actions, actor.discount
        self.learning_rate, self.from_zero = actor.learning_rate, actor.from_zero
        self.reads_masks, self.manner = actor.reads_masks, actor.manner

    @property
    def source(self) -> str:
        return self.actor.source

    def moves(self, observations: Sequence[Any], advantages: Floats, weights: Floats) -> bool:
        """Whether a step moves the actor within."""
        return self.actor.moves(observations, advantages, weights)


class Greedy(_Changed):
    """Always takes the most likely action, the first of several."""

    def __init__(self, actor: Actor) -> None:
        super().__init__(actor)
        if not self.manner.startswith("deterministic"):
            self.manner = "deterministic (most likely action)"

    def probabilities(self, observations: Sequence[Any]) -> Floats:
        """One for the most likely action [N, K]."""
        likely = self.actor.probabilities(observations).argmax(axis=1)
        return np.asarray(np.eye(self.num_actions)[likely])


class Masking(_Changed):
    """Gives masked actions no probability and the others their shares of the rest."""

    def probabilities(self, observations: Sequence[Any]) -> Floats:
        """pi(a|s) among the allowed actions [N, K].

        Raises:
            ValueError: if all that the policy takes is masked.
        """
        pi = self.actor.probabilities([bare(seen) for seen in observations])
        pi = pi * np.array([allowed_actions(seen, self.num_actions) for seen in observations])
        sums = pi.sum(axis=1, keepdims=True)
        if not (sums > 0).all():
            raise BadInput("policy gives every action that action_masks() allows probability 0.")
        return np.asarray(pi / sums)

    def moves(self, observations: Sequence[Any], advantages: Floats, weights: Floats) -> bool:
        """Whether a step moves the actor within, which sees no masks."""
        return super().moves([bare(seen) for seen in observations], advantages, weights)


def as_actor(
    policy: Any,
    env: gym.Env[Any, Any],
    *,
    deterministic: bool | None = None,
    masked: bool = False,
) -> Actor:
    """The actor behind what the user gave, checked against the environment's actions.

    Args:
        policy: a Stable-Baselines3 model, a torch module, a `SoftmaxTable`, probabilities [S, K] or
            [K], one of our agents with a `policy` of shape [1, S, K], or a function.
        env: what it acts in, with the wrappers it saw in training.
        deterministic: True: its most likely action; False: as it explores; None: as it is, which
            is stochastic where it has probabilities.
        masked: whether the environment's masks hold for policies that do not read them.

    Raises:
        ValueError: for actions that are not discrete, or spaces that do not fit.
    """
    if deterministic is not None:
        check_bool("deterministic", deterministic)
    actor = _actor(policy, env, deterministic)
    if masked and not actor.reads_masks:
        actor = Masking(actor)
    return Greedy(actor) if deterministic else actor


def _actor(policy: Any, env: gym.Env[Any, Any], deterministic: bool | None) -> Actor:
    count = Actions.of(env.action_space).count
    if hasattr(policy, "observation_space") and hasattr(policy, "policy"):
        _check_actions(policy, env)
        return ModelActor(policy, exploring=deterministic is False)
    reading = Reading("logits") if isinstance(policy, Logits) else Reading()
    function = policy.function if isinstance(policy, Logits) else policy
    if is_module(function):
        return TorchActor(function, env, reading)
    if isinstance(policy, SoftmaxTable):
        return _checked_table(copy.copy(policy), env, count)
    table = getattr(policy, "policy", policy)
    if isinstance(table, np.ndarray | list | tuple):
        return _checked_table(_table_actor(policy, np.asarray(table, np.float64)), env, count)
    if callable(function):
        return FunctionActor(function, count, reading, bool(deterministic))
    raise BadInput(
        f"policy={policy!r} is no Stable-Baselines3 model, torch module, table of probabilities, "
        "SoftmaxTable, agent with a `policy`, or function of an observation."
    )


def _table_actor(policy: Any, table: Floats) -> SoftmaxTable:
    """Logits of a table of probabilities; an agent's own learning rate where it has one."""
    if table.ndim == 3:
        if len(table) != 1:
            raise BadInput(f"policy holds {len(table)} runs; give one: agent.policy[run].")
        table = table[0]
    table = np.atleast_2d(table)
    sums = table.sum(axis=-1)
    if table.ndim != 2 or not (table >= 0).all() or not (np.abs(sums - 1) < 1e-6).all():
        raise BadInput(
            f"policy of shape {table.shape} must be probabilities [S, K] or [K] whose rows sum to "
            "1; wrap logits in SoftmaxTable(logits)."
        )
    rate = getattr(policy, "learning_rate", DEFAULT_LEARNING_RATE)
    tiny = np.log(np.maximum(table, 1e-300))
    actor = SoftmaxTable(tiny, rate if isinstance(rate, float) else DEFAULT_LEARNING_RATE)
    actor.source = "a table of probabilities"
    return actor


def _checked_table(actor: SoftmaxTable, env: gym.Env[Any, Any], count: int) -> SoftmaxTable:
    space = env.observation_space
    if not isinstance(space, gym.spaces.Discrete):
        raise BadInput(f"policy is a table, but the env observes {space}; Discrete(S) is needed.")
    if actor.theta.shape != (space.n, count):
        raise BadInput(
            f"policy has shape {list(actor.theta.shape)}, but the env has {space.n} states and "
            f"{count} actions."
        )
    actor.first_state = int(space.start)
    return actor


def _check_actions(model: Any, env: gym.Env[Any, Any]) -> None:
    if model.action_space != env.action_space:
        raise BadInput(
            f"model acts in {model.action_space}, but the env takes {env.action_space}; give the "
            "env (and wrappers) it was trained in."
        )


def _numbers(answer: Any) -> NDArray[Any]:
    """What a function returned as an array; tensors without their gradient."""
    return np.asarray(answer.detach().cpu() if hasattr(answer, "detach") else answer)


def policy_entropy(probabilities: Floats) -> Floats:
    """Entropy in nats of each row [N, K]."""
    safe = np.maximum(probabilities, 1e-300)
    return cast(Floats, -(probabilities * np.log(safe)).sum(axis=-1))
