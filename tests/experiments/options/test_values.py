"""Values of options are brought to the declared types, or refused by name."""

import pytest

from experiments.options.config import make_config


def test_equal_values_become_equal_however_they_were_written():
    plain = make_config(optimal_prob=0.001, max_updates=10**6, mean_rewards=(1.0, 0.5))
    as_yaml = make_config(optimal_prob="1e-3", max_updates="1e6", mean_rewards=[1, "0.5"])
    assert as_yaml == plain
    assert as_yaml.run_id("exact", 0) == plain.run_id("exact", 0)
    assert type(make_config(learning_rate=1).agent.learning_rate) is float
    assert type(make_config(num_actions=4.0).env.num_actions) is int


def test_a_law_given_as_a_mapping_is_its_text():
    law = {"law": "linear", "start": 0.5, "slope": -1e-5}
    config = make_config(env_id="ASRWell-v0", drift=law)
    assert config.env.kwargs()["drift"] == law
    assert make_config(env_id="ASRWell-v0", drift=0.5).env.kwargs()["drift"] == 0.5


def test_none_is_for_options_that_may_be_left_out():
    assert make_config(initial_policy="normal", optimal_prob=None).agent.optimal_prob is None


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"optimal_prob": "small"}, "optimal_prob='small' must be a number"),
        ({"learning_rate": True}, "learning_rate=True must be a number"),
        ({"learning_rate": [0.1, 0.2]}, r"learning_rate=\[0.1, 0.2\] must be a number"),
        ({"learning_rate": None}, "learning_rate=None must be a number"),
        ({"max_updates": 2.5}, r"max_updates=2\.5 must be a whole number"),
        ({"max_updates": float("inf")}, "max_updates=inf must be a whole number"),
        ({"num_actions": "many"}, "num_actions='many' must be a whole number"),
        ({"until_escape": "yes"}, "until_escape='yes' must be true or false"),
        ({"until_escape": 1}, "until_escape=1 must be true or false"),
        ({"gradient": "exakt"}, "gradient='exakt' must be one of exact, sampled, both"),
        ({"mean_rewards": 0.5}, r"mean_rewards=0\.5 must be a list"),
        ({"mean_rewards": [1, "x"]}, "mean_rewards='x' must be a number"),
        ({"initial_policy": False}, "initial_policy=False must be a word"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_name(options, text):
    with pytest.raises(ValueError, match=text):
        make_config(**options)
