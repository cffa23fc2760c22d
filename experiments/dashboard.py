"""`python -m experiments dashboard`: the Weights & Biases workspace of a project, as code.

`PANELS` says what is shown, in the names of `agents.metrics`; `make_workspace` turns it into
W&B's own objects (extra `dashboards`), which are saved to a project or printed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from agents import metrics
from experiments.options.parsing import spelt_out
from experiments.runs.wandb_tracker import has_key
from gw_envs.checks import BadInput, check_extra

NAME = "Gravity wells"


@dataclass(frozen=True)
class History:
    """Curves of logged keys; the runs of an experiment are one median with its range.

    Attributes:
        title: above the panel.
        keys: what is drawn.
        axis: what it is drawn against.
        log_x: whether the horizontal axis is logarithmic.
        log_y: whether the vertical one is.
    """

    title: str
    keys: tuple[str, ...]
    axis: str = metrics.UPDATE
    log_x: bool = True
    log_y: bool = False


@dataclass(frozen=True)
class Scatter:
    """A point per run: one number of its summary against another or against an option.

    Attributes:
        title: above the panel.
        x: an option, or a key of the summary.
        y: a key of the summary.
        x_is_option: which of both x is.
    """

    title: str
    x: str
    y: str
    x_is_option: bool = False


@dataclass(frozen=True)
class Parallel:
    """A line per run through its options to a key of its summary."""

    title: str
    options: tuple[str, ...]
    summary: str


@dataclass(frozen=True)
class Media:
    """Pictures logged under a key."""

    title: str
    key: str


Panel = History | Scatter | Parallel | Media

PANELS: dict[str, tuple[Panel, ...]] = {
    "Plateau": (
        History("Sub-optimality (reward)", (metrics.SUBOPTIMALITY,)),
        History("Probability of the best action", (metrics.OPTIMAL_PROB,), log_y=True),
        History("The same, as log10", (metrics.LOG10_OPTIMAL_PROB,)),
        History("Norm of the exact gradient", (metrics.GRADIENT_NORM,), log_y=True),
        History("Entropy (nats)", (metrics.ENTROPY,)),
        History("Episodic return", (metrics.EPISODIC_RETURN,)),
    ),
    "Escape": (
        Scatter("Escape time by start", "optimal_prob", metrics.ESCAPE_TIME, x_is_option=True),
        Scatter("Escape time by step size", "learning_rate", metrics.ESCAPE_TIME, x_is_option=True),
        History("Updates since the event before", (metrics.DWELL,), log_y=True),
        History("pi(best action) at events", (metrics.PROB_AT_EVENT,), log_y=True),
        Parallel(
            "From options to escape time",
            ("num_actions", "reward_gap", "optimal_prob", "learning_rate"),
            metrics.ESCAPE_TIME,
        ),
        Media("Pictures of the runs", metrics.FIGURE),
    ),
    "Theory": (
        Scatter("Escape time by lower bound", metrics.LOWER_BOUND, metrics.ESCAPE_TIME),
        History("Event over lower bound", (metrics.RATIO_TO_BOUND,), log_y=True),
        History("Lower bound of the start", (metrics.LOWER_BOUND,), log_y=True),
    ),
    "Stable-Baselines3": (
        History("Episodic return", (metrics.SB3_RETURN,), metrics.GLOBAL_STEP, log_x=False),
        History("Losses", metrics.SB3_LOSSES, metrics.GLOBAL_STEP, log_x=False),
        History("Entropy loss", (metrics.SB3_ENTROPY_LOSS,), metrics.GLOBAL_STEP, log_x=False),
        History("PPO's trust region", metrics.SB3_TRUST_REGION, metrics.GLOBAL_STEP, log_x=False),
        History("Steps per second", (metrics.SB3_SPEED,), metrics.GLOBAL_STEP, log_x=False),
    ),
    "PlateauMonitor": tuple(
        History(title, (key,), metrics.GLOBAL_STEP, log_x=False)
        for title, key in metrics.PLATEAU_CURVES.items()
    ),
}


@dataclass(frozen=True)
class DashboardOptions:
    """Whose workspace."""

    entity: str
    """W&B user or team."""
    project: str
    """W&B project, as given to train.py by --wandb-project."""
    dry_run: bool = False
    """Print the workspace as JSON and save nothing; needs no key."""


def main(arguments: list[str]) -> int:
    """Save or print the workspace.

    Raises:
        ValueError: for a name that cannot be, or where there is no key to save with.
    """
    import tyro

    options = tyro.cli(
        DashboardOptions,
        prog="python -m experiments dashboard",
        description="Save the Weights & Biases workspace with the panels of this project.",
        args=spelt_out(arguments, (DashboardOptions,)),
    )
    for name in ("entity", "project"):
        value = getattr(options, name)
        if not value or set(value) & set("/\\#?%: "):
            raise BadInput(f"{name}={value!r} must be a W&B name, without / \\ # ? % : or space.")
    if not options.dry_run and not has_key():
        raise BadInput(
            "dashboard needs a Weights & Biases key to save: set WANDB_API_KEY, or add --dry-run."
        )
    check_extra("command", "dashboard", "dashboards", "wandb_workspaces")
    workspace = make_workspace(options.entity, options.project)
    if options.dry_run:
        print(json.dumps(workspace_json(workspace), indent=1))
    else:
        print(f"saved {workspace.save().url}")
    return 0


def make_workspace(entity: str, project: str) -> Any:
    """The workspace as an object of wandb-workspaces."""
    import wandb_workspaces.workspaces as ws

    sections = [
        ws.Section(name=name, panels=[_panel(panel) for panel in panels], is_open=True)
        for name, panels in PANELS.items()
    ]
    settings = ws.WorkspaceSettings(x_axis=metrics.UPDATE, max_runs=100)
    return ws.Workspace(
        entity=entity, project=project, name=NAME, sections=sections, settings=settings
    )


def workspace_json(workspace: Any) -> dict[str, Any]:
    """What W&B would be sent of a workspace."""
    return json.loads(workspace._to_model().model_dump_json(by_alias=True, exclude_none=True))


def history_keys() -> set[str]:
    """Keys that the panels need among a run's logged rows."""
    keys = set()
    for panel in _all_panels():
        if isinstance(panel, History):
            keys |= {*panel.keys, panel.axis}
        elif isinstance(panel, Media):
            keys.add(panel.key)
    return keys


