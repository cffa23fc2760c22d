"""RE(S): the rollout policy is frozen for S gradient steps, and reward outweighs probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.policies import softmax
from agents.updates.arithmetic import advantages, expected
from agents.updates.registry import register
from agents.updates.rule import ExactRule, Rate, Real, option
from gw_envs.checks import Floats, check_int


@register("frozen-rollout-pg")
@dataclass(frozen=True)
class FrozenRolloutGradient(ExactRule):
    """RE(S), one stage: S times theta += eta * weight * (q r - (q.r) pi), q the pi at its start.

    One `step` is one outer stage of `rollout_steps` gradient steps, so an update here is one batch
    of data and costs S gradient steps. With S = 1 it is softmax-pg. Not the same when a constant is
    added to the rewards: they should be positive. MDP: r is Q^q(s,.) and weight =
    d^q(s)/(1-discount), both held through the stage.

    Source: Wang, Chen, Li and Ding 2026. Proved rate: for positive rewards and
    eta max(r) < 4, sub-optimality Theta(1/n) in gradient steps. For K >= 3 arms with
    r_1 > r_2 > the rest, started from pi(1) = x, S = Theta(1/x) needs O(x^-1 ln(1/x)) gradient
    steps where S = 1 needs Omega(x^-(K-1)). At equal gaps and fixed S still of order 1/x0.

    Attributes:
        rollout_steps: S >= 1, gradient steps per stage.
    """

    rollout_steps: int = option(64, check_int, 1)

    rate = Rate(
        text="Theta(1/n) in gradient steps; O(x^-1 ln(1/x)) with S ~ 1/x where S = 1 needs"
        " x^-(K-1)",
        escape_exponent=1.0,
        source="Wang, Chen, Li and Ding 2026",
    )

    @property
    def gradients_per_update(self) -> int:
        """S."""
        return self.rollout_steps

    def increment(
        self, theta: Floats, values: Floats, learning_rate: Real, weight: Real = 1.0
    ) -> Floats:
        """What one stage of `rollout_steps` gradient steps adds, same shape as theta.

        Each step is `arithmetic.push` at the excess `arithmetic.ratio_excess`, with what the stage
        holds fixed computed once: a stage is many steps.
        """
        rollout, add = softmax(theta), np.add.reduce
        likeliest = np.argmax(rollout, axis=-1)[..., None] == np.arange(theta.shape[-1])
        push, mean = advantages(rollout, values), expected(rollout, values)
        rate, moved = learning_rate * weight * rollout, np.zeros_like(theta)
        for _ in range(self.rollout_steps):
            ahead = moved - add(np.where(likeliest, moved, 0.0), axis=-1, keepdims=True)
            growth = np.expm1(np.minimum(ahead, 700.0))
            level = add(rollout * growth, axis=-1, keepdims=True)
            growth -= level
            growth -= add(rollout * growth, axis=-1, keepdims=True)
            moved = moved + rate * (push - growth / (1 + level) * mean)
        return moved
