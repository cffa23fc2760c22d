"""Sampled forms of today's rules: their expectation is the exact form, or the bias is shown; and
the times of sampled groups against the pure-birth law."""

import numpy as np
import pytest

from agents.policies import softmax
from agents.updates import Batch, SoftmaxGradient, make_rule, make_sampled_rule

RUNS = 20_000
POLICY = np.array([0.2, 0.3, 0.5])
CHANCES = np.array([0.9, 0.4, 0.1])  # of success


def draw(rng, policy, size):
    """`size` arms of each of the R policies [R, K], [R, size]."""
    edges = np.cumsum(policy, axis=-1)[:, None, :-1]
    return np.sum(rng.random((len(policy), size, 1)) >= edges, axis=-1)


def pulls(rng, policy, size, rewards=CHANCES, noise=True):
    """`size` pulls of each of the R policies [R, K] in one state; verdicts where noisy."""
    actions = draw(rng, policy, size)
    paid = rewards[actions]
    returns = (rng.random(actions.shape) < paid).astype(float) if noise else paid
    value = (policy @ rewards)[:, None, None]
    states = np.zeros((1, actions.size), dtype=int)
    actions, returns = actions.reshape(1, -1), returns.reshape(1, -1)
    return Batch(policy[:, None], states, actions, returns, value, 0.0)


def drifted(rule):
    """Parameters [K + memory] whose policy is POLICY and whose memory is not that of a start."""
    theta = rule.theta_from_policy(np.array([0.5, 0.4, 0.1]))
    theta[:3] = rule.theta_from_policy(POLICY)[:3]
    if rule.name == "count-bonus":
        theta[3:] = [0.0, 2.0, 7.0]
    if rule.name == "temperature-pg":
        theta[:3], theta[3] = np.log(POLICY) / 1.7, 1.7
    return theta


UNBIASED = [
    ("rloo", {}),
    ("dr-grpo", {}),
    ("grpo", {}),
    ("grpo", {"group_size": 3}),
    ("pass-at-k", {}),
    ("pass-at-k", {"k": 8}),
    ("max-rl", {}),
    ("max-rl", {"rollouts": 4}),
    ("kl-pg", {"temperature": 0.3}),
    ("kl-pg", {"temperature": 0.3, "estimator": "k3"}),
    ("temperature-pg", {}),
    ("count-bonus", {}),
    ("asymmetric-pg", {}),
    ("softmax-pg", {}),
]


@pytest.mark.parametrize(("name", "options"), UNBIASED)
def test_the_sampled_direction_has_the_exact_one_as_its_mean(name, options):
    """20,000 batches of 12 pulls paid in verdicts: every component within 4 standard errors."""
    rule = make_sampled_rule(name, **options)
    assert rule.unbiased
    theta = drifted(rule)
    np.testing.assert_allclose(rule.policy(theta), POLICY, rtol=1e-12)
    batch = pulls(np.random.default_rng(5), np.tile(POLICY, (RUNS, 1)), 12)
    many = np.broadcast_to(theta, (RUNS, 1, theta.size))
    sampled = rule.sampled_direction(many, batch)[:, 0]
    exact = make_rule(name, **options).direction(theta, CHANCES)
    error = sampled.std(axis=0) / np.sqrt(RUNS)
    assert np.all(np.abs(sampled.mean(axis=0) - exact) <= 4 * error)
    assert np.all(error < 0.1 * np.abs(exact).max())


def test_dynamic_sampling_is_unbiased_given_an_informative_group():
    rule = make_sampled_rule("dapo")
    batch = pulls(np.random.default_rng(6), np.tile(POLICY, (RUNS, 1)), 8, CHANCES / 5)
    theta = np.broadcast_to(np.log(POLICY), (RUNS, 1, 3))
    sampled = rule.sampled_direction(theta, batch)[:, 0]
    informative = np.ptp(batch.returns.reshape(RUNS, 8), axis=1) > 0
    assert 0.3 < informative.mean() < 0.9
    np.testing.assert_array_equal(sampled[~informative], 0)
    exact = make_rule("dapo").direction(np.log(POLICY), CHANCES / 5)
    error = sampled[informative].std(axis=0) / np.sqrt(informative.sum())
    assert np.all(np.abs(sampled[informative].mean(axis=0) - exact) <= 4 * error)
    grpo = make_sampled_rule("grpo").sampled_direction(theta, batch)[:, 0]
    np.testing.assert_allclose(sampled, grpo, atol=1e-15)  # one group: silent or the same


