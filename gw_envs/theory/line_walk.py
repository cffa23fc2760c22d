"""Exact values and visits of a walk on a line, small ones to full relative precision.

States 0..L; from s the walk goes to s+1 (at L: stays) with probability p(s), else to s-1 (at 0:
stays). A general linear solver is exact to 1e-16 of the largest value; here the smallest is of
order 3^-L, so first-passage weights are multiplied instead: products and sums of positive numbers
lose nothing.
"""

from __future__ import annotations

import numpy as np

from gw_envs.checks import Floats


def line_walk(forward: Floats, initial: Floats, discount: float) -> tuple[Floats, Floats]:
    """Values and visits of a walk that is paid 1 whenever it moves forward in the last state.

    With up(s) = E[discount^steps] of the first passage from s to s+1 and down(s) of that to s-1,
    up(s) = discount p(s) / (1 - discount (1-p(s)) up(s-1)) and the same from the other end.

    Args:
        forward: p(s) [..., L+1].
        initial: probabilities of the first state [L+1].
        discount: in [0, 1).

    Returns:
        V(s) [..., L+1], the expected discounted pay, and sum_k discount^k Pr(s_k = s) [..., L+1].
    """
    p = np.asarray(forward, dtype=np.float64)
    back = 1 - p
    last = p.shape[-1] - 1
    up, down = np.zeros_like(p), np.zeros_like(p)
    up[..., 0] = discount * p[..., 0] / (1 - discount * back[..., 0])
    down[..., last] = discount * back[..., last] / (1 - discount * p[..., last])
    for s in range(1, last):
        up[..., s] = discount * p[..., s] / (1 - discount * back[..., s] * up[..., s - 1])
        t = last - s
        down[..., t] = discount * back[..., t] / (1 - discount * p[..., t] * down[..., t + 1])
    # Returns to a state, discounted, within one excursion: stepping off either end stays there.
    left, right = np.ones_like(p), np.ones_like(p)
    left[..., 1:], right[..., :last] = up[..., :last], down[..., 1:]
    stays = 1 / (1 - discount * (p * right + back * left))
    values = np.empty_like(p)
    values[..., last] = p[..., last] * stays[..., last]
    arrived_up, arrived_down = np.broadcast_to(initial, p.shape).copy(), np.zeros_like(p)
    for s in range(last):
        t = last - 1 - s
        values[..., t] = up[..., t] * values[..., t + 1]
        arrived_up[..., s + 1] += up[..., s] * arrived_up[..., s]
        arrived_down[..., t] = down[..., t + 1] * (initial[t + 1] + arrived_down[..., t + 1])
    return values, (arrived_up + arrived_down) * stays
