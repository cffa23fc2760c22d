"""Each rule's direction against finite differences, linear algebra and dynamic programming.

Nothing here is computed by the rules: objectives are written out, in one state and in random MDPs
where the return comes from iterating the Bellman equation.
"""

import numpy as np
import pytest

from agents.updates import make_rule, soft_action_values

STEP = 1e-5
DISCOUNT = 0.8
POLICY = np.array([0.12, 0.55, 0.08, 0.25])
REWARDS = np.array([0.9, 0.4, 0.7, 0.1])


def softmax(theta):
    weights = np.exp(theta)
    return weights / weights.sum(axis=-1, keepdims=True)


def escort(power):
    def policy(theta):
        weights = np.abs(theta) ** power
        return weights / weights.sum(axis=-1, keepdims=True)

    return policy


def tsallis(alpha):
    """By bisection on mu, row by row."""

    def policy(theta):
        k = theta.shape[-1]
        mu = theta.max(axis=-1, keepdims=True)
        low, high = mu - (1 - k ** (alpha - 1)) / (1 - alpha), mu
        for _ in range(200):
            middle = (low + high) / 2
            pi = (1 - (1 - alpha) * (theta - middle)) ** (-1 / (1 - alpha)) / k
            over = pi.sum(axis=-1, keepdims=True) > 1
            low, high = np.where(over, middle, low), np.where(over, high, middle)
        return pi

    return policy


def finite_differences(objective, theta):
    gradient = np.empty_like(theta)
    for index in np.ndindex(theta.shape):
        shift = np.zeros_like(theta)
        shift[index] = STEP
        gradient[index] = (objective(theta + shift) - objective(theta - shift)) / (2 * STEP)
    return gradient


# name, options, map, what is added to the reward of action a (given ln pi), scale(theta)
GRADIENT_RULES = [
    ("softmax-pg", {}, softmax),
    ("armijo-pg", {}, softmax),
    ("frozen-rollout-pg", {"rollout_steps": 1}, softmax),
    ("normalized-pg", {}, softmax),
    ("escort-pg", {"power": 1.0, "scaled": False}, escort(1.0)),
    ("escort-pg", {"power": 1.5, "scaled": False}, escort(1.5)),
    ("escort-pg", {"scaled": False}, escort(2.0)),
    ("escort-pg", {"power": 4.0}, escort(4.0)),
    ("tsallis-pg", {"alpha": 0.3}, tsallis(0.3)),
    ("tsallis-pg", {}, tsallis(0.5)),
    ("tsallis-pg", {"alpha": 0.9}, tsallis(0.9)),
]


def undo_scale(rule, change, theta, axes):
    """The gradient behind a change, for the rules that rescale it."""
    if rule.name == "escort-pg" and rule.scaled:
        p = rule.power
        return change / np.sum(np.abs(theta) ** p, axis=-1, keepdims=True) ** (2 / p)
    return change


def assert_follows(rule, change, theta, gradient):
    if rule.name == "normalized-pg":
        gradient = gradient / np.linalg.norm(gradient)
    if rule.name == "armijo-pg":  # any positive multiple
        gradient = gradient * np.linalg.norm(change) / np.linalg.norm(gradient)
    actual = undo_scale(rule, change, theta, (-1,))
    np.testing.assert_allclose(actual, gradient, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("name", "options", "policy"), GRADIENT_RULES)
def test_one_state(name, options, policy):
    rule = make_rule(name, **options)
    theta = rule.theta_from_policy(POLICY) * 1.7
    change = rule.step(theta, REWARDS, 1.0) - theta
    assert_follows(rule, change, theta, finite_differences(lambda t: policy(t) @ REWARDS, theta))


def test_regularised_objectives_in_one_state():
    theta = np.log(POLICY) + 0.3

    def soft(t):
        return softmax(t) @ (REWARDS - 0.2 * np.log(softmax(t)))

    def barred(t):
        return softmax(t) @ REWARDS + 0.3 * np.mean(np.log(softmax(t)))

    for rule, objective in (
        (make_rule("entropy-pg", temperature=0.2), soft),
        (make_rule("log-barrier-pg", barrier=0.3), barred),
    ):
        np.testing.assert_allclose(
            rule.direction(theta, REWARDS), finite_differences(objective, theta), atol=1e-9
        )


