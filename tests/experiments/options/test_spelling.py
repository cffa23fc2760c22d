"""Every option, as the agents of W&B's sweeps spell it: `--some_name=value`, flags with a value."""

import dataclasses
from typing import get_type_hints

import pytest

from experiments.options.config import option_groups, parse_config
from experiments.options.parsing import parse_options
from gw_envs.registration import ENVIRONMENTS

# Values other than the defaults that go through every check; options not named here keep theirs.
OWN = {
    "env_id": None,
    "agent": None,
    "resume": None,
    "mean_rewards": (0.9, 0.5, 0.25),
    "reward_gaps": (0.25, 0.5),
    "exp_name": "under_score",
}


def spellings(name, value):
    """The words that give an option a value, underscores and hyphens, one word and two."""
    text = str(list(value)) if isinstance(value, tuple) else str(value)
    for option in (f"--{name}", f"--{name.replace('_', '-')}"):
        yield [f"{option}={text}"]
        if not isinstance(value, tuple):
            yield [option, text.lower() if isinstance(value, bool) else text]


CHOICES = [
    (env_id, agent)
    for env_id in ENVIRONMENTS
    for agent in ("softmax-pg", "ppo", "dqn", "sb3-softmax-pg")
    if (env_id, agent) not in {("ASRSampling-v0", "softmax-pg"), ("ASRSampling-v0", "dqn")}
]


@pytest.mark.parametrize(("env_id", "agent"), CHOICES)
def test_every_option_takes_every_spelling(env_id, agent):
    tried = set()
    for number in range(4):  # spellings, each of all options at once
        words, expected = [], {}
        for group in option_groups(env_id, agent):
            defaults, kinds = group(), get_type_hints(group)
            for field in dataclasses.fields(group):
                default = getattr(defaults, field.name)
                value = not default if kinds[field.name] is bool else OWN.get(field.name, default)
                if value is None:
                    continue
                ways = list(spellings(field.name, value))
                words += ways[number % len(ways)]
                expected[field.name] = value
        words += [f"--env_id={env_id}", f"--agent={agent}"]
        config = parse_config(words).flat()
        found = {name: config[name] for name in expected}
        assert found == {k: str(v) if k == "output" else v for k, v in expected.items()}
        tried |= set(expected)
    assert {"max_updates", "until_escape", "exp_name"} <= tried


@pytest.mark.parametrize("word", ["--until_escape=maybe", "--until-escape=1"])
def test_a_flag_is_true_or_false(word):
    with pytest.raises(ValueError, match=r"--until-escape=\w+ must be true or false"):
        parse_config([word])


def test_of_an_option_given_twice_the_last_counts():
    words = ["--env-id", "SoftmaxWell-v0", "--env_id=ASRWell-v0", "--seed=1", "--seed=2"]
    config = parse_config(words)
    assert (config.run.env_id, config.run.seed) == ("ASRWell-v0", 2)


@dataclasses.dataclass(frozen=True)
class Command:
    """The options of some command."""

    full: bool = False
    """A flag."""
    output_folder: str = "a"
    """A word."""
    sizes: tuple[int, ...] = (1,)
    """A list."""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--full=True --output_folder=b_c", Command(True, "b_c")),
        ("--full false --sizes=[3]", Command(False, "a", (3,))),
        ("--no-full --output-folder true", Command(False, "true")),
        ("--full=FALSE --sizes 3 4 --output_folder x", Command(False, "x", (3, 4))),
        ("--full", Command(True)),
    ],
)
def test_the_other_commands_read_the_same(line, expected):
    (found,) = parse_options(
        line.split(), prog="command", description="A command.", groups=lambda: {"own": Command}
    )
    assert found == expected
