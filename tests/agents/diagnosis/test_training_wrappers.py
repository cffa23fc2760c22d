"""The model acts as it acted in training: normalised, stacked, masked, with its own actions."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    VecExtractDictObs,
    VecFrameStack,
    VecNormalize,
    VecTransposeImage,
)

from agents.diagnosis import diagnose
from agents.diagnosis.policies.meeting import meet
from agents.diagnosis.policies.observations import stack


class Far(gym.Env):
    """Shows 1000 +- 5 and pays for saying on which side of 1000 that was; ten steps."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time = 0
        return self._show(), {}

    def _show(self):
        self.seen = np.array([1000 + self.np_random.uniform(-5, 5)], np.float32)
        return self.seen

    def step(self, action):
        reward = float(action == int(self.seen[0] > 1000))
        self.time += 1
        return self._show(), reward, self.time == 10, False, {}


def linear(env, rows, **options):
    """PPO without hidden layers, its logits are the rows times what it sees."""
    options = {"n_steps": 16, "batch_size": 16, "learning_rate": 0.0, "seed": 0, **options}
    model = PPO("MlpPolicy", env, policy_kwargs={"net_arch": []}, device="cpu", **options)
    model.policy.action_net.weight.data = torch.as_tensor(rows, dtype=torch.float32)
    model.policy.action_net.bias.data.zero_()
    return model


def normalised():
    """A model that is right because it sees normalised observations."""
    env = VecNormalize(DummyVecEnv([Far] * 4))
    model = linear(env, [[-300.0], [300.0]])
    model.learn(2_000)  # the statistics; a learning rate of 0 leaves the weights
    return model, env


@pytest.fixture(scope="module")
def far():
    return normalised()


def test_a_model_is_judged_through_its_own_vecnormalize(far):
    found = diagnose(far[0], Far, max_steps=20_000, num_states=4)
    assert found.verdict == "no_better_action"
    assert found.mean_episode_return > 9.5
    assert "VecNormalize" in found.judged
    plain = diagnose(far[0], Far, max_steps=20_000, num_states=4, vec_normalize=False)
    assert plain.mean_episode_return < 6


def test_saved_statistics_are_read_and_left_as_they_are(far, tmp_path):
    model, env = far
    model.save(tmp_path / "m.zip")
    env.save(tmp_path / "stats.pkl")
    loaded = PPO.load(tmp_path / "m.zip", device="cpu")
    with pytest.raises(ValueError, match="statistics are not here"):
        diagnose(loaded, Far)
    before = env.obs_rms.mean.copy(), env.obs_rms.count
    for given in (tmp_path / "stats.pkl", str(tmp_path / "stats.pkl"), env):
        found = diagnose(loaded, Far, max_steps=5_000, num_states=1, vec_normalize=given)
        assert found.mean_episode_return > 9.5
    assert (env.obs_rms.mean, env.obs_rms.count) == before


def test_a_saved_dqn_that_saw_normalised_observations_is_refused_without_them(tmp_path):
    settings = {"learning_starts": 20, "buffer_size": 100, "device": "cpu", "seed": 0}
    model = DQN("MlpPolicy", VecNormalize(DummyVecEnv([Far])), **settings)
    model.learn(50)
    model.save(tmp_path / "normalised.zip")
    with pytest.raises(ValueError, match="statistics are not here"):
        diagnose(DQN.load(tmp_path / "normalised.zip"), Far)
    DQN("MlpPolicy", Far(), **settings).learn(50).save(tmp_path / "plain.zip")
    assert diagnose(DQN.load(tmp_path / "plain.zip"), Far, max_steps=5_000).episodes == 32


def test_the_environments_of_training_cannot_be_reached_from_those_that_are_played(far):
    world = meet(far[0], Far).make()
    assert world.env.statistics is not far[1]
    assert world.env.statistics.venv is None
    before = [env.np_random.bit_generator.state for env in far[1].venv.envs]
    diagnose(far[0], Far, max_steps=5_000, num_states=1)
    assert [env.np_random.bit_generator.state for env in far[1].venv.envs] == before


