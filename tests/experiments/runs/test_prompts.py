"""Runs on VerifierWell: law beside measurement, pass@k in tables, every rule of today."""

import math

import numpy as np
import pytest
import yaml

import train
from agents import metrics
from agents.softmax_pg import SoftmaxPG
from agents.updates import RULES, ExactRule, SampledRule, exact_rules, make_rule
from experiments.__main__ import main
from experiments.options.config import make_config, parse_config
from experiments.results import read_results
from experiments.runs import picture
from experiments.runs.flow_law import flow_escape_time
from experiments.runs.laws import expectations
from experiments.runs.well import make_agents
from gw_envs.theory import group_escape_law

TODAYS = (
    "rloo", "grpo", "dr-grpo", "dapo", "ppo-clip", "trpo", "adam-pg", "kl-pg", "pass-at-k",
    "max-rl", "positive-pg", "negative-pg", "asymmetric-pg", "temperature-pg", "clip-cov", "kl-cov",
    "count-bonus",
)  # fmt: skip
VERDICTS = np.array([1.0, 0, 0, 0, 0, 0])


def verifier(**options):
    return make_config(env_id="VerifierWell-v0", **options)


@pytest.fixture
def no_pictures(monkeypatch):
    monkeypatch.setattr(picture, "draw_run", lambda *arguments: arguments[-1].touch())


@pytest.mark.parametrize(
    ("update", "options", "updates"),
    [  # counts made apart from this project: x0 = 1e-3, K = 6, eta = 1, verdicts
        ("rloo", {}, 836),
        ("dr-grpo", {}, 955),
        ("grpo", {}, 320),
        ("grpo", {"group_size": 64}, 116),
        ("grpo", {"group_size": math.inf}, 50),
        ("dapo", {}, 12),
        ("pass-at-k", {}, 214),
        ("max-rl", {}, 108),
        ("clip-cov", {}, 836),
    ],
)
def test_the_flow_is_the_published_counts(update, options, updates):
    """Slopes rise in a well, so that finite steps are behind: by less than the log-odds to rise."""
    time = flow_escape_time(make_rule(update, **options), 1e-3, VERDICTS, 1.0)
    assert updates - 5.7 < time <= updates


def test_the_flow_of_softmax_pg_is_the_flow_integral():
    from gw_envs.theory import flow_escape_time as closed

    values = np.array([0.7, 0.5, 0.5, 0.5])
    time = flow_escape_time(make_rule("softmax-pg"), 1e-9, values, 0.3)
    assert time == pytest.approx(
        closed(1e-9, reward_gap=0.2, learning_rate=0.3, num_actions=4), rel=1e-9
    )


def test_a_flow_that_never_rises_takes_for_ever_and_none_is_needed_outside():
    assert flow_escape_time(make_rule("softmax-pg"), 0.05, np.full(6, 0.5), 1.0) == math.inf
    assert flow_escape_time(make_rule("grpo"), 0.3, VERDICTS, 1.0) == 0


