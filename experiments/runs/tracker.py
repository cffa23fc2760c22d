"""What a run needs of a tracker, and the guard that lets none of them take a run down."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

FLUSH_SECONDS = 1.0


class Tracker(Protocol):
    """What a run needs of a tracker; by themselves these methods track nothing."""

    def define(self) -> None:
        """Declare the axes of the keys; called once, before the first row."""
        return None

    def log(self, row: Mapping[str, Any]) -> None:
        """Take one row; it holds the axes `update` and `global_step` beside what they index."""
        return None

    def finish(
        self,
        summary: Mapping[str, Any],
        escapes: Sequence[Mapping[str, Any]] = (),
        figure: Path | None = None,
        exit_code: int = 0,
    ) -> None:
        """Close the run with its summary, the table of its events and its picture."""
        return None


TrackerFactory = Callable[[str, Mapping[str, Any]], Tracker]


class NullTracker(Tracker):
    """Tracks nothing, as the protocol's own methods do: `track="disabled"`."""


class Guarded(Tracker):
    """A tracker that takes no run down: its first failure is said, and it is told nothing more.

    Args:
        name: of the run, for the sentence.
        make: makes the tracker.
    """

    def __init__(self, name: str, make: Callable[[], Tracker]) -> None:
        self._name = name
        self._tracker: Tracker = NullTracker()
        made = self._try(make)
        if made is not None:
            self._tracker = made

    def define(self) -> None:
        """Declare the axes."""
        self._try(self._tracker.define)

    def log(self, row: Mapping[str, Any]) -> None:
        """Pass the row on."""
        self._try(lambda: self._tracker.log(row))

    def finish(
        self,
        summary: Mapping[str, Any],
        escapes: Sequence[Mapping[str, Any]] = (),
        figure: Path | None = None,
        exit_code: int = 0,
    ) -> None:
        """Close the run."""
        self._try(lambda: self._tracker.finish(summary, escapes, figure, exit_code))

    def _try(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except Exception as error:  # whatever a tracker raises is no reason to lose a run
            self._tracker = NullTracker()
            what = first_line(error)
            say(f"{self._name} is tracked no further ({what}); training goes on, its tables too.")
            return None


def first_line(error: Exception) -> str:
    """What an exception says, in a line."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def say(sentence: str) -> None:
    """Tell the user something about tracking, above a progress bar if there is one."""
    from tqdm import tqdm

    tqdm.write(f"tracking: {sentence}", file=sys.stderr)