def test_statistics_that_cannot_be_used_are_refused(far, tmp_path):
    model, _ = far
    (tmp_path / "bad.pkl").write_bytes(b"no pickle")
    cart = VecNormalize(DummyVecEnv([lambda: gym.make("CartPole-v1")]))

    class Shifted(Far):
        observation_space = gym.spaces.Box(0, 2000, (1,), np.float32)

    shifted = VecNormalize(DummyVecEnv([Shifted]))
    infinite = VecNormalize(DummyVecEnv([Far]))
    infinite.obs_rms.mean[:] = np.nan
    cases = {
        "does not exist": tmp_path / "none.pkl",
        "cannot be read": tmp_path / "bad.pkl",
        "holds a dict": {},
        "of another environment": cart,
        "statistics of another environment: of observations": shifted,
        "not finite": infinite,
    }
    for message, given in cases.items():
        with pytest.raises(ValueError, match=message):
            diagnose(model, Far, vec_normalize=given)


def seen_in_training(venv, actions):
    """What a VecEnv of one environment shows, up to the first end."""
    venv.seed(3)
    shown = [venv.reset()]
    for action in actions:
        seen, _, dones, infos = venv.step(np.array([action]))
        if dones[0]:
            shown.append(stack([infos[0]["terminal_observation"]]))
            break
        shown.append(seen)
    return shown


class Pixels(gym.Env):
    """A small image and a number."""

    observation_space = gym.spaces.Dict(
        image=gym.spaces.Box(0, 255, (36, 36, 1), np.uint8),
        number=gym.spaces.Box(-1, 1, (2,), np.float32),
    )
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time = 0
        return self._show(), {}

    def _show(self):
        image = self.np_random.integers(0, 256, (36, 36, 1)).astype(np.uint8)
        return {"image": image, "number": self.np_random.uniform(-1, 1, 2).astype(np.float32)}

    def step(self, action):
        self.time += 1
        return self._show(), 0.0, self.time == 7, False, {}


class Picture(Pixels):
    """The image alone."""

    observation_space = Pixels.observation_space["image"]

    def _show(self):
        return super()._show()["image"]


def normalise_numbers(env):
    return VecNormalize(env, norm_obs_keys=["number"])


CHAINS = {
    "normalised": (Far, "MlpPolicy", [VecNormalize]),
    "stacked": (Far, "MlpPolicy", [lambda env: VecFrameStack(env, 3)]),
    "normalised, then stacked": (Far, "MlpPolicy", [VecNormalize, lambda e: VecFrameStack(e, 3)]),
    "stacked, then normalised": (Far, "MlpPolicy", [lambda e: VecFrameStack(e, 3), VecNormalize]),
    "extracted": (Pixels, "MlpPolicy", [lambda env: VecExtractDictObs(env, "number")]),
    "dictionary": (
        Pixels,
        "MultiInputPolicy",
        [normalise_numbers, lambda env: VecFrameStack(env, 2)],
    ),
    "image": (Picture, "CnnPolicy", [lambda env: VecFrameStack(env, 4), VecTransposeImage]),
}


@pytest.mark.parametrize("name", CHAINS)
def test_a_wrapped_environment_shows_what_the_vecenv_shows(name):
    make, policy, wrappers = CHAINS[name]
    venv = DummyVecEnv([make])
    for wrap in wrappers:
        venv = wrap(venv)
    model = PPO(policy, venv, n_steps=32, batch_size=16, n_epochs=1, device="cpu", seed=0)
    model.learn(32)
    venv = model.env
    for layer in (venv, getattr(venv, "venv", None), getattr(venv.venv, "venv", None)):
        if isinstance(layer, VecNormalize):
            layer.training = False
    actions = [1, 0, 1, 1, 0, 0, 1, 1, 1, 1]
    expected = seen_in_training(venv, actions)
    meeting = meet(model, make)
    world = meeting.make()
    seen, _ = world.reset(seed=3)
    shown, ended = [seen], False
    for action in actions:
        if not ended:
            seen, _, ended, _, _ = world.step(action)
            shown.append(seen)
    assert len(shown) == len(expected)
    for ours, theirs in zip(shown, expected, strict=True):
        one, other = parts(stack([ours])), parts(theirs)
        assert one.keys() == other.keys()
        for key, value in other.items():
            np.testing.assert_allclose(transposed(one[key], value), value, rtol=1e-6)
    pi = meeting.actor.probabilities(shown[:1])[0]
    seen, _ = model.policy.obs_to_tensor(expected[0])
    theirs = model.policy.get_distribution(seen).distribution.probs[0].detach().numpy()
    np.testing.assert_allclose(pi, theirs, rtol=1e-4)


