"""The laws of sampled escapes against simulated REINFORCE, pull by pull, on fixed seeds."""

import math

import numpy as np
import pytest

from agents.simulation import sampled_escape_times, simulate
from gw_envs.theory import noisy_wrong_arms_law, sampled_escape_law


def start(x0, k):
    return np.log([x0] + [(1 - x0) / (k - 1)] * (k - 1))


def pulls(rewards, eta, x0, n, seed, **arguments):
    theta = np.tile(start(x0, len(rewards)), (n, 1))
    return simulate(
        rewards, theta, gradient="sampled", learning_rate=eta, max_updates=10**9,
        seed=seed, escape_prob=0.1, **arguments,
    ).escape_time  # fmt: skip


def check_quantiles(times, law, slack):
    """Shares below the law's 10, 50, 90 % points, within 4 standard errors and the slack."""
    for q in (0.1, 0.5, 0.9):
        share = np.mean(times <= law.quantile(q))
        assert abs(share - q) < 4 * math.sqrt(q * (1 - q) / times.size) + slack, q


CONSTANT_5 = {"baseline": "constant", "baseline_value": 0.5}
CONSTANT_7 = {"baseline": "constant", "baseline_value": 0.7}
BERNOULLI = {"reward_noise": "bernoulli"}
SETTINGS = [
    # rewards, eta, options, T x0 and standard deviation / mean of the page's table
    ([1, 0], 0.4, {}, 1.816, 0.616),
    ([0.7, 0.5], 0.4, CONSTANT_5, 6.763, 0.283),
    ([0.7, 0.5], 0.1, {}, 32.64, None),
    ([0.7, 0.5], 0.4, {"baseline": "value"}, None, 0.283),
    ([0.7, 0.5], 0.4, {"baseline": "oracle"}, None, None),
    ([0.7, 0.5], 0.2, {"baseline": "value", **BERNOULLI}, None, None),
    ([0.7, 0.5], 0.1, BERNOULLI, None, None),
    ([0.7, 0.5, 0.5, 0.5], 0.4, {"baseline": "value"}, None, None),
    ([0.7, 0, 0, 0], 0.4, BERNOULLI, None, None),
]


@pytest.mark.parametrize("rewards, eta, options, mean, variation", SETTINGS)
def test_law_of_single_pulls(rewards, eta, options, mean, variation):
    """1,500 runs from x0 = 1e-3, whose correction is below half a percent."""
    law = sampled_escape_law(rewards, 1e-3, eta, **options)
    assert abs(law.correction) < 0.006
    assert mean is None or law.functional.mean == pytest.approx(
        mean, abs=10 ** -(4 - len(str(int(mean))))
    )
    assert variation is None or law.functional.variation == pytest.approx(variation, abs=5e-4)
    times = pulls(rewards, eta, 1e-3, 1500, 1, **options)
    assert abs(times.mean() - law.mean) < 4 * times.std() / math.sqrt(times.size)
    check_quantiles(times, law, 0.005)


@pytest.mark.parametrize("options", [CONSTANT_7, {"baseline": "optimal"}])
def test_a_baseline_at_the_best_reward_is_a_clock(options):
    law = sampled_escape_law([0.7, 0.5], 1e-3, 0.4, **options)
    times = pulls([0.7, 0.5], 0.4, 1e-3, 200, 2, **options)
    assert law.std == 0 and law.functional.mean == pytest.approx(6.25)
    assert times.mean() == pytest.approx(law.mean, rel=1e-3)
    assert times.std() < 0.002 * times.mean()


def test_gaussian_rewards_have_a_tail_of_their_own():
    """psi(2) = 0 at eta sigma^2 = Delta/2: the variance is infinite there, the mean is not."""
    options = {"baseline": "value", "reward_noise": "gaussian", "noise_std": 1.0}
    law = sampled_escape_law([0.7, 0.5], 1e-3, 0.1, **options)
    assert law.tail_index == pytest.approx(2.0, abs=1e-9)
    assert 2 * 0.1 * 0.2 * 2 - 2 * 0.1**2 * 4 == 0.0  # E exp(-2 X) = 1 in closed form
    check_quantiles(pulls([0.7, 0.5], 0.1, 1e-3, 600, 3, **options), law, 0.006)