def test_train_grpo_shows_law_beside_measurement_and_logs_pass_at_k(tmp_path, capsys):
    """The command of the page; both gradients, from the prompts' own starts."""
    words = "--env-id VerifierWell-v0 --update grpo --track disabled --num-seeds 3 --pass-k 4"
    words += " --num-prompts 2 --initial-probs 5e-4 5e-3 --max-updates 900 --learning-rate 2"
    assert train.main([*words.split(), f"--output={tmp_path}"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    exact = [row for row in rows if row[:1] == ["exact"]]
    for row in exact:
        assert 0 <= int(row[2]) - int(row[-1]) < 6, "count and flow"
    sampled = [row for row in rows if row[:1] == ["sampled"]]
    law = group_escape_law("grpo", 5e-4, 8, 1.0, num_actions=6)
    assert [row[3:] for row in sampled[:3]] == [
        [f"{law.quantile(q):,.0f}" for q in (0.1, 0.5, 0.9)]
    ] * 3
    (folder,) = tmp_path.iterdir()
    table = read_results(folder, "prompts").to_pylist()
    states = read_results(folder, "trajectories").to_pylist()
    assert len(table) == len(states)
    for row, state in zip(table, states, strict=True):
        assert (row["run_id"], row["state"]) == (state["run_id"], state["state"])
        if row["state"] is not None:
            chance = 1 - (1 - state[metrics.OPTIMAL_PROB]) ** 4
            assert row[metrics.PASS_AT_K] == pytest.approx(chance, abs=1e-12)
    first = [1 - (1 - p) ** 4 for p in (5e-4, 5e-3)]
    assert [row[metrics.PASS_AT_K] for row in table[:3]] == pytest.approx([np.mean(first), *first])
    escapes = read_results(folder, "escapes").to_pylist()
    assert {row[metrics.EVENT_STATE] for row in escapes} == {0, 1}


@pytest.mark.parametrize("update", ["softmax-pg", "grpo"])
def test_until_escape_follows_every_prompt(tmp_path, update, no_pictures):
    words = f"--env-id VerifierWell-v0 --update {update} --until-escape --track disabled"
    words += " --num-prompts 2 --initial-probs 1e-7 0.01"
    assert train.main([*words.split(), f"--output={tmp_path}"]) == 0
    (folder,) = tmp_path.iterdir()
    left = {
        row[metrics.EVENT_STATE]: row[metrics.EVENT_UPDATE]
        for row in read_results(folder, "escapes").to_pylist()
        if row[metrics.EVENT_KIND] == "escape"
    }
    law = flow_escape_time(make_rule(update), 1e-7, VERDICTS, 0.4 / 2)
    assert left[0] == pytest.approx(law, rel=1e-4) and left[0] > 1e6 and left[1] > 10


def test_one_prompt_is_a_bandit():
    config = verifier(num_prompts=1, gradient="exact", initial_probs=[0.01])
    (agent,) = make_agents(config)
    alone = SoftmaxPG(env_kwargs={"mean_rewards": [1, 0, 0, 0, 0, 0]}, policy=agent.policy[0])
    assert agent.bounds == pytest.approx(alone.bounds) and agent.bounds > 0
    (found,) = expectations(config, "exact", agent.well)
    assert found.upper > alone.bounds


def gradients(update):
    """The forms that a rule has, as train.py calls them."""
    both = issubclass(RULES[update], ExactRule), issubclass(RULES[update], SampledRule)
    return {(True, True): "both", (True, False): "exact", (False, True): "sampled"}[both]


@pytest.mark.parametrize("update", TODAYS)
def test_train_takes_every_rule(tmp_path, update, no_pictures, capsys):
    words = f"--env-id VerifierWell-v0 --update {update} --gradient {gradients(update)}"
    words += f" --num-seeds 2 --max-updates 12 --track disabled --output {tmp_path}"
    assert train.main(words.split()) == 0
    assert "state 3" in capsys.readouterr().out
    (folder,) = tmp_path.iterdir()
    kinds = {row["gradient"] for row in read_results(folder, "runs").to_pylist()}
    assert kinds == ({"exact", "sampled"} if gradients(update) == "both" else {gradients(update)})


def test_a_sweep_takes_every_rule(tmp_path):
    sweep = {
        "name": "rules",
        "base": {"env_id": "VerifierWell-v0", "gradient": "exact", "max_updates": 5},
        "grid": {"update": list(TODAYS)},
    }
    path, out = tmp_path / "rules.yaml", tmp_path / "out"
    path.write_text(yaml.safe_dump(sweep))
    assert main(["sweep", str(path), "--output", str(out), "--engine", "serial"]) == 0
    assert len(read_results(out, "runs").to_pylist()) == len(TODAYS)
    prompts = read_results(out, "prompts").to_pylist()
    assert {row["state"] for row in prompts} == {None, 0, 1, 2, 3}


def test_every_rule_of_today_can_be_compared():
    assert set(TODAYS) <= set(exact_rules())


def test_runs_start_at_the_prompts_unless_told_otherwise():
    assert verifier().agent.initial_policy == "prompts"
    assert parse_config(["--env-id", "VerifierWell-v0"]) == verifier()
    assert verifier(agent="ppo").agent.initial_policy == "prompts"
    assert make_config().agent.initial_policy == "corner"
    corner = verifier(initial_policy="corner", optimal_prob=0.01)
    assert make_agents(corner)[0].policy[0, :, 0] == pytest.approx([0.01] * 4)


def test_adam_on_a_group_rule_is_dealt_groups_too():
    config = verifier(update="adam-pg", of="grpo", gradient="sampled", num_seeds=1)
    (agent,) = make_agents(config)
    batch = agent.rollouts.batch(agent.policy, agent.measure().policy * 0)
    assert np.bincount(batch.states[0]).tolist() == [8] * 4
    with pytest.raises(ValueError, match=r"batch_size=8 must be a multiple of 32.* adam-pg learns"):
        make_agents(verifier(update="adam-pg", of="grpo", gradient="sampled", batch_size=8))


def test_a_shared_policy_has_no_law_and_says_so():
    config = verifier(update="grpo", shared_policy=True)
    well = make_agents(config)[0].well
    for kind in ("exact", "sampled"):
        notes = {note for found in expectations(config, kind, well) for note in found.notes}
        assert notes == {"States that share a policy have no law of their own."}