def test_dynamic_sampling_averages_over_what_is_left():
    """Three groups of two, the first silent: the mean over the other two."""
    returns = np.array([[1.0, 1.0, 1.0, 0.0, 0.0, 1.0]])
    actions = np.array([[0, 0, 0, 1, 2, 0]])
    zeros = np.zeros((1, 6), dtype=int)
    batch = Batch(POLICY[None, None], zeros, actions, returns, np.zeros((1, 1, 1)), 0.0)
    rule = make_sampled_rule("dapo", group_size=2)
    found = rule.sampled_direction(np.log(POLICY)[None, None], batch)[0, 0]
    arms = np.eye(3)
    expected = (arms[0] - arms[1] + arms[0] - arms[2]) / 4
    np.testing.assert_allclose(found, expected, atol=1e-15)


def test_groups_share_a_run_and_a_first_state():
    """Two runs of five episodes over two states, in groups of two; the rest counts nothing."""
    states = np.array([[0, 1, 0, 0, 0, 1, 1, 0, 1, 1]])
    policy = np.full((2, 2, 3), 1 / 3)
    flat = np.zeros((1, 10))
    batch = Batch(policy, states, flat.astype(int), flat, np.zeros((2, 2, 1)), 0.0)
    assert batch.groups(2).tolist() == [[0, 2], [3, 4], [5, 6], [8, 9]]
    assert batch.groups(4).tolist() == [[0, 2, 3, 4], [5, 6, 8, 9]]
    scored = batch.scored(lambda returns: returns + 1.0, 2)
    # Four of five episodes count, so each counts 5/4 of a fifth.
    np.testing.assert_allclose(scored.returns, 1.25 * np.array([[1, 0, 1, 1, 1, 1, 1, 0, 1, 1]]))


def test_dividing_by_the_mean_is_maximum_likelihood_of_one_rollout_less():
    """Score (R - mean)/mean, 0 without a success, as trainers offer it: the exact max-rl of G-1."""
    batch = pulls(np.random.default_rng(14), np.tile(POLICY, (RUNS, 1)), 8, CHANCES / 5)

    def score(returns):
        mean = returns.mean(axis=-1, keepdims=True)
        return (returns - mean) / np.where(mean > 0, mean, 1.0)

    sampled = batch.scored(score, 8).mean(SoftmaxGradient().estimate)[:, 0]
    exact = make_rule("max-rl", rollouts=7).direction(np.log(POLICY), CHANCES / 5)
    error = sampled.std(axis=0) / np.sqrt(RUNS)
    assert np.all(np.abs(sampled.mean(axis=0) - exact) <= 4 * error)
    of_eight = make_rule("max-rl").direction(np.log(POLICY), CHANCES / 5)
    assert np.any(np.abs(sampled.mean(axis=0) - of_eight) > 4 * error)


@pytest.mark.parametrize("name", ["positive-pg", "negative-pg", "clip-cov"])
def test_one_sided_estimates_are_exact_without_noise_and_biased_with_it(name):
    rule, exact = make_sampled_rule(name), make_rule(name).direction(np.log(POLICY), CHANCES)
    assert not rule.unbiased
    value = POLICY @ CHANCES

    def expected(noise):
        total = np.zeros(3)
        for arm in range(3):
            for extra in (-noise, noise):
                reward = np.asarray(CHANCES[arm] + extra)
                total += POLICY[arm] / 2 * rule.estimate(POLICY, np.asarray(arm), reward, value)
        return total

    np.testing.assert_allclose(expected(0.0), exact, atol=1e-14)
    assert np.abs(expected(0.6) - exact).max() > 0.01


INNER = [
    ("ppo-clip", {"inner_steps": 5}),
    ("kl-cov", {"inner_steps": 5, "threshold": 0.0}),
    ("dapo", {"inner_steps": 5, "group_size": 200_000}),
]


@pytest.mark.parametrize(("name", "options"), INNER)
def test_inner_steps_on_a_large_batch_are_those_of_the_exact_form(name, options):
    """200,000 pulls; the clip and the covariance see R - b, so without noise but for DAPO, whose
    scores of verdicts are noisy: there the clips must not bind."""
    verdicts = name == "dapo"
    rate = 0.02 if verdicts else 0.5
    batch = pulls(np.random.default_rng(8), POLICY[None], 200_000, noise=verdicts)
    rule, theta = make_sampled_rule(name, **options), np.log(POLICY)
    sampled = rule.sampled_increment(theta[None, None], batch, rate)[0, 0]
    exact = make_rule(name, **options).increment(theta, CHANCES, rate)
    np.testing.assert_allclose(sampled, exact, atol=0.02 * np.abs(exact).max())
    plain = make_rule(name, **options | {"inner_steps": 1}).increment(theta, CHANCES, rate)
    assert np.abs(exact - plain).max() > 0.1 * np.abs(plain).max()


