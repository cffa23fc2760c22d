"""The edge of the well and the gap, the one place that decides both."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gw_envs.theory import best_arm_and_gap, escape_threshold, in_well, well_edge

UNIT = st.floats(0, 1)


@given(st.floats(1e-300, 1), st.floats(1e-3, 1))
def test_the_edge_is_the_fraction_of_the_gap_less_a_trillionth(gap, fraction):
    exact = Fraction(fraction) * Fraction(gap) * (1 - Fraction(1, 10**12))
    edge = well_edge(gap, fraction)
    assert abs(Fraction(edge) / exact - 1) < Fraction(1, 2**51)
    assert in_well(edge, gap, fraction) and in_well(fraction * gap, gap, fraction)
    assert not in_well(math.nextafter(edge, 0), gap, fraction)
    assert not in_well(edge, -gap, fraction)


def test_edges_of_arrays_and_of_probabilities():
    gaps = np.array([[0.5, 0.1], [1.0, 0.0]])
    np.testing.assert_array_equal(well_edge(gaps), [[well_edge(g) for g in row] for row in gaps])
    assert in_well(gaps, gaps).tolist() == [[True, True], [True, False]]
    # equal gaps: sub-optimality Delta (1 - p) meets the edge at the threshold
    assert 1 - escape_threshold(0.7) == pytest.approx(well_edge(1.0, 0.7), rel=1e-15)
    assert escape_threshold(np.float32(0.5)) == escape_threshold(0.5)


@given(st.lists(UNIT, min_size=2, max_size=8))
def test_best_arm_and_gap_by_brute_force(rewards):
    best = [i for i, r in enumerate(rewards) if r == max(rewards)]
    if len(best) > 1:
        with pytest.raises(ValueError, match="several best arms"):
            best_arm_and_gap(rewards)
        return
    others = [r for i, r in enumerate(rewards) if i != best[0]]
    assert best_arm_and_gap(rewards) == (best[0], max(rewards) - max(others))


def test_rows_each_have_a_best_arm_and_the_tied_one_is_named():
    best, gaps = best_arm_and_gap([[0.1, 0.9, 0.4], [1.0, 0.0, 0.75]])
    assert best.tolist() == [1, 0] and gaps.tolist() == [0.5, 0.25]
    with pytest.raises(ValueError, match=r"rewards=\[0.5, 0.2, 0.5\] has several best arms"):
        best_arm_and_gap([[0.1, 0.9, 0.4], [0.5, 0.2, 0.5]], "rewards")