def parts(batch):
    return batch if isinstance(batch, dict) else {"": batch}


def transposed(ours, theirs):
    """Channels first, where the model moves them itself."""
    return ours if ours.shape == theirs.shape else np.moveaxis(ours, -1, 1)


@pytest.mark.parametrize("order", ["normalised first", "stacked first"])
def test_a_saved_model_implies_its_stack_of_frames(order, tmp_path):
    wrappers = [VecNormalize, lambda env: VecFrameStack(env, 3)]
    venv = DummyVecEnv([Far])
    for wrap in wrappers if order == "normalised first" else wrappers[::-1]:
        venv = wrap(venv)
    model = PPO("MlpPolicy", venv, n_steps=32, batch_size=32, n_epochs=1, device="cpu", seed=0)
    model.learn(64)
    held = meet(model, Far)
    statistics = model.get_vec_normalize_env()
    model.save(tmp_path / "m.zip")
    loaded = meet(PPO.load(tmp_path / "m.zip", device="cpu"), Far, vec_normalize=statistics)
    for a, b in zip(held.make().reset(seed=5), loaded.make().reset(seed=5), strict=True):
        np.testing.assert_array_equal(a, b)
    assert "VecFrameStack(3)" in loaded.judged()
    assert "implies" in loaded.judged()


def test_a_wrapper_that_is_not_known_is_refused():
    from stable_baselines3.common.vec_env import VecEnvWrapper

    class Doubled(VecEnvWrapper):
        def reset(self):
            return self.venv.reset()

        def step_wait(self):
            return self.venv.step_wait()

    model = PPO("MlpPolicy", Doubled(DummyVecEnv([Far])), n_steps=8, batch_size=8, device="cpu")
    with pytest.raises(ValueError, match="trained in Doubled"):
        diagnose(model, Far)


class Steps(gym.Env):
    """Five steps that each pay -(a-1)^2, whatever the action is called."""

    observation_space = gym.spaces.Box(0, 1, (1,), np.float32)

    def __init__(self, start):
        self.action_space = gym.spaces.Discrete(3, start=start)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.time += 1
        return np.zeros(1, np.float32), -float((action - 1) ** 2), self.time == 5, False, {}


def likes(index, start):
    model = linear(DummyVecEnv([lambda: Steps(start)]), np.zeros((3, 1)))
    model.policy.action_net.bias.data[index] = 20.0
    return model


@pytest.mark.parametrize("start", [-1, 0, 1])
def test_a_model_hands_step_the_numbers_it_handed_in_training(start):
    found = diagnose(likes(1, start), lambda: Steps(start), max_steps=4_000)
    assert found.mean_episode_return == 0.0
    assert found.verdict == "no_better_action"
    assert {probe.action for probe in found.probes} == {0, 2}


@pytest.mark.parametrize("start", [-1, 1])
def test_the_actions_of_functions_are_those_of_the_space_and_so_named(start):
    right = 1 - start  # its index

    def policy(index):
        return lambda seen: np.where(np.arange(3) == index, 0.99, 0.005)

    if start == -1:
        found = diagnose(policy(right), lambda: Steps(start), max_steps=4_000)
        assert found.mean_episode_return > -1
        assert {probe.action for probe in found.probes} == {-1, 0}
    found = diagnose(policy((right + 1) % 3), lambda: Steps(start), max_steps=4_000)
    assert found.routes[0].action == 1
    assert all(a in range(start, start + 3) for place in found.places for a in place.actions)