@pytest.mark.parametrize("name", ["ppo-clip", "kl-cov"])
def test_one_inner_step_is_reinforce(name):
    rule = make_sampled_rule(name, inner_steps=1)
    batch = pulls(np.random.default_rng(9), np.tile(POLICY, (50, 1)), 4)
    theta = np.broadcast_to(np.log(POLICY), (50, 1, 3))
    np.testing.assert_allclose(
        rule.sampled_increment(theta, batch, 0.3),
        SoftmaxGradient().sampled_increment(theta, batch, 0.3),
        atol=1e-15,
    )


def test_many_inner_steps_are_biased():
    """By far more than 4 standard errors over 20,000 batches of verdicts."""
    rule = make_sampled_rule("ppo-clip", inner_steps=20)
    assert not rule.unbiased
    batch = pulls(np.random.default_rng(10), np.tile(POLICY, (RUNS, 1)), 4)
    theta = np.broadcast_to(np.log(POLICY), (RUNS, 1, 3))
    sampled = rule.sampled_increment(theta, batch, 0.5)[:, 0]
    exact = make_rule("ppo-clip", inner_steps=20).increment(np.log(POLICY), CHANCES, 0.5)
    error = sampled.std(axis=0) / np.sqrt(RUNS)
    assert np.abs((sampled.mean(axis=0) - exact) / error).max() > 20


def test_a_sampled_trust_region_tends_to_the_exact_one():
    rule, theta = make_sampled_rule("trpo"), np.log(POLICY)
    assert not rule.unbiased
    exact = make_rule("trpo").increment(theta, CHANCES, 1.0)
    for size, tolerance in ((2000, 0.2), (200_000, 0.02)):
        batch = pulls(np.random.default_rng(11), POLICY[None], size)
        sampled = rule.sampled_increment(theta[None, None], batch, 1.0)[0, 0]
        np.testing.assert_allclose(sampled, exact, atol=tolerance * np.abs(exact).max())


def test_adam_steps_on_the_direction_of_the_rule_it_is_given():
    """Two sampled updates by hand, on grpo's direction."""
    rule = make_sampled_rule("adam-pg", of="grpo", of_options={"group_size": 4}, epsilon=1e-3)
    grpo = make_sampled_rule("grpo", group_size=4)
    theta = rule.theta_from_policy(POLICY[None, None])
    logits, mean, square = np.log(POLICY), np.zeros(3), np.zeros(3)
    rng = np.random.default_rng(12)
    for n in (1, 2):
        batch = pulls(rng, softmax(logits)[None], 8)
        d = grpo.sampled_direction(logits[None, None], batch)[0, 0]
        mean, square = 0.9 * mean + 0.1 * d, 0.999 * square + 0.001 * d**2
        size = np.sqrt(square / (1 - 0.999**n)) + 1e-3
        logits = logits + 0.1 * mean / (1 - 0.9**n) / size
        theta = rule.sampled_step(theta, batch, 0.1)
    expected = np.concatenate([logits, mean, square, [2.0]])
    np.testing.assert_allclose(theta[0, 0], expected, rtol=1e-12)


def test_counts_are_the_pulls_of_the_batch():
    rule = make_sampled_rule("count-bonus")
    batch = pulls(np.random.default_rng(13), POLICY[None], 50)
    theta = rule.sampled_step(rule.theta_from_policy(POLICY[None, None]), batch, 0.1)
    np.testing.assert_array_equal(theta[0, 0, 3:], np.bincount(batch.actions[0], minlength=3))


