"""The grid of updates that every run records."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.evaluation import log_spaced


@pytest.mark.parametrize("last", [0, 1, 7, 1000, 12345, 10**18])
def test_log_spaced_points_hold_both_ends_and_ascend(last):
    points = log_spaced(last)
    assert points[0] == 0
    assert points[-1] == last
    assert (np.diff(points) > 0).all()
    assert len(points) <= 2 + 20 * max(1, np.ceil(np.log10(max(last, 1))))
    assert points.dtype == np.int64


@pytest.mark.parametrize("end", [0.0, 1.0, 9.0, 10.0, 12345.0, 1e18, 1e300])
def test_numbers_beyond_int64_are_whole_floats(end):
    numbers = log_spaced(end, 5, extra=(7.0, 2.0 * end + 1))
    assert numbers.dtype == np.float64 and numbers[0] == 0 and numbers[-1] == end
    assert np.all(np.diff(numbers) > 0) and np.all(numbers == np.floor(numbers))
    assert (7.0 in numbers) == (end >= 7)


@given(st.integers(1, 2**63 - 1), st.integers(2, 60))
def test_a_count_is_not_exceeded_and_its_ratios_are_even(end, count):
    points = log_spaced(end, count=count)
    assert points[0] == 0 and points[-1] == end and (np.diff(points) > 0).all()
    # beside 0; above 2^52 rounding may leave a point within a few ulp of the end
    inner = points[(points > 0) & ((points < end * (1 - 1e-12)) | (points == end))]
    assert len(inner) <= count
    steps = np.diff(np.log(inner[inner >= 100].astype(float)))
    np.testing.assert_allclose(steps, np.log(end) / (count - 1), atol=0.011)


def test_an_int_beyond_int64_is_refused():
    with pytest.raises(ValueError, match="end=9223372036854775808"):
        log_spaced(2**63)
