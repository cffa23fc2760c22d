"""Tabular Markov decision processes with exact values, visitation and softmax policy gradient.

S states, A actions; P(s'|s,a) transitions, mu the initial distribution, gamma the discount. With
P_pi and r_pi the averages over pi(.|s), V = (I - gamma P_pi)^-1 r_pi, Q = r + gamma P V and
d = (1-gamma) mu (I - gamma P_pi)^-1, which sums to one. Every method takes policies [..., S, A]:
leading axes are batches, and each batch of S x S systems is one call of a linear solver.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from gw_envs.checks import BadInput, Floats, check_float, check_int, check_memory, check_numbers

# How far a row of probabilities may be from one.
ROW_TOLERANCE = 1e-9

ToyText = dict[int, dict[int, list[tuple[float, int, float, bool]]]]


def check_rows(name: str, rows: Floats) -> None:
    """Check that probabilities [..., n] are non-negative and sum to one along the last axis.

    Raises:
        ValueError: naming the first row that fails, and what it holds or sums to.
    """
    if not rows.min() >= 0:
        where = tuple(int(i) for i in np.argwhere(~(rows >= 0))[0])
        raise BadInput(f"{name}{list(where)}={rows[where]} must be a probability in [0, 1].")
    sums = rows.sum(axis=-1)
    off = np.abs(sums - 1)
    if not off.max() <= ROW_TOLERANCE:
        where = tuple(int(i) for i in np.argwhere(~(off <= ROW_TOLERANCE))[0])
        row = f"{name}{list(where)}" if where else name
        raise BadInput(f"{row} sums to {sums[where]:.12g}; its probabilities must sum to 1.")


def _read_only(name: str, value: ArrayLike, shape: tuple[int | None, ...], means: str) -> Floats:
    """A read-only float64 copy of `value` of the given shape; None leaves an axis free."""
    array = check_numbers(name, value)
    fits = array.ndim == len(shape) and all(
        size > 0 and wanted in (None, size) for size, wanted in zip(array.shape, shape, strict=True)
    )
    if not fits:
        raise BadInput(f"{name} of shape {array.shape} must be an array of {means}.")
    array.setflags(write=False)
    return array


@dataclass(frozen=True, eq=False)
class TabularMDP:
    """A Markov decision process given by its arrays; all values it returns are exact.

    Without `horizon` a method speaks of the infinite discounted sum, with `horizon=H` of
    sum_{k<H} gamma^k r_k, an episode cut after H steps.

    Attributes:
        transitions: P(s'|s,a) [S, A, S], rows sum to one within 1e-9.
        rewards: r(s,a) [S, A], any finite numbers.
        initial: mu(s) [S], sums to one.
        discount: gamma in [0, 1).

    Raises:
        ValueError: naming the array that has the wrong shape, a number that is not finite, the
            first row that is not a distribution, or the discount.
    """

    transitions: Floats
    rewards: Floats
    initial: Floats
    discount: float

    def __post_init__(self) -> None:
        rewards = _read_only("rewards", self.rewards, (None, None), "rewards [S, A]")
        states, actions = rewards.shape
        transitions = _read_only(
            "transitions",
            self.transitions,
            (states, actions, states),
            f"probabilities [S, A, S] = [{states}, {actions}, {states}], as rewards has [S, A]",
        )
        initial = _read_only("initial", self.initial, (states,), f"probabilities [S] = [{states}]")
        check_rows("transitions", transitions)
        check_rows("initial", initial)
        discount = check_float("discount", self.discount, 0, 1, open_high=True)
        for name, value in (
            ("transitions", transitions),
            ("rewards", rewards),
            ("initial", initial),
            ("discount", discount),
        ):
            object.__setattr__(self, name, value)

    @property
    def num_states(self) -> int:
        """S."""
        return int(self.rewards.shape[0])

    @property
    def num_actions(self) -> int:
        """A."""
        return int(self.rewards.shape[1])

    @property
    def P(self) -> ToyText:  # noqa: N802 - the name Gymnasium's toy_text environments use
        """{s: {a: [(probability, s', reward, terminated), ...]}}, reachable s' only."""
        return {
            s: {
                a: [
                    (float(p), t, float(self.rewards[s, a]), False)
                    for t, p in enumerate(self.transitions[s, a])
                    if p > 0
                ]
                for a in range(self.num_actions)
            }
            for s in range(self.num_states)
        }

    def _checked(self, policy: ArrayLike) -> Floats:
        pi = check_numbers("policy", policy)
        if pi.ndim < 2 or pi.shape[-2:] != self.rewards.shape:
            raise BadInput(
                f"policy of shape {pi.shape} must be probabilities [..., S, A] with "
                f"[S, A] = {list(self.rewards.shape)}."
            )
        check_rows("policy", pi)
        return pi

    def _transitions_under(self, pi: Floats) -> Floats:
        """P_pi [..., S, S]."""
        return np.einsum("...sa,sat->...st", pi, self.transitions)

    def state_values(self, policy: ArrayLike, horizon: int | None = None) -> Floats:
        """V(s) [..., S]: expected discounted sum of rewards from s under the policy [..., S, A]."""
        pi = self._checked(policy)
        if horizon is not None:
            return np.einsum("...sa,...sa->...s", pi, self._values_to_go(pi, horizon)[-1])
        mean_rewards = np.einsum("...sa,sa->...s", pi, self.rewards)
        if self.discount == 0:
            return mean_rewards
        system = np.eye(self.num_states) - self.discount * self._transitions_under(pi)
        return np.linalg.solve(system, mean_rewards[..., None])[..., 0]

    def action_values(self, policy: ArrayLike, horizon: int | None = None) -> Floats:
        """Q(s,a) [..., S, A] of the policy [..., S, A]: take a in s, then follow the policy."""
        pi = self._checked(policy)
        if horizon is not None:
            return self._values_to_go(pi, horizon)[-1]
        if self.discount == 0:
            return np.broadcast_to(self.rewards, pi.shape)
        return self._backup(self.state_values(pi))

    def values_under(self, policy: Floats, rewards: Floats) -> tuple[Floats, Floats]:
        """Q [S, A] and d(s)/(1-gamma) [S, 1] of a policy [S, A] for other rewards [S, A].

        Nothing is checked: for whoever asks at every update with tables made by itself.
        """
        identity, discounted = self._constants
        # Values are its rows times rewards, visits the start times its columns.
        stays = np.linalg.inv(identity - np.matmul(policy[:, None, :], discounted)[:, 0])
        values = stays @ np.add.reduce(policy * rewards, axis=1)
        return rewards + discounted @ values, (self.initial @ stays)[:, None]

    @cached_property
    def _constants(self) -> tuple[Floats, Floats]:
        """The identity [S, S] and gamma P [S, A, S]: they are asked for at every update."""
        return np.identity(self.num_states), self.discount * self.transitions

    def _backup(self, values: Floats) -> Floats:
        """R + gamma P V: action values from state values [..., S]."""
        return self.rewards + self.discount * np.einsum("sat,...t->...sa", self.transitions, values)

    def _values_to_go(self, pi: Floats, horizon: int) -> list[Floats]:
        """Q with 1, 2, ..., horizon steps to go, each [..., S, A]."""
        steps = check_int("horizon", horizon, 1)
        check_memory("horizon", horizon, 8.0 * steps * pi.size)
        values_to_go = [np.broadcast_to(self.rewards, pi.shape)]
        for _ in range(steps - 1):
            values = np.einsum("...sa,...sa->...s", pi, values_to_go[-1])
            values_to_go.append(self._backup(values))
        return values_to_go

    def advantages(self, policy: ArrayLike, horizon: int | None = None) -> Floats:
        """A(s,a) = Q(s,a) - V(s) [..., S, A] of the policy [..., S, A]."""
        return _advantages(self._checked(policy), self.action_values(policy, horizon))

    def visitation(self, policy: ArrayLike) -> Floats:
        """d(s) [..., S] = (1-gamma) sum_k gamma^k Pr(s_k = s), summing to one."""
        pi = self._checked(policy)
        if self.discount == 0:
            return np.broadcast_to(self.initial, pi.shape[:-1])
        system = np.eye(self.num_states) - self.discount * self._transitions_under(pi)
        start = np.broadcast_to(self.initial, pi.shape[:-1])[..., None]
        visits = np.linalg.solve(np.swapaxes(system, -1, -2), start)[..., 0]
        return np.asarray((1 - self.discount) * visits, dtype=np.float64)

    def objective(self, policy: ArrayLike, horizon: int | None = None) -> Floats:
        """J [...] = sum_s mu(s) V(s): the expected discounted return of the policy [..., S, A]."""
        return np.asarray(self.state_values(policy, horizon) @ self.initial)

    def policy_gradient(self, policy: ArrayLike, horizon: int | None = None) -> Floats:
        """dJ/dtheta(s,a) [..., S, A] for policy = softmax(theta), row by row.

        Infinite horizon: d(s)/(1-gamma) pi(a|s) A(s,a) (policy gradient theorem). Horizon H:
        sum_{k<H} gamma^k Pr(s_k = s) pi(a|s) A_{H-k}(s,a), A_n the advantage with n steps to go;
        this is what REINFORCE on episodes of H steps with discount^k weights estimates without
        bias.
        """
        pi = self._checked(policy)
        if horizon is None:
            weight = self.visitation(pi)[..., None] / (1 - self.discount)
            return weight * pi * _advantages(pi, self.action_values(pi))
        transitions = self._transitions_under(pi)
        weight = np.broadcast_to(self.initial, pi.shape[:-1])
        gradient = np.zeros_like(pi)
        for values in reversed(self._values_to_go(pi, horizon)):
            gradient += weight[..., None] * pi * _advantages(pi, values)
            weight = self.discount * np.einsum("...s,...st->...t", weight, transitions)
        return gradient


def _advantages(pi: Floats, values: Floats) -> Floats:
    """sum_b pi(b)(Q(a) - Q(b)): by differences, so that a policy near a corner loses no digits."""
    differences = values[..., :, None] - values[..., None, :]
    return np.einsum("...b,...ab->...a", pi, differences)
