"""SoftmaxPG as an SB3 algorithm is the theory's algorithm: update for update, and on average."""

import numpy as np
import pytest
import torch as th
from gymnasium import spaces

from agents.policies import softmax
from agents.sb3.callbacks import EscapeCallback
from agents.sb3.policies import action_sizes, logits_and_values
from agents.sb3.softmax_pg import EXACT_UPDATES, SAMPLED_UPDATES, SoftmaxPG
from agents.sb3.vec_env import WellVecEnv
from agents.softmax_pg import SoftmaxPG as NumpyPG
from agents.updates import make_sampled_rule

START = {"initial_policy": "corner", "optimal_prob": 0.02}


def twin(env_id, env_kwargs=None, *, n_envs=1, n_steps=1, rate=0.7, seed=0, start=START, **kwargs):
    env = WellVecEnv(env_id, n_envs, **(env_kwargs or {}))
    policy = start | {"optimal_actions": env.well.optimal_actions}
    return SoftmaxPG(
        "TabularPolicy",
        env,
        learning_rate=rate,
        n_steps=n_steps,
        gamma=env.well.discount,
        policy_kwargs=policy,
        seed=seed,
        device="cpu",
        **kwargs,
    )


@pytest.mark.parametrize(
    "env_id, env_kwargs, update",
    [
        ("SoftmaxWell-v0", {"mean_rewards": (1.0, 0.7, 0.4)}, "softmax-pg"),
        ("ASRWell-v0", {}, "softmax-pg"),
        ("ASRWell-v0", {"discount": 0.6}, "entropy-pg"),
    ],
)
def test_the_exact_gradient_is_the_numpy_agents_for_1000_updates(env_id, env_kwargs, update):
    numpy_agent = NumpyPG(env_id, env_kwargs, update=update, learning_rate=0.7, **START)
    model = twin(env_id, env_kwargs, update=update, gradient="exact")
    callback = EscapeCallback()
    for budget in (1, 10, 300, 1000):
        numpy_agent.learn(budget)
        model.learn(
            budget - model.num_timesteps,
            callback=callback,
            log_interval=None,
            reset_num_timesteps=budget == 1,
        )
        np.testing.assert_allclose(model.policy.theta, numpy_agent.theta[0], rtol=0, atol=1e-12)
    assert callback.updates == numpy_agent.updates == 1000
    assert [exactly(e) for e in callback.events] == [exactly(e) for e in numpy_agent.events]
    np.testing.assert_allclose(callback.bounds, numpy_agent.bounds, rtol=1e-12)
    assert callback.escape_time == numpy_agent.escape_time[0]
    assert model.policy.action_net.weight.dtype == th.float64


@pytest.mark.parametrize("update", EXACT_UPDATES[1:])
def test_the_other_rules_are_the_numpy_agents_too(update):
    numpy_agent = NumpyPG("ASRWell-v0", update=update, learning_rate=0.7, **START)
    model = twin("ASRWell-v0", update=update, gradient="exact")
    numpy_agent.learn(200)
    model.learn(200, log_interval=None)
    np.testing.assert_allclose(model.policy.theta, numpy_agent.theta[0], rtol=0, atol=1e-12)


def exactly(event):
    """What two events must share to the bit."""
    return event.kind, event.update, event.state, event.from_action, event.to_action, event.dwell


def test_escapes_when_the_theory_says():
    """theory.md D2: r=(1, .5), eta=1, from 1e-2: 96 updates."""
    start = {"initial_policy": "corner", "optimal_prob": 1e-2}
    model = twin("SoftmaxWell-v0", {"mean_rewards": (1, 0.5)}, rate=1.0, start=start,
                 gradient="exact")  # fmt: skip
    callback = EscapeCallback(stop_on_escape=True)
    model.learn(300, callback=callback, log_interval=None)
    assert callback.escape_time == callback.updates == 96
    (event,) = callback.events
    assert event.kind == "escape"
    assert event.ratio_to_bound == 96 / callback.bounds[0, 0] > 1


def estimates(model, updates):
    """The change of theta of `updates` single updates from one start, [updates, S, K]."""
    start = model.policy.theta
    changes = []

    def keep(before=model.train):
        before()
        changes.append(model.policy.theta - start)
        model.policy.set_theta(start)

    model.train = keep
    model.learn(updates * model.n_envs * model.n_steps, log_interval=None)
    return np.array(changes)


@pytest.mark.parametrize("baseline", ["none", "value", "average", "constant"])
def test_the_sampled_gradient_is_unbiased(baseline):
    """Mean of 400 estimates against the exact gradient, within 4.5 standard errors."""
    rewards = np.array([0.9, 0.5, 0.2])
    start = {"initial_policy": np.array([0.2, 0.5, 0.3])}
    model = twin(
        "SoftmaxWell-v0",
        {"mean_rewards": rewards, "reward_noise": "bernoulli"},
        n_envs=64,
        rate=1.0,
        start=start,
        baseline=baseline,
        baseline_value=0.3 if baseline == "constant" else None,
    )
    changes = estimates(model, 400)[:, 0]
    pi = start["initial_policy"]
    exact = pi * (rewards - pi @ rewards)
    error = changes.std(axis=0, ddof=1) / np.sqrt(len(changes))
    assert np.all(np.abs(changes.mean(axis=0) - exact) < 4.5 * error)
    assert np.all(error < 0.01)


