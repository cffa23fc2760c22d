"""EscapeDetector: events from a sequence of policies written by hand."""

import numpy as np
import pytest

from agents.escape import EscapeDetector, suboptimality, well_gaps

REWARDS = np.array([1.0, 0.5, 0.5])
GAP = np.array([[0.5]])
BEST = np.array([0])


def watch(policies, bound=0.0, updates=None):
    detector = EscapeDetector(BEST, np.array([[bound]]))
    events = []
    for n, policy in zip(updates or range(len(policies)), policies, strict=True):
        pi = np.array(policy, dtype=float)[None, None]
        subopt = suboptimality(pi, np.broadcast_to(REWARDS, pi.shape), BEST)
        events += detector.observe(n, pi, subopt, GAP)
    return detector, events


INSIDE, OTHER, OUT = (0.02, 0.9, 0.08), (0.02, 0.08, 0.9), (0.3, 0.6, 0.1)


def test_a_fall_a_transfer_and_an_escape_are_told_with_their_dwell():
    detector, events = watch([OUT, INSIDE, OTHER, OTHER, OUT], updates=[0, 10, 30, 35, 70])
    assert [(e.kind, e.update, e.from_action, e.to_action, e.dwell) for e in events] == [
        ("enter", 10, 1, 1, 10),
        ("transfer", 30, 1, 2, 20),
        ("escape", 70, 2, 0, 40),
    ]
    assert detector.escape_time.tolist() == [[0]]  # it started outside


def test_a_start_inside_has_no_enter_event_and_its_first_escape_counts():
    detector, events = watch([INSIDE, OUT, INSIDE, OUT], bound=0.5)
    assert [e.kind for e in events] == ["escape", "enter", "escape"]
    assert [e.is_first_escape for e in events] == [True, False, False]
    assert detector.escape_time.tolist() == [[1]]
    assert events[0].ratio_to_bound == 2.0
    assert np.isnan(events[2].ratio_to_bound)
    assert events[0].optimal_prob == 0.3


def test_no_escape_is_censored():
    detector, events = watch([INSIDE, INSIDE])
    assert events == []
    assert detector.escape_time.tolist() == [[-1]]


@pytest.mark.parametrize(("prob", "inside"), [(0.1, True), (0.1 + 1e-9, False)])
def test_the_edge_itself_belongs_to_the_well(prob, inside):
    detector, _ = watch([(prob, 1 - prob - 0.01, 0.01)])
    assert detector.escape_time.tolist() == [[-1 if inside else 0]]


def test_a_swap_of_a_minor_arm_is_no_transfer():
    _, events = watch([INSIDE, (0.02, 0.5, 0.48), (0.02, 0.49, 0.49)])
    assert events == []


def test_gaps_come_from_the_constructor_at_discount_zero_and_from_values_otherwise():
    values = np.array([[[1.0, 0.4, 0.7], [0.2, 0.5, 0.1]]])
    best = np.array([0, 0])
    given = np.array([0.1, 0.2])
    np.testing.assert_array_equal(well_gaps(values, best, given, 0.0), [given])
    np.testing.assert_allclose(well_gaps(values, best, given, 0.9), [[0.3, -0.3]])


def test_where_the_best_arm_is_not_the_best_there_is_no_well():
    detector = EscapeDetector(np.array([0]), np.zeros((1, 1)))
    pi = np.array([[[0.01, 0.99]]])
    detector.observe(0, pi, np.array([[-0.2]]), np.array([[-0.2]]))
    assert detector.escape_time.tolist() == [[0]]
