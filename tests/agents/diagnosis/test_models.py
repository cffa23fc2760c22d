"""Models of plain Stable-Baselines3: the command, the monitor, spaces that do not fit."""

import json

import numpy as np
import pytest

from experiments.__main__ import main


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from stable_baselines3 import PPO
    from stable_baselines3.common.logger import KVWriter, Logger

    from agents.diagnosis import PlateauMonitor

    monitor = PlateauMonitor(window=4)
    ppo = PPO("MlpPolicy", "CartPole-v1", n_steps=64, n_epochs=1, seed=0, device="cpu")
    monitor.logged = {}

    class Keep(KVWriter):
        def write(self, key_values, key_excluded, step=0):
            monitor.logged.update(key_values)

        def close(self):
            pass

    ppo.set_logger(Logger(None, [Keep()]))
    ppo.learn(512, callback=monitor)
    path = tmp_path_factory.mktemp("models") / "ppo.zip"
    ppo.save(path)
    return ppo, monitor, path


def test_the_command_prints_json_and_draws(model, tmp_path, capsys):
    figure = tmp_path / "probes.png"
    words = [str(model[2]), "--env-id", "CartPole-v1", "--max-steps", "4000", "--num-states", "1"]
    assert main(["diagnose", *words, "--json", "--figure", str(figure)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] in ("learning", "well", "unclear", "no_better_action")
    assert found["discount"] == 0.99
    assert figure.stat().st_size > 5000


def test_a_model_of_other_spaces_is_refused(model):
    from agents.diagnosis import diagnose

    with pytest.raises(ValueError, match=r"model observes.*but the env shows"):
        diagnose(model[0], "Acrobot-v1")


def test_the_monitor_records_its_keys_and_leaves_training_as_it_was(model):
    from stable_baselines3 import PPO

    from agents import metrics

    ppo, monitor, _ = model
    logged = monitor.logged
    assert set(metrics.PLATEAU_KEYS) <= set(logged)
    assert 0 < logged[metrics.PLATEAU_ENTROPY] <= np.log(2) + 1e-6
    assert 1 <= logged[metrics.PLATEAU_EFFECTIVE_ACTIONS] <= 2 + 1e-6
    assert 0 <= logged[metrics.PLATEAU_LOST_UPDATES] < 1
    assert logged[metrics.PLATEAU_GRADIENT_NORM] > 0
    alone = PPO("MlpPolicy", "CartPole-v1", n_steps=64, n_epochs=1, seed=0, device="cpu")
    alone.learn(512)
    for a, b in zip(ppo.policy.parameters(), alone.policy.parameters(), strict=True):
        assert bool((a == b).all())


ALGORITHMS = {
    "A2C": ("stable_baselines3", {"n_steps": 8}, True),
    "DQN": ("stable_baselines3", {"buffer_size": 200, "learning_starts": 10}, False),
    "QRDQN": ("sb3_contrib", {"buffer_size": 200, "learning_starts": 10}, False),
    "TRPO": ("sb3_contrib", {"n_steps": 64, "batch_size": 64}, True),
}


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_named_can_be_diagnosed_by_the_command(name, tmp_path, capsys):
    import importlib

    package, settings, stochastic = ALGORITHMS[name]
    algorithm = getattr(importlib.import_module(package), name)
    model = algorithm("MlpPolicy", "CartPole-v1", seed=0, device="cpu", **settings)
    model.learn(128)
    model.save(tmp_path / "model.zip")
    words = [str(tmp_path / "model.zip"), "--algo", name.lower(), "--env-id", "CartPole-v1"]
    assert main(["diagnose", *words, "--json", "--max-steps", "150000", "--num-states", "4"]) == 0
    found = json.loads(capsys.readouterr().out)
    # after 128 steps the pole falls soon, and something better is easily seen: by a policy that
    # hardly prefers an action perhaps only four of the same in a row, which it hardly takes
    assert found["verdict"] in (("learning", "well") if stochastic else ("well",))
    best = found["routes"][0]
    assert best["low"] > 0
    assert (best["probability"] == 0) is not stochastic


def test_the_monitor_diagnoses_a_flat_run_once_a_window_and_does_not_touch_it():
    from stable_baselines3 import PPO

    from agents.diagnosis import PlateauMonitor

    def run(callback):
        # moves every parameter, and the return not at all
        settings = {"n_steps": 64, "batch_size": 64, "n_epochs": 1, "learning_rate": 1e-5}
        model = PPO("MlpPolicy", "SoftmaxWell-v0", seed=0, device="cpu", **settings)
        return model.learn(64 * 12, callback=callback)

    class Written(PlateauMonitor):
        """Keeps what is said after each rollout."""

        said: list = []  # noqa: RUF012

        def _on_rollout_end(self):
            super()._on_rollout_end()
            self.said.append((self.verdict, len(self.diagnoses)))

    options = {"max_steps": 3_000}
    monitor = Written(window=5, make_env="SoftmaxWell-v0", diagnose_options=options)
    watched, alone = run(monitor), run(None)
    assert [found.verdict for found in monitor.diagnoses] == ["learning", "learning"]
    counts = [0, *(count for _, count in monitor.said)]
    times = [n for n in range(12) if counts[n + 1] > counts[n]]
    assert times[0] >= 4 and times[1] - times[0] >= 5  # a window of returns, then another
    assert [monitor.said[n][0] for n in times] == ["learning", "learning"]
    for a, b in zip(watched.policy.parameters(), alone.policy.parameters(), strict=True):
        assert bool((a == b).all())
