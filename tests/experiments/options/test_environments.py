"""An environment's options are its constructor's arguments, as its documentation page says."""

import ast
import dataclasses
import importlib
import inspect

import gymnasium as gym
import pytest

from experiments.options.config import make_config, parse_config
from experiments.options.environments import (
    NOT_ON_THE_LINE,
    RENAMED,
    documented_arguments,
    env_options,
)
from gw_envs.metric_learning.settings import LearnerSettings
from gw_envs.registration import ENVIRONMENTS

IDS = tuple(ENVIRONMENTS)


def class_of(entry_point):
    module, name = entry_point.split(":")
    return getattr(importlib.import_module(module), name)


def signature_of(env_id):
    """Defaults by name, read off the classes by hand: wells are told by their vector form."""
    scalar, vector = map(class_of, ENVIRONMENTS[env_id])
    described = scalar if env_id == "ASRSampling-v0" else vector
    found = inspect.signature(described).parameters
    defaults = {
        name: p.default for name, p in found.items() if p.kind is not inspect.Parameter.VAR_KEYWORD
    }
    if env_id == "ASRSampling-v0":
        defaults |= {field.name: field.default for field in dataclasses.fields(LearnerSettings)}
    return defaults


@pytest.mark.parametrize("env_id", IDS)
def test_every_default_of_train_is_that_of_gym_make(env_id):
    options = {field.name: field.default for field in dataclasses.fields(env_options(env_id))}
    wanted = {
        RENAMED.get(name, name): default
        for name, default in signature_of(env_id).items()
        if name not in NOT_ON_THE_LINE
    }
    if "drift" in wanted:  # given as YAML; unset it is the constructor's
        wanted["drift"] = None
    assert options == wanted


@pytest.mark.parametrize("env_id", IDS)
def test_the_page_names_every_argument_with_its_default(env_id):
    documented = documented_arguments(class_of(ENVIRONMENTS[env_id][0]))
    defaults = signature_of(env_id)
    apart = {"num_envs", "max_episode_steps", "autoreset_mode"} | (
        {"render_mode"} - set(documented)
    )
    assert set(documented) == set(defaults) - apart
    for name, (written, said) in documented.items():
        assert said, name
        if written != "DEFAULT_DRIFT":
            assert ast.literal_eval(written) == defaults[name], name


@pytest.mark.parametrize("env_id", IDS)
def test_the_options_make_the_environment_that_gym_make_makes(env_id):
    ours = gym.make(env_id, **env_options(env_id)().kwargs()).unwrapped
    plain = gym.make(env_id).unwrapped
    names = ("reward_gaps", "horizon", "mean_rewards", "multipliers", "settings", "total_steps")
    seen = [name for name in names if hasattr(plain, name)]
    assert seen
    for name in seen:
        assert repr(getattr(ours, name)) == repr(getattr(plain, name))


def test_the_help_of_an_option_is_the_line_of_the_page(capsys):
    with pytest.raises(SystemExit):
        parse_config(["--env-id", "ASRSampling-v0", "--help"])
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "c > 0 of the tilt action, per bin. (default: 0.1)" in said
    assert "learner-rate FLOAT Adam's, for the embedding network. (default: 0.001)" in said


def test_one_number_or_one_per_state():
    assert make_config(env_id="ASRWell-v0", reward_gaps=0.1).env.kwargs()["reward_gaps"] == 0.1
    listed = make_config(env_id="ASRWell-v0", reward_gaps=[0.1, 0.2, "3e-1"])
    assert listed.env.kwargs()["reward_gaps"] == (0.1, 0.2, 0.3)
    line = ["--env-id", "ASRWell-v0", "--reward-gaps"]
    assert parse_config([*line, "0.1"]) == make_config(env_id="ASRWell-v0", reward_gaps=0.1)
    assert parse_config([*line, "0.1", "0.2", "0.3"]) == listed


def test_a_drift_that_is_no_yaml_is_named():
    with pytest.raises(ValueError, match=r"drift='\{law' is not YAML"):
        make_config(env_id="ASRWell-v0", drift="{law").env.kwargs()