class RandomMDP:
    """Three states, three actions; returns by value iteration, visitation by iterating states."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.transitions = rng.dirichlet(np.ones(3), size=(3, 3))
        self.rewards = rng.random((3, 3))
        self.initial = rng.dirichlet(np.ones(3))
        self.theta = rng.normal(size=(3, 3))

    def action_values(self, policy, temperature=0.0):
        values = np.zeros(3)
        for _ in range(200):
            soft = self.rewards + DISCOUNT * self.transitions @ values
            values = np.sum(policy * (soft - temperature * np.log(policy)), axis=-1)
        return soft, self.initial @ values

    def weight(self, policy):
        """sum_t discount^t P(s_t = s), [S, 1]."""
        chain = np.einsum("sk,skt->st", policy, self.transitions)
        states, total = self.initial, np.zeros(3)
        for step in range(200):
            total = total + DISCOUNT**step * states
            states = states @ chain
        return total[:, None]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("name", "options", "policy"), GRADIENT_RULES)
def test_tabular_mdp(name, options, policy, seed):
    mdp = RandomMDP(seed)

    def total_return(theta):
        return mdp.action_values(policy(theta))[1]

    if name == "armijo-pg":
        options = {"objective": total_return}
    rule = make_rule(name, **options)
    theta = rule.theta_from_policy(softmax(mdp.theta))
    pi = policy(theta)
    change = rule.step(theta, mdp.action_values(pi)[0], 1.0, mdp.weight(pi)) - theta
    assert rule.follows_gradient
    assert_follows(rule, change, theta, finite_differences(total_return, theta))


@pytest.mark.parametrize("seed", [0, 1])
def test_regularised_objectives_in_tabular_mdps(seed):
    mdp = RandomMDP(seed)
    pi, weight = softmax(mdp.theta), mdp.weight(softmax(mdp.theta))
    soft = make_rule("entropy-pg", temperature=0.2)
    assert soft.uses_soft_values
    np.testing.assert_allclose(
        soft.direction(mdp.theta, mdp.action_values(pi, 0.2)[0], weight),
        finite_differences(lambda t: mdp.action_values(softmax(t), 0.2)[1], mdp.theta),
        atol=1e-8,
    )
    barrier = make_rule("log-barrier-pg", barrier=0.3)

    def barred(t):
        return mdp.action_values(softmax(t))[1] + 0.3 * np.mean(np.log(softmax(t)))

    np.testing.assert_allclose(
        barrier.direction(mdp.theta, mdp.action_values(pi)[0], weight),
        finite_differences(barred, mdp.theta),
        atol=1e-8,
    )


@pytest.mark.parametrize("temperature", [0.0, 0.3])
def test_soft_action_values_solve_the_soft_bellman_equation(temperature):
    mdp = RandomMDP(3)
    policy = softmax(mdp.theta)
    solved = soft_action_values(mdp.transitions, mdp.rewards, policy, DISCOUNT, temperature)
    np.testing.assert_allclose(solved, mdp.action_values(policy, temperature)[0], rtol=1e-12)
    several = soft_action_values(
        mdp.transitions, mdp.rewards, np.stack([policy[::-1], policy]), DISCOUNT, temperature
    )
    np.testing.assert_allclose(several[1], solved, rtol=1e-13)


@pytest.mark.parametrize("seed", [0, 1])
def test_natural_gradient_is_the_fisher_pseudo_inverse_times_the_gradient(seed):
    mdp = RandomMDP(seed)
    pi = softmax(mdp.theta)
    weight = mdp.weight(pi)
    visitation = weight * (1 - DISCOUNT)
    fisher = np.zeros((9, 9))
    for s in range(3):
        for a in range(3):
            score = np.zeros((3, 3))
            score[s] = -pi[s]
            score[s, a] += 1
            fisher += visitation[s, 0] * pi[s, a] * np.outer(score, score)
    gradient = finite_differences(lambda t: mdp.action_values(softmax(t))[1], mdp.theta)
    natural = (np.linalg.pinv(fisher, rcond=1e-10) @ gradient.ravel()).reshape(3, 3)
    rule = make_rule("natural-pg")
    assert not rule.follows_gradient
    change = rule.step(mdp.theta, mdp.action_values(pi)[0], 1.0, weight) - mdp.theta
    # Equal up to a constant in each state, which softmax does not see.
    difference = change - natural
    spread = difference - difference.mean(axis=-1, keepdims=True)
    np.testing.assert_allclose(spread, 0, atol=1e-7)


def test_mirror_ascent_adds_the_gradient_to_the_policy():
    """grad logsumexp(theta) = pi, so the mirror step is pi' = pi + eta * gradient / d(s)."""
    theta = np.log(POLICY)
    gradient = finite_differences(lambda t: softmax(t) @ REWARDS, theta)
    after = softmax(make_rule("mirror-ascent").step(theta, REWARDS, 0.7))
    np.testing.assert_allclose(after, POLICY + 0.7 * gradient, atol=1e-9)


