"""Drift laws: how a base reward b(t) moves with the clock t = 0, 1, 2, ...

A law is a small frozen object, or the JSON-able dict `{"law": name, argument: number, ...}` it is
made from, or a plain number (constant). It may be given in one's own words by adding laws:
`Constant(0.4) + Seasonal(0, 0.1, 50)`.

Rewards live in [0, 1], so `tabulate` refuses a law that leaves this range. The clipping rule is
explicit: `clip=True` cuts the law's value to [0, 1] at every t, `clip=(low, high)` to that part of
it; a term of a sum is cut by its own rule before it is added. The default, False, cuts nothing.

The only random law is `ar1`; its path is fixed by the seed, whatever range is asked for.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from gw_envs.checks import (
    BadInput,
    Floats,
    check_choice,
    check_float,
    check_int,
    check_list,
    check_memory,
    check_numbers,
    shown,
)

# Rounding may carry a law that touches an end this far beyond it; it is then set to the end.
RANGE_TOLERANCE = 1e-12

LAWS: dict[str, type[DriftLaw]] = {}

Clip = bool | tuple[float, float]
Seed = int | np.random.SeedSequence


def logistic(x: Floats) -> Floats:
    """1/(1 + e^-x), through tanh so that no x overflows."""
    return 0.5 * (1 + np.tanh(0.5 * x))


@dataclass(frozen=True)
class DriftLaw(ABC):
    """A law b(t), t in ticks >= 0.

    Attributes:
        clip: False, True for [0, 1], or (low, high) within [0, 1].

    Raises:
        ValueError: naming the law, the argument, its value and what is right.
    """

    law: ClassVar[str]
    clip: Clip = field(default=False, kw_only=True)

    def __init_subclass__(cls) -> None:
        LAWS[cls.law] = cls

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            if item.name != "clip":
                checked = self._check(item.name, getattr(self, item.name))
                object.__setattr__(self, item.name, checked)
        object.__setattr__(self, "clip", self._check_clip(self.clip))

    def _check(self, name: str, value: Any) -> Any:
        """The checked value of one argument: a finite number, above 0 for times and widths."""
        positive = name.endswith(("time_constant", "width", "period", "_time"))
        return check_float(
            f"{self.law}.{name}", value, *((0,) if positive else ()), open_low=positive
        )

    def _check_clip(self, clip: Any) -> Clip:
        if isinstance(clip, bool):
            return clip
        try:
            low, high = (check_float("clip", end) for end in check_list("clip", clip, ""))
        except (TypeError, ValueError):
            low, high = 1.0, 0.0
        if not 0 <= low < high <= 1:
            raise BadInput(
                f"{self.law}.clip={shown(clip)} must be True, False or two numbers "
                "(low, high) with 0 <= low < high <= 1."
            )
        return low, high

    @abstractmethod
    def _curve(self, t: Floats, seed: np.random.SeedSequence) -> Floats:
        """The law before clipping, at times t [n]."""

    def values(self, t: ArrayLike, seed: Seed = 0) -> Floats:
        """b(t), clipped by the law's rule and else unbounded.

        Args:
            t: times >= 0 of any shape, in ticks.
            seed: fixes the noise of `ar1`; the other laws do not use it.

        Returns:
            float64 of t's shape.

        Raises:
            ValueError: for a time below zero or not finite.
        """
        times = np.asarray(check_numbers("t", t, 0))
        curve = self._curve(times.ravel(), _as_sequence(seed)).reshape(times.shape)
        if self.clip is False:
            return curve
        low, high = (0.0, 1.0) if self.clip is True else self.clip
        return np.clip(curve, low, high)

    def kinks(self, horizon: int, seed: Seed = 0) -> set[int] | None:
        """Ticks up to `horizon` around which b(t) is not smooth in t; None: it is noise throughout.

        Where the clip begins or ends to cut, that is the tick before and the one after.
        """
        found = self._kinks(horizon, seed)
        if found is None or self.clip is False:
            return found
        low, high = (0.0, 1.0) if self.clip is True else self.clip
        curve = self._curve(np.arange(horizon + 1, dtype=np.float64), _as_sequence(seed))
        cut = (curve > high).astype(int) - (curve < low)
        changes = np.flatnonzero(np.diff(cut))
        return found | set(changes.tolist()) | set((changes + 1).tolist())

    def _kinks(self, horizon: int, seed: Seed) -> set[int] | None:
        """The kinks of the law before clipping."""
        return set()

    def tabulate(self, horizon: int, seed: Seed = 0, name: str = "drift") -> Floats:
        """b(0), ..., b(horizon) [horizon + 1]; whoever reads it later holds the last value.

        Args:
            horizon: the last tick, >= 0.
            seed: fixes the noise.
            name: what the error calls the law.

        Raises:
            ValueError: naming the first t at which the law is outside [0, 1].
        """
        ticks = check_int("horizon", horizon, 0)
        check_memory("horizon", horizon, 24.0 * ticks)
        path = self.values(np.arange(ticks + 1), seed)
        outside = np.flatnonzero(~((path >= -RANGE_TOLERANCE) & (path <= 1 + RANGE_TOLERANCE)))
        if outside.size:
            first = int(outside[0])
            raise BadInput(
                f"{name}={self.to_dict()} leaves [0, 1] first at t={first} with value "
                f"{path[first]:.6g}; change it, or state clip=True (or clip=(low, high))."
            )
        return np.clip(path, 0.0, 1.0)

    def to_dict(self) -> dict[str, Any]:
        """The JSON-able form; `drift_law` reads it back."""
        form: dict[str, Any] = {"law": self.law}
        for item in dataclasses.fields(self):
            if item.name != "clip":
                form[item.name] = _plain(getattr(self, item.name))
        if self.clip is not False:
            form["clip"] = _plain(self.clip)
        return form

    def __add__(self, other: Any) -> Sum:
        return Sum((self, drift_law(other)))

    def __radd__(self, other: Any) -> Sum:
        return Sum((drift_law(other), self))


@dataclass(frozen=True)
class Constant(DriftLaw):
    """b(t) = value."""

    law = "constant"
    value: float

    def _curve(self, t: Floats, seed: np.random.SeedSequence) -> Floats:
        return np.full(t.shape, self.value)


@dataclass(frozen=True)
class Linear(DriftLaw):
    """b(t) = start + slope t, slope per tick; with a clip it is a ramp that ends."""

    law = "linear"
    start: float
    slope: float

    def _curve(self, t: Floats, seed: np.random.SeedSequence) -> Floats:
        return self.start + self.slope * t


@dataclass(frozen=True)
class Saturating(DriftLaw):
    """b(t) = end + (start - end) exp(-t / time_constant): an ordinary learning curve."""

    law = "saturating"
    start: float
    end: float
    time_constant: float

    def _curve(self, t: Floats, seed: np.random.SeedSequence) -> Floats:
        return self.end + (self.start - self.end) * np.exp(-t / self.time_constant)


@dataclass(frozen=True)
class Logistic(DriftLaw):
    """b(t) = start + (end - start) logistic((t - midpoint) / width): a sigmoid change of level."""

    law = "logistic"
    start: float
    end: float
    midpoint: float
    width: float

    def _curve(self, t: Floats, seed: np.random.SeedSequence) -> Floats:
        return self.start + (self.end - self.start) * logistic((t - self.midpoint) / self.width)


@dataclass(frozen=True)
class Well(DriftLaw):
    """A fall and a logistic recovery, the shape of the paper's figure.

    b(t) = start - depth (1 - exp(-t / fall_time)) + gain logistic((t - recovery) / recovery_width).
    At t = 0 it stands gain * logistic(-recovery / recovery_width) above `start`.
    """

    law = "well"
    start: float
    depth: float
    fall_time: float
    gain: float
    recovery: float
    recovery_width: float

    def _curve(self, t: Floats, seed: np.random.SeedSequence) -> Floats:
        fall = self.depth * -np.expm1(-t / self.fall_time)
        return self.start - fall + self.gain * logistic((t - self.recovery) / self.recovery_width)


@dataclass(frozen=True)
class Abrupt(DriftLaw):
    """Piecewise constant: levels[i] from times[i-1] on (levels[0] from t = 0), before times[i]."""

    law = "abrupt"
    times: tuple[float, ...]
    levels: tuple[float, ...]

    def _check(self, name: str, value: Any) -> tuple[float, ...]:
        given = check_list(f"abrupt.{name}", value, "a list of numbers")
        numbers = tuple(check_float(f"abrupt.{name}", number) for number in given)
        if name == "times" and (min(numbers, default=1) <= 0 or np.any(np.diff(numbers) <= 0)):
            raise BadInput(f"abrupt.times={shown(value)} must increase and be above 0.")
        if name == "levels" and len(numbers) != len(self.times) + 1:
            raise BadInput(
                f"abrupt.levels={shown(value)} has {len(numbers)} entries; with {len(self.times)} "
                f"change times it must have {len(self.times) + 1}."
            )
        return numbers

    def _curve(self, t: Floats, seed: np.random.SeedSequence) -> Floats:
        return np.array(self.levels)[np.searchsorted(self.times, t, side="right")]

    def _kinks(self, horizon: int, seed: Seed) -> set[int] | None:
        return {int(np.ceil(time)) for time in self.times if time <= horizon}


@dataclass(frozen=True)
class Seasonal(DriftLaw):
    """b(t) = mean + amplitude sin(2 pi t / period + phase), phase in radians."""

    law = "seasonal"
    mean: float
    amplitude: float
    period: float
    phase: float = 0.0

    def _curve(self, t: Floats, seed: np.random.SeedSequence) -> Floats:
        return self.mean + self.amplitude * np.sin(2 * np.pi * t / self.period + self.phase)


@dataclass(frozen=True)
class AR1(DriftLaw):
    """Stationary AR(1) noise on top of any law: b(t) = base(t) + x(t), one x per tick.

    x(0) ~ N(0, std^2), x(t+1) = correlation x(t) + std sqrt(1 - correlation^2) N(0, 1), so every
    x(t) has standard deviation `std` and x(t), x(t+h) have correlation `correlation`^h.
    """

    law = "ar1"
    base: DriftLaw
    std: float
    correlation: float = 0.0

    def _check(self, name: str, value: Any) -> Any:
        if name == "base":
            return drift_law(value, "ar1.base")
        if name == "std":
            return check_float("ar1.std", value, 0)
        return check_float("ar1.correlation", value, -1, 1, open_low=True, open_high=True)

    def _curve(self, t: Floats, seed: np.random.SeedSequence) -> Floats:
        own, below = _child(seed, 0), _child(seed, 1)
        ticks = np.floor(t).astype(np.int64)
        shocks = np.random.default_rng(own).standard_normal(int(ticks.max(initial=0)) + 1)
        shocks[1:] *= np.sqrt(1 - self.correlation**2)
        noise, state = [], 0.0
        for shock in shocks.tolist():
            state = self.correlation * state + shock
            noise.append(state)
        return self.base.values(t, below) + self.std * np.array(noise)[ticks]

    def _kinks(self, horizon: int, seed: Seed) -> set[int] | None:
        return None if self.std > 0 else self.base.kinks(horizon, seed)


@dataclass(frozen=True)
class Sum(DriftLaw):
    """b(t) = the sum of its terms, each with noise of its own."""

    law = "sum"
    terms: tuple[DriftLaw, ...]

    def _check(self, name: str, value: Any) -> tuple[DriftLaw, ...]:
        given = check_list("sum.terms", value, "a list of drift laws")
        terms = tuple(drift_law(term, f"sum.terms[{i}]") for i, term in enumerate(given))
        if not terms:
            raise BadInput("sum.terms=[] must hold at least one drift law.")
        return terms

    def _curve(self, t: Floats, seed: np.random.SeedSequence) -> Floats:
        curves = [term.values(t, _child(seed, i)) for i, term in enumerate(self.terms)]
        return np.sum(curves, axis=0)

    def _kinks(self, horizon: int, seed: Seed) -> set[int] | None:
        found: set[int] = set()
        for i, term in enumerate(self.terms):
            ticks = term.kinks(horizon, _child(_as_sequence(seed), i))
            if ticks is None:
                return None
            found |= ticks
        return found


def drift_law(form: Any, name: str = "drift") -> DriftLaw:
    """The law a user named: a law, a number (constant), or {"law": name, argument: number, ...}.

    Args:
        form: what the user gave.
        name: what the error calls it.

    Raises:
        ValueError: for an unknown law, a missing or unknown argument, or a value out of range.
    """
    if isinstance(form, DriftLaw):
        return form
    if not isinstance(form, Mapping):
        try:
            return Constant(check_float(name, form))
        except ValueError:
            raise BadInput(
                f"{name}={shown(form)} must be a number, a drift law or a dict such as "
                '{"law": "linear", "start": 0.2, "slope": 0.001}.'
            ) from None
    arguments = {str(key): value for key, value in form.items()}
    law = LAWS[check_choice(f"{name}['law']", arguments.pop("law", None), tuple(LAWS))]
    known = {item.name: item for item in dataclasses.fields(law)}
    for key in arguments:
        check_choice(f"{name}: argument of law {law.law!r}", key, tuple(known))
    missing = [k for k, i in known.items() if i.default is MISSING and k not in arguments]
    if missing:
        raise BadInput(f"{name}={shown(dict(form))} lacks {', '.join(missing)} of law {law.law!r}.")
    return law(**arguments)


def _plain(value: Any) -> Any:
    if isinstance(value, DriftLaw):
        return value.to_dict()
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _as_sequence(seed: Seed) -> np.random.SeedSequence:
    if isinstance(seed, np.random.SeedSequence):
        return seed
    return np.random.SeedSequence(check_int("seed", seed, 0))


def _child(seed: np.random.SeedSequence, index: int) -> np.random.SeedSequence:
    """Child `index` of a seed; unlike `spawn` it leaves the parent as it was."""
    return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, index))
