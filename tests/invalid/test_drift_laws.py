"""The storm over drift laws and their fitting."""

import numpy as np
import pytest

from gw_envs import drift_law, fit_drift
from gw_envs.drift import AR1, Abrupt, Constant, Linear, Logistic, Saturating, Seasonal, Sum, Well
from tests.invalid.storm import INF, NAN, NO_COUNT, NO_NUMBER, refused, spoil

NO_CLIP = ({0, 1}, 0.5, "yes", [0.5, 0.2], [0, 2], [NAN, 1], ["0", "1"], [0.1], None, [0, 1, 2])
NO_TIME = (*NO_NUMBER, 0, -1)  # no width, period or time constant
LINEAR = {"start": 0.3, "slope": 0.001}
T = np.arange(20)
TABLE = [
    (Constant, {"value": 0.3}, {"value": NO_NUMBER, "clip": NO_CLIP}),
    (Linear, LINEAR, {"start": NO_NUMBER, "slope": NO_NUMBER, "clip": NO_CLIP}),
    (
        Saturating,
        {"start": 0, "end": 1, "time_constant": 5},
        {"start": NO_NUMBER, "end": NO_NUMBER, "time_constant": NO_TIME},
    ),
    (
        Logistic,
        {"start": 0, "end": 1, "midpoint": 5, "width": 2},
        {"midpoint": NO_NUMBER, "width": NO_TIME},
    ),
    (
        Well,
        {"start": 1, "depth": 1, "fall_time": 5, "gain": 1, "recovery": 9, "recovery_width": 2},
        {"depth": NO_NUMBER, "fall_time": NO_TIME, "gain": NO_NUMBER, "recovery_width": NO_TIME},
    ),
    (
        Abrupt,
        {"times": [3], "levels": [0, 1]},
        {
            "times": ("x", 3, None, [3, 2], [0], [NAN], ["3"], [[3]], [[3], [3, 4]], {3}, b"3"),
            "levels": ("x", 3, None, [0], [0, 1, 2], [0, NAN], [0, "1"], {}, {0, 1}, b"01"),
        },
    ),
    (
        Seasonal,
        {"mean": 0.5, "amplitude": 0.1, "period": 9},
        {"mean": NO_NUMBER, "amplitude": NO_NUMBER, "period": NO_TIME, "phase": NO_NUMBER},
    ),
    (
        AR1,
        {"base": 0.5, "std": 0.1},
        {
            "base": ("x", None, [], {}, True, NAN),
            "std": (*NO_NUMBER, -1),
            "correlation": (*NO_NUMBER, 1, -1),
        },
    ),
    (Sum, {}, {"terms": (0.3, "x", None, [], [0.3, "x"], {}, [NAN], {0.1}, b"1")}),
    (
        drift_law,
        {},
        {"drift": ()},
    ),
    (
        Linear(**LINEAR).values,
        {},
        {"t": ("x", None, [0, -1], [NAN], INF, {}, [[1], [1, 2]], [True])},
    ),
    (
        Linear(**LINEAR).values,
        {"t": 1.0},
        {"seed": (*NO_COUNT, "x")},
    ),
    (
        Linear(**LINEAR).tabulate,
        {"horizon": 5},
        {"horizon": (*NO_COUNT, 10**13), "seed": NO_COUNT},
    ),
    (
        fit_drift,
        {"t": T, "values": 0.1 + 0.01 * T},
        {
            "t": ("x", None, T[:5], T[::-1], T - 1, T + 100, [NAN] * 20, 5, {}),
            "values": ("x", None, T[:5], [NAN] * 20, ["0.1"] * 20, 5, {}, [True] * 20),
            "families": ("well", [], ["wel"], [5], None, 5),
            "start": ("high", NAN, True, [], 10**400),
        },
    ),
]


@pytest.mark.parametrize(("call", "name"), spoil(TABLE))
def test_laws(call, name):
    refused(call, name)


@pytest.mark.parametrize(
    "form",
    [
        "well",
        None,
        True,
        NAN,
        INF,
        [],
        {},
        {"law": "nope"},
        {"law": None},
        {"law": ["linear"]},
        {"law": "linear"},
        {"law": "linear", **LINEAR, "nope": 1},
        {"value": 0.3},
        {5: 0.3},
        10**400,
        ...,
    ],
    ids=str,
)
def test_forms_of_laws(form):
    refused(lambda: drift_law(form), "drift")


@pytest.mark.parametrize("other", ["x", None, {}, NAN, True])
def test_sums_of_laws(other):
    refused(lambda: Constant(0.3) + other, "drift")
    refused(lambda: other + Constant(0.3), "drift")