@pytest.mark.parametrize("name", ["neurd", "mirror-ascent"])
def test_neurd_and_mirror_ascent_ignore_visitation_and_horizon(name):
    mdp = RandomMDP(0)
    values, weight = mdp.action_values(softmax(mdp.theta))[0], mdp.weight(softmax(mdp.theta))
    rule = make_rule(name)
    assert not rule.follows_gradient
    per_state = [rule.step(mdp.theta[s], values[s], 0.1) for s in range(3)]
    np.testing.assert_allclose(rule.step(mdp.theta, values, 0.1, weight), np.array(per_state))


def test_neurd_is_hedge():
    """theta += eta r, up to a constant: pi' ~ pi exp(eta r)."""
    expected = POLICY * np.exp(0.8 * REWARDS)
    rule = make_rule("neurd")
    after = rule.policy(rule.step(np.log(POLICY), REWARDS, 0.8))
    np.testing.assert_allclose(after, expected / expected.sum(), rtol=1e-13)


def test_neurd_threshold_cuts_as_published():
    """Logits centred at 0, beta = 2: only moves back inside survive beyond the threshold."""
    theta = np.array([3.0, -3.0, 0.5, -0.5])
    pi = softmax(theta)
    rewards = np.array([1.0, 0.0, 0.2, 0.4])
    advantage = rewards - pi @ rewards
    assert advantage[0] > 0 > advantage[1:].max()
    change = make_rule("neurd", threshold=2.0).step(theta, rewards, 1.0) - theta
    np.testing.assert_allclose(change, [0, 0, advantage[2], advantage[3]], atol=1e-12)
    back = make_rule("neurd", threshold=2.0).step(theta, 1 - rewards, 1.0) - theta
    np.testing.assert_allclose(back, -advantage, atol=1e-12)


@pytest.mark.parametrize("temperature", [0.0, 0.05, 1.0])
def test_delight_is_the_gated_sum_of_scores(temperature):
    """sum_i w_i pi_i U_i grad ln pi_i, summed action by action."""
    total = np.zeros(4)
    for i in range(4):
        advantage = REWARDS[i] - POLICY @ REWARDS
        if temperature:
            gate = 1 / (1 + np.exp(advantage * np.log(POLICY[i]) / temperature))
        else:
            gate = float(advantage > 0)
        total += gate * POLICY[i] * advantage * (np.eye(4)[i] - POLICY)
    rule = make_rule("delightful-pg", temperature=temperature)
    np.testing.assert_allclose(rule.direction(np.log(POLICY), REWARDS), total, rtol=1e-12)


def test_hot_delight_is_half_the_gradient_and_cold_delight_has_its_limit():
    theta = np.log(POLICY)
    gradient = finite_differences(lambda t: softmax(t) @ REWARDS, theta)
    hot = make_rule("delightful-pg", temperature=1e9).direction(theta, REWARDS)
    np.testing.assert_allclose(hot, gradient / 2, atol=1e-9)
    cold = make_rule("delightful-pg", temperature=1e-6).direction(theta, REWARDS)
    zero = make_rule("delightful-pg", temperature=0.0).direction(theta, REWARDS)
    np.testing.assert_allclose(cold, zero, atol=1e-12)


def test_frozen_rollout_stage_is_its_steps_in_turn():
    theta = np.log(POLICY)
    expected = theta.copy()
    for _ in range(5):
        expected = expected + 0.3 * (POLICY * REWARDS - (POLICY @ REWARDS) * softmax(expected))
    stage = make_rule("frozen-rollout-pg", rollout_steps=5).step(theta, REWARDS, 0.3)
    np.testing.assert_allclose(stage, expected, rtol=1e-13)


def test_long_frozen_stage_ends_at_reward_weighted_regression():
    """The stage's objective sum q r ln pi is maximised by pi ~ q r."""
    theta = make_rule("frozen-rollout-pg", rollout_steps=2000).step(np.log(POLICY), REWARDS, 1.0)
    expected = POLICY * REWARDS
    np.testing.assert_allclose(softmax(theta), expected / expected.sum(), atol=1e-9)
