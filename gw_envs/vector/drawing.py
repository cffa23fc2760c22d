"""Small pictures for `render_mode="rgb_array"`, drawn with numpy alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gw_envs.checks import Floats

# Okabe-Ito colours, distinguishable with colour-blind eyes.
BEST, OTHER, MARK, INK = (0, 114, 178), (170, 170, 170), (213, 94, 0), (40, 40, 40)


def bar_frame(
    heights: Floats, best: int, marked: int | None, size: tuple[int, int] = (160, 240)
) -> NDArray[np.uint8]:
    """A bar per action: height in [0, 1], the best in blue, the marked one underlined in orange.

    Returns:
        uint8 [rows, columns, 3].
    """
    rows, columns = size
    frame = np.full((rows, columns, 3), 255, dtype=np.uint8)
    floor = rows - 12
    frame[floor : floor + 2] = INK
    edges = np.linspace(6, columns - 6, len(heights) + 1).astype(int)
    for arm, height in enumerate(heights):
        left, right = edges[arm] + 1, max(edges[arm + 1] - 1, edges[arm] + 2)
        top = floor - round(float(np.clip(height, 0, 1)) * (floor - 6))
        frame[top:floor, left:right] = BEST if arm == best else OTHER
        if arm == marked:
            frame[floor + 3 : rows - 3, left:right] = MARK
    return frame
