"""What forked runs say: the estimates in words, the calibrated well as YAML, and the picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.drift.calibration import CalibratedWell
from experiments.drift.estimates import DriftEstimate
from experiments.files import save_figure, save_text
from experiments.pictures.style import SKY, STATE_COLORS, legend, new_figure
from gw_envs.drift.fitting import DriftFit
from gw_envs.hardness import ACTION_NAMES

WIDTH = 98


def describe_estimate(estimate: DriftEstimate) -> str:
    """Delta(s) and the actions' advantages at every level, and the span of b(t)."""
    percent = f"{100 * estimate.confidence:g} %"
    mean, gaps, advantages = estimate.mean, estimate.gaps, estimate.advantages
    how = "given" if estimate.given else "chosen on the even repeats, estimated on the odd ones"
    lines = [
        f"{estimate.runs} runs forked at {len(estimate.clocks)} clocks, rewards at lag "
        f"{estimate.lag}, intervals of {percent} over runs; best actions {how}.",
        f"b(t), the level common to the actions: {mean.value[0]:.4f} at t=0, lowest "
        f"{mean.value.min():.4f} at t={estimate.clocks[mean.value.argmin()]:g}, highest "
        f"{mean.value.max():.4f}, {mean.value[-1]:.4f} at t={estimate.clocks[-1]:g}; half-width of "
        f"its intervals {np.mean(mean.high - mean.value):.4f}.",
        "",
        f"{'level':>5} {'distance':>13} {'forks':>5} {'unmoved':>7} {'best':>7} "
        f"{'Delta(s) (interval)':>28}  above 0?   advantage of harder, keep, easier",
    ]
    bounds = [2.0, *estimate.edges[::-1].tolist(), 0.0]
    for s in range(len(gaps.value)):
        sign = "yes" if gaps.low[s] > 0 else "no: below" if gaps.high[s] < 0 else "undecided"
        line = (
            f"{s:>5} {bounds[s + 1]:>6.3f}-{bounds[s]:<6.3f} {estimate.forks[s]:>5} "
            f"{100 * estimate.unmoved[s]:>5.0f} % {ACTION_NAMES[estimate.best_actions[s]]:>7} "
            f"{gaps.value[s]:>+9.5f} ({gaps.low[s]:+.5f}, {gaps.high[s]:+.5f})  {sign:<9}"
        )
        for k in range(len(ACTION_NAMES)):
            half = advantages.high[s, k] - advantages.value[s, k]
            line += f"  {advantages.value[s, k]:+.5f} +- {half:.5f}"
        lines.append(line)
    return "\n".join(lines)


def describe_well(well: CalibratedWell) -> str:
    """The quality of the fits, and whether the theorem's premise holds."""
    lines = ["", *_quality(well)]
    for s in np.flatnonzero(~well.measured):
        lines.append(
            f"Delta({s}) is not measured above 0; the well takes the upper end of its interval, "
            f"{well.kwargs['reward_gaps'][s]:g}."
        )
    if well.premise_failure is None:
        lines.append("The premise of Theorem 2 holds for the calibrated well.")
    else:
        lines.append(
            f"The premise of Theorem 2 fails for the calibrated well: {well.premise_failure}."
        )
    return "\n".join(lines)


def write_well(
    path: Path, name: str, command: str, estimate: DriftEstimate, well: CalibratedWell
) -> None:
    """The well as the options `train.py --config` reads, its origin and fit quality above."""
    import textwrap

    import yaml

    notes = [
        f"ASRWell-v0 calibrated on forked training runs of ASRSampling-v0 ({name}).",
        f"Made by: {command}",
        *_quality(well),
    ]
    for s, known in enumerate(well.measured):
        gap = estimate.gaps
        notes.append(
            f"Delta({s}) = {gap.value[s]:.5f} ({gap.low[s]:.5f}, {gap.high[s]:.5f})"
            + ("." if known else "; the upper end is used, since gaps must be above 0.")
        )
    if well.premise_failure is not None:
        notes.append(f"The premise of Theorem 2 fails: {well.premise_failure}.")
    comment = "\n".join(
        textwrap.fill(
            note, WIDTH, initial_indent="# ", subsequent_indent="#   ", break_on_hyphens=False
        )
        for note in notes
    )
    settings = {"env_id": "ASRWell-v0", **well.kwargs, "gradient": "exact"}
    body = yaml.safe_dump(settings, sort_keys=False, default_flow_style=None, width=WIDTH)
    save_text(f"{comment}\n{body}", path)


def _quality(well: CalibratedWell) -> list[str]:
    fits = {"b(t)": well.level_fit} | {
        f"b(t) of {action} less b(t)": fit
        for action, fit in zip(ACTION_NAMES, well.offset_fits, strict=True)
    }
    return [f"{name}: {_fit_text(fit)}" for name, fit in fits.items()]


