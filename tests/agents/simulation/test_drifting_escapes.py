"""Escapes under drift, over several states, with schedules: each state's count is that of every
update made one by one, and an answer that is not the count does not call itself exact."""

import numpy as np
import pytest

from agents.jumping_pg import JumpingPG
from agents.softmax_pg import SoftmaxPG

BUDGET = 4_000


def random_instance(rng):
    """A drifting ASRWell, its start and a rule; laws smooth or piecewise, discount 0 or .5."""
    horizon = int(rng.integers(20, 600))
    level, depth = rng.uniform(0.35, 0.6), rng.uniform(0, 0.15)
    period, middle = rng.uniform(40, 4 * horizon), rng.uniform(1, horizon)
    laws = [
        {"law": "saturating", "start": level, "end": level - depth, "time_constant": period},
        {"law": "seasonal", "mean": level, "amplitude": depth, "period": period},
        {"law": "logistic", "start": level, "end": level - depth, "midpoint": middle, "width": 9.0},
        {"law": "abrupt", "times": [middle], "levels": [level, level - depth]},
        {"law": "linear", "start": level, "slope": 2 / horizon, "clip": (0.0, level + depth)},
        {"law": "ar1", "base": level, "std": 0.01, "clip": True},
    ]
    env = {
        "drift": laws[rng.integers(len(laws))],
        "reward_gaps": rng.uniform(0.1, 0.25, 3).tolist(),
        "drift_horizon": horizon,
        "drift_seed": int(rng.integers(1000)),
        "discount": float(rng.choice([0.0, 0.5])),
        "premise": "ignore",
    }
    policy = rng.dirichlet(np.ones(3), 3)
    best = np.array([0, 1, 2])  # harder, keep, easier
    policy[range(3), best] = 10 ** rng.uniform(-2.2, -0.8, 3)
    others = policy.copy()
    others[range(3), best] = 0
    others *= (1 - policy[range(3), best])[:, None] / others.sum(axis=1, keepdims=True)
    others[range(3), best] = policy[range(3), best]
    update = str(rng.choice(["softmax-pg", "natural-pg", "delightful-pg", "log-barrier-pg"]))
    rate = float(rng.uniform(0.5, 2))
    return env, {"policy": others, "update": update, "learning_rate": rate}


def check(seed, monkeypatch=None, horizon=None):
    env, agent = random_instance(np.random.default_rng(seed))
    jumping = JumpingPG("ASRWell-v0", env, **agent)
    jumping.learn(BUDGET)
    direct = SoftmaxPG("ASRWell-v0", env, **agent)
    direct.learn(BUDGET, record_at=[])
    counts = direct.detector.escape_time[0]
    found = np.where(jumping.escape.censored, -1, jumping.escape.steps)
    wrong = found != counts
    assert not np.any(wrong & jumping.escape.is_exact), (seed, env, agent, found, counts)
    np.testing.assert_array_equal(found, counts, err_msg=f"{seed}: {env} {agent}")
    np.testing.assert_array_equal(jumping.detector.escape_time[0], counts)


@pytest.mark.parametrize("seed", range(12))
def test_drifting_wells_are_left_when_direct_iteration_leaves_them(seed):
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12, 200))
def test_more_drifting_wells(seed):
    check(seed)


@pytest.mark.parametrize("seed", [3, 5, 8, 13, 21, 34])
def test_smooth_drift_is_jumped_over(seed, monkeypatch):
    """The same, with no horizon short enough to be made update by update."""
    monkeypatch.setattr("agents.simulation.motion.SHORT_DRIFT", 0)
    check(seed)
