"""The tabular policy and exact starts of networks."""

import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.policies import ActorCriticPolicy

from agents.policies import Start, softmax
from agents.sb3.ground_truth import policy_table
from agents.sb3.policies import TabularSoftmaxPolicy, set_logits
from agents.sb3.softmax_pg import SoftmaxPG
from agents.sb3.stock import make_baseline, start_from
from agents.sb3.vec_env import WellVecEnv

STARTS = {
    "uniform": {},
    "uniform_suboptimal": {"optimal_prob": 1e-7},
    "corner": {"optimal_prob": 1e-7, "corner_action": 2},
    "normal": {"sigma": 2.0},
    "prompts": {},
}


def tabular(states=2, actions=3, **kwargs):
    return TabularSoftmaxPolicy(
        spaces.Discrete(states), spaces.Discrete(actions), lambda _: 0.1, **kwargs
    )


@pytest.mark.parametrize("name", STARTS)
def test_it_starts_from_every_named_policy_in_float64(name):
    own = {"optimal_actions": [1, 0], "initial_probs": [1e-4, 0.3]}
    policy = tabular(initial_policy=name, start_seed=5, **own, **STARTS[name])
    wanted = Start(name, **STARTS[name]).table([1, 0], 3, 5, own["initial_probs"])
    np.testing.assert_array_equal(policy.theta, wanted)
    seen = policy.get_distribution(th.arange(2)).distribution.probs
    assert seen.dtype == th.float64
    np.testing.assert_allclose(seen.detach().numpy(), softmax(wanted), rtol=1e-13)


def test_its_only_parameters_are_the_two_tables_under_plain_sgd():
    policy = tabular()
    shapes = {name: tuple(p.shape) for name, p in policy.named_parameters()}
    assert shapes == {"action_net.weight": (3, 2), "value_net.weight": (1, 2)}
    assert type(policy.optimizer) is th.optim.SGD
    assert not policy.predict_values(th.arange(2)).any()


def test_it_starts_from_given_probabilities():
    policy = tabular(initial_policy=[[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]])
    np.testing.assert_allclose(softmax(policy.theta)[0], [0.1, 0.2, 0.7], rtol=1e-14)
    assert np.ptp(tabular(initial_policy=[0.1, 0.2, 0.7]).theta, axis=0).max() == 0


def test_the_policy_alone_is_saved_and_loaded(tmp_path):
    policy = tabular(initial_policy="corner", optimal_prob=0.01)
    policy.set_theta(np.arange(6.0).reshape(2, 3))
    policy.save(tmp_path / "policy.pt")
    loaded = TabularSoftmaxPolicy.load(tmp_path / "policy.pt")
    np.testing.assert_array_equal(loaded.theta, policy.theta)


@pytest.mark.parametrize("algorithm", [PPO, A2C])
def test_stock_algorithms_train_it(algorithm):
    env = WellVecEnv("SoftmaxWell-v0", 4)
    model = algorithm(TabularSoftmaxPolicy, env, gamma=0.0, device="cpu", n_steps=16, seed=0)
    before = model.policy.theta
    model.learn(64, log_interval=None)
    assert np.abs(model.policy.theta - before).max() > 0


@pytest.mark.parametrize("name", ["ppo", "a2c", "trpo"])
@pytest.mark.parametrize("env_id", ["SoftmaxWell-v0", "ASRWell-v0"])
def test_a_network_starts_where_it_is_told(name, env_id):
    model = make_baseline(name, WellVecEnv(env_id, 2))
    below = {k: v.clone() for k, v in model.policy.mlp_extractor.state_dict().items()}
    start_from(model, "corner", optimal_prob=1e-3)
    policy = policy_table(model)
    well = model.get_env().well
    expected = softmax(Start("corner", 1e-3).table(well.optimal_actions, well.num_actions))
    np.testing.assert_allclose(policy, expected, rtol=1e-4)
    assert model.policy.action_net.weight.dtype == th.float32
    for key, value in model.policy.mlp_extractor.state_dict().items():
        assert th.equal(value, below[key])


def test_what_a_network_cannot_tell_apart_is_an_error():
    box = spaces.Box(-1, 1, (2,), np.float32)
    policy = ActorCriticPolicy(box, spaces.Discrete(2), lambda _: 0.1)
    same = np.zeros((2, 2), dtype=np.float32)
    with pytest.raises(ValueError, match=r"theta of shape \(2, 2\) cannot be met"):
        set_logits(policy, same, [[0.0, 1.0], [1.0, 0.0]])


def test_multi_discrete_logits_are_set_too():
    box = spaces.Box(-1, 1, (2,), np.float32)
    policy = ActorCriticPolicy(box, spaces.MultiDiscrete([3, 2]), lambda _: 0.1)
    seen = np.array([[0.3, -0.2]], dtype=np.float32)
    set_logits(policy, seen, [[-3.0, 3.0, 0.0, 2.0, -2.0]])
    parts = policy.get_distribution(th.as_tensor(seen)).distribution
    np.testing.assert_allclose(parts[0].probs.detach().numpy()[0], softmax([-3, 3, 0]), rtol=1e-4)


def test_the_tabular_policy_goes_by_name():
    env = WellVecEnv("SoftmaxWell-v0", 1)
    assert isinstance(SoftmaxPG("TabularPolicy", env).policy, TabularSoftmaxPolicy)
