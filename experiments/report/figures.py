"""The report's figures as plotly specifications, `{"data": [...], "layout": {...}}`.

They are plain dictionaries of short numbers, so that many fit into one page; plotly itself is not
needed to make them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.analysis.scaling import Scaling, axis_name
from experiments.analysis.statistics import Survival
from experiments.pictures.simplex import well_polygon
from experiments.pictures.style import STATE_COLORS, WELL, color_of
from experiments.pictures.survival import steps
from experiments.report.replay import Replay
from gw_envs.checks import Floats

Figure = dict[str, Any]
MOST_STEPS = 200  # corners drawn of one escape curve
MOST_CURVES = 12  # curves in one figure: six colours, two line styles
LOGARITHMIC = {"type": "log", "exponentformat": "power"}


def short(values: Any, digits: int = 4) -> list[float | None]:
    """Numbers with few digits; what is not finite becomes null, a gap."""
    return [
        float(f"{v:.{digits}g}") if math.isfinite(v) else None
        for v in np.asarray(values, dtype=np.float64).ravel().tolist()
    ]


def whole(bounds: Any) -> list[float | None]:
    """Lower bounds in whole updates, rounded down: rounded to nearest they would bind no more."""
    return short(np.floor(bounds), 16)


def escape_figure(groups: Mapping[str, Survival], bounds: Mapping[str, float]) -> Figure:
    """Kaplan-Meier curves of up to `MOST_CURVES` methods with bands, bounds dashed.

    Args:
        groups: method -> curve.
        bounds: method -> lower bound all its runs share, or NaN.
    """
    first = min((float(c.times[0]) for c in groups.values() if len(c.times)), default=1.0)
    left = max(0.5, first / 2)
    data: list[Figure] = []
    for i, (name, curve) in enumerate(list(groups.items())[:MOST_CURVES]):
        color, dash = line_style(i)
        x, value, low, high = (row[_thin(len(row))] for row in steps(curve, left))
        edge = {"x": short(x), "line": {"width": 0, "shape": "hv"}, "showlegend": False}
        shared = {"type": "scatter", "mode": "lines", "legendgroup": name}
        data += [
            shared | edge | {"y": short(low), "hoverinfo": "skip"},
            shared
            | edge
            | {"y": short(high), "fill": "tonexty", "hoverinfo": "skip"}
            | {"fillcolor": _faint(color)},
            shared
            | {"x": short(x), "y": short(value), "name": f"{name} ({_censored(curve)})"}
            | {"line": {"color": color, "dash": dash, "shape": "hv"}},
        ]
        bound = bounds.get(name, math.nan)
        if math.isfinite(bound):
            line = {"color": color, "dash": "dash", "width": 1}
            data.append(
                shared
                | {"x": whole([bound, bound]), "y": [0, 1], "line": line}
                | {"name": "lower bound (exact gradient)", "showlegend": False}
            )
    spec = layout("policy updates", "share of runs still in the well")
    spec["xaxis"] |= LOGARITHMIC
    spec["yaxis"]["range"] = [-0.02, 1.02]
    return {"data": data, "layout": spec}


def plateau_figure(updates: NDArray[np.int64], bands: Mapping[str, Floats]) -> Figure:
    """Median sub-optimality with its quartiles over updates, by method; see `band_figure`."""
    figure = band_figure(updates, bands, "policy updates", "sub-optimality (reward)")
    figure["layout"]["yaxis"]["rangemode"] = "tozero"
    figure["layout"]["xaxis"] |= LOGARITHMIC
    return figure


def band_figure(
    steps: NDArray[np.int64], bands: Mapping[str, Floats], x_title: str, y_title: str
) -> Figure:
    """Medians with their quartiles over steps, by method.

    Args:
        steps: [T].
        bands: method -> lower quartile, median, upper quartile, [3, T].
        x_title: below the horizontal axis.
        y_title: beside the vertical one.
    """
    data: list[Figure] = []
    for i, (name, (low, middle, high)) in enumerate(list(bands.items())[:MOST_CURVES]):
        color, dash = line_style(i)
        shared = {"type": "scatter", "mode": "lines", "x": short(steps), "legendgroup": name}
        edge = {"line": {"width": 0}, "showlegend": False, "hoverinfo": "skip"}
        data += [
            shared | edge | {"y": short(low, 6)},
            shared | edge | {"y": short(high, 6), "fill": "tonexty", "fillcolor": _faint(color)},
            shared | {"y": short(middle, 6), "name": name, "line": {"color": color, "dash": dash}},
        ]
    return {"data": data, "layout": layout(x_title, y_title)}


def scaling_figure(option: str, series: Sequence[Scaling]) -> Figure:
    """Median escape times with intervals along an option; the theory's lower bound dashed."""
    data: list[Figure] = []
    for i, scaling in enumerate(series):
        color, _ = line_style(i)
        lasts = np.array([curve.last for curve in scaling.curves])
        value, low, high = np.array([[m.value, m.low, m.high] for m in scaling.medians]).T
        known = np.isfinite(value)
        high = np.where(np.isfinite(high), high, np.maximum(lasts, value))
        shared = {"type": "scatter", "legendgroup": scaling.label}
        bars = {"type": "data", "symmetric": False, "array": short(high[known] - value[known])}
        bars["arrayminus"] = short(value[known] - low[known])
        data.append(
            shared
            | {"mode": "lines+markers", "name": scaling.caption, "error_y": bars}
            | {"x": short(scaling.x[known]), "y": short(value[known]), "line": {"color": color}}
            | {"marker": {"symbol": i, "size": 8}}
        )
        if not known.all():
            data.append(
                shared
                | {"mode": "markers", "name": "median beyond the budget", "showlegend": False}
                | {"x": short(scaling.x[~known]), "y": short(lasts[~known])}
                | {"marker": {"color": color, "symbol": "arrow-up", "size": 12}}
            )
        if np.isfinite(scaling.theory).any():
            line = {"color": color, "dash": "dash", "width": 1.5}
            data.append(
                shared
                | {"mode": "lines", "name": "lower bound (exact gradient)", "showlegend": False}
                | {"x": short(scaling.x), "y": whole(scaling.theory), "line": line}
            )
    spec = layout(axis_name(option), "median escape time (updates)")
    spec["xaxis"] |= LOGARITHMIC
    spec["yaxis"] |= LOGARITHMIC
    return {"data": data, "layout": spec}


