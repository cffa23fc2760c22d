"""What a claim is: sentences, settings, a run, findings with their verdicts, and a figure."""

from __future__ import annotations

import dataclasses
import inspect
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from experiments.analysis.finding import Finding
from gw_envs.checks import BadInput, check_float, check_int

Evidence = TypeVar("Evidence")


@dataclass(frozen=True)
class Quote:
    """A sentence of the literature.

    Attributes:
        text: its words.
        place: where they stand.
    """

    text: str
    place: str


@dataclass(frozen=True)
class Claim(ABC, Generic[Evidence]):
    """A frozen dataclass whose fields are the settings; its docstring explains what is tested.

    `run` gathers the evidence and is the only part that takes time; `judge` and `draw` read it.
    What a run needs beyond its settings (a seed, a budget) is a setting.

    Attributes:
        name: what the command line calls it.
        title: its heading.
        quotes: the sentences it tests.
        full: settings of the long run, `--full`.
        figure_size: of the figure, in inches.
        packages: that its figure needs beyond the core dependencies.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    quotes: ClassVar[tuple[Quote, ...]]
    full: ClassVar[dict[str, Any]] = {}
    figure_size: ClassVar[tuple[float, float]] = (10.0, 4.2)
    packages: ClassVar[tuple[str, ...]] = ()

    def check(self) -> None:
        """Refuse settings that no run could use; what is left is checked by what they are given to.

        Called before a run; a claim whose settings have narrower ranges adds to it.

        Raises:
            ValueError: for a count below 1, a number that is negative or not finite, or an empty
                list.
        """
        for name, value in self.settings.items():
            items = value if isinstance(value, tuple) else (value,)
            if not items:
                raise BadInput(f"{name}=() must hold at least one number.")
            for item in items:
                if isinstance(item, int):
                    check_int(name, item, 0 if name == "seed" else 1)
                elif isinstance(item, float):
                    check_float(name, item, 0)

    @abstractmethod
    def run(self) -> Evidence:
        """Gather the evidence."""

    @abstractmethod
    def judge(self, evidence: Evidence) -> list[Finding]:
        """The findings, from the evidence alone."""

    @abstractmethod
    def draw(self, evidence: Evidence, figure: Any) -> None:
        """Draw the evidence on an empty matplotlib figure; the page has this docstring below it."""

    @property
    def settings(self) -> dict[str, Any]:
        """The settings by name."""
        return {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}

    @classmethod
    def explanation(cls) -> str:
        """The class docstring, which is Markdown."""
        return inspect.cleandoc(cls.__doc__ or "")


def check_starts(name: str, values: tuple[float, ...], least: int = 1, below: float = 0.1) -> None:
    """Refuse a list of starts pi_1(a*) (or gaps) that is too short or has one out of (0, below).

    Raises:
        ValueError: naming the list.
    """
    if len(values) < least:
        raise BadInput(f"{name}={values!r} must hold at least {least} numbers.")
    for value in values:
        check_float(name, value, 0, below, open_low=True, open_high=True)
