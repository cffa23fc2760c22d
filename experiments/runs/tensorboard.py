"""TensorBoard as a tracker (extra `tensorboard`): a folder of events per run, the usual keys.

Every number is a scalar at its `update`; `global_step` is one of them. Events are texts as well,
and the configuration with the escape time stands under HPARAMS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

from agents.metrics import (
    DWELL,
    EVENT_FROM,
    EVENT_KIND,
    EVENT_STATE,
    EVENT_TO,
    FIGURE,
    UPDATE,
)
from experiments.runs.tracker import FLUSH_SECONDS, Tracker, TrackerFactory

FOLDER = "tensorboard"


class TensorBoardTracker(Tracker):
    """One run's events.

    Args:
        folder: for its event file.
        config: the whole configuration.
    """

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder), flush_secs=FLUSH_SECONDS)
        self._config = config
        self._update = 0

    @classmethod
    def factory(cls, folder: Path) -> TrackerFactory:
        """Trackers of the runs of a folder: `tensorboard/NAME` each."""
        return lambda name, config: cls(folder / FOLDER / name, config)

    def log(self, row: Mapping[str, Any]) -> None:
        """Write the numbers of a row at its update, and the event if it is one."""
        self._update = int(row[UPDATE])
        for key, value in row.items():
            if key != UPDATE and isinstance(value, Real):
                self._writer.add_scalar(key, float(value), self._update)
        if EVENT_KIND in row:
            self._writer.add_text("events", event_text(row), self._update)

    def finish(
        self,
        summary: Mapping[str, Any],
        escapes: Sequence[Mapping[str, Any]] = (),
        figure: Path | None = None,
        exit_code: int = 0,
    ) -> None:
        """Write the summary, the configuration beside it, and the picture; close the file."""
        from torch.utils.tensorboard.summary import hparams

        numbers = {key: float(value) for key, value in summary.items() if value is not None}
        options = {
            key: value if isinstance(value, bool | int | float | str) else str(value)
            for key, value in self._config.items()
        }
        for part in hparams(options, numbers):
            self._writer.file_writer.add_summary(part)
        for key, value in numbers.items():
            self._writer.add_scalar(key, value, self._update)
        if figure is not None:
            self._writer.add_image(FIGURE, _pixels(figure), self._update, dataformats="HWC")
        self._writer.close()


def event_text(row: Mapping[str, Any]) -> str:
    """An event of the table `escapes` as a sentence."""
    where, way = f"state {row.get(EVENT_STATE, 0)}", ""
    if row.get(EVENT_FROM) is not None:
        way = f", action {row[EVENT_FROM]} to {row[EVENT_TO]}"
    return f"{row[EVENT_KIND]} at update {row[UPDATE]} ({where}{way}) after {row[DWELL]} updates"


def _pixels(figure: Path) -> Any:
    """A picture, [height, width, 3]."""
    import numpy as np
    from PIL import Image

    with Image.open(figure) as picture:
        return np.asarray(picture.convert("RGB"))
