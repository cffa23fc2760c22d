"""Tracks on which update rules race: a bandit, or any environment, from given policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol, cast

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from agents.precision import lowest_trusted
from agents.simulation import engine, jump_history, run_rule, solve_escape_time
from agents.simulation.solver import bandit_motion, well_exit
from agents.softmax_pg import Record, SoftmaxPG, log_spaced
from agents.updates import ExactRule
from gw_envs.checks import Floats
from gw_envs.theory import WELL_FRACTION
from gw_envs.theory.instances import WellInstance

SOON = 1_000  # updates made one by one, all starts side by side, before the rest is jumped over
LAW_WORK = 20_000  # gradients that one point of a law may take


@dataclass(frozen=True)
class Entry:
    """A rule that enters a race.

    Attributes:
        rule: the rule.
        learning_rate: its step size, > 0.
        policies: its R starts [R, S, K].
        max_updates: budget.
        stop_at_escape: whether the race ends when every start has escaped.
    """

    rule: ExactRule
    learning_rate: float
    policies: Floats
    max_updates: int
    stop_at_escape: bool = True


@dataclass(frozen=True)
class Race:
    """One rule from R starts.

    Attributes:
        escape_time: int64 [R]; -1 where it was still in the well at the end, or had sunk below
            pi(a*) = 1e-10, where plain float64 no longer follows the mathematics. Over several
            states a start that sinks ends the race for all.
        updates: int64 [n], when the curves were taken.
        optimal_prob: [n, R], the smallest pi(a*) over states.
        suboptimality: [n, R], the largest over states.
        pulls: that the sampled form would draw until the escape, [R]; NaN without one, and over
            several states.
    """

    escape_time: NDArray[np.int64]
    updates: NDArray[np.int64]
    optimal_prob: Floats
    suboptimality: Floats
    pulls: Floats

    def over(self, stop_at_escape: bool) -> bool:
        """Whether every start has escaped and no more was asked for."""
        return stop_at_escape and bool(np.all(self.escape_time >= 0))


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

    def race(self, entry: Entry) -> Race:
        """Run a rule until every start has escaped or the budget is spent."""
        ...

    def law(self, entry: Entry) -> Floats:
        """Escape times [R], to about 1e-7; NaN where none was found, 0 for a start outside.

        A rule that can be jumped is followed beyond the budget, as far as `LAW_WORK` goes.
        """
        ...


@dataclass(frozen=True)
class BanditTrack:
    """One state with constant mean rewards [K]; `escape_prob` as in `run_rule`."""

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

    def race(self, entry: Entry) -> Race:
        """See `Track`; from one start, what a smooth rule does later is jumped over."""
        jumped = entry.rule.is_smooth and len(entry.policies) == 1
        run = self._made(entry, min(SOON, entry.max_updates) if jumped else entry.max_updates)
        if run.updates[-1] == entry.max_updates or run.over(entry.stop_at_escape) or not jumped:
            return run
        policy = entry.policies[0, 0]
        found = jump_history(
            self.mean_rewards,
            entry.rule.theta_from_policy(policy),
            entry.learning_rate,
            entry.max_updates,
            escape_prob=self.escape_prob,
            update=entry.rule.name,
            update_options=rule_options(entry.rule),
        )
        time = -1 if found.escape.censored else int(found.escape.steps)
        each = entry.rule.pulls(policy, self.mean_rewards)  # of a smooth rule: at every policy
        return Race(
            np.array([time]),
            found.updates.astype(np.int64),
            found.policy[:, self.best],
            found.suboptimality[:, None],
            np.array([each * (entry.max_updates if time < 0 else time)]),
        )

    def law(self, entry: Entry) -> Floats:
        """See `Track`."""
        smooth = entry.rule.is_smooth
        run = self._made(entry, min(SOON, entry.max_updates) if smooth else entry.max_updates)
        times = np.where(run.escape_time < 0, np.nan, run.escape_time)
        if smooth:
            edge = well_exit(self.mean_rewards, entry.learning_rate, escape_prob=self.escape_prob)
            work = LAW_WORK // entry.rule.gradients_per_update
            for start in np.flatnonzero(np.isnan(times)):
                theta = entry.rule.theta_from_policy(entry.policies[start, 0])
                if entry.rule.name == "softmax-pg":
                    found = solve_escape_time(
                        self.mean_rewards,
                        theta,
                        entry.learning_rate,
                        escape_prob=self.escape_prob,
                    )
                    times[start] = found.steps
                    continue
                times[start] = engine.glance(bandit_motion(edge, entry.rule, theta), work)[0]
                if np.isnan(times[start]):  # deeper ones take longer
                    break
        return times

    def _made(self, entry: Entry, max_updates: int) -> Race:
        """Every update made, from all starts side by side."""
        run = run_rule(
            entry.rule,
            self.mean_rewards,
            entry.policies[:, 0],
            entry.learning_rate,
            max_updates,
            escape_prob=self.escape_prob,
            stop_at_escape=entry.stop_at_escape,
        )
        sunk = run.optimal_prob.min(axis=0) < lowest_trusted("float64", robust=False)
        times = np.where(sunk, -1, run.escape_time)
        return Race(times, run.updates, run.optimal_prob, run.suboptimality, run.pulls)


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

    def race(self, entry: Entry) -> Race:
        """See `Track`."""
        agent = SoftmaxPG(
            self.env_id,
            dict(self.env_kwargs),
            update=entry.rule.name,
            learning_rate=entry.learning_rate,
            policy=entry.policies,
            seeds=range(len(entry.policies)),
            update_options=rule_options(entry.rule),
        )
        marks = log_spaced(entry.max_updates)
        records: list[Record] = []
        for mark in marks.tolist():
            try:
                agent.learn(mark, record_at=marks[marks <= mark], on_record=records.append)
            except FloatingPointError:
                break
            if entry.stop_at_escape and np.all(agent.escape_time >= 0):
                break
        return Race(
            agent.escape_time,
            np.array([record.update for record in records]),
            np.stack([record.optimal_prob for record in records]),
            np.stack([record.suboptimality for record in records]),
            np.full(len(entry.policies), np.nan),
        )

    def law(self, entry: Entry) -> Floats:
        """See `Track`; every update is made."""
        times = self.race(entry).escape_time
        return np.where(times < 0, np.nan, times)


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
