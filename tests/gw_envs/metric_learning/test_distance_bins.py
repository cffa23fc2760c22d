"""Distance bins: what they begin with, how actions move them, how long a starved bin starves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gw_envs.metric_learning.distance_bins import (
    CENTRES,
    EDGES,
    NAMED,
    NUM_BINS,
    DistanceBins,
    bin_index,
    initial_bins,
    item_probabilities,
    steps_to_unstarve,
)


def test_the_support_is_that_of_the_publication():
    assert len(EDGES) == 30
    assert EDGES[0] == pytest.approx(0.1)
    assert EDGES[-1] == pytest.approx(1.4)
    assert bin_index(np.array([0.0, 0.05, 1.39, 1.5, 2.0])).tolist() == [0, 0, 28, 28, 28]
    assert bin_index(CENTRES).tolist() == list(range(NUM_BINS))


@pytest.mark.parametrize("name", [*NAMED, "random", "normal:1.0:0.5", ("normal", 0.7, 0.1)])
def test_every_reading_gives_probabilities_above_the_floor(name):
    bins = initial_bins(name)
    assert bins.sum() == pytest.approx(1)
    assert bins.min() > 0.9e-15


def test_normal_high_sits_in_the_last_bin_and_normal_low_around_its_mean():
    high, low = initial_bins("normal_high"), initial_bins("normal_low")
    # Ratio of the normal density N(1.6, .04) at the last two centres, by hand: exp(-6.85).
    assert 0.998 < high[-1] < 1
    assert high[-2] / high[-1] == pytest.approx(
        np.exp(-((1.6 - CENTRES[-2]) ** 2 - (1.6 - CENTRES[-1]) ** 2) / (2 * 0.04**2))
    )
    assert low @ CENTRES == pytest.approx(0.5, abs=0.005)


def test_the_softmax_reading_depends_on_its_generator_only():
    bins = [initial_bins("softmax_normal:2", np.random.default_rng(s)) for s in (1, 1, 2)]
    assert np.array_equal(bins[0], bins[1])
    assert not np.array_equal(bins[0], bins[2])


@pytest.mark.parametrize(("multipliers", "steps"), [((0.8, 1, 1.25), 78), ((0.5, 1, 1.5), 32)])
def test_a_bin_on_the_floor_starves_as_long_as_the_bound_says(multipliers, steps):
    start = np.full(NUM_BINS, 1e-15)
    start[-1] = 1.0
    assert steps_to_unstarve(start, 0, multipliers) == steps
    # The fastest way: the starved bin up, the largest down. Count steps until it is the largest.
    bins = DistanceBins(start, multipliers, tilt=0.1)
    actions = np.ones(NUM_BINS, dtype=np.int64)
    actions[0], actions[-1] = 2, 0
    taken = 0
    while bins.probabilities[0] < bins.probabilities[-1]:
        bins.scale(actions)
        taken += 1
    assert taken == steps


@given(st.lists(st.integers(0, 2), min_size=29, max_size=29), st.integers(1, 400))
def test_bins_stay_probabilities_however_long_they_are_pushed(actions, repeats):
    bins = DistanceBins(initial_bins("normal_avg"), (0.5, 1, 1.5), tilt=0.1)
    for _ in range(repeats):
        bins.scale(np.array(actions))
    assert np.all(bins.probabilities >= 0)
    assert bins.probabilities.sum() == pytest.approx(1)


def test_tilting_moves_the_mean_distance_and_back():
    bins = DistanceBins(initial_bins("random"), (0.5, 1, 1.5), tilt=0.1)
    middle = bins.mean_distance
    bins.shift(0)
    assert bins.mean_distance < middle
    bins.shift(2)
    assert bins.mean_distance == pytest.approx(middle)
    bins.shift(2)
    assert bins.mean_distance > middle
    assert bins.entropy < np.log(NUM_BINS)


def test_an_item_weighs_what_its_bin_does_however_many_share_it():
    # Anchor 0 sees two items in bin 0 (one of them itself) and one item in the last bin.
    distances = np.array([[0.0, 0.05, 1.5], [0.05, 0.0, 1.5], [1.5, 1.5, 0.0]])
    bins = np.full(NUM_BINS, 1e-9)
    bins[0], bins[-1] = 0.25, 0.75
    everyone = item_probabilities(distances, bins)
    assert everyone[0] == pytest.approx([0.2, 0.2, 0.6])
    others = item_probabilities(distances, bins, ~np.eye(3, dtype=bool))
    assert others[0] == pytest.approx([0, 0.25, 0.75])


@pytest.mark.parametrize(
    ("distribution", "message"),
    [
        ("normal_hihg", "initial_distribution='normal_hihg' is unknown; choose one of"),
        (("normal", 1.0), "is unknown; choose one of"),
        (("normal", "wide", 1.0), "is unknown; choose one of"),
        ("normal:1.0:0", r"spread=0.0 must"),
        ("normal:7:1", r"mean=7.0 must"),
        ("softmax_normal:1", "needs a random generator"),
    ],
)
def test_refuses_distributions_it_does_not_know(distribution, message):
    with pytest.raises(ValueError, match=message):
        initial_bins(distribution)


@pytest.mark.parametrize(
    "multipliers", [(1, 1, 1), (0.5, 1), (1.5, 1, 0.5), (0, 1, 2), ("a", 1, 2)]
)
def test_refuses_multipliers_that_cannot_move(multipliers):
    with pytest.raises(ValueError, match="must be three positive ascending numbers, not all alike"):
        DistanceBins(initial_bins("random"), multipliers, tilt=0.1)
