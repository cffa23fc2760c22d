"""One run from configuration to evidence.

`make_run` chooses the kind: `well` (agents in a well) or `training` (an embedding). Both are a
`recording.RecordedRun`, which has the frame: `trace` keeps the rows, `tracking` and `sb3_writer`
tell Weights & Biases, `checkpoints` let a killed run go on, `summary` and `picture` show it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from experiments.options.config import RunConfig
    from experiments.runs.recording import RecordedRun
    from experiments.runs.tracker import TrackerFactory


def make_run(
    config: RunConfig, make_tracker: TrackerFactory | None = None, show_progress: bool = True
) -> RecordedRun:
    """The run of a configuration, ready for `execute` or `train`: in a well, or of an embedding.

    Raises:
        ValueError: naming the option that is out of range.
    """
    from experiments.options.sampling import SAMPLING_AGENT_OPTIONS

    if config.env.agents is SAMPLING_AGENT_OPTIONS:
        from experiments.runs.training import TrainingRun

        return TrainingRun(config, make_tracker, show_progress)
    from experiments.runs.well import Run

    return Run(config, make_tracker, show_progress)
