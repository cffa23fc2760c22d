"""`GroupMonitor` where a trainer calls it: as TRL does, and as TRL does not."""

import asyncio
import importlib.util
import subprocess
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from agents.diagnosis.groups import GroupMonitor, GroupSettings
from agents.diagnosis.groups.trl import LONGEST_ID, prompt_id
from gw_envs.checks import BadInput

CONFIG = {"num_generations": 4, "beta": 0.04, "max_steps": 500, "scale_rewards": "group"}


def verifier(prompts, completions, **_):
    """Reward functions of TRL take keywords and return a list."""
    return [float(c == "yes") for c in completions]


class Trainer:
    """The calls of TRL 1.16 and transformers 5.24 around one reward function, in their order."""

    def __init__(self, monitor, reward, log_metric=True, **config):
        self.monitor, self.reward, self.logged = monitor, reward, {}
        self.args = SimpleNamespace(**(CONFIG | config))
        self.state = SimpleNamespace(global_step=0, max_steps=500, is_world_process_zero=True)
        self.log_metric = log_metric

    def event(self, name, **more):
        return getattr(self.monitor, f"on_{name}")(self.args, self.state, None, model=None, **more)

    def score(self, completions, prompts=("a", "a", "a", "a", "b", "b", "b", "b")):
        more = {"log_metric": self.logged.__setitem__} if self.log_metric else {}
        return self.reward(
            prompts=list(prompts),
            completions=list(completions),
            completion_ids=[[1]] * len(prompts),
            trainer_state=self.state,
            **more,
        )

    def step(self, completions):
        self.event("step_begin")
        rewards = self.score(completions)
        self.state.global_step += 1
        self.event("step_end")
        return rewards


def test_settings_come_from_the_trainer_and_rewards_through_the_verifier():
    monitor = GroupMonitor(report_every=2)
    trainer = Trainer(monitor, monitor.watch(verifier))
    trainer.event("train_begin")
    wanted = GroupSettings(rule="grpo", kl_weight=0.04, budget=500)
    assert monitor.settings == wanted
    assert trainer.step(["yes", *["no"] * 7]) == [1, *[0] * 7]
    assert trainer.logged["plateau/silent"] == 0.5 and trainer.logged["plateau/all_wrong"] == 0.5
    assert monitor.history.names == ["a", "b"]
    trainer.step(["no"] * 8)
    assert all(isinstance(value, float) for value in trainer.logged.values())
    logs = {"entropy": 0.7}
    trainer.event("log", logs=logs)
    assert logs["plateau/verdict"] == "unclear"  # a word: it cannot be averaged by the trainer
    assert monitor.history.entropy == [(2, 0.7)]


def test_without_log_metric_everything_goes_into_the_log():
    monitor = GroupMonitor()
    trainer = Trainer(monitor, monitor.watch(verifier), log_metric=False)
    trainer.event("train_begin")
    trainer.step(["no"] * 8)
    logs = {}
    trainer.event("log", logs=logs)
    assert logs["plateau/all_wrong"] == 1.0


def test_settings_of_the_user_stay():
    mine = GroupSettings(rule="rloo", budget=7)
    monitor = GroupMonitor(settings=mine)
    Trainer(monitor, None).event("train_begin")
    assert monitor.settings is mine


@pytest.mark.parametrize(("scale", "rule"), [("none", "dr-grpo"), ("batch", "dr-grpo")])
def test_the_rule_follows_how_rewards_are_scaled(scale, rule):
    monitor = GroupMonitor()
    Trainer(monitor, None, scale_rewards=scale).event("train_begin")
    assert monitor.settings.rule == rule


def test_a_scale_that_is_not_known_is_said():
    with pytest.warns(UserWarning, match="does not know scale_rewards='mean'"):
        Trainer(GroupMonitor(), None, scale_rewards="mean").event("train_begin")


def test_rewards_of_an_evaluation_are_not_those_of_training():
    monitor = GroupMonitor()
    trainer = Trainer(monitor, monitor.watch(verifier))
    trainer.event("train_begin")
    trainer.step(["no"] * 8)
    trainer.score(["yes"] * 8)  # between steps
    assert len(monitor.history) == 2 and monitor.history.column("right").sum() == 0


