"""Tracks on which update rules race: a bandit, or any environment, from given policies."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, cast

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from agents.precision import LOWEST_OPTIMAL_PROB
from agents.simulation import engine, jump_history, simulate, solve_escape_time
from agents.simulation.motion import Motion
from agents.simulation.solver import make_bandit
from agents.softmax_pg import SoftmaxPG, log_spaced
from agents.updates import ExactRule
from gw_envs.checks import Floats
from gw_envs.theory import WELL_FRACTION, best_arm_and_gap, escape_lower_bound
from gw_envs.theory.instances import WellInstance

FAR = engine.MOST_UPDATES  # a budget that no plateau of float64 reaches
POINTS = 400  # of the curve along which the pulls of a rule that is iterated are summed


@dataclass(frozen=True)
class Entry:
    """A rule that enters a race.

    Attributes:
        rule: the rule.
        learning_rate: its step size, > 0.
        policies: its R starts [R, S, K].
        max_updates: budget, >= 1; `FAR` for as far as it takes.
    """

    rule: ExactRule
    learning_rate: float
    policies: Floats
    max_updates: int

    @property
    def theta(self) -> Floats:
        """The parameters at the starts, [R, S, N]."""
        return self.rule.theta_from_policy(self.policies)


@dataclass(frozen=True)
class Race:
    """One rule from R starts.

    Attributes:
        escape_time: int64 [R]; -1 where it was still in the well at the budget, or where a rule
            whose updates are all made had sunk below pi(a*) = 1e-10, where plain float64 no longer
            follows the mathematics. Over several states a start that sinks ends the race for all.
        pulls: that the sampled form would draw until the escape, [R]; NaN without one, and over
            several states.
    """

    escape_time: NDArray[np.int64]
    pulls: Floats

    def alone(self, start: int) -> Race:
        """That of one start."""
        return Race(self.escape_time[[start]], self.pulls[[start]])

    @property
    def known_times(self) -> Floats:
        """The escape times [R] that are known, NaN for the others."""
        return np.where(self.escape_time < 0, np.nan, self.escape_time)


class Track(Protocol):
    """A well in which rules can race."""

    @property
    def name(self) -> str:
        """The well's name."""
        ...

    @property
    def best(self) -> NDArray[np.int64]:
        """a* of each state, [S]."""
        ...

    @property
    def num_actions(self) -> int:
        """K."""
        ...

    @property
    def advantage_bound(self) -> float:
        """No |U| exceeds it."""
        ...

    @property
    def budget(self) -> int:
        """Updates that take seconds rather than minutes."""
        ...

    @property
    def verdicts(self) -> bool:
        """Whether a* always pays 1 and the others nothing."""
        ...

    def stuck(self, rule: ExactRule, policy: Floats) -> str:
        """Why a rule never leaves from a policy [S, K]; empty where it does, or is not known."""
        ...

    def lower_bound(self, optimal_probs: Floats) -> Floats:
        """Of softmax-pg's escape times at eta = 1 from these pi(a*), by theory; empty if none."""
        ...

    def jumps(self, rule: ExactRule) -> bool:
        """Whether updates of a rule can be jumped over, so that starts of any depth can race."""
        ...

    def race(self, entry: Entry) -> Race:
        """Run a rule until every start has escaped or the budget is spent; whole counts."""
        ...

    def glance(self, entry: Entry) -> Floats:
        """Escape times [R] to five digits, for a law; NaN where none is known. Only by jumps."""
        ...

    def walk(self, entry: Entry) -> Floats:
        """Sub-optimality [2, R], the largest over states, after half the budget and after all."""
        ...

    def step(self, entry: Entry) -> None:
        """Make every update of the budget, and the policy after each."""
        ...