def escape_groups(rule, x0, group, runs, seed, learning_rate=1.0, arms=6):
    """Groups that each of `runs` runs draws until pi(a*) > .1; a* pays 1, the others 0.

    A group without a* moves nothing, so how many come before the next with it is drawn at once.
    """
    rng = np.random.default_rng(seed)
    policy = np.full((runs, arms), (1 - x0) / (arms - 1))
    policy[:, 0] = x0
    theta = rule.theta_from_policy(policy)[:, None]
    waited, rows = np.zeros(runs), np.arange(runs)
    while rows.size:
        pi = rule.policy(theta[rows])[:, 0]
        seen = -np.expm1(group * np.log1p(-pi[:, 0]))
        waited[rows] += rng.geometric(seen)
        # The first pull of a* comes at place j with probability (1-x)^j x, given that it comes.
        place = np.floor(np.log1p(-rng.random(rows.size) * seen) / np.log1p(-pi[:, 0]))
        wrong = pi.copy()
        wrong[:, 0] = 0.0
        others = draw(rng, wrong / wrong.sum(axis=1, keepdims=True), group)
        actions = np.where(np.arange(group) < place[:, None], others, draw(rng, pi, group))
        actions[np.arange(rows.size), place.astype(int)] = 0
        zeros = np.zeros((1, actions.size), dtype=int)
        returns = (actions == 0).reshape(1, -1).astype(float)
        nothing = np.zeros((rows.size, 1, 1))
        batch = Batch(pi[:, None], zeros, actions.reshape(1, -1), returns, nothing, 0.0)
        theta[rows] = rule.sampled_step(theta[rows], batch, learning_rate)
        rows = rows[rule.policy(theta[rows])[:, 0, 0] <= 0.1]
    return waited


# h: what a group with one a* among G = 8 adds to its log-odds, c = 6/5, eta = 1
BIRTHS = [
    ("rloo", 1.2 / 8, 8965),
    ("dr-grpo", 1.2 * 7 / 64, None),
    ("grpo", 1.2 * np.sqrt(7) / 8, 3812),
    ("max-rl", 1.2, 1787),
]


@pytest.mark.parametrize(("name", "rise", "printed"), BIRTHS)
def test_sampled_groups_escape_like_a_pure_birth_process(name, rise, printed):
    """x0 = 1e-4, 6,000 runs: mean within 4 standard errors of (1-10 x0)/(G x0 (1-exp(-h))), and
    CV sqrt(tanh(h/2))."""
    times = escape_groups(make_sampled_rule(name), 1e-4, 8, 6000, seed=21)
    law = (1 - 10 * 1e-4) / (8 * 1e-4 * -np.expm1(-rise))
    if printed is not None:
        assert law == pytest.approx(printed, abs=1)
    spread = times.std() / times.mean()
    assert times.mean() == pytest.approx(law, abs=4 * times.std() / np.sqrt(6000))
    assert spread == pytest.approx(np.sqrt(np.tanh(rise / 2)), rel=0.05)


def test_a_clip_lets_each_sight_of_the_best_arm_count_once():
    """Many small inner steps: odds times 1 + eps per sight, (1+eps)/(eps G x0) groups."""
    rule = make_sampled_rule("ppo-clip", inner_steps=80)
    times = escape_groups(rule, 1e-3, 8, 300, seed=22, learning_rate=0.02)
    law = 1.2 / (0.2 * 8 * 1e-3) * (1 - 10 * 1e-3)
    assert times.mean() == pytest.approx(law, abs=4 * times.std() / np.sqrt(300))
    assert times.std() / times.mean() == pytest.approx(np.sqrt(0.2 / 2.2), rel=0.15)


def test_the_optimistic_alternate_estimate_needs_a_logarithm_of_pulls():
    """V = 1, eta = .1, K = 2, r = (.7, .5): every wrong pull lowers its own logit by eta (V - b),
    L (K-1)/(eta (V-b)) pulls, whether or not a* is seen; doubling ln(1/x0) about doubles them."""
    rule, rewards = make_sampled_rule("alternate"), np.array([0.7, 0.5])
    means = {}
    for x0 in (1e-3, 1e-6):
        rng, theta = np.random.default_rng(23), np.tile(np.log([x0, 1 - x0]), (4000, 1))
        times = np.full(4000, -1)
        for n in range(1, 1000):
            policy = softmax(theta)
            actions = (rng.random(4000) >= policy[:, 0]).astype(int)
            theta = theta + 0.1 * rule.estimate(policy, actions, rewards[actions], 1.0)
            times = np.where((times < 0) & (softmax(theta)[:, 0] > 0.1), n, times)
            if times.min() > 0:
                break
        means[x0] = times.mean()
    assert means[1e-3] == pytest.approx(98.3, abs=0.4)
    climb = np.log(1 / 9) - np.log(1e-6)
    assert climb / 0.05 < means[1e-6] < 1.05 * climb / 0.05 + 3
