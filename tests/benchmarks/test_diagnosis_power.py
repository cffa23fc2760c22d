"""What the benchmark of the diagnosis's promises counts."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.diagnosis.cases import Case, corner
from benchmarks.diagnosis.power import power_of, updates_over_made


def row(verdict: str, visible: float) -> Any:
    case = Case("corner", "well", "SoftmaxWell-v0", None, advantage=lambda _: 0.1)
    return case, SimpleNamespace(verdict=verdict, smallest_visible=visible)


def test_only_no_better_action_below_the_truth_is_beyond_the_power() -> None:
    rows = [row("no_better_action", v) for v in (0.05, 0.1, 0.2, 0.3)] + [row("well", 0.0)]
    result = power_of("share", rows)
    assert result.value == 25
    assert result.met is False
    assert power_of("share", [row("unclear", 0.0)]).value is None


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_ratios_count_the_updates_that_are_made(factor: float) -> None:
    # two arms: z = theta_0 - theta_1 grows by 2 eta Delta p (1-p), p = 1/(1+exp(-z))
    case = Case("corner", "well", "SoftmaxWell-v0", corner(2, 0.01), {"num_actions": 2})
    z, count = float(np.log(0.01 / 0.99)), 0
    while (p := 1 / (1 + np.exp(-z))) <= 0.1:
        z += 2 * 0.4 * 0.2 * p * (1 - p)
        count += 1
    assert updates_over_made(case, 0.4, {0: (0, factor * count)}) == [factor]