def summary_keys() -> set[str]:
    """Keys that the panels need in a run's summary."""
    keys = set()
    for panel in _all_panels():
        if isinstance(panel, Scatter):
            keys |= {panel.y} if panel.x_is_option else {panel.x, panel.y}
        elif isinstance(panel, Parallel):
            keys.add(panel.summary)
    return keys


def option_names() -> set[str]:
    """Options that the panels need in a run's configuration."""
    names = set()
    for panel in _all_panels():
        if isinstance(panel, Scatter) and panel.x_is_option:
            names.add(panel.x)
        elif isinstance(panel, Parallel):
            names |= set(panel.options)
    return names


def _all_panels() -> list[Panel]:
    return [panel for panels in PANELS.values() for panel in panels]


def _panel(panel: Panel) -> Any:
    import wandb_workspaces.reports.v2 as wr

    if isinstance(panel, History):
        return wr.LinePlot(
            title=panel.title,
            x=panel.axis,
            y=list(panel.keys),
            log_x=panel.log_x,
            log_y=panel.log_y,
            groupby="Group",  # of W&B: the experiment's name
            groupby_aggfunc="median",
            groupby_rangefunc="minmax",
        )
    if isinstance(panel, Scatter):
        x = wr.Config(panel.x) if panel.x_is_option else wr.SummaryMetric(panel.x)
        y = wr.SummaryMetric(panel.y)
        return wr.ScatterPlot(title=panel.title, x=x, y=y, log_x=True, log_y=True)
    if isinstance(panel, Parallel):
        columns = [wr.ParallelCoordinatesPlotColumn(wr.Config(name)) for name in panel.options]
        end = wr.ParallelCoordinatesPlotColumn(wr.SummaryMetric(panel.summary), log=True)
        return wr.ParallelCoordinatesPlot(title=panel.title, columns=[*columns, end])
    return wr.MediaBrowser(title=panel.title, media_keys=[panel.key])
