"""The triangle of policies as SVG: the well, the flow, the run, the policy that is dragged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.updates import make_rule
from experiments.pictures.playground.answer import Curve
from experiments.pictures.playground.setting import Setting
from experiments.pictures.style import BLUE, ORANGE, RED, WELL
from gw_envs.checks import Floats
from gw_envs.theory import WELL_FRACTION

WIDTH, HEIGHT = 520, 480
MARGIN = 40
# Pixels of the corners: arm 0 on top, arm 1 left, arm 2 right.
CORNERS = np.array(
    [(WIDTH / 2, MARGIN), (MARGIN, HEIGHT - MARGIN), (WIDTH - MARGIN, HEIGHT - MARGIN)]
)
GRID = 13
ARROW = 13.0


def pixel_of(policy: Floats | Sequence[float]) -> Floats:
    """Pixels [..., 2] of policies [..., 3]."""
    return np.asarray(policy, dtype=np.float64) @ CORNERS


def policy_at(x: float, y: float) -> tuple[float, float, float]:
    """The policy at a pixel; outside the triangle the nearest in its coordinates."""
    system = np.vstack([CORNERS.T, np.ones(3)])
    inside = np.clip(np.linalg.solve(system, [x, y, 1.0]), 0.0, None)
    a, b, c = (inside / inside.sum()).tolist()
    return a, b, c


def background(setting: Setting) -> str:
    """What does not change while the policy is dragged: triangle, well and flow."""
    parts = [_polygon(CORNERS, "white", "black"), _polygon(_well(setting), WELL, "none", 0.35)]
    rule, rewards = make_rule(setting.update), np.array(setting.rewards)
    for i in range(1, GRID):
        for j in range(1, GRID - i):
            policy = np.array([i, j, GRID - i - j]) / GRID
            theta = rule.theta_from_policy(policy)
            step = rule.policy(theta + 1e-4 * rule.increment(theta, rewards, 1.0)) - policy
            way = step @ CORNERS
            length = np.hypot(*way)
            if length > 0:
                (x, y), (u, v) = pixel_of(policy), ARROW * way / length
                parts.append(
                    f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{x + u:.1f}" y2="{y + v:.1f}" '
                    f'stroke="#777" stroke-width="1"/><circle cx="{x:.1f}" cy="{y:.1f}" r="1.6" '
                    'fill="#777"/>'
                )
    anchors = (("middle", 0, -12), ("start", -34, 24), ("end", 34, 24))
    for arm, (anchor, dx, dy) in enumerate(anchors):
        x, y = CORNERS[arm] + (dx, dy)
        weight = "bold" if arm == setting.best else "normal"
        parts.append(
            f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="15" font-weight="{weight}">'
            f"arm {arm} pays {setting.rewards[arm]:g}</text>"
        )
    return "".join(parts)


def foreground(setting: Setting, exact: Curve | None, sampled: Sequence[Curve] = ()) -> str:
    """The runs, and the policy as a knob."""
    parts = [_path(curve.policy, ORANGE, 0.8, 0.6) for curve in sampled]
    if exact is not None:
        parts.append(_path(exact.policy, BLUE, 2.5, 1.0))
    x, y = pixel_of(setting.policy)
    parts.append(
        f'<circle id="knob" cx="{x:.1f}" cy="{y:.1f}" r="9" fill="{RED}" stroke="black" '
        'style="cursor: grab"/>'
    )
    return "".join(parts)


def _well(setting: Setting) -> Floats:
    """The corners of the part of the triangle that is in the well, [N, 2] pixels."""
    rewards = np.array(setting.rewards)
    gaps = rewards.max() - rewards
    edge = WELL_FRACTION * np.sort(gaps)[1]
    found = []
    for a, b in ((0, 1), (1, 2), (2, 0)):
        if gaps[a] >= edge:
            found.append(CORNERS[a])
        if (gaps[a] >= edge) != (gaps[b] >= edge):
            share = (edge - gaps[a]) / (gaps[b] - gaps[a])
            found.append(CORNERS[a] + share * (CORNERS[b] - CORNERS[a]))
    return np.array(found)


def _polygon(points: Floats, fill: str, stroke: str, opacity: float = 1.0) -> str:
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polygon points="{text}" fill="{fill}" stroke="{stroke}" fill-opacity="{opacity}"/>'


def _path(policies: Floats, color: str, width: float, opacity: float) -> str:
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in pixel_of(policies))
    return (
        f'<polyline points="{text}" fill="none" stroke="{color}" stroke-width="{width}" '
        f'stroke-opacity="{opacity}"/>'
    )