class Levers(gym.Env):
    """Two levers; pays 1 for (2, 0), .5 for (0, 1)."""

    observation_space = gym.spaces.Box(0, 1, (1,), np.float32)
    action_space = gym.spaces.MultiDiscrete([3, 2])

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(1, np.float32), {}

    def step(self, action):
        assert action.shape == (2,)
        pay = {(2, 0): 1.0, (0, 1): 0.5}.get(tuple(action.tolist()), 0.0)
        return np.zeros(1, np.float32), pay, True, False, {}


def test_actions_of_several_parts_are_probed_together_and_named_by_their_parts():
    model = linear(DummyVecEnv([Levers]), np.zeros((5, 1)), learning_rate=1e-3)
    model.policy.action_net.bias.data[[0, 4]] = 6.0
    found = diagnose(model, Levers, max_steps=8_000)
    assert found.verdict == "well"
    best = found.routes[0]
    assert best.action == (2, 0)
    first, second = np.exp([6, 0, 0]) / np.exp([6, 0, 0]).sum(), 1 / (1 + np.exp(6))
    assert best.probability == pytest.approx(first[2] * second, rel=1e-5)
    assert best.low <= 0.5 <= best.high + 0.02


def test_buttons_are_probed_together():
    class Buttons(Levers):
        action_space = gym.spaces.MultiBinary(2)

        def step(self, action):
            return np.zeros(1, np.float32), float(action.tolist() == [1, 0]), True, False, {}

    model = linear(DummyVecEnv([Buttons]), np.zeros((2, 1)))
    model.policy.action_net.bias.data[:] = 5.0
    found = diagnose(model, Buttons, max_steps=8_000)
    assert found.routes[0].action == (1, 0)
    on = 1 / (1 + np.exp(-5))
    assert found.routes[0].probability == pytest.approx(on * (1 - on), rel=1e-5)


def test_weights_that_are_not_finite_are_refused():
    settings = {"device": "cpu", "seed": 0}
    dqn = DQN("MlpPolicy", "CartPole-v1", buffer_size=100, **settings)
    dqn.policy.q_net.q_net[0].weight.data[0, 0] = np.nan
    ppo = PPO("MlpPolicy", "CartPole-v1", **settings)
    ppo.policy.action_net.bias.data[0] = np.inf
    for model in (dqn, ppo):
        with pytest.raises(ValueError, match="weights are not finite"):
            diagnose(model, "CartPole-v1")


def test_the_deterministic_policy_is_judged_when_asked_for():
    model = likes(1, 0)
    model.policy.action_net.bias.data[1] = 0.5
    stochastic = diagnose(model, lambda: Steps(0), max_steps=4_000)
    greedy = diagnose(model, lambda: Steps(0), max_steps=4_000, deterministic=True)
    assert stochastic.mean_episode_return < -1
    assert "stochastic policy of a PPO model" in stochastic.judged
    assert greedy.mean_episode_return == 0.0
    assert "deterministic" in greedy.judged
    assert greedy.verdict == "no_better_action"


def test_a_value_based_model_explores_when_asked_to():
    venv = DummyVecEnv([lambda: Steps(0)])
    model = DQN("MlpPolicy", venv, buffer_size=100, device="cpu", seed=0)
    model.exploration_rate = 0.4
    from agents.diagnosis.policies.actors import as_actor

    seen = [np.zeros(1, np.float32)]
    greedy = as_actor(model, Steps(0)).probabilities(seen)[0]
    exploring = as_actor(model, Steps(0), deterministic=False).probabilities(seen)[0]
    assert sorted(greedy) == [0, 0, 1]
    np.testing.assert_allclose(exploring, 0.6 * greedy + 0.4 / 3)
