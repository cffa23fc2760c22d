"""Any policy: functions of probabilities or logits, torch modules, tables; refused where unsure."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Categorical

from agents.diagnosis import Logits, SoftmaxTable, diagnose
from agents.diagnosis.policies.actors import as_actor

SEEN = [np.array([0.3, -0.2, 0.1, 0.4], np.float32), np.array([-1, 0.5, 0, 2], np.float32)]


def cart():
    return gym.make("CartPole-v1", disable_env_checker=True)


class Agent(nn.Module):
    """In CleanRL's form: made from vector environments, asked for actions and values."""

    def __init__(self, envs):
        super().__init__()
        size = int(np.prod(envs.single_observation_space.shape))
        self.critic = nn.Sequential(nn.Linear(size, 8), nn.Tanh(), nn.Linear(8, 1))
        self.actor = nn.Sequential(
            nn.Linear(size, 8), nn.Tanh(), nn.Linear(8, int(envs.single_action_space.n))
        )

    def get_value(self, x):
        return self.critic(x)

    def get_action_and_value(self, x, action=None):
        probs = Categorical(logits=self.actor(x))
        if action is None:
            action = probs.sample()
        return action, probs.log_prob(action), probs.entropy(), self.critic(x)


def agent():
    torch.manual_seed(0)
    return Agent(gym.make_vec("CartPole-v1", num_envs=1))


class WithLogits(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def logits(self, x):
        return self.net(x)


class WithDistribution(WithLogits):
    def get_distribution(self, x):
        return Categorical(logits=self.net(x))


def expected(net, seen):
    with torch.no_grad():
        return torch.softmax(net(torch.as_tensor(np.stack(seen))), dim=1).numpy()


FORMS = {
    "get_action_and_value": lambda a: a,
    "logits": lambda a: WithLogits(a.actor),
    "get_distribution": lambda a: WithDistribution(a.actor),
    "outputs are logits": lambda a: a.actor,
    "outputs marked as logits": lambda a: Logits(a.actor),
    "outputs are probabilities": lambda a: nn.Sequential(a.actor, nn.Softmax(dim=1)),
    "float64": lambda a: a.double(),
    "a function of tensors": lambda a: lambda seen: a.actor(torch.as_tensor(seen)[None]),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_torch_module_gives_its_probabilities(form):
    module = agent()
    right = expected(module.actor, SEEN)
    actor = as_actor(FORMS[form](module), cart())
    np.testing.assert_allclose(actor.probabilities(SEEN), right, rtol=1e-5)


def test_asking_leaves_the_module_and_the_generator_as_they_were():
    module = agent().train()
    state = torch.get_rng_state()
    as_actor(module, cart()).probabilities(SEEN)
    assert module.training
    assert bool((torch.get_rng_state() == state).all())


def test_a_module_is_frozen_where_its_own_float_loses_the_step():
    saturated, fresh = agent(), agent()
    with torch.no_grad():
        saturated.actor[-1].bias[:] = torch.tensor([0.0, 60.0])
    advantages, weights = np.array([[1.0, 0.0]] * 2), np.ones(2)
    assert not as_actor(saturated, cart()).moves(SEEN, advantages, weights)
    assert as_actor(fresh, cart()).moves(SEEN, advantages, weights)


def test_a_cleanrl_agent_is_diagnosed():
    module = agent()
    with torch.no_grad():
        module.actor[-1].weight.zero_()
        module.actor[-1].bias[:] = torch.tensor([0.0, 9.0])  # always to the right
    found = diagnose(module, "CartPole-v1", max_steps=60_000, discount=0.99)
    assert found.verdict == "well"
    assert found.routes[0].action == 0
    assert "torch module Agent" in found.judged
    assert "discount 0.99 (as asked for)" in found.objective


class Recurrent(Agent):
    def get_action_and_value(self, x, lstm_state, done, action=None):
        return super().get_action_and_value(x, action)


def broken():
    module = agent()
    module.critic[0].bias.data[0] = np.nan
    return module


REFUSED = {
    "memory": (lambda: Recurrent(gym.make_vec("CartPole-v1", 1)), "needs x, lstm_state, done"),
    "weights": (broken, "weights are not finite"),
    "other observations": (lambda: nn.Linear(3, 2), "fails on an observation"),
    "other actions": (lambda: nn.Linear(4, 3), r"shape \(1, 3\)"),
    "a pair": (lambda: nn.LSTM(4, 2), "distribution is"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_module_that_cannot_be_judged_is_refused(case):
    make, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        diagnose(make(), "CartPole-v1")


def test_a_function_that_samples_its_action_is_refused():
    rng = np.random.default_rng(0)

    def sampled(seen):
        return int(rng.random() < 0.3)

    with pytest.raises(ValueError, match=r"returned [01], an action; 2 probabilities"):
        diagnose(sampled, "CartPole-v1")
    with pytest.raises(ValueError, match="samples its actions"):
        diagnose(sampled, "CartPole-v1", deterministic=True, max_steps=20_000)


def test_logits_of_functions_are_told_from_probabilities_or_refused():
    def rows(function):
        return as_actor(function, cart()).probabilities(SEEN)

    np.testing.assert_allclose(rows(lambda s: [0.25, 0.75]), [[0.25, 0.75]] * 2)
    shares = 1 / (1 + np.exp([3.0, -3.0]))
    np.testing.assert_allclose(rows(lambda s: [-1.0, 2.0]), [shares] * 2)
    np.testing.assert_allclose(rows(Logits(lambda s: [0.0, 1.0])), [1 / (1 + np.exp([1, -1]))] * 2)
    np.testing.assert_allclose(rows(lambda s: [-np.inf, 0.0]), [[0, 1]] * 2)
    for wrong, message in (
        ([0.5, 0.6], r"sums to 1\.1.*Logits"),
        ([0.5, np.nan], "not finite"),
        ([np.inf, 0.0], "not finite"),
        ([1.0, 0.0, 0.0], "must return 2 probabilities"),
        (None, "policy returned"),
    ):
        with pytest.raises(ValueError, match=message):
            rows(lambda s, wrong=wrong: wrong)
    answers = iter([[0.5, 0.5], [-3.0, 3.0]])
    with pytest.raises(ValueError, match="sums to 0"):
        rows(lambda s: next(answers))


def test_a_table_is_read_from_where_its_states_start():
    class Two(gym.Env):
        observation_space = gym.spaces.Discrete(2, start=5)
        action_space = gym.spaces.Discrete(2)

    actor = as_actor(np.array([[0.9, 0.1], [0.2, 0.8]]), Two())
    np.testing.assert_allclose(actor.probabilities([6, 5]), [[0.2, 0.8], [0.9, 0.1]])


def test_a_table_given_to_the_diagnosis_stays_as_it_is():
    table = SoftmaxTable([0.0, 1.0, 0.0])
    diagnose(
        table, "SoftmaxWell-v0", env_kwargs={"num_actions": 3}, learning_rate=0.1, max_steps=2_000
    )
    assert table.learning_rate == 0.4
