"""A smaller form of `python -m benchmarks groups`, on settings and seeds of its own."""

from collections import Counter

import numpy as np
import pytest

from benchmarks import groups
from benchmarks.groups.labelled import LABELS, make_log
from benchmarks.groups.training import ANSWERS, Tables, start_logits


def test_a_table_moves_by_the_mean_of_score_times_log_gradient():
    """One group by hand: the right answer once among the group, Dr. GRPO."""
    tables = Tables(start_logits(0.2, 1), "dr-grpo", 4, 0.5, np.random.default_rng(3))
    before, pi = tables.theta.copy(), tables.policy()[0]
    again = np.random.default_rng(3).random((4, 1))
    answers = np.minimum((pi.cumsum() < again).sum(axis=1), ANSWERS - 1)
    rewards = tables.step()[0]
    assert rewards.tolist() == (answers == 0).tolist()
    score = rewards - rewards.mean()
    move = sum(s * (np.eye(ANSWERS)[a] - pi) for s, a in zip(score, answers, strict=True))
    assert tables.theta[0] - before[0] == pytest.approx(0.5 * move / 4, abs=1e-14)
    assert 0 < rewards.sum() < 4


@pytest.mark.slow
def test_medians_are_within_a_factor_of_one_and_a_half():
    cases = [(rule, size, x0) for rule in groups.RULES for size in (4, 16) for x0 in (3e-3, 0.05)]
    found = [groups.known_start(*case, trainings=60, seed=1) for case in cases]
    ratios, shares = np.array(found).T
    assert np.mean(np.maximum(ratios, 1 / ratios) <= 1.5) >= 0.9
    assert 0.8 < np.median(ratios) < 1.25
    assert shares.mean() > 0.93  # of 960 trainings


@pytest.mark.slow
def test_intervals_cover_as_often_as_they_say():
    counts = np.array([groups.coverage(groups.RULES[i % 4], 1000 + i) for i in range(24)])
    success, held, waits, inside = counts.sum(axis=0)
    assert held / success >= 0.92 and inside / waits >= 0.93  # 384 and about 30, both conservative


@pytest.mark.slow
def test_verdicts_are_right_or_unclear():
    found = Counter()
    for label in LABELS:
        verdict = make_log(label, 100).monitor.report().verdict
        found["right" if verdict == label else "unclear" if verdict == "unclear" else "wrong"] += 1
    assert found["right"] >= 5 and found["wrong"] == 0
