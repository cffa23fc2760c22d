import numpy as np
import pytest

from agents.simulation import jump_history

WIDE = np.linspace(1, 0.5, 6)


def test_history_states_are_those_of_the_updates():
    theta, rewards, eta = np.array([-6.0, 0.0, 0.5, 0.1]), np.array([1, 0.7, 0.4, 0.6]), 0.3
    history = jump_history(rewards, theta, eta, max_updates=20_000)
    logits, n = theta.copy(), 0
    for target, state, logs, loss in zip(
        history.updates,
        history.theta,
        history.log_policy,
        history.suboptimality,
        strict=True,
    ):
        while n < target:
            policy = np.exp(logits - logits.max())
            policy /= policy.sum()
            logits += eta * policy * (rewards - policy @ rewards)
            n += 1
        policy = np.exp(logits) / np.exp(logits).sum()
        np.testing.assert_allclose(state, logits, atol=1e-9)
        np.testing.assert_allclose(logs, np.log(policy), atol=1e-9)
        assert loss == pytest.approx(policy @ (1 - rewards), abs=1e-9)
    assert n == 20_000 and history.updates[0] == 0


def test_history_of_a_deep_plateau_shows_the_escape():
    history = jump_history(WIDE, np.log([2.8e-4] + [(1 - 2.8e-4) / 5] * 5), 0.5, None, 7)
    escape = history.escape.steps
    assert history.updates[-1] == 10 * escape > 1e16
    assert np.diff(np.log10(history.updates[8:])).max() < 1.2 / 7
    inside = history.suboptimality >= 0.9 * 0.1
    assert np.all(inside[history.updates < 0.999 * escape])
    assert not np.any(inside[history.updates > 1.001 * escape])
    np.testing.assert_allclose(history.policy.sum(axis=1), 1, rtol=1e-14)
    # two arms: T - 1 and T are among the updates, on either side of the edge
    history = jump_history([1, 0.5], np.log([1e-5, 1 - 1e-5]), 0.5)
    at = int(np.searchsorted(history.updates, history.escape.steps))
    assert history.updates[at - 1 : at + 1].tolist() == [history.escape.steps - 1, 200023]
    assert history.policy[at - 1, 0] < 0.1 < history.policy[at, 0]


def test_censored_history_ends_where_the_solver_did():
    history = jump_history([1, 0.5], np.log([1e-9, 1 - 1e-9]), 0.5, max_updates=10**6)
    assert history.escape.censored and history.updates[-1] == 10**6
    history = jump_history(WIDE, np.zeros(6), 1e-3, escape_fraction=1e-9, max_direct_updates=50)
    assert history.escape.censored == (history.escape.updates < history.updates[-1] / 9)
