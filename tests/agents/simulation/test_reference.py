"""The kernels against plain numpy: every mode, update by update, on problems drawn at random."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.simulation import simulate
from agents.simulation.kernels.counters import mix, stream_state, uniform
from tests.agents.simulation.reference import simulate_reference


def assert_same(ours, reference, rtol=1e-11):
    np.testing.assert_array_equal(ours.escape_time, reference.escape_time)
    np.testing.assert_allclose(ours.final_theta, reference.final_theta, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(ours.lowest_optimal_prob, reference.lowest_optimal_prob, rtol=1e-9)
    if reference.history is not None:
        np.testing.assert_array_equal(ours.history.updates, reference.history.updates)
        np.testing.assert_allclose(
            ours.history.theta, reference.history.theta, rtol=rtol, atol=rtol
        )


def problem(seed, batch, arms):
    rng = np.random.default_rng(seed)
    theta = rng.normal(scale=2.0, size=(batch, arms))
    theta[:, 0] -= 2.0
    rewards = rng.random((batch, arms))
    return rewards, theta


def both(rewards, theta, **options):
    return simulate(rewards, theta, **options), simulate_reference(rewards, theta, **options)


@given(
    seed=st.integers(0, 2**32 - 1),
    batch=st.integers(1, 70),
    arms=st.integers(2, 12),
    learning_rate=st.floats(1e-3, 5.0),
    stop=st.booleans(),
    by_prob=st.booleans(),
)
@settings(max_examples=25)
def test_exact_gradients(seed, batch, arms, learning_rate, stop, by_prob):
    rewards, theta = problem(seed, batch, arms)
    assert_same(
        *both(
            rewards,
            theta,
            learning_rate=learning_rate,
            max_updates=60,
            stop_at_escape=stop,
            escape_prob=0.3 if by_prob else None,
            history=9,
        )
    )


@pytest.mark.parametrize("learning_rate", [50.0, 1e4])
def test_steps_too_large_for_a_flow(learning_rate):
    rewards, theta = problem(3, 20, 5)
    options = {"learning_rate": learning_rate, "max_updates": 40, "stop_at_escape": False}
    ours, reference = both(rewards, theta, **options)
    np.testing.assert_array_equal(ours.escape_time, reference.escape_time)
    np.testing.assert_allclose(ours.final_policy, reference.final_policy, rtol=1e-8, atol=1e-300)


BASELINES = [("none", None), ("value", None), ("average", None), ("optimal", None)]
BASELINES += [("constant", 0.3), ("oracle", None)]


@pytest.mark.parametrize(("baseline", "value"), BASELINES)
@pytest.mark.parametrize("noise", ["none", "bernoulli", "gaussian"])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_sampled_gradients(baseline, value, noise, batch_size):
    rewards, theta = problem(9, 67, 5)
    options = {"learning_rate": 0.5, "max_updates": 80, "history": 6, "gradient": "sampled"}
    options |= {"baseline": baseline, "baseline_value": value, "reward_noise": noise, "seed": 3}
    options |= {"noise_std": 0.2 if noise == "gaussian" else 0.0, "batch_size": batch_size}
    assert_same(*both(rewards, theta, **options), rtol=1e-9)


def test_sampled_gradients_in_a_deep_well():
    # 1 - pi of the dominant arm is 3e-13 here: as a difference it would keep three digits.
    theta = np.log([[1e-13, 1 - 3e-13, 2e-13]])
    options = {"learning_rate": 0.5, "max_updates": 200, "gradient": "sampled", "seed": 1}
    ours, reference = both([1.0, 0.5, 0.2], theta, **options)
    np.testing.assert_allclose(ours.moved, reference.moved, rtol=1e-11)
    # Only the dominant arm is drawn: each update moves it by eta r (1 - pi).
    np.testing.assert_allclose(ours.moved[0, 1], 200 * 0.5 * 0.5 * 3e-13, rtol=1e-9)


def test_random_numbers_are_splitmix64():
    # The published first outputs of splitmix64 from state 1234567.
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    weyl = 0x9E3779B97F4A7C15
    states = np.array([(1234567 + (i + 1) * weyl) % 2**64 for i in range(3)], dtype=np.uint64)
    assert [int(z) for z in mix(states)] == published
    drawn = uniform(np.array([1234567], dtype=np.uint64), np.array([1], dtype=np.uint64))
    assert np.ravel(drawn)[0] == pytest.approx(published[1] / 2**64, rel=1e-15)


def test_random_numbers_look_uniform_and_streams_differ():
    streams = stream_state(np.uint64(7), np.arange(200, dtype=np.uint64))
    drawn = np.stack([uniform(streams, np.array([i], dtype=np.uint64)) for i in range(2000)])
    assert drawn.min() > 0 and drawn.max() <= 1
    assert abs(drawn.mean() - 0.5) < 4 * np.sqrt(1 / 12 / drawn.size)
    correlation = np.corrcoef(drawn.T)[np.triu_indices(200, 1)]
    assert np.abs(correlation).max() < 5 / np.sqrt(2000)
    serial = np.corrcoef(drawn[1:].ravel(), drawn[:-1].ravel())[0, 1]
    assert abs(serial) < 4 / np.sqrt(drawn.size)
