"""Policy gradient with a KL penalty to a reference policy: it can hold the well for good."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.updates.arithmetic import ratio_excess
from agents.updates.batch import Batch
from agents.updates.gradient import SoftmaxGradient
from agents.updates.memory import Remembering
from agents.updates.registry import register
from agents.updates.regularized import log_softmax
from agents.updates.rule import Rate, Real, option
from gw_envs.checks import Floats, check_choice, check_float

REFERENCES = ("start", "uniform")
ESTIMATORS = ("reverse", "k3")


def _one_of(name: str, value: str, *choices: str) -> None:
    check_choice(name, value, choices)


@register("kl-pg")
@dataclass(frozen=True)
class AnchoredGradient(Remembering, SoftmaxGradient):
    """Policy gradient of pi.r - tau KL(pi | ref): theta += eta * weight * pi (q - pi.q).

    "reverse": q = r - tau ln(pi/ref), the gradient itself. "k3": pi U + tau (ref - pi), what is
    left of the estimate ref/pi - 1 - ln(ref/pi) where it is a loss term and the draw of A is not
    differentiated. In expectation that is the gradient of -tau KL(ref | pi), and with a uniform
    reference log-barrier-pg with lam = tau. theta holds K logits and ln ref, which is the policy of
    the start or the uniform one and stays.

    Sampled: (R - tau ln(pi(A)/ref(A)) - b)(e_A - pi), or with tau (ref(A)/pi(A) - 1) for the
    logarithm's term; unbiased, for one state. MDP: weight = d(s)/(1-discount) and the penalty is
    that of the visited state, not of those to come.

    Source: reverse KL as in RLHF; k3 is GRPO's term (arXiv 2402.03300), there with weight beta.
    Escape law at equal gaps (derived): with ref the start the log-odds of a* rise at
    c eta x (1-x) (Delta - tau (logit x - logit x0)), so the policy gets past `edge` if and only if
    tau < tau_c = Delta/(logit(edge) - logit(x0)): `critical_temperature`. Every tau > 0 is critical
    for some x0.

    Attributes:
        temperature: tau >= 0, in units of reward.
        reference: "start" or "uniform".
        estimator: "reverse" or "k3".
    """

    temperature: float = option(0.01, check_float, 0)
    reference: str = option("start", _one_of, *REFERENCES)
    estimator: str = option("reverse", _one_of, *ESTIMATORS)

    @property
    def rate(self) -> Rate:
        """See `Rate`."""
        uniform = self.reference == "uniform" and self.temperature > 0
        barrier = uniform and self.estimator == "k3"
        return Rate(
            text="softmax-pg's with Delta - tau ln(x/x0) for Delta; never from an x0 with tau >="
            " Delta/(logit(edge) - logit(x0))",
            escape_exponent=0.0 if barrier else 1.0,
            log_exponent=1.0 if barrier else 0.0,
            source="derived from d ln(odds)/dn",
            bias=f"return - {self.temperature:g} * KL to the reference" if self.temperature else "",
        )

    def critical_temperature(self, gap: Real, optimal_prob: Real, edge: float = 0.1) -> Floats:
        """tau_c: the least temperature that holds the policy below `edge`, with ref the start.

        "reverse": Delta/(logit(edge) - logit(x0)). "k3": Delta edge (1-edge)/(edge - x0), which
        does not fall with x0. Equal gaps; with a uniform reference nothing holds it, and it is inf.

        Args:
            gap: Delta > 0.
            optimal_prob: x0, pi(a*) at the start; from `edge` on it is inf.
            edge: in (0, 1).
        """
        x0 = np.asarray(optimal_prob, dtype=np.float64)
        if self.reference == "uniform":
            return np.full(np.broadcast(gap, x0).shape, np.inf)
        inside = np.where(x0 < edge, x0, np.nan)
        if self.estimator == "k3":
            critical = gap * edge * (1 - edge) / (edge - inside)
        else:
            climb = math.log(edge / (1 - edge)) - np.log(inside / (1 - inside))
            critical = gap / climb
        return np.where(np.isnan(critical), np.inf, critical)

    def stuck(self, policy: Floats, values: Floats, edge: float) -> str:
        """That the temperature is critical for the start, and what would not be."""
        best = np.argmax(values, axis=-1)[..., None]
        start = np.take_along_axis(policy, best, axis=-1)[..., 0]
        second, first = np.moveaxis(np.sort(values, axis=-1)[..., -2:], -1, 0)
        critical = self.critical_temperature(first - second, start, edge)
        if np.all(self.temperature < critical):
            return ""
        return (
            f"temperature={self.temperature:g} holds kl-pg in its well for good: from "
            f"pi(a*)={float(start.min()):.3g} only a temperature below "
            f"tau_c={float(np.min(critical)):.4g} lets it past {edge:g} (equal gaps)."
        )

    def first_memory(self, logits: Floats) -> list[Floats]:
        """ln ref."""
        if self.reference == "start":
            return [logits]
        return [np.full_like(logits, -math.log(logits.shape[-1]))]

    def direction(self, theta: Floats, values: Floats, weight: Real = 1.0) -> Floats:
        """The penalised gradient, [..., K]."""
        logits, reference = self.recall(theta)
        if self.estimator == "reverse":
            # ln pi - ln ref up to a number: as it stands nothing large cancels at the start.
            values = values - self.temperature * (logits - reference)
            return super().direction(logits, values, weight)
        anchor = np.exp(reference)
        penalty = self.temperature * anchor * ratio_excess(anchor, logits - reference)
        return super().direction(logits, values, weight) - weight * penalty

    def sampled_direction(self, theta: Floats, batch: Batch) -> Floats:
        """The mean of the penalised estimates, [..., K]."""
        logits, reference = self.recall(theta)
        ratio = reference - log_softmax(logits)

        def penalised(
            pi: Floats, action: NDArray[np.int64], reward: Floats, baseline: Real, ratio: Floats
        ) -> Floats:
            log_ratio = np.take_along_axis(ratio, action[..., None], axis=-1)[..., 0]
            bonus = log_ratio if self.estimator == "reverse" else np.expm1(log_ratio)
            return self.estimate(pi, action, reward + self.temperature * bonus, baseline)

        return batch.mean(penalised, batch.policy, ratio)
