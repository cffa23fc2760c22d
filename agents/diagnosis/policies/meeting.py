"""A policy and an environment brought together as they were in training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium as gym

from agents.diagnosis.policies.actions import Actions
from agents.diagnosis.policies.actors import Actor, as_actor
from agents.diagnosis.policies.models import reads_masks
from agents.diagnosis.policies.training import dressed, dressings, named
from agents.diagnosis.policies.worlds import World, masks_of
from gw_envs.checks import BadInput


@dataclass(frozen=True)
class Meeting:
    """What the diagnosis plays with.

    Attributes:
        actor: the policy.
        make: makes the environment with the wrappers of training around it.
        actions: its actions, as `step` takes them.
        seen: through what it sees, in words.
        discount: that the policy or else the environment names, else 1.
        discount_source: which of them, in words.
    """

    actor: Actor
    make: Callable[[], World]
    actions: Actions
    seen: str
    discount: float
    discount_source: str

    def judged(self) -> str:
        """Which policy is judged, in words; a function says what it returns once it was asked."""
        return f"the {self.actor.manner} policy of {self.actor.source}{self.seen}"

    def objective(self, discount: float, horizon: float, limit: int) -> str:
        """Which returns the advantages are of, in words.

        Args:
            discount: of the returns.
            horizon: steps after which a reward is discounted to nothing.
            limit: longer episodes are cut.
        """
        source = self.discount_source if discount == self.discount else "as asked for"
        weight = "all rewards weigh the same"
        if discount < 1:
            weight = f"rewards more than {horizon:,.0f} steps ahead weigh nothing"
        cut = f"episodes are followed to their end, or for {limit:,} steps"
        return f"the environment's rewards, discount {discount:g} ({source}): {weight}; {cut}"


def meet(
    policy: Any,
    make: Callable[[], gym.Env[Any, Any]],
    *,
    deterministic: bool | None = None,
    vec_normalize: Any = None,
) -> Meeting:
    """Bring a policy to an environment; `diagnose` explains the arguments.

    Raises:
        ValueError: for what cannot be played: spaces that do not fit, a policy without
            probabilities, wrappers or statistics that are missing.
    """
    first = _checked(make())
    try:
        is_model = hasattr(policy, "observation_space") and hasattr(policy, "policy")
        if vec_normalize not in (None, False) and not is_model:
            raise BadInput("vec_normalize is for Stable-Baselines3 models; wrap the env instead.")
        Actions.of(first.action_space)  # what cannot be played at all is refused first
        worn = dressings(policy, first, vec_normalize) if is_model else []
        masks = masks_of(first)
        heeds = reads_masks(policy.policy) if is_model else True
        env = dressed(first, worn)
        masked = masks is not None and heeds
        actor = as_actor(policy, env, deterministic=deterministic, masked=masked)
        if actor.reads_masks and not masked:
            raise BadInput(
                "model takes action masks, but the env has no action_masks(); wrap it in "
                "sb3_contrib's ActionMasker, as in training."
            )
        actions = Actions.of(first.action_space, from_zero=actor.from_zero)
        discount, source = _discount(actor, first)
    finally:
        first.close()

    seen = f", observations through {named(worn)}" if worn else ""
    if masks is not None:
        seen += ", masked actions left out" if masked else ", which does not see the action masks"

    def world() -> World:
        return World(dressed(make(), worn), actions, masked)

    return Meeting(actor, world, actions, seen, discount, source)


def _discount(actor: Actor, env: gym.Env[Any, Any]) -> tuple[float, str]:
    """The discount, and who says so."""
    if actor.discount is not None:
        return actor.discount, "the policy's"
    own = getattr(env.unwrapped, "discount", None)
    return (1.0, "neither policy nor env names one") if own is None else (float(own), "the env's")


def _checked(env: Any) -> gym.Env[Any, Any]:
    if isinstance(env, gym.Env):
        return env
    raise BadInput(
        f"env makes a {type(env).__module__}.{type(env).__name__}; a single gymnasium.Env is "
        "needed (no vector environment, none of the old gym package)."
    )
