"""The storm over the statistics of `experiments.analysis`."""

import pytest

from experiments.analysis import estimates, sign_flips
from experiments.analysis.plateaus import update_grid
from experiments.analysis.statistics import (
    bootstrap_iqm,
    compare_pairs,
    iqm,
    kaplan_meier,
    log_log_slope,
    log_rank,
)
from tests.invalid.storm import INF, NAN, NO_COUNT, refused, spoil

TIMES = ("x", None, [], [NAN, 1.0], [-1.0, 2.0], [INF, 1.0], ["1", "2"], [[1.0, 2.0]], 5, {}, [1.0])
CUTS = (
    "no",
    None,
    [],
    ["no", "yes"],
    [NAN, 0],
    [5, 0],
    [0.5, 1],
    [None, True],
    1,
    {},
    [True],
    [-1, 0],
)
NO_SHARE = ("0.9", None, True, NAN, 0, 1, -1, [], 95)
NO_VALUES = ("x", None, [], [NAN], [INF], ["1"], {}, [True, False], [None])
PAIR = {"times": [1.0, 2.0], "censored": [False, True]}
PAIRS = {**PAIR, "other_times": [2.0, 3.0], "other_censored": [False, False]}
OTHERS = {"times": TIMES, "censored": CUTS, "other_times": TIMES[:-1], "other_censored": CUTS}
CURVE = kaplan_meier([1.0, 2.0], [False, True])
SEEDS = [[0.1, 0.2], [0.3, 0.1], [0.2, 0.2]]

TABLE = [
    (kaplan_meier, PAIR, {"times": TIMES, "censored": CUTS, "confidence": NO_SHARE}),
    (log_rank, PAIRS, OTHERS),
    (compare_pairs, PAIRS, {**OTHERS, "confidence": NO_SHARE}),
    (CURVE.quantile, {}, {"q": NO_SHARE}),
    (iqm, {}, {"values": NO_VALUES}),
    (
        bootstrap_iqm,
        {"scores": [[0.1, 0.2], [0.3]]},
        {
            "scores": (5, "x", None, [], [[]], [[NAN]], [["1"]], {}, [5, "x"], [[True]]),
            "confidence": NO_SHARE,
            "resamples": (*NO_COUNT, 0, 10**13),
            "seed": NO_COUNT,
        },
    ),
    (
        log_log_slope,
        {"x": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 3.0]},
        {
            "x": ("x", None, [], [1, 2], [1, 1, 1], [0, 1, 2], [NAN, 1, 2], ["1", 2, 3], {}),
            "y": ("x", None, [], [1, 2], [0, 1, 2], [INF, 1, 2], ["1", 2, 3], {}),
            "confidence": NO_SHARE,
        },
    ),
    (estimates.mean, {"values": [1.0, 2.0]}, {"values": NO_VALUES, "confidence": NO_SHARE}),
    (
        estimates.quantile,
        {"values": [1.0, 2.0], "q": 0.5},
        {"values": NO_VALUES, "q": NO_SHARE, "confidence": NO_SHARE},
    ),
    (
        estimates.share,
        {"hits": 2, "trials": 5},
        {"hits": (*NO_COUNT, 6), "trials": NO_COUNT, "confidence": NO_SHARE},
    ),
    (
        estimates.share_difference,
        {"hits": 2, "trials": 5, "other_hits": 1, "other_trials": 5},
        {"hits": (*NO_COUNT, 6), "other_hits": (*NO_COUNT, 6), "other_trials": NO_COUNT},
    ),
    (
        estimates.median_ratio,
        {"values": [1.0, 2.0], "others": [1.0, 3.0]},
        {
            "values": NO_VALUES,
            "others": NO_VALUES,
            "confidence": NO_SHARE,
            "resamples": (*NO_COUNT, 0),
            "seed": NO_COUNT,
        },
    ),
    (
        estimates.slope,
        {"x": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 3.0]},
        {"x": ("x", None, [], [1, 1, 1], [NAN, 1, 2]), "y": ("x", None, [], [NAN, 1, 2])},
    ),
    (estimates.each_of, {"count": 2}, {"count": (*NO_COUNT, 0), "confidence": NO_SHARE}),
    (
        sign_flips.sign_flip_p_values,
        {"differences": SEEDS},
        {"differences": ("x", None, [], [[NAN]], [["1"]], [[1.0], [1.0, 2.0]], {}, 5)},
    ),
    (sign_flips.sign_flip_p_values, {"differences": SEEDS}, {"center": ("x", None, NAN, [])}),
    (
        sign_flips.simultaneous,
        {"differences": SEEDS},
        {"differences": ("x", None, [], [[NAN]], 5), "confidence": NO_SHARE},
    ),
    (update_grid, {"last": 50}, {"last": NO_COUNT, "points": (*NO_COUNT, 0)}),
]


@pytest.mark.parametrize(("call", "name"), spoil(TABLE))
def test_statistics(call, name):
    refused(call, name)


def test_groups_without_an_escape():
    refused(lambda: log_rank([1.0], [True], [2.0], [True]), "censored")
