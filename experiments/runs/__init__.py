"""One run from configuration to evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.options.config import RunConfig


def make_run(config: RunConfig) -> Any:
    """The run of a configuration, with `execute() -> Outcome`: in a well, or of an embedding.

    Raises:
        ValueError: naming the option that is out of range.
    """
    from experiments.options.sampling import SAMPLING_AGENT_OPTIONS

    if config.env.agents is SAMPLING_AGENT_OPTIONS:
        from experiments.runs.training import TrainingRun

        return TrainingRun(config)
    from experiments.runs.well import Run

    return Run(config)