def _fit_text(fit: DriftFit) -> str:
    others = ", ".join(
        f"{family} {bic - fit.bic:+.1f}" for family, bic in fit.bics.items() if family != fit.family
    )
    r2 = 0.0 if abs(fit.r2) < 5e-4 else fit.r2  # rounding may give a constant -1e-16
    return (
        f"{fit.family} law, R2 {r2:.3f}, residual sd {fit.residual_sd:.2g}, lag-1 correlation "
        f"{fit.lag1_correlation:+.2f}; BIC of the others less its own: {others}."
    )


def draw_drift(
    title: str, estimates: Sequence[DriftEstimate], well: CalibratedWell, path: Path
) -> None:
    """Measured points with intervals and the fitted laws; below them, what actions pay.

    Args:
        title: of the picture.
        estimates: what the well was calibrated on, and, if that is another, the same after the
            longest hold, for the same best actions.
        well: the fitted laws.
        path: PNG to write.
    """
    estimate = estimates[0]
    figure = new_figure(11, 10.5)
    level, offsets, pays = figure.subplots(3, 1)
    _draw_level(level, estimate, well.level_fit)
    level.set_title(f"{title}: {estimate.runs} training runs, forked under each action")
    _draw_offsets(offsets, estimate, well)
    _draw_gaps(pays, estimates)
    for panel in (level, offsets, pays):
        panel.grid(alpha=0.3)
        legend(panel, loc="center left", bbox_to_anchor=(1.01, 0.5))
    save_figure(figure, path, dpi=100)


def _draw_level(panel: Any, estimate: DriftEstimate, fit: DriftFit) -> None:
    percent = f"{100 * estimate.confidence:g} % over runs"
    _points(panel, estimate.clocks, estimate.mean, None, "black", f"measured, {percent}")
    t = np.linspace(0, estimate.clocks[-1], 400)
    label = f"{fit.family} law, R2 {fit.r2:.2f}"
    panel.plot(t, fit.law.values(t), color=SKY, lw=2, zorder=3, label=label)
    panel.set_ylabel("b(t): mean of recall@1 and NMI")


def _draw_offsets(panel: Any, estimate: DriftEstimate, well: CalibratedWell) -> None:
    spacing = float(np.min(np.diff(estimate.clocks)))
    t = np.linspace(0, estimate.clocks[-1], 400)
    for k, (name, fit) in enumerate(zip(ACTION_NAMES, well.offset_fits, strict=True)):
        where = estimate.clocks + (k - 1) * spacing / 6
        _points(panel, where, estimate.offsets, k, STATE_COLORS[k], f"{name}: measured")
        label = f"{name}: {fit.family} law"
        panel.plot(t, fit.law.values(t), color=STATE_COLORS[k], lw=1.5, label=label)
    panel.axhline(0, color="black", lw=0.8)
    panel.set_ylabel("b_k(t) - b(t)")
    panel.set_xlabel("clock t (RL steps of the training run)")


def _draw_gaps(panel: Any, estimates: Sequence[DriftEstimate]) -> None:
    estimate = estimates[0]
    levels = np.arange(len(estimate.forks))
    for k, name in enumerate(ACTION_NAMES):
        where = levels + (k - 1) * 0.1 - 0.2
        _points(panel, where, estimate.advantages, k, STATE_COLORS[k], f"advantage of {name}", "o")
    marks = zip((0.15, 0.3), estimates, ("black", "white"), strict=False)
    for shift, source, face in marks:
        label = f"Delta(s), action held {source.lag} step{'s' if source.lag > 1 else ''}"
        _points(panel, levels + shift, source.gaps, None, "black", label, "D", face)
    panel.axhline(0, color="black", lw=0.8)
    bounds = [2.0, *estimate.edges[::-1].tolist(), 0.0]
    ticks = [
        f"level {s}: mean distance {bounds[s + 1]:.3f}-{bounds[s]:.3f}\n"
        f"{estimate.forks[s]} forks, best: {ACTION_NAMES[estimate.best_actions[s]]}"
        for s in levels
    ]
    panel.set_xticks(levels, ticks)
    panel.set_ylabel("reward")


def _points(
    panel: Any,
    where: Any,
    interval: Any,
    column: int | None,
    color: str,
    label: str,
    marker: str = "o",
    face: str | None = None,
) -> None:
    value, low, high = (
        part if column is None else part[:, column]
        for part in (interval.value, interval.low, interval.high)
    )
    panel.errorbar(
        where,
        value,
        yerr=[value - low, high - value],
        fmt=marker,
        color=color,
        mfc=color if face is None else face,
        ms=4.5,
        lw=1,
        capsize=2,
        label=label,
    )
