"""Rules that follow the gradient of another objective, which keeps the policy from corners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from agents.policies import softmax
from agents.updates.arithmetic import count_states, expected, one_hot
from agents.updates.gradient import SoftmaxGradient
from agents.updates.registry import register
from agents.updates.rule import Rate, Real, option
from gw_envs.checks import Floats, check_float


@register("entropy-pg")
@dataclass(frozen=True)
class EntropyGradient(SoftmaxGradient):
    """Entropy policy gradient: theta += eta * weight * pi (q - pi.q), q = r - tau ln pi.

    It maximises pi.(r - tau ln pi), whose optimum is softmax(r/tau). In an MDP `values` must be the
    *soft* Q-values of the current policy, Q(s,a) = r(s,a) + discount E[V(s')], V(s) =
    sum_a pi(a|s)(Q(s,a) - tau ln pi(a|s)); `soft_action_values` computes them. In one state they
    are the mean rewards. `weight` is d(s)/(1-discount), as in the plain gradient.

    Sampled: (R - tau ln pi(A) - b)(e_A - pi), unbiased for the gradient of pi.r + tau * entropy,
    for one state or returns that include the entropies to come. `optimal_baseline` is softmax-pg's,
    to be given the soft rewards r(a) - tau ln pi(a).

    Source: Mei et al., ICML 2020; Ding et al. 2021 for the sampled form. Proved rate: linear to the
    regularised optimum. In a well of the equal-gap bandit dx/dn ~ eta x^2 (Delta + tau ln(1/x)):
    still of order 1/x0, up to a logarithm.

    Attributes:
        temperature: tau > 0, in units of reward.
    """

    temperature: float = option(0.1, check_float, 0, open_low=True)

    uses_soft_values: ClassVar[bool] = True

    @property
    def rate(self) -> Rate:
        """See `Rate`."""
        return Rate(
            text="linear to softmax(r/tau); escape of order 1/(eta x0 (Delta + tau ln(1/x0)))",
            escape_exponent=1.0,
            source="Mei et al., ICML 2020",
            bias=f"return + {self.temperature:g} * entropy",
        )

    def direction(self, theta: Floats, values: Floats, weight: Real = 1.0) -> Floats:
        """The gradient of the regularised return, [..., K]."""
        return super().direction(theta, values - self.temperature * log_softmax(theta), weight)

    def estimate(
        self, policy: Floats, action: NDArray[np.int64], reward: Floats, baseline: Real = 0.0
    ) -> Floats:
        """softmax-pg's estimate with the reward R - tau ln pi(A), [..., K]."""
        pulled = np.sum(one_hot(action, policy.shape[-1]) * policy, axis=-1)
        soft = reward - self.temperature * np.log(pulled)
        return super().estimate(policy, action, soft, baseline)


@register("log-barrier-pg")
@dataclass(frozen=True)
class LogBarrierGradient(SoftmaxGradient):
    """Log-barrier policy gradient: theta(a) += eta (weight pi(a) U(a) + (lam/S)(1/K - pi(a))).

    It maximises the return + lam/(S K) sum_{s,a} ln pi(a|s); S = 1 in one state, and the barrier's
    term is not weighted by d(s).

    Sampled: (R - b)(e_A - pi) + lam (1/K - pi), unbiased, for one state: in an MDP the barrier's
    term belongs to every state at every update, visited or not, so it is not part of a visit's
    estimate.

    Source: Agarwal et al., JMLR 2021; LB-SGB (arXiv 2603.15001) for the sampled form. Proved rate:
    O(S^2 K^2/((1-discount)^6 eps^2)) updates to accuracy eps with lam of order eps. In a well whose
    wrong arms are equally likely the log-odds of a* rise by eta lam/(K-1) per update (S = 1), so it
    is left in (K-1) ln(1/x0)/(eta lam) updates; in a corner, where one arm has all the mass, they
    rise by eta lam.

    Attributes:
        barrier: lam > 0, in units of return.
    """

    barrier: float = option(0.01, check_float, 0, open_low=True)

    @property
    def rate(self) -> Rate:
        """See `Rate`."""
        return Rate(
            text="eps-optimal in O(1/eps^2) updates, lam ~ eps; escape in (K-1) ln(1/x0)/(eta lam)",
            escape_exponent=0.0,
            log_exponent=1.0,
            source="Agarwal et al., JMLR 2021",
            bias=f"return + {self.barrier:g} * mean of ln pi",
        )

    def direction(self, theta: Floats, values: Floats, weight: Real = 1.0) -> Floats:
        """The gradient of the return with its barrier, [..., K]."""
        barrier = self.barrier / count_states(weight) * (1 / theta.shape[-1] - softmax(theta))
        return super().direction(theta, values, weight) + barrier

    def estimate(
        self, policy: Floats, action: NDArray[np.int64], reward: Floats, baseline: Real = 0.0
    ) -> Floats:
        """softmax-pg's estimate and the barrier's term, [..., K]."""
        regular = super().estimate(policy, action, reward, baseline)
        return regular + self.barrier * (1 / policy.shape[-1] - policy)


def log_softmax(theta: Floats) -> Floats:
    """ln softmax(theta), [..., K], finite also where the probability underflows."""
    shifted = theta - np.maximum.reduce(theta, axis=-1, keepdims=True)
    return shifted - np.log(np.add.reduce(np.exp(shifted), axis=-1, keepdims=True))


def soft_action_values(
    transitions: Floats, rewards: Floats, policy: Floats, discount: float, temperature: float
) -> Floats:
    """Soft Q-values of a policy: what `entropy-pg` takes as `values` in an MDP.

    Q(s,a) = r(s,a) + discount sum_s' P(s'|s,a) V(s'),
    V(s) = sum_a pi(a|s)(Q(s,a) - tau ln pi(a|s)).

    Args:
        transitions: P(s'|s,a), [S, K, S].
        rewards: r(s,a), [S, K].
        policy: pi(a|s), [..., S, K], entries in (0, 1).
        discount: in [0, 1).
        temperature: tau >= 0; 0 gives the plain Q-values.

    Returns:
        Q [..., S, K], in units of return.
    """
    check_float("discount", discount, 0, 1, open_high=True)
    check_float("temperature", temperature, 0)
    chain = np.einsum("...sk,skt->...st", policy, transitions)
    reward = expected(policy, rewards - temperature * np.log(policy))
    state_values = np.linalg.solve(np.eye(chain.shape[-1]) - discount * chain, reward)[..., 0]
    return rewards + discount * np.einsum("skt,...t->...sk", transitions, state_values)
