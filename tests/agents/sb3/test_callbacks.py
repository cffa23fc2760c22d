"""EscapeCallback and SB3Agent: what they see, tell, keep and continue."""

import pickle

import numpy as np
import pytest
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import KVWriter, Logger

from agents import metrics
from agents.precision import PrecisionWarning
from agents.sb3.agent import SB3Agent
from agents.sb3.callbacks import EscapeCallback
from agents.sb3.ground_truth import policy_table
from agents.sb3.softmax_pg import SoftmaxPG
from agents.sb3.stock import make_baseline, start_from
from agents.sb3.vec_env import WellVecEnv

CORNER = {"initial_policy": "corner", "optimal_prob": 0.02, "optimal_actions": [0]}
SETTINGS = {
    "ppo": {"n_steps": 4, "n_epochs": 2},
    "a2c": {},
    "dqn": {"learning_starts": 16, "buffer_size": 100, "target_update_interval": 20},
    "trpo": {"n_steps": 4},
}


class Rows(KVWriter):
    """Keeps what SB3 logs."""

    def __init__(self):
        self.rows = []

    def write(self, key_values, key_excluded, step=0):
        self.rows.append(dict(key_values))

    def close(self):
        pass


def agent(name, seed=0, env_id="SoftmaxWell-v0"):
    env = WellVecEnv(env_id, 4, **({} if env_id != "SoftmaxWell-v0" else {"num_actions": 3}))
    if name == "sb3-softmax-pg":
        best = env.well.optimal_actions
        model = SoftmaxPG("TabularPolicy", env, 0.9, gamma=0.0, seed=seed, device="cpu",
                          policy_kwargs=CORNER | {"optimal_actions": best})  # fmt: skip
    else:
        model = make_baseline(name, env, seed=seed, **SETTINGS[name])
        if name != "dqn":
            start_from(model, "corner", optimal_prob=0.02)
    return SB3Agent(model, seed)


def history(run, budget, **kwargs):
    """What an agent tells about every update up to a budget."""
    told = []
    run.learn(
        budget,
        record_at=range(budget + 1),
        on_record=lambda r: told.append(
            (r.update, r.global_step, r.policy.tobytes(), repr(r.episodic_return))
        ),
        **kwargs,
    )
    return told


@pytest.mark.parametrize("name", ["sb3-softmax-pg", *SETTINGS])
def test_every_update_is_seen_once_and_in_order(name):
    run = agent(name)
    seen = []
    records = history(run, 12, on_update=seen.append)
    assert [r[0] for r in records] == list(range(13))
    assert seen == list(range(1, 13))
    assert [r[1] for r in records] == [n * run.steps_per_update for n in range(13)]
    assert run.updates == 12
    assert run.global_step == run.model.num_timesteps


@pytest.mark.parametrize("name", ["sb3-softmax-pg", *SETTINGS])
def test_same_seed_same_run_whatever_ran_before(name):
    first = agent(name), agent(name, seed=1)
    alone = agent(name)
    once = [history(first[1], 25), history(first[0], 25)]
    assert history(alone, 25) == once[1]
    assert once[0] != once[1]


@pytest.mark.parametrize("name", ["sb3-softmax-pg", *SETTINGS])
@pytest.mark.parametrize("env_id", ["SoftmaxWell-v0", "ASRWell-v0"])
def test_a_pickled_agent_continues_to_the_same_bits(name, env_id):
    whole = history(agent(name, env_id=env_id), 20)
    states = []
    run = agent(name, env_id=env_id)
    first = history(run, 20, on_update=lambda n: n == 11 and states.append(pickle.dumps(run)))
    assert first == whole
    history(agent(name, seed=3), 3)  # something else draws from the generators
    loaded = pickle.loads(states[0])
    assert loaded.updates == 11
    assert history(loaded, 20) == whole[12:]
    assert repr(loaded.events) == repr(run.events)
    np.testing.assert_array_equal(loaded.escape_time, run.escape_time)


