"""One file of options means the same to train.py --config, to a sweep and to make_config."""

import pytest
import yaml

from experiments.options.config import SETTINGS_FILE, make_config, parse_config
from experiments.runs.checkpoints import write_settings
from experiments.sweeps.specification import make_sweep, read_sweep

BASE = {"gradient": "sampled"}
VALUES = {
    "numbers as text": {"optimal_prob": "1e-3", "max_updates": "1e4"},
    "a whole float": {"num_actions": 4.0},
    "a list": {"mean_rewards": [1, 0.5, "0.1"]},
    "a flag": {"until_escape": True, "gradient": "exact"},
    "a flag off": {"until_escape": False},
    "unset": {"initial_policy": "normal", "optimal_prob": None},
    "a number for a word": {"env_id": "ASRWell-v0", "drift": 0.00001},
    "a mapping": {"env_id": "ASRWell-v0", "drift": {"law": "linear", "start": 0.5}},
    "a list of laws": {
        "env_id": "ASRWell-v0",
        "drift": [0.5, {"law": "abrupt"}, 0],
    },
    "an agent": {"agent": "sb3-softmax-pg", "policy": "mlp"},
    "a rule": {"update": "entropy-pg", "gradient": "exact", "temperature": "1e-1"},
}
ERRORS = {
    "word": {"learning_rate": "fast"},
    "flag": {"until_escape": "yes"},
    "fraction": {"max_updates": 2.5},
    "nothing": {"learning_rate": None},
    "choice": {"gradient": "exakt"},
    "choice of another type": {"reward_noise": 1},
    "list": {"learning_rate": [0.1, 0.2]},
    "entry": {"mean_rewards": [1, "x"]},
    "unknown": {"optimal_porb": 0.1},
    "environment": {"env_id": "SoftmaxWell"},
    "environment of another type": {"env_id": ["SoftmaxWell-v0"]},
    "agent": {"agent": "pppo"},
    "rule": {"update": "softmax"},
    "rule of another type": {"update": [1]},
}


def by_train(tmp_path, options):
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(options))
    return parse_config(["--config", str(path)])


def by_sweep(tmp_path, options):
    loaded = yaml.safe_load(yaml.safe_dump(options))
    (point,) = make_sweep({"name": "a", "base": loaded, "seeds": [0]}).points
    return point.config


@pytest.mark.parametrize("case", VALUES)
def test_the_same_file_gives_the_same_values(case, tmp_path):
    options = BASE | VALUES[case]
    train, sweep = by_train(tmp_path, options), by_sweep(tmp_path, options)
    assert (train.env, train.agent) == (sweep.env, sweep.agent)
    assert train.run_id("exact", 0) == sweep.run_id("exact", 0)
    assert train == make_config(**options)


@pytest.mark.parametrize("case", ERRORS)
def test_the_same_file_gives_the_same_sentence(case, tmp_path):
    options = BASE | ERRORS[case]
    said = []
    for way in (by_train, by_sweep):
        with pytest.raises(ValueError) as error:
            way(tmp_path, options)
        said.append(str(error.value))
    assert said[0] == said[1]
    key, value = next(iter(ERRORS[case].items()))
    assert key in said[0]
    assert case == "unknown" or repr(value) in said[0] or repr(value[-1]) in said[0]


@pytest.mark.parametrize("word", ["--max-updates=9", "--max_updates=9"])
def test_the_line_wins_however_it_is_written(word, tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("max_updates: 5\nuntil_escape: true\n")
    config = parse_config(["--config", str(path), word, "--no-until-escape"])
    assert (config.run.max_updates, config.run.until_escape) == (9, False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "learning_rate: 0.1\nseed: 1\nlearning_rate: 0.2\n",
            r"'learning_rate' .*twice \(line 3\)",
        ),
        ("env_id: ASRWell-v0\ndrift: {law: abrupt, law: linear}\n", r"'law' .*twice \(line 2\)"),
        ("seed: 010\n", r"010 \(line 1\)"),
    ],
)
def test_what_a_file_would_lose_is_refused(text, message, tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"config='.*run.yaml': .*{message}"):
        parse_config(["--config", str(path)])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grid: {seed: [1]}\nname: a\ngrid: {reward_gap: [0.1]}\n", r"'grid' .*twice \(line 3\)"),
        ("blocks:\n- base: {seed: 1, seed: 2}\n", r"'seed' .*twice \(line 2\)"),
    ],
)
def test_what_a_sweep_would_lose_is_refused(text, message, tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"sweep file '.*a.yaml': .*{message}"):
        read_sweep(path)


@pytest.mark.parametrize("name", ["1e-3", "010", "1:30", "true", "null", "word", "0x10", ".5"])
def test_what_a_run_writes_down_is_read_back(name, tmp_path):
    config = make_config(exp_name=name, learning_rate=1e-7, reward_noise="none")
    write_settings(tmp_path, config)
    assert parse_config(["--config", str(tmp_path / SETTINGS_FILE)]) == config