@dataclass(frozen=True)
class BanditTrack:
    """One state with constant mean rewards [K]; `escape_prob` as in `simulate`."""

    name: str
    mean_rewards: Floats
    escape_prob: float | None = None
    budget: int = 60_000

    @property
    def best(self) -> NDArray[np.int64]:
        """[1]."""
        return np.array([np.argmax(self.mean_rewards)])

    @property
    def num_actions(self) -> int:
        """K."""
        return int(self.mean_rewards.size)

    @property
    def advantage_bound(self) -> float:
        """The spread of the mean rewards."""
        return float(np.ptp(self.mean_rewards))

    @property
    def verdicts(self) -> bool:
        """See `Track`."""
        return set(self.mean_rewards.tolist()) == {0.0, 1.0} and self.mean_rewards.sum() == 1

    def stuck(self, rule: ExactRule, policy: Floats) -> str:
        """See `Track`."""
        edge = 1 - WELL_FRACTION if self.escape_prob is None else self.escape_prob
        return rule.stuck(policy[0], self.mean_rewards, edge)

    def lower_bound(self, optimal_probs: Floats) -> Floats:
        """See `Track`."""
        if self.escape_prob is not None:
            return np.empty(0)
        gap = best_arm_and_gap(self.mean_rewards)[1]
        return np.asarray(escape_lower_bound(optimal_probs, reward_gap=gap, learning_rate=1.0))

    def jumps(self, rule: ExactRule) -> bool:
        """See `Track`: where the rule is a smooth map."""
        return rule.is_smooth

    def race(self, entry: Entry) -> Race:
        """See `Track`."""
        if not self.jumps(entry.rule):
            return self._iterate(entry)
        found = solve_escape_time(
            self.mean_rewards, entry.theta[:, 0], max_updates=entry.max_updates, **self._how(entry)
        )
        times = np.where(found.censored, -1, found.steps).astype(np.int64)
        each = entry.rule.pulls(entry.policies[:, 0], self.mean_rewards)  # constant: see `_iterate`
        return Race(times, np.where(times < 0, entry.max_updates, times) * each)

    def glance(self, entry: Entry) -> Floats:
        """See `Track`."""
        rate, edge = entry.learning_rate, self.escape_prob
        bandit, eta = make_bandit(self.mean_rewards, rate, escape_prob=edge)
        times = np.full(len(entry.policies), np.nan)
        for row, policy in enumerate(entry.policies):
            if self.stuck(entry.rule, policy):
                continue
            motion = Motion(bandit, entry.rule, entry.theta[row], eta)
            times[row] = engine.glance(motion, entry.max_updates)[0]
        return times

    def walk(self, entry: Entry) -> Floats:
        """See `Track`."""
        if self.jumps(entry.rule):
            ends = [
                jump_history(
                    self.mean_rewards, row[0], max_updates=entry.max_updates, **self._how(entry)
                )
                for row in entry.theta
            ]
            return np.stack([_half_and_end(end.updates, end.suboptimality) for end in ends], axis=1)
        run = self._simulate(entry, stop_at_escape=False, history=POINTS)
        past = run.history
        losses = np.exp(past.log_policy) @ (self.mean_rewards.max() - self.mean_rewards)
        return _half_and_end(past.updates, losses)

    def step(self, entry: Entry) -> None:
        """See `Track`."""
        theta = entry.theta[:, 0]
        values = np.broadcast_to(self.mean_rewards, entry.policies[:, 0].shape)
        for _ in range(entry.max_updates):
            theta = entry.rule.step(theta, values, entry.learning_rate)
            entry.rule.policy(theta)

    def _how(self, entry: Entry) -> dict[str, Any]:
        return {
            "learning_rate": entry.learning_rate,
            "escape_prob": self.escape_prob,
            "update": entry.rule.name,
            "update_options": rule_options(entry.rule),
        }

    def _simulate(self, entry: Entry, **more: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a rule that never leaves: its family says so
            return simulate(
                self.mean_rewards, entry.theta[:, 0], max_updates=entry.max_updates,
                on_precision="warn", **self._how(entry), **more,
            )  # fmt: skip

    def _iterate(self, entry: Entry) -> Race:
        """Every update; pulls may change from one to the next, and are summed along the curve."""
        run = self._simulate(entry, history=POINTS)
        sunk = run.lowest_optimal_prob < LOWEST_OPTIMAL_PROB["float64"]
        times, marks = np.where(sunk, -1, run.escape_time), run.history.updates
        policies = entry.rule.policy(run.history.theta)
        each = np.broadcast_to(entry.rule.pulls(policies, self.mean_rewards), policies.shape[:-1])
        ends = np.where(times < 0, entry.max_updates, times)
        spans = np.diff(np.minimum(marks[:, None], ends), axis=0)
        return Race(times, (spans * each[:-1]).sum(axis=0))


@dataclass(frozen=True)
class EnvironmentTrack:
    """Any of our environments, through the exact-gradient agent: states, discount and drift."""

    name: str
    env_id: str
    env_kwargs: Mapping[str, Any]
    best: NDArray[np.int64]
    num_actions: int
    advantage_bound: float
    budget: int = 2_000
    verdicts: bool = False

    def stuck(self, rule: ExactRule, policy: Floats) -> str:
        """See `Track`."""
        return ""

    def lower_bound(self, optimal_probs: Floats) -> Floats:
        """See `Track`."""
        return np.empty(0)

    def jumps(self, rule: ExactRule) -> bool:
        """See `Track`."""
        return False

    def race(self, entry: Entry) -> Race:
        """See `Track`."""
        agent = self._follow(entry, stop=True)
        return Race(agent.escape_time, np.full(len(entry.policies), np.nan))

    def glance(self, entry: Entry) -> Floats:
        """See `Track`; nothing is jumped over here, where a look solves an MDP."""
        return self.race(entry).known_times

    def walk(self, entry: Entry) -> Floats:
        """See `Track`."""
        half = replace(entry, max_updates=max(1, entry.max_updates // 2))
        agents = [self._follow(part, stop=False) for part in (half, entry)]
        return np.stack([agent.measure().suboptimality for agent in agents])

    def step(self, entry: Entry) -> None:
        """See `Track`."""
        self._follow(entry, stop=False)

    def _follow(self, entry: Entry, stop: bool) -> SoftmaxPG:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a rule that may never leave
            agent = SoftmaxPG(
                self.env_id,
                dict(self.env_kwargs),
                update=entry.rule.name,
                learning_rate=entry.learning_rate,
                policy=entry.policies,
                seeds=range(len(entry.policies)),
                update_options=rule_options(entry.rule),
            )
        for mark in log_spaced(entry.max_updates).tolist():
            try:
                agent.learn(mark, record_at=[])
            except FloatingPointError:
                break
            if stop and np.all(agent.escape_time >= 0):
                break
        return agent


def _half_and_end(updates: Any, losses: Floats) -> Floats:
    """The entry [2, ...] of a curve [n, ...] at about half of its last update, and the last."""
    return losses[[int(np.searchsorted(updates, updates[-1] / 2)), -1]]


def rule_options(rule: ExactRule) -> dict[str, Any]:
    """The hyper-parameters of a rule, by name."""
    return {item.name: getattr(rule, item.name) for item in fields(rule) if item.init}


def make_track(
    env_id: str, env_kwargs: Mapping[str, Any], instance: WellInstance | None = None
) -> Track:
    """The track of an environment, or of an instance if one is given.

    Raises:
        ValueError: if the environment refuses its arguments.
    """
    if instance is not None:
        return BanditTrack(instance.name, np.array(instance.mean_rewards), instance.escape_prob)
    well = cast(Any, gym.make_vec(env_id, num_envs=1, **env_kwargs).unwrapped)
    if well.num_states == 1 and well.drift_horizon == 0 and well.discount == 0:
        rewards, _ = well.action_values(np.full((1, well.num_actions), 1 / well.num_actions), 0)
        return BanditTrack(env_id, np.array(rewards[0]))
    return EnvironmentTrack(
        env_id, env_id, env_kwargs, well.optimal_actions, well.num_actions, 1 / (1 - well.discount)
    )