@pytest.mark.parametrize("discount, horizon", [(0.0, 1), (0.7, 3)])
def test_whole_episodes_give_the_discounted_gradient(discount, horizon):
    """Against the exact horizon-H gradient by backward recursion, within 4.5 standard errors."""
    kwargs = {"discount": discount, "horizon": horizon, "drift": 0.3}
    policy = np.array([[0.2, 0.5, 0.3], [0.6, 0.2, 0.2], [0.3, 0.3, 0.4]])
    env = WellVecEnv("ASRWell-v0", 64, bootstrap=False, **kwargs)
    model = SoftmaxPG(
        "TabularPolicy",
        env,
        learning_rate=1.0,
        n_steps=horizon,
        gamma=discount,
        episodic=True,
        policy_kwargs={"initial_policy": policy},
        seed=0,
        device="cpu",
    )
    changes = estimates(model, 400)
    mdp = env.well.mdp
    exact, visits = np.zeros((3, 3)), mdp.initial.copy()
    for k in range(horizon):
        value = np.zeros(3)
        for _ in range(horizon - k):
            q = mdp.rewards + discount * mdp.transitions @ value
            value = (policy * q).sum(axis=1)
        exact += discount**k * visits[:, None] * policy * (q - value[:, None])
        visits = np.einsum("s,sk,skt->t", visits, policy, mdp.transitions)
    error = changes.std(axis=0, ddof=1) / np.sqrt(len(changes))
    assert np.all(np.abs(changes.mean(axis=0) - exact) < 4.5 * error)
    assert np.all(error < 0.01)


@pytest.mark.parametrize("update", SAMPLED_UPDATES)
@pytest.mark.parametrize("space", [spaces.Discrete(4), spaces.MultiDiscrete([3, 2])])
def test_a_network_moves_along_the_rules_direction(update, space):
    """The loss's gradient is J^T d: against finite differences of the logits, in float32."""
    model = SoftmaxPG("MlpPolicy", foreign(space), n_steps=8, update=update, seed=1, device="cpu",
                      policy_kwargs={"net_arch": [3]}, vf_coef=0.0)  # fmt: skip
    model._setup_learn(8)
    model.collect_rollouts(model.env, silent(model), model.rollout_buffer, 8)
    loss, _ = model._sampled_loss()
    loss.backward()
    buffer = model.rollout_buffer
    seen = th.as_tensor(buffer.swap_and_flatten(buffer.observations), dtype=th.float32)
    logits = logits_and_values(model.policy, seen)[0].detach().numpy()
    direction, at = [], 0
    for i, size in enumerate(action_sizes(space)):
        direction.append(
            make_sampled_rule(update).estimate(
                softmax(logits[:, at : at + size]),
                buffer.swap_and_flatten(buffer.actions)[:, i].astype(int),
                buffer.swap_and_flatten(buffer.returns)[:, 0].astype(float),
                buffer.swap_and_flatten(buffer.values)[:, 0].astype(float),
            )
        )
        at += size
    direction = np.concatenate(direction, axis=1)
    weight = model.policy.mlp_extractor.policy_net[0].weight
    for index in [(0, 0), (2, 1)]:
        changed = []
        for step in (1e-2, -1e-2):
            with th.no_grad():
                weight[index] += step
                changed.append(logits_and_values(model.policy, seen)[0].numpy())
                weight[index] -= step
        slope = np.sum(direction * (changed[0] - changed[1])) / 2e-2 / len(direction)
        assert -float(weight.grad[index]) == pytest.approx(slope, rel=1e-3, abs=1e-5)


def foreign(space):
    """An environment that is not ours: two numbers seen, a random reward, ten steps."""
    import gymnasium as gym

    class Foreign(gym.Env):
        observation_space = spaces.Box(-1, 1, (2,), np.float32)
        action_space = space

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            self.left = 10
            return self.np_random.uniform(-1, 1, 2).astype(np.float32), {}

        def step(self, action):
            self.left -= 1
            seen = self.np_random.uniform(-1, 1, 2).astype(np.float32)
            return seen, float(self.np_random.random()), self.left == 0, False, {}

    return Foreign()


def silent(model):
    from stable_baselines3.common.callbacks import CallbackList

    callback = CallbackList([])
    callback.init_callback(model)
    return callback


def test_it_offers_the_rules_whose_estimates_are_policy_gradients_in_logits():
    exact = {"softmax-pg", "delightful-pg", "entropy-pg", "log-barrier-pg"}
    assert set(EXACT_UPDATES) == exact
    assert set(SAMPLED_UPDATES) == exact | {"alternate"}
