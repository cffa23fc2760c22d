"""Exact values of tabular MDPs against enumeration, power iteration and finite differences."""

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gw_envs.tabular import TabularMDP


def softmax(theta):
    weights = np.exp(theta - theta.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def random_mdp(seed, states=4, actions=3, discount=0.9):
    rng = np.random.default_rng(seed)
    return TabularMDP(
        rng.dirichlet(np.ones(states), size=(states, actions)),
        rng.uniform(-1, 2, size=(states, actions)),
        rng.dirichlet(np.ones(states)),
        discount,
    )


def random_theta(seed, *shape):
    return np.random.default_rng([seed, 1]).normal(0, 1.5, shape)


def finite_difference(objective, theta, step=1e-5):
    gradient = np.empty_like(theta)
    for index in np.ndindex(theta.shape):
        shift = np.zeros_like(theta)
        shift[index] = step
        # Fourth-order central difference: truncation far below the 1e-7 that is asked for.
        near = objective(theta + shift) - objective(theta - shift)
        far = objective(theta + 2 * shift) - objective(theta - 2 * shift)
        gradient[index] = (8 * near - far) / (12 * step)
    return gradient


def enumerated_return(mdp, policy, horizon):
    """J of an H-step episode by summing over every trajectory."""
    total = 0.0
    pairs = list(itertools.product(range(mdp.num_states), range(mdp.num_actions)))
    for path in itertools.product(pairs, repeat=horizon):
        probability, value = mdp.initial[path[0][0]], 0.0
        for k, (s, a) in enumerate(path):
            probability *= policy[s, a]
            value += mdp.discount**k * mdp.rewards[s, a]
            if k + 1 < horizon:
                probability *= mdp.transitions[s, a, path[k + 1][0]]
        total += probability * value
    return total


def test_two_states_by_hand():
    # State 1 pays 1 for ever; state 0 moves there by action 1 and pays 0, or stays by action 0.
    mdp = TabularMDP([[[1, 0], [0, 1]], [[0, 1], [0, 1]]], [[0, 0], [1, 1]], [1, 0], discount=0.5)
    go = np.array([[0, 1], [0.5, 0.5]])
    np.testing.assert_allclose(mdp.state_values(go), [1, 2])
    np.testing.assert_allclose(mdp.action_values(go), [[0.5, 1], [2, 2]])
    np.testing.assert_allclose(mdp.visitation(go), [0.5, 0.5])
    assert mdp.objective(go) == pytest.approx(1)
    assert mdp.P == {
        0: {0: [(1.0, 0, 0.0, False)], 1: [(1.0, 1, 0.0, False)]},
        1: {0: [(1.0, 1, 1.0, False)], 1: [(1.0, 1, 1.0, False)]},
    }


@pytest.mark.parametrize("discount", [0.0, 0.3, 0.9, 0.99])
@pytest.mark.parametrize("seed", range(5))
def test_values_and_visitation_equal_power_iteration(seed, discount):
    mdp = random_mdp(seed, discount=discount)
    policy = softmax(random_theta(seed, 4, 3))
    transitions = sum(policy[:, a, None] * mdp.transitions[:, a] for a in range(3))
    rewards = (policy * mdp.rewards).sum(1)
    values, visits, state = np.zeros(4), np.zeros(4), mdp.initial.copy()
    for k in range(4000):
        values = rewards + discount * transitions @ values
        visits += (1 - discount) * discount**k * state
        state = state @ transitions
    np.testing.assert_allclose(mdp.state_values(policy), values, atol=1e-10)
    np.testing.assert_allclose(mdp.visitation(policy), visits, atol=1e-12)
    action_values = mdp.rewards + discount * mdp.transitions @ values
    np.testing.assert_allclose(mdp.action_values(policy), action_values, atol=1e-10)
    np.testing.assert_allclose(mdp.advantages(policy), action_values - values[:, None], atol=1e-10)
    # J twice: through the values and through the visitation.
    assert mdp.objective(policy) == pytest.approx(visits @ rewards / (1 - discount), abs=1e-10)


@pytest.mark.parametrize("discount", [0.0, 0.6, 0.95])
@pytest.mark.parametrize("horizon", [None, 1, 7])
@pytest.mark.parametrize("seed", range(4))
def test_gradient_equals_finite_differences(seed, discount, horizon):
    mdp = random_mdp(seed, discount=discount)
    theta = random_theta(seed, 4, 3)
    numeric = finite_difference(lambda x: mdp.objective(softmax(x), horizon), theta)
    exact = mdp.policy_gradient(softmax(theta), horizon)
    np.testing.assert_allclose(exact, numeric, atol=1e-7)


def test_finite_horizon_equals_enumeration():
    mdp = random_mdp(3, states=2, actions=2, discount=0.8)
    policy = softmax(random_theta(3, 2, 2))
    for horizon in (1, 2, 5):
        brute = enumerated_return(mdp, policy, horizon)
        assert mdp.objective(policy, horizon) == pytest.approx(brute, abs=1e-12)


def test_long_horizon_tends_to_the_infinite_one():
    mdp = random_mdp(5, discount=0.7)
    policy = softmax(random_theta(5, 4, 3))
    np.testing.assert_allclose(
        mdp.policy_gradient(policy, 200), mdp.policy_gradient(policy), atol=1e-12
    )


@pytest.mark.parametrize("discount", [0.0, 0.9])
@pytest.mark.parametrize("horizon", [None, 4])
def test_batches_equal_their_members(discount, horizon):
    mdp = random_mdp(1, discount=discount)
    policies = softmax(random_theta(1, 2, 5, 4, 3))
    for name in ("state_values", "action_values", "advantages", "objective", "policy_gradient"):
        method = getattr(mdp, name)
        batched = method(policies, horizon)
        for i, j in np.ndindex(2, 5):
            np.testing.assert_allclose(batched[i, j], method(policies[i, j], horizon), atol=1e-13)
    visits = mdp.visitation(policies)
    assert visits.shape == (2, 5, 4)
    np.testing.assert_allclose(visits[1, 2], mdp.visitation(policies[1, 2]), atol=1e-13)


@given(st.integers(0, 2**32), st.floats(0, 0.99))
def test_properties_of_any_mdp(seed, discount):
    mdp = random_mdp(seed, discount=discount)
    policy = softmax(random_theta(seed, 4, 3))
    visits = mdp.visitation(policy)
    assert visits.min() >= 0
    assert visits.sum() == pytest.approx(1, abs=1e-12)
    # Softmax does not see a constant added to a row of logits; advantages have mean zero.
    np.testing.assert_allclose(mdp.policy_gradient(policy).sum(-1), 0, atol=1e-11)
    np.testing.assert_allclose((policy * mdp.advantages(policy)).sum(-1), 0, atol=1e-11)


def test_gradient_keeps_its_digits_near_a_corner():
    # One state, pi = (x, 1 - x) and gap 0.5: the gradient is +-0.5 x (1 - x).
    mdp = TabularMDP(np.ones((1, 2, 1)), [[1.0, 0.5]], [1.0], 0.0)
    for x in (1e-3, 1e-12, 1e-16):
        gradient = mdp.policy_gradient([[x, 1 - x]])
        exact = 0.5 * x * (1 - x)
        np.testing.assert_allclose(gradient, [[exact, -exact]], rtol=1e-12)


def test_arrays_are_read_only_copies_and_pickle():
    rewards = np.array([[0.0, 1.0]])
    mdp = TabularMDP(np.ones((1, 2, 1)), rewards, [1.0], 0.5)
    rewards[:] = 7
    assert mdp.rewards.tolist() == [[0.0, 1.0]]
    with pytest.raises(ValueError, match="read-only"):
        mdp.rewards[0, 0] = 3
    copy = pickle.loads(pickle.dumps(mdp))
    assert copy.objective([[0.5, 0.5]]) == mdp.objective([[0.5, 0.5]]) == 1.0
