"""The forks that are shipped, 3 and 24 batches per action, and what the page says of them."""

from pathlib import Path

import numpy as np
import pytest

from experiments.analysis.estimates import each_of
from experiments.drift.calibration import calibrate_well
from experiments.drift.estimates import estimate_from_forks
from experiments.drift.fork_table import SHIPPED, read_forks, stored_forks

ROOT = Path(__file__).parents[3]


def row(batches):
    """Law of b(t), its R2, the rise of b, Delta(s) and the premise, as the page has them."""
    estimate = estimate_from_forks(stored_forks(batches))
    well, mean, gaps = calibrate_well(estimate), estimate.mean, estimate.gaps
    cells = [str(batches), f"{well.level_fit.family}, {well.level_fit.r2:.2f}"]
    cells.append(f"{mean.value[-1] - mean.value[0]:.3f}")
    ends = zip(gaps.value, gaps.low, gaps.high, strict=True)
    cells += [f"{value:+.4f} ({low:+.4f}, {high:+.4f})" for value, low, high in ends]
    cells.append("holds" if well.premise_failure is None else "fails")
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize("batches", SHIPPED)
def test_the_page_says_what_the_forks_give(batches):
    assert row(batches) in (ROOT / "docs" / "asr_calibration.md").read_text()


def test_both_studies_fork_the_same_number_of_states_at_the_same_batches():
    few, many = stored_forks(3), stored_forks(24)
    assert np.array_equal(few.clocks * 3, many.clocks * 24)
    assert np.array_equal(few.seeds, many.seeds)
    used = {n: read_forks(ROOT / "experiments" / "data" / SHIPPED[n])[1] for n in SHIPPED}
    assert used[24]["batches"] == 24
    assert used[24]["tilt"] == pytest.approx(8 * used[3]["tilt"])
    assert used[24]["stay_prob"] == pytest.approx(used[3]["stay_prob"] ** 8, abs=0.005)


def test_with_24_batches_harder_is_the_better_action():
    """At the first step, and at the hardest level; the numbers of the page's list."""
    many, few = (estimate_from_forks(stored_forks(n), best_actions=(0, 0, 0)) for n in (24, 3))

    def ends(interval, *where):
        return [float(part[where]) for part in (interval.value, interval.low, interval.high)]

    assert ends(many.offsets, 0, 0) == pytest.approx([0.022, 0.016, 0.028], abs=1e-3)
    assert ends(many.offsets, 0, 2) == pytest.approx([-0.021, -0.026, -0.017], abs=1e-3)
    assert ends(many.gaps, 2) == pytest.approx([0.0086, 0.0055, 0.0118], abs=5e-5)
    assert ends(many.gaps, 1) == pytest.approx([0.0033, -0.0004, 0.0070], abs=6e-5)
    assert ends(many.gaps, 0) == pytest.approx([0.0005, -0.0029, 0.0040], abs=6e-5)
    assert ends(few.gaps, 2) == pytest.approx([0.0002, -0.0011, 0.0015], abs=6e-5)
    among_thirteen = estimate_from_forks(
        stored_forks(24), best_actions=(0, 0, 0), confidence=each_of(13)
    )
    assert (among_thirteen.gaps.low > 0).tolist() == [False, False, True]