def test_every_other_event_of_any_version_does_nothing():
    monitor = GroupMonitor()
    assert monitor.on_prediction_step(None, None, None) is None
    assert monitor.on_an_event_to_come(1, 2, 3, more=4) is None
    with pytest.raises(AttributeError, match="no attribute 'onwards'"):
        monitor.onwards  # noqa: B018 - the look-up is what is tested


def test_a_trainer_whose_settings_are_elsewhere_is_one_sentence():
    monitor = GroupMonitor()
    with pytest.raises(BadInput, match=r"has no 'num_generations'.*monitor\.update"):
        monitor.on_train_begin(SimpleNamespace(beta=0.0, max_steps=3), None, None)


@pytest.mark.parametrize(
    ("completions", "prompts", "words"),
    [
        (["yes"] * 8, "aaabbbbb", "no groups of 4 answers to one prompt"),
        (["yes"] * 6, "aaaabb", "6 rewards are no groups of 4"),
        ([None] * 8, "aaaabbbb", "NaN"),
    ],
)
def test_what_cannot_be_used_is_a_warning_and_training_goes_on(completions, prompts, words):
    monitor = GroupMonitor()

    def none_where_none(prompts, completions, **_):
        return [None if c is None else 1.0 for c in completions]

    trainer = Trainer(monitor, monitor.watch(none_where_none))
    trainer.event("train_begin")
    trainer.event("step_begin")
    with pytest.warns(UserWarning, match=words):
        assert len(trainer.score(completions, prompts)) == len(completions)
    assert len(monitor.history) == 0


def test_a_verifier_without_prompts_is_a_warning():
    monitor = GroupMonitor()
    with pytest.warns(UserWarning, match="one prompt per reward"):
        monitor.watch(lambda completions: [0.0])(completions=["x"])


def test_group_size_is_seen_without_the_callback():
    monitor = GroupMonitor()
    Trainer(monitor, monitor.watch(verifier)).score(["no"] * 8)
    assert monitor.history.column("answers").tolist() == [4, 4]


def test_coroutines_are_watched_too():
    monitor = GroupMonitor()

    async def slow(prompts, completions, **_):
        return verifier(prompts, completions)

    Trainer(monitor, lambda **k: asyncio.run(monitor.watch(slow)(**k))).score(["yes"] * 8)
    assert monitor.history.column("right").tolist() == [4, 4]


def test_the_end_says_the_verdict_or_that_nothing_was_seen(capsys):
    monitor = GroupMonitor()
    trainer = Trainer(monitor, monitor.watch(verifier))
    with pytest.warns(UserWarning, match="has seen no rewards"):
        trainer.event("train_end")
    trainer.event("train_begin")
    trainer.step(["no"] * 8)
    trainer.event("train_end")
    assert "plateau verdict: unclear." in capsys.readouterr().err


def test_long_prompts_have_short_names_that_differ():
    texts = ["x" * 500 + str(i) for i in range(3)]
    names = {prompt_id(text) for text in texts}
    assert len(names) == 3 and max(map(len, names)) <= LONGEST_ID
    assert prompt_id("2 + 2") == "2 + 2"
    assert prompt_id([{"role": "user", "content": "2 + 2"}]).startswith("[{'role'")


def test_nothing_of_trl_nor_anything_heavy_is_loaded():
    code = (
        "import sys, numpy as np\nfrom agents.diagnosis.groups import GroupMonitor\n"
        "GroupMonitor().update(np.zeros((2, 4)))\n"
        "heavy = {'trl', 'transformers', 'datasets', 'torch', 'scipy', 'wandb'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.skipif(importlib.util.find_spec("trl") is None, reason="needs the extra trl")
def test_trl_itself_calls_all_of_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from tests.test_examples import load

    example = load("trl_well")
    monitor = GroupMonitor(report_every=5)
    model, tokenizer = example.make_model(0)
    args = SimpleNamespace(
        output=str(tmp_path), steps=10, learning_rate=0.005, optim="sgd", kl_weight=0.1, seed=0
    )
    words = {f"w{i}": f"w{i + 1}" for i in range(example.PROMPTS)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = example.make_trainer(model, tokenizer, words, monitor, args)
        trainer.train()
    assert monitor.settings == GroupSettings(rule="grpo", kl_weight=0.1, budget=10)
    assert len(monitor.history) == 10 * example.PROMPTS
    logged = {key for row in trainer.state.log_history for key in row}
    assert {"plateau/silent", "plateau/signal", "plateau/prompts_solved"} <= logged
    assert np.all(monitor.history.column("answers") == example.GROUP)