def ternary_figure(paths: Mapping[str, Replay]) -> Figure:
    """Paths of three-armed policies on the triangle, the well shaded.

    Args:
        paths: name -> run, at least one; all of the same mean rewards.
    """
    mean_rewards = next(iter(paths.values())).mean_rewards.tolist()
    polygon = well_polygon(mean_rewards)
    data: list[Figure] = [
        _ternary(np.vstack([polygon, polygon[:1]]))
        | {"mode": "lines", "fill": "toself", "name": "the well", "hoverinfo": "skip"}
        | {"fillcolor": _faint(WELL, 0.35), "line": {"width": 0}}
    ]
    for i, (name, run) in enumerate(paths.items()):
        color, dash = line_style(i)
        line = {"color": color, "dash": dash, "width": 2}
        ring = {"color": "white", "size": 9, "line": {"color": color, "width": 2}}
        shared = {"legendgroup": name}
        data += [
            _ternary(run.policies)
            | shared
            | {"mode": "lines", "name": name, "line": line}
            | {"text": [f"after {n:,} updates" for n in run.updates.tolist()]},
            _ternary(run.policies[:1])
            | shared
            | {"mode": "markers", "name": "start", "marker": ring, "showlegend": False},
        ]
    arms = [f"arm {arm} (pays {reward:g})" for arm, reward in enumerate(mean_rewards)]
    corners = {
        place: {"title": {"text": name}, "gridcolor": "#dddddd", "linecolor": "#444444"}
        for place, name in zip(("aaxis", "baxis", "caxis"), arms, strict=True)
    }
    frame = layout("", "")
    del frame["xaxis"], frame["yaxis"]
    frame["margin"] = {"l": 70, "r": 70, "t": 70, "b": 60}
    return {"data": data, "layout": frame | {"ternary": {"sum": 1, **corners}, "height": 600}}


def layout(x: str, y: str) -> Figure:
    """White ground, the legend below."""
    return {
        "height": 460,
        "margin": {"l": 70, "r": 20, "t": 20, "b": 60},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "font": {"size": 13},
        "legend": {"orientation": "h", "y": -0.25},
        "hovermode": "closest",
        "xaxis": axis(x),
        "yaxis": axis(y),
    }


def axis(title: str) -> Figure:
    """A plain axis with a title."""
    lines = {"gridcolor": "#e5e5e5", "linecolor": "#444444", "zeroline": False, "ticks": "outside"}
    return {"title": {"text": title}, **lines}


def line_style(number: int) -> tuple[str, str]:
    """Colour and dash of the curve with this number."""
    color = color_of(number)
    return color, "solid" if number < len(STATE_COLORS) else "dot"


def _ternary(policies: Floats) -> Figure:
    a, b, c = (short(column, 5) for column in policies.T)
    return {"type": "scatterternary", "a": a, "b": b, "c": c}


def _thin(size: int) -> Any:
    """Which of many corners are drawn: the ends and an even choice between them."""
    return np.unique(np.linspace(0, size - 1, min(size, MOST_STEPS)).astype(int))


def _faint(color: str, alpha: float = 0.18) -> str:
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def _censored(curve: Survival) -> str:
    runs = f"{curve.runs:,} run{'s' if curve.runs > 1 else ''}"
    return f"{runs}, {curve.censored:,} censored" if curve.censored else runs