def test_sb3s_log_has_the_names_of_the_house():
    rows = Rows()
    model = make_baseline("ppo", WellVecEnv("SoftmaxWell-v0", 4), **SETTINGS["ppo"])
    model.set_logger(Logger(None, [rows]))
    model.learn(48, callback=EscapeCallback(), log_interval=1)
    house = {
        metrics.UPDATE,
        metrics.SUBOPTIMALITY,
        metrics.OPTIMAL_PROB,
        metrics.LOG10_OPTIMAL_PROB,
        metrics.ENTROPY,
        metrics.GRADIENT_NORM,
    }
    assert [row[metrics.UPDATE] for row in rows.rows] == [0, 1, 2]
    assert all(house <= row.keys() for row in rows.rows)
    assert "rollout/ep_rew_mean" in rows.rows[-1]
    assert "train/value_loss" in rows.rows[-1]


def test_an_ordinary_sb3_user_gets_the_events():
    """A plain `make_vec_env`, a stock PPO, progress over two calls of learn."""
    env = make_vec_env("ASRWell-v0", n_envs=4, env_kwargs={"drift": 0.3})
    model = PPO("MlpPolicy", env, n_steps=16, batch_size=64, gamma=0.0, seed=0, device="cpu",
                learning_rate=3e-3)  # fmt: skip
    start_from(model, "corner", optimal_prob=0.05)
    told = []
    callback = EscapeCallback(on_event=told.append, stop_on_escape=True)
    model.learn(64 * 3, callback=callback)
    model.learn(64 * 60, callback=callback, reset_num_timesteps=False)
    assert callback.escape_time > 3
    escapes = [e for e in callback.events if e.is_first_escape]
    assert repr(told) == repr(callback.events)
    assert sorted(e.state for e in escapes) == [0, 1, 2]
    assert callback.escape_time == max(e.update for e in escapes)
    assert model.num_timesteps == 64 * callback.updates + 4  # ended at the next step


def test_dqns_policy_is_the_one_that_acts():
    model = make_baseline("dqn", WellVecEnv("SoftmaxWell-v0", 4), **SETTINGS["dqn"])
    assert isinstance(model, DQN)
    np.testing.assert_array_equal(policy_table(model), np.full((1, 6), 1 / 6))
    model.learn(400, log_interval=None)
    policy = policy_table(model)[0]
    rate = model.exploration_rate
    assert 0 < rate < 1
    assert policy.max() == pytest.approx(1 - rate + rate / 6)
    assert policy.sum() == pytest.approx(1)


def test_a_table_too_deep_for_float64_stops_and_a_network_warns():
    env = WellVecEnv("SoftmaxWell-v0", 1)
    deep = SoftmaxPG("TabularPolicy", env, policy_kwargs=CORNER | {"optimal_prob": 1e-12})
    with pytest.raises(FloatingPointError, match=r"pi\(a\*\)=1e-12.*agents\.simulation"):
        deep.learn(1, callback=EscapeCallback())
    network = SoftmaxPG("MlpPolicy", env, device="cpu")
    start_from(network, "corner", optimal_prob=2e-5)
    network.policy.action_net.bias.data[0] -= 2
    with pytest.warns(PrecisionWarning, match="below 1e-5"):
        network.learn(3, callback=EscapeCallback())


@pytest.mark.parametrize("name", ["sb3-softmax-pg", "ppo"])
def test_a_saved_model_is_the_same_when_loaded(name, tmp_path):
    run = agent(name)
    run.learn(5)
    run.model.save(tmp_path / "model")
    loaded = type(run.model).load(tmp_path / "model", env=WellVecEnv("SoftmaxWell-v0", 2,
                                                                     num_actions=3))  # fmt: skip
    np.testing.assert_array_equal(policy_table(loaded), policy_table(run.model))
    seen = np.zeros(3, dtype=int)
    np.testing.assert_array_equal(
        loaded.predict(seen, deterministic=True)[0], run.model.predict(seen, deterministic=True)[0]
    )
    assert loaded.num_timesteps == run.model.num_timesteps
    loaded.learn(16, log_interval=None)
