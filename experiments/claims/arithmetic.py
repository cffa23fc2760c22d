"""Arithmetic wells: loops in float32 and float64 that never leave though the mathematics does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from experiments.analysis.estimates import exact
from experiments.analysis.finding import BRACKET, Finding
from experiments.analysis.statistics import Estimate
from experiments.claims.claim import Claim, Quote, check_starts
from experiments.pictures.style import BLUE, GREEN, ORANGE, RED
from gw_envs import theory
from gw_envs.checks import Floats

NAMES = ("float32", "float64")
COLORS = {"float32": ORANGE, "float64": BLUE}


@dataclass(frozen=True)
class Loops:
    """Evidence; a row per start.

    Attributes:
        truth: escape times of the mathematics by pi_1(a*), closed form, for `optimal_probs` [P].
        escape: by dtype, the loop's escape time [P]; infinite where it comes to a theta of which an
            update changes no bit, NaN where it still moved after `max_updates`.
        speed: by dtype, distance that the loop's logit gap travels in `drift_updates`, divided by
            the true one [P]; 1 is right, 0 is frozen. NaN where the true one is not known to 1e-4.
        robust: escape times by step jumping, divided by the closed form, by `robust_probs`.
    """

    truth: Floats
    escape: dict[str, Floats]
    speed: dict[str, Floats]
    robust: Floats


@dataclass(frozen=True)
class Arithmetic(Claim[Loops]):
    """What a training loop shows is taken for what the mathematics does.

    This is no sentence of the paper, but the premise of everyone who measures plateaus. The loop is
    the one everybody writes, theta += eta pi (r - pi.r) with pi = softmax(theta), for two arms with
    r = (1, 0.5), from theta = ln pi. An update that changes no bit of theta changes none ever
    after: the loop is at rest in an infinite well, while the mathematics leaves after about
    1/(2 eta Delta pi_1(a*)) updates.

    Three things go wrong before that: increments below the spacing of floats near theta are lost,
    r - pi.r cancels for the arm that holds the mass, and both add up. `agents.simulation` has an
    arithmetic without them, which the last row holds against the closed form; what learns here in
    plain floats is refused below 1e-5 (networks in float32) and 1e-10 (tables in float64).
    """

    name: ClassVar[str] = "arithmetic-wells"
    title: ClassVar[str] = "A loop that never leaves shows an infinite well"
    quotes: ClassVar[tuple[Quote, ...]] = (
        Quote(
            "gradient ascent trajectories are drawn toward suboptimal corners of the probability "
            "simplex and subsequently slow down in their progress toward the optimal vertex.",
            "Introduction; read of a program's trajectories",
        ),
    )
    full: ClassVar[dict[str, Any]] = {"max_updates": 2_000_000_000}

    optimal_probs: tuple[float, ...] = tuple(10.0**-p for p in range(2, 21))
    """pi_1(a*) of the loops, from shallow to deep."""
    robust_probs: tuple[float, ...] = (1e-6, 1e-9, 1e-12, 1e-15, 1e-20, 1e-50, 1e-100)
    """pi_1(a*) of the step-jumping solver."""
    learning_rate: float = 0.5
    """Step size eta."""
    max_updates: int = 50_000_000
    """Updates after which a loop that still moves is no longer followed."""
    drift_updates: int = 100_000
    """Updates over which the speed in the well is measured."""

    def check(self) -> None:
        """Refuse starts outside the well, too."""
        super().check()
        check_starts("optimal_probs", self.optimal_probs)
        check_starts("robust_probs", self.robust_probs)

    def run(self) -> Loops:
        """Run the loops, in compiled code with the arithmetic of the dtype throughout."""
        probs = np.array(self.optimal_probs)
        truth = np.array(
            [float(theory.equal_gap_escape_time(x, 0.5, self.learning_rate, 2)) for x in probs]
        )
        escape = {name: np.array([self._follow(x, name) for x in probs]) for name in NAMES}
        speed = {name: np.array([self._speed(x, name) for x in probs]) for name in NAMES}
        return Loops(truth, escape, speed, self._run_robust())

    def _follow(self, x: float, dtype: str) -> float:
        """Escape time of the loop from pi_1(a*) = x."""
        start = np.log(np.array([x, 1 - x])).astype(dtype)
        if np.array_equal(self._loop(start, 1, 1.0)[0], start):
            return np.inf
        end, made = self._loop(start, self.max_updates, 0.1)
        if made < self.max_updates:
            return float(made)
        return np.inf if np.array_equal(self._loop(end, 1, 1.0)[0], end) else np.nan

    def _speed(self, x: float, dtype: str) -> float:
        """Logit gap travelled by the loop over the true one.

        For v = logit(x), v <- v + h x(1-x), the odds against grow as y_n = y_0 - h n + O(h log), so
        that v_n - v_0 = -ln(1 - h n x/(1-x)) with a relative error of about x.
        """
        step = 2 * self.learning_rate * 0.5 * self.drift_updates * x / (1 - x)
        if x > 1e-5 or step > 0.5:
            return np.nan
        start = np.log(np.array([x, 1 - x])).astype(dtype)
        moved = self._loop(start, self.drift_updates, 1.0)[0].astype(np.float64) - start
        return float((moved[0] - moved[1]) / -np.log1p(-step))

    def _loop(self, theta: Any, updates: int, edge: float) -> tuple[Any, int]:
        dtype = theta.dtype.type
        rewards = np.array([1.0, 0.5], dtype=theta.dtype)
        end = theta.copy()
        made = compiled_loop()(end, rewards, dtype(self.learning_rate), dtype(edge), updates)
        return end, int(made)

    def _run_robust(self) -> Floats:
        from agents.simulation import solve_escape_time

        ratios = []
        for x in self.robust_probs:
            theta = np.log([x, 1 - x])
            steps = solve_escape_time([1.0, 0.5], theta, self.learning_rate, method="jump").steps
            ratios.append(
                steps / float(theory.equal_gap_escape_time(x, 0.5, self.learning_rate, 2))
            )
        return np.array(ratios)

    def judge(self, evidence: Loops) -> list[Finding]:
        """Where each loop is right, where it is wrong, and where it never leaves."""
        probs = np.array(self.optimal_probs)
        findings = []
        for name in NAMES:
            frozen = np.isinf(evidence.escape[name])
            deepest = float(probs[frozen].max()) if frozen.any() else 0.0
            above = probs[~frozen & (probs > deepest)]
            edge = float(above.min()) if frozen.any() and above.size else deepest
            findings.append(
                Finding(
                    f"A {name} loop leaves every well that the mathematics leaves.",
                    "largest pi_1(a*) from which it comes to rest in the well; the next larger one "
                    "tried does not",
                    Estimate(deepest, deepest, edge),
                    (0.0, 0.0),
                    interval=BRACKET,
                )
            )
        followed = np.isfinite(evidence.escape["float32"])
        off = np.abs(evidence.escape["float32"][followed] / evidence.truth[followed] - 1)
        seen = np.isfinite(evidence.escape["float64"])
        right = np.abs(evidence.escape["float64"][seen] / evidence.truth[seen] - 1)
        moving = ~np.isinf(evidence.escape["float64"])
        speeds = evidence.speed["float64"][moving]
        slow = np.abs(speeds[np.isfinite(speeds)] - 1)
        return [
            *findings,
            Finding(
                "Where a float32 loop leaves, its escape time is right to 1 %.",
                "largest |escape time / true one - 1|",
                exact(off.max(initial=0.0)),
                (0.0, 0.01),
            ),
            Finding(
                "Where a float64 loop was followed to its end, its escape time is right to 1e-6 "
                f"(pi_1(a*) down to {probs[seen].min():.0e}).",
                "largest |escape time / true one - 1|",
                exact(right.max(initial=0.0)),
                (0.0, 1e-6),
            ),
            Finding(
                "As long as a float64 loop moves, it moves at the right speed to 1 %.",
                "largest |speed / true one - 1| in the well",
                exact(slow.max(initial=0.0)),
                (0.0, 0.01),
            ),
            Finding(
                "The step-jumping solver is right to 1e-9 at every depth, down to pi_1(a*) = "
                f"{min(self.robust_probs):.0e}.",
                "largest |escape time / closed form - 1|",
                exact(np.abs(evidence.robust - 1).max()),
                (0.0, 1e-9),
            ),
        ]

    def draw(self, evidence: Loops, figure: Any) -> None:
        """Left: escape times against depth, in floats and exact. Right: their speed in the well."""
        left, right = figure.subplots(1, 2)
        probs = np.array(self.optimal_probs)
        left.loglog(probs, evidence.truth, "-", color=RED, label="mathematics (closed form)")
        top = 30 * evidence.truth.max()
        for name, marker in zip(NAMES, "so", strict=True):
            times, speed = evidence.escape[name], evidence.speed[name]
            frozen, style = np.isinf(times), {"color": COLORS[name]}
            seen = np.where(frozen, np.nan, times)
            never = np.where(frozen, top * (3 if name == "float64" else 0.3), np.nan)
            left.loglog(probs, seen, marker, **style, label=f"{name} loop")
            left.loglog(probs, never, "^", **style, label=f"{name} loop: never")
            right.semilogx(probs, speed, f"{marker}-", **style, label=f"{name} loop")
        left.set_ylabel("updates to $\\pi(a^*) > 0.1$")
        left.set_title("Escape times")
        right.axhline(1, color=RED, ls="-", lw=1, label="mathematics")
        right.axhline(0, color=GREEN, ls=":", label="frozen")
        right.set_ylabel("speed of the logit gap / true speed")
        right.set_title("Speed in the well")
        for panel in (left, right):
            panel.set_xlim(3 * probs.max(), probs.min() / 3)
            panel.set_xlabel("$\\pi_1(a^*)$ (deeper wells to the right)")
            panel.grid(alpha=0.3)
            panel.legend(fontsize=8)


@cache
def compiled_loop() -> Any:
    """The loop, compiled for whatever dtype it is given; theta is changed in place."""
    from agents.simulation.kernels.compiling import compiled

    return compiled(error_model="numpy")(plain_loop)


def plain_loop(
    theta: NDArray[Any], rewards: NDArray[Any], eta: Any, edge: Any, updates: int
) -> int:
    """Softmax policy gradient on two arms until pi(a*) > edge; returns the updates made."""
    for n in range(updates):
        top = max(theta[0], theta[1])
        first, second = np.exp(theta[0] - top), np.exp(theta[1] - top)
        total = first + second
        first, second = first / total, second / total
        if first > edge:
            return n
        value = first * rewards[0] + second * rewards[1]
        theta[0] += eta * first * (rewards[0] - value)
        theta[1] += eta * second * (rewards[1] - value)
    return updates
