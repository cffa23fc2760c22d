"""Options: the command line over YAML over the defaults."""

import dataclasses

import pytest

from experiments.options.config import RunConfig, SoftmaxPGOptions, make_config, parse_config


def test_the_defaults_are_the_documented_run():
    flat = parse_config([]).flat()
    expected = {
        "env_id": "SoftmaxWell-v0",
        "num_actions": 6,
        "base_reward": 0.5,
        "reward_gap": 0.2,
        "initial_policy": "corner",
        "optimal_prob": 1e-3,
        "learning_rate": 0.4,
        "gradient": "both",
        "num_seeds": 10,
        "max_updates": 20_000,
        "baseline": "value",
    }
    assert {key: flat[key] for key in expected} == expected
    assert parse_config([]) == RunConfig() == make_config()


def test_options_win_over_the_file_and_the_file_over_the_defaults(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("learning_rate: 0.7\nmean_rewards: [1.0, 0.9, 0.1]\nmax_updates: 5\n")
    config = parse_config(["--config", str(path), "--max-updates", "9"])
    assert config.agent.learning_rate == 0.7
    assert config.env.mean_rewards == (1.0, 0.9, 0.1)
    assert config.run.max_updates == 9
    assert parse_config([f"--config={path}"]).run.max_updates == 5


def test_a_named_start_gets_its_default_probability_and_others_none():
    assert SoftmaxPGOptions(initial_policy="uniform_suboptimal").optimal_prob == 1e-3
    assert SoftmaxPGOptions(initial_policy="normal").optimal_prob is None
    assert SoftmaxPGOptions(optimal_prob=0.02).optimal_prob == 0.02


def test_an_option_of_a_later_release_renames_no_run():
    config = make_config(learning_rate=0.3, optimal_prob=0.01)

    @dataclasses.dataclass(frozen=True)
    class Later(type(config.agent)):
        """The agent's options and one more."""

        one_more: int = 7

    def later(**options):
        agent = Later(**dataclasses.asdict(config.agent), **options)
        return dataclasses.replace(config, agent=agent).run_id("exact", 0)

    assert later() == config.run_id("exact", 0) != later(one_more=8)


def test_the_run_id_depends_on_what_decides_the_numbers_only():
    config = make_config(learning_rate=0.3)
    assert config.run_id("exact", 0) == make_config(learning_rate=0.3).run_id("exact", 0)
    elsewhere = make_config(learning_rate=0.3, output="x", exp_name="y", track="disabled")
    assert elsewhere.run_id("exact", 0) == config.run_id("exact", 0)
    others = {config.run_id("exact", 1), config.run_id("sampled", 0)}
    others.add(make_config(learning_rate=0.31).run_id("exact", 0))
    assert config.run_id("exact", 0) not in others
    assert len(others) == 3


def test_a_misspelt_option_names_the_nearest(capsys):
    with pytest.raises(SystemExit) as stop:
        parse_config(["--learnin-rate", "1"])
    assert stop.value.code == 2
    assert "--learning-rate" in capsys.readouterr().err
