"""Models of Stable-Baselines3 and sb3-contrib as actors."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from agents.diagnosis.policies.actions import Actions
from agents.diagnosis.policies.networks import check_weights, joint_logits
from agents.diagnosis.policies.observations import Masked, allowed_at, bare, stack
from gw_envs.checks import BadInput, Floats

DEFAULT_LEARNING_RATE = 0.4


def refuse_memory(policy: Any) -> None:
    """Refuse recurrent policies.

    Raises:
        ValueError: naming the policy.
    """
    if hasattr(policy, "lstm_actor"):
        raise BadInput(
            f"model is recurrent ({type(policy).__name__}): what it does hangs on a memory that no "
            "observation shows, so that no action at an observation has one advantage. A "
            "frame-stacked policy without a memory can be diagnosed."
        )


def reads_masks(policy: Any) -> bool:
    """Whether the policy takes action masks (sb3-contrib's MaskablePPO)."""
    reader = getattr(policy, "get_distribution", None)
    return reader is not None and "action_masks" in inspect.signature(reader).parameters


def policy_logits(policy: Any, seen: Any, masks: Any = None) -> Any:
    """Log-probabilities [N, K] of an actor-critic policy at a batch of tensors, with gradient.

    Args:
        policy: has `get_distribution`.
        seen: what its `obs_to_tensor` made.
        masks: of the choices, part after part, [N, sum of sizes]; None: none.
    """
    read = policy.get_distribution
    return joint_logits(read(seen) if masks is None else read(seen, action_masks=masks))


class ModelActor:
    """A model with discrete actions.

    Args:
        model: on-policy ones have probabilities; DQN and its kin act greedily.
        exploring: whether a value-based model explores as its `exploration_rate` says.

    Raises:
        ValueError: for continuous actions, a recurrent policy, weights that are not finite, or
            exploring where the model has no rate of it.
    """

    from_zero = True  # Stable-Baselines3 hands step 0..n-1 wherever the space starts

    def __init__(self, model: Any, exploring: bool = False) -> None:
        self.actions = Actions.of(model.action_space, from_zero=True)
        refuse_memory(model.policy)
        check_weights(model.policy)
        self.model, self.policy = model, model.policy
        self.policy.set_training_mode(False)  # every layer, whatever the policy itself says
        self.num_actions = self.actions.count
        gamma = getattr(model, "gamma", None)  # ARS has none
        self.discount: float | None = None if gamma is None else float(gamma)
        schedule = getattr(model, "lr_schedule", None)
        remaining = float(getattr(model, "_current_progress_remaining", 1.0))
        rate = float(schedule(remaining)) if schedule is not None else 0.0
        self.learning_rate = rate if rate > 0 else DEFAULT_LEARNING_RATE
        self.is_stochastic = hasattr(self.policy, "get_distribution")
        self.reads_masks = reads_masks(self.policy)
        self.source = f"a {type(model).__name__} model"
        self.exploration = 0.0
        if exploring and not self.is_stochastic:
            if not hasattr(model, "exploration_rate"):
                raise BadInput(
                    f"deterministic=False: {self.source} has one action for an observation."
                )
            self.exploration = float(model.exploration_rate)
        self.manner = "stochastic" if self.is_stochastic else "deterministic (greedy)"
        if self.exploration:
            self.manner = f"stochastic (epsilon-greedy, epsilon {self.exploration:.3g})"

    def probabilities(self, observations: Sequence[Any]) -> Floats:
        """The policy's probabilities [N, K]; one for the greedy action of a value-based model."""
        import torch

        if self.policy.training:  # trained in between; telling every layer costs a fifth of a step
            self.policy.set_training_mode(False)
        with torch.no_grad():
            seen, masks = self._batch(self.policy, observations)
            if self.is_stochastic:
                logits = policy_logits(self.policy, seen, masks).double()
                return np.asarray(torch.softmax(logits, dim=1).cpu().numpy())
            greedy = self.policy._predict(seen, deterministic=True).cpu().numpy()
        chosen = np.eye(self.num_actions)[self.actions.index(greedy)]
        return np.asarray((1 - self.exploration) * chosen + self.exploration / self.num_actions)

    def moves(self, observations: Sequence[Any], advantages: Floats, weights: Floats) -> bool:
        """Whether a step of the model's own optimizer, on a copy, changes any logit."""
        if not self.is_stochastic:
            return True
        import torch

        policy = copy.deepcopy(self.policy)
        seen, masks = self._batch(policy, observations)
        before = policy_logits(policy, seen, masks).detach().clone()
        value = torch.as_tensor(advantages * weights[:, None], dtype=before.dtype).to(before.device)
        policy.optimizer.zero_grad()
        pi = torch.softmax(policy_logits(policy, seen, masks), dim=1)
        (-(pi * value).sum()).backward()
        policy.optimizer.step()
        return bool((policy_logits(policy, seen, masks) != before).any())

    def _batch(self, policy: Any, observations: Sequence[Any]) -> tuple[Any, Any]:
        """Tensors of the observations, and the masks of the choices where the policy takes them.

        Raises:
            ValueError: for observations that are not finite, or a mask that allows nothing.
        """
        seen, _ = policy.obs_to_tensor(stack([bare(each) for each in observations]))
        for part in seen.values() if isinstance(seen, dict) else [seen]:
            if not bool(part.isfinite().all()):
                raise BadInput(
                    "the environment shows NaN or infinity; a network cannot act on that."
                )
        if not self.reads_masks or not isinstance(observations[0], Masked):
            return seen, None
        allowed_at(observations, self.num_actions)  # a network would take masked ones alike
        return seen, np.array([each.choices for each in observations])
