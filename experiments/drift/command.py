"""`python -m experiments asr-drift`: b_k(t) and Delta(s) of real training, and an ASRWell of them.

Training runs are forked under every action (`experiments.drift.forking`) and kept in one
Parquet file, which grows by a run at a time: a killed command loses the run it was at, and a
repeated one measures what is missing and goes on to estimates, calibration and figure.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from experiments.files import check_file
from experiments.options.config import parse_options
from gw_envs.checks import BadInput, check_int

ENDINGS = {"forks": (".parquet",), "well": (".yaml", ".yml"), "figure": (".png",)}
BEFORE = {"batches": 3}  # what tables from before there was the option were made with
NOT_SETTINGS = ("num_seeds", "seed", "lag", "best_actions", "forks", "well", "figure")


@dataclass(frozen=True)
class DriftOptions:
    """What is forked, and where the results go."""

    dataset: str = "letter"
    """letter, digits, folder:PATH, ... as ASRSampling-v0 has them."""
    initial_distribution: str = "normal_high"
    """The bins that runs begin with."""
    epochs: int = 60
    """Length of a run."""
    samples_per_class: int = 120
    """Rows drawn of every class."""
    batches: int = 3
    """Batches trained on between an action and its reward."""
    tilt: float = 0.1
    """How far one action tilts the bins, c > 0 per bin."""
    seed: int = 0
    """Seed of the first run; the others count up from it."""
    num_seeds: int = 8
    """Number of runs, at least 3."""
    spacing: int = 8
    """Steps between the clocks at which a run is forked; at least 10 clocks must fit."""
    repeats: int = 4
    """Continuations per action."""
    hold: int = 4
    """Steps that a forked action is held for."""
    stay_prob: float = 0.95
    """Probability that the action which steers a run stays what it was."""
    lag: int = 1
    """Which rewards are fitted: after the action has been held so many steps; the theorem has 1."""
    best_actions: tuple[int, ...] | None = None
    """a*(s), easy level first: 0 harder, 1 keep, 2 easier. Default: chosen on half the repeats."""
    forks: Path = Path("runs/asr_drift.parquet")
    """The table of forks: read if it is there, completed by the runs it lacks."""
    well: Path | None = None
    """YAML to write: the calibrated ASRWell-v0, for train.py --config."""
    figure: Path | None = None
    """PNG to write: the measured points and the fitted laws."""


def main(arguments: list[str]) -> int:
    """Measure what is missing, estimate, calibrate, draw, and say what was found."""
    (options,) = parse_options(
        arguments,
        prog="python -m experiments asr-drift",
        description="Fork training runs to measure what actions pay, and calibrate ASRWell-v0.",
        groups=lambda: {"drift": DriftOptions},
    )
    from experiments.drift import report as drift_report
    from experiments.drift.calibration import calibrate_well
    from experiments.drift.estimates import estimate_from_forks

    for name, endings in ENDINGS.items():
        if (path := getattr(options, name)) is not None:
            check_file(name, path, endings)
    forks = measure(options)
    best = options.best_actions
    estimate = estimate_from_forks(forks, lag=options.lag, best_actions=best)
    print(drift_report.describe_estimate(estimate))
    well = calibrate_well(estimate)
    print(drift_report.describe_well(well))
    if options.well is not None:
        name = f"{options.dataset}, {options.initial_distribution}"
        drift_report.write_well(options.well, name, _command(options), estimate, well)
        print(f"\nwrote {options.well}")
    if options.figure is not None:
        longest = forks.scores.shape[-1]
        best = estimate.best_actions.tolist()
        lags = {longest} - {options.lag}
        held = [estimate_from_forks(forks, lag=lag, best_actions=best) for lag in lags]
        title = f"{options.dataset}, {options.initial_distribution}"
        title += f", {options.batches} batches an action"
        drift_report.draw_drift(title, [estimate, *held], well, options.figure)
        print(f"wrote {options.figure}")
    return 0


def measure(options: DriftOptions) -> Any:
    """The forks of every seed, read from the table where they are there.

    Raises:
        ValueError: for an option out of range, or a table made with other settings.
    """
    from experiments.drift.fork_table import read_forks, write_forks
    from experiments.drift.forking import Forks, ForkSettings, check_forkable, fork_run
    from experiments.options.progress import progress

    first = check_int("seed", options.seed, 0)
    check_int("lag", options.lag, 1, check_int("hold", options.hold, 1))
    for action in options.best_actions or ():
        check_int("best_actions", action, 0, 2)
    seeds = range(first, first + check_int("num_seeds", options.num_seeds, 3))
    names = [f.name for f in fields(options) if f.name not in NOT_SETTINGS]
    settings = {name: getattr(options, name) for name in names}
    forking = ForkSettings(options.spacing, options.repeats, options.hold, options.stay_prob)
    env = _make_env(options)
    check_forkable(env, forking)
    forks = None
    if options.forks.exists():
        forks, used = read_forks(options.forks)
        used = BEFORE | used
        differs = [name for name in names if used.get(name) != settings[name]]
        if differs:
            raise BadInput(
                f"forks={str(options.forks)!r} was made with {differs[0]}="
                f"{used.get(differs[0])!r}, not {settings[differs[0]]!r}; name another file."
            )
    done = set() if forks is None else set(forks.seeds.tolist())
    missing = [seed for seed in seeds if seed not in done]
    for seed in progress(missing, desc="forked runs", unit="run"):
        run = fork_run(env, seed, forking)
        forks = run if forks is None else Forks.join([forks, run])
        write_forks(options.forks, forks, settings)
    assert forks is not None
    return forks


def _make_env(options: DriftOptions) -> Any:
    import gymnasium as gym

    import gw_envs  # noqa: F401 - registers the ids

    return gym.make(
        "ASRSampling-v0",
        dataset=options.dataset,
        initial_distribution=options.initial_distribution,
        epochs=options.epochs,
        samples_per_class=options.samples_per_class,
        iterations_per_step=options.batches,
        tilt=options.tilt,
        action_mode="tilt",
        reward_mode="level",
    ).unwrapped


def _command(options: DriftOptions) -> str:
    """The command line that repeats this."""
    words = ["python -m experiments asr-drift"]
    default = DriftOptions()
    for field in fields(options):
        value = getattr(options, field.name)
        if value != getattr(default, field.name):
            text = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
            words.append(f"--{field.name.replace('_', '-')} {text}")
    return " ".join(words)
