"""Attraction: are trajectories drawn to sub-optimal corners before they go to the best one?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from agents.policies import softmax
from experiments.analysis.estimates import each_of, exact, median_ratio, share
from experiments.analysis.finding import Finding
from experiments.claims.claim import Claim, Quote
from experiments.pictures.style import BELOW, STATE_COLORS, WELL, color_of, legend
from gw_envs.checks import Floats
from gw_envs.theory import escape_threshold

PLATEAU = 0.9  # an arm with at least this probability holds a plateau
CONFIDENCE = each_of(7)  # of each sampled number: six shares and a ratio
SOME, MOST = 0.01, 0.5  # readings of "trajectories": shares of all starts
DECADE = 10.0  # and it does so for at least a factor of ten in the number of updates


@dataclass(frozen=True)
class Attractions:
    """Evidence.

    Attributes:
        falls: starts whose pi(a*) is lower after the first update, by reward law.
        gathers: starts whose likeliest sub-optimal arm gains in it, by reward law.
        fallen_times: updates to pi(a*) > 0.9 of the starts under `unequal` whose pi(a*) fell.
        risen_times: the same of those whose pi(a*) rose.
        lowest: lowest pi(a*) of the plateau trajectory, over its first one.
        plateaus: sub-optimal arms that held a plateau on it, in order.
        paths: histories (updates [N], policies [N, K]) of the figure's K = 6 curves.
        row: history of the plateau trajectory.
    """

    falls: dict[str, int]
    gathers: dict[str, int]
    fallen_times: Floats
    risen_times: Floats
    lowest: float
    plateaus: tuple[int, ...]
    paths: tuple[tuple[Floats, Floats], ...]
    row: tuple[Floats, Floats]


@dataclass(frozen=True)
class Attraction(Claim[Attractions]):
    """Where does a trajectory go first?

    Starts are uniform on the simplex. In the paper's own reward, equation 2, the answer is: never
    towards a sub-optimal corner. All wrong arms pay the same, so an update moves theta_i down in
    proportion to pi_i and theta(a*) up: the odds of the best arm against every other rise, and
    those of the likeliest wrong arm against every other fall, in every update of every run.
    A start near a corner is slow there, but nothing has drawn it in. As soon as the other arms pay
    differently the sentence is right for a good part of all starts: the mass of the worst arms
    moves to a better wrong arm first, pi(a*) falls, and the trajectory waits in that corner.
    Several corners can follow one another, each for a factor of ten or more in the number of
    updates. The sentence does not say how many trajectories it means, and that decides: both
    readings, some (one in a hundred) and most (half), are shown.

    In the triangle an arrow shows where one update leads and its colour how far.
    """

    name: ClassVar[str] = "attraction"
    title: ClassVar[str] = "Trajectories are drawn to sub-optimal corners first"
    quotes: ClassVar[tuple[Quote, ...]] = (
        Quote(
            "gradient ascent trajectories are drawn toward suboptimal corners of the probability "
            "simplex and subsequently slow down in their progress toward the optimal vertex.",
            "Introduction",
        ),
    )
    full: ClassVar[dict[str, Any]] = {"num_starts": 1_000_000, "num_waits": 100_000}
    figure_size: ClassVar[tuple[float, float]] = (14.0, 5.0)
    packages: ClassVar[tuple[str, ...]] = ("mpltern",)

    unequal: tuple[float, ...] = (1.0, 0.9, 0.1)
    """Mean rewards of the triangle, the best arm first."""
    num_actions: int = 6
    """K of the curves, and of equation 2 and the random rewards."""
    num_starts: int = 100_000
    """Uniformly random starts per reward law."""
    num_waits: int = 5_000
    """How many of them are followed to pi(a*) > 0.9."""
    learning_rate: float = 0.4
    """Step size eta."""
    plateau_rewards: tuple[float, ...] = (1.0, 0.9, 0.6, 0.1)
    """Mean rewards of the trajectory with several plateaus, the best arm first."""
    plateau_policy: tuple[float, ...] = (1e-4, 1e-3, 1e-2)
    """Its first policy; the last arm has the rest."""
    seed: int = 0
    """Seed of the starts."""

    def run(self) -> Attractions:
        """One update from every start; the way to the best arm from some; one long trajectory."""
        from agents.simulation import jump_history, solve_escape_time

        rng = np.random.default_rng(self.seed)
        falls, gathers, k = {}, {}, self.num_actions
        laws = {
            "equal": np.array([0.7, *[0.5] * (k - 1)]),
            "unequal": np.array(self.unequal),
            "random": np.sort(rng.random((self.num_starts, k)), axis=1)[:, ::-1],
        }
        for name, rewards in laws.items():
            policy = rng.dirichlet(np.ones(rewards.shape[-1]), self.num_starts)
            change = self._one_update(policy, rewards) - policy
            rival = np.argmax(policy[:, 1:], axis=1) + 1
            falls[name] = int(np.sum(change[:, 0] < 0))
            gathers[name] = int(np.sum(np.take_along_axis(change, rival[:, None], 1) > 0))
        policy = rng.dirichlet(np.ones(len(self.unequal)), self.num_waits)
        fell = (self._one_update(policy, np.array(self.unequal)) < policy)[:, 0]
        waits = solve_escape_time(
            self.unequal, np.log(policy), self.learning_rate, escape_prob=PLATEAU
        ).steps
        first = (*self.plateau_policy, 1 - sum(self.plateau_policy))
        row = jump_history(
            self.plateau_rewards, np.log(first), self.learning_rate, escape_prob=PLATEAU
        )
        return Attractions(
            falls,
            gathers,
            waits[fell],
            waits[~fell],
            float(np.exp(row.log_policy[:, 0].min()) / first[0]),
            find_plateaus(row.updates, row.policy),
            self._follow_six(rng),
            (row.updates, row.policy),
        )

    def _one_update(self, policy: Floats, rewards: Floats) -> Floats:
        value = np.sum(policy * rewards, axis=1, keepdims=True)
        return softmax(np.log(policy) + self.learning_rate * policy * (rewards - value))

    def _follow_six(self, rng: np.random.Generator) -> tuple[tuple[Floats, Floats], ...]:
        """Histories of K = 6 starts with evenly spaced unequal rewards, for the figure."""
        from agents.simulation import jump_history

        rewards = np.linspace(1.0, 0.1, self.num_actions)
        starts = rng.dirichlet(np.ones(self.num_actions), 6)
        histories = [jump_history(rewards, np.log(p), self.learning_rate) for p in starts]
        return tuple((history.updates, history.policy) for history in histories)

    def judge(self, evidence: Attractions) -> list[Finding]:
        """Equation 2, unequal rewards, the slowing down, and plateaus in a row."""
        n, k = self.num_starts, self.num_actions
        named = {
            "equal": f"Rewards of equation 2, K = {k}",
            "unequal": f"Rewards {self.unequal}",
            "random": f"Random rewards, K = {k}",
        }
        drawn = [
            Finding(
                f"{text}: {least:.0%} or more of all trajectories are first drawn to a sub-optimal "
                "corner (the likeliest wrong arm gains).",
                "share of uniformly random starts",
                share(evidence.gathers[law], n, CONFIDENCE),
                (least, 1.0),
                f"drawn-{law}" if least == SOME else "",
            )
            for law, text in named.items()
            for least in (SOME, MOST)
        ]
        falling = [
            Finding(
                f"{text}: pi(a*) first falls in {least:.0%} or more of all trajectories.",
                "share of uniformly random starts",
                share(evidence.falls[law], n, CONFIDENCE),
                (least, 1.0),
            )
            for law, text in named.items()
            for least in (SOME, MOST)
        ]
        return [
            *drawn,
            *falling,
            Finding(
                f"Rewards {self.unequal}: where pi(a*) first falls, the way to the best arm takes "
                "at least three times as long.",
                "ratio of the median updates to pi(a*) > 0.9, fallen over risen",
                median_ratio(evidence.fallen_times, evidence.risen_times, CONFIDENCE),
                (3.0, np.inf),
                "slow-down",
            ),
            Finding(
                f"Rewards {self.plateau_rewards}: several plateaus follow one another.",
                "sub-optimal arms that hold pi >= 0.9 for a factor of ten in updates",
                exact(len(evidence.plateaus)),
                (2.0, np.inf),
            ),
            Finding(
                "On the way pi(a*) falls to a tenth of its first value or less.",
                "lowest pi(a*) over its first value",
                exact(evidence.lowest),
                (0.0, 0.1),
            ),
        ]

    def draw(self, evidence: Attractions, figure: Any) -> None:
        """Left: arrows in the triangle, most of them first towards the second best corner.

        Middle: pi(a*) of six random starts, two of which fall before they rise. Right:
        three arms that hold the policy one after another, each ten times longer or more.
        """
        from experiments.pictures.simplex import flow_on, triangle_axes, well_on

        panels = figure.subfigures(1, 3, width_ratios=(1.3, 1, 1))
        panels[0].suptitle(f"K = 3: where an update leads, r = {self.unequal}")
        triangle = triangle_axes(panels[0], self.unequal)
        well_on(triangle, self.unequal)
        arrows = flow_on(triangle, self.unequal, self.learning_rate, steps=15)
        bar = panels[0].colorbar(arrows, ax=triangle, location="bottom", shrink=0.7, pad=0.12)
        bar.set_label("change of the policy by one update (grey: the well)")
        self._draw_six(evidence, panels[1])
        axes = panels[2].subplots()
        updates, policies = evidence.row
        for arm, reward in enumerate(self.plateau_rewards):
            color = color_of(arm)
            axes.semilogx(updates[1:], policies[1:, arm], color=color, label=f"arm pays {reward:g}")
        axes.set_xlabel("policy updates")
        axes.set_ylabel("probability of the arm")
        axes.set_title("Several plateaus in a row")
        axes.grid(alpha=0.3)
        legend(axes, **BELOW)

    def _draw_six(self, evidence: Attractions, panel: Any) -> None:
        axes = panel.subplots()
        for (updates, policies), color in zip(evidence.paths, STATE_COLORS, strict=False):
            axes.loglog(updates[1:], policies[1:, 0], color=color, lw=1.8)
        bottom = axes.get_ylim()[0]
        label = "in the well: $\\pi(a^*) \\leq 0.1$"
        axes.axhspan(bottom, escape_threshold(), color=WELL, alpha=0.2, lw=0, label=label)
        axes.set_ylim(bottom, 1.3)
        axes.set_xlabel("policy updates")
        axes.set_ylabel("$\\pi(a^*)$")
        legend(axes, **BELOW)
        axes.set_title(f"K = {self.num_actions}, unequal rewards, random starts")
        axes.grid(alpha=0.3)


def find_plateaus(updates: Floats, policies: Floats) -> tuple[int, ...]:
    """Arms other than the first that hold a plateau, in the order of the plateaus.

    An arm holds one while its probability is at least 0.9, for a factor of ten in updates (the
    first update counts as 1).

    Args:
        updates: [N], ascending.
        policies: [N, K].
    """
    found = []
    holder = np.where(policies.max(axis=1) >= PLATEAU, policies.argmax(axis=1), -1)
    edges = np.flatnonzero(np.diff(holder)) + 1
    for part in np.split(np.arange(holder.size), edges):
        begin, end = max(updates[part[0]], 1.0), updates[part[-1]]
        if holder[part[0]] > 0 and end >= DECADE * begin:
            found.append(int(holder[part[0]]))
    return tuple(found)