def test_infinite_mean_below_the_old_threshold():
    """2 eta r_2 = .6 < 1, yet 2 eta r_2 >= 1 - exp(-2 eta r_1) = .568."""
    law = sampled_escape_law([0.7, 0.5], 1e-5, 0.6)
    assert law.has_infinite_mean and math.isinf(law.mean) and math.isinf(law.std)
    assert law.tail_index == pytest.approx(0.8517, abs=1e-4)
    times = sampled_escape_times([0.7, 0.5], start(1e-5, 2), 0.6, 200_000, seed=3)
    check_quantiles(times, law, 0.002)
    far = [law.quantile(q) for q in (0.99, 0.999)]
    assert np.mean(times > far[0]) == pytest.approx(0.01, rel=0.1)
    assert np.mean(times > far[1]) == pytest.approx(0.001, rel=0.3)
    assert np.median(times) * 1e-5 == pytest.approx(7.69, abs=0.01)


@pytest.mark.parametrize("noise, edge", [("none", 0.511), ("bernoulli", 0.358)])
def test_where_the_mean_becomes_infinite(noise, edge):
    """Rewards (.7, .5), no baseline: the eta from which it is."""
    finite, infinite = (
        sampled_escape_law([0.7, 0.5], 1e-6, eta, reward_noise=noise)
        for eta in (edge - 0.001, edge + 0.001)
    )
    assert not finite.has_infinite_mean and infinite.has_infinite_mean


def test_the_scale_makes_the_mean_right_to_the_next_order():
    """From x0 = .01 the plain limit is off by 10 %, the corrected one by 2."""
    law = sampled_escape_law([0.7, 0.5], 1e-2, 0.4, **CONSTANT_5)
    times = pulls([0.7, 0.5], 0.4, 1e-2, 10_000, 4, **CONSTANT_5)
    assert times.mean() == pytest.approx(law.mean, rel=0.02)
    assert times.mean() < 0.96 * law.functional.mean / 1e-2


# --- three arms, noisy wrong pulls ----------------------------------------------------------------


@pytest.mark.parametrize(
    "x0, printed, n",
    [
        (1e-2, 2860, 400),
        pytest.param(3e-3, 15557, 600, marks=pytest.mark.slow),
        pytest.param(1e-3, 110471, 600, marks=pytest.mark.slow),
    ],
)
def test_medians_among_equal_noisy_wrong_arms(x0, printed, n):
    """K = 3, Bernoulli (.7, .5, .5), value baseline, eta = .2, no small step: above the law."""
    times = pulls([0.7, 0.5, 0.5], 0.2, x0, n, 5, baseline="value", **BERNOULLI)
    law = noisy_wrong_arms_law([0.7, 0.5, 0.5], x0, 0.2)
    half = 2 * math.sqrt(n) / n  # 4 standard errors of the share below a median
    low, high = np.quantile(times, [0.5 - half, 0.5 + half])
    assert low <= printed <= high
    assert 0.8 < np.median(times) / law.median < 1.35


def test_mean_of_three_arms_with_large_steps():
    """r = (1, .5, .5), eta = .3, x0 = 1e-3: 1.4 times the mean of the small-step law."""
    law = noisy_wrong_arms_law([1, 0.5, 0.5], 1e-3, 0.3)
    times = pulls([1, 0.5, 0.5], 0.3, 1e-3, 800, 6, baseline="value", **BERNOULLI)
    error = times.std() / math.sqrt(times.size)
    assert abs(times.mean() - law.mean) < 4 * error
    assert times.mean() - (law.noise_scale / 3 + law.drift_time) > 4 * error


@pytest.mark.slow
def test_mean_of_four_arms():
    """r = (1, .5, .5, .5), eta = .3, x0 = 1e-3: the constant of x0^-3, 800 runs."""
    law = noisy_wrong_arms_law([1, 0.5, 0.5, 0.5], 1e-3, 0.3)
    assert law.exponent == 3 and law.noise_mean == pytest.approx(222_066, abs=1)
    times = pulls([1, 0.5, 0.5, 0.5], 0.3, 1e-3, 800, 6, baseline="value", **BERNOULLI)
    error = times.std() / math.sqrt(times.size)
    print(f"mean {times.mean():.0f} +- {error:.0f}, law {law.mean:.0f}")
    assert abs(times.mean() - law.mean) < 3 * error


@pytest.mark.slow
def test_constant_of_three_arms_by_simulation():
    """r = (1, .5, .5), eta = .1, x0 = 1e-4: the mean of W is 1/3, not the 1/4 of a free Bessel."""
    law = noisy_wrong_arms_law([1, 0.5, 0.5], 1e-4, 0.1)
    times = pulls([1, 0.5, 0.5], 0.1, 1e-4, 500, 6, baseline="value", **BERNOULLI)
    error = times.std() / math.sqrt(times.size)
    print(f"mean {times.mean():.0f} +- {error:.0f}, law {law.mean:.0f}")
    assert abs(times.mean() - law.mean) < 3 * error
    assert times.mean() - (law.noise_scale / 4 + law.drift_time) > 3 * error
    check_quantiles(times, law, 0.03)
