"""The labels that the benchmark of `diagnose` holds it against, by independent computation."""

import itertools
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from benchmarks.diagnosis import confusion, figures
from benchmarks.diagnosis.brute_force import brute_force
from benchmarks.diagnosis.cases import (
    DISCOUNT,
    IMPROVABLE,
    UNKNOWN,
    Case,
    exact_cases,
    optimal_values,
)
from benchmarks.diagnosis.lake import ENV_KWARGS, LAKE, advantage, lake_cases
from benchmarks.diagnosis.models import Lesson, labelled, trained
from benchmarks.diagnosis.power import false_wells


def found(verdict: str, **fields: Any) -> Any:
    return SimpleNamespace(verdict=verdict, seconds=1.0, routes=(), **fields)


def test_there_are_enough_policies_of_every_verdict() -> None:
    cases = exact_cases()
    assert len(cases) >= 60
    assert len({case.name for case in cases}) == len(cases)
    labels = {case.label for case in cases}
    assert labels == {"well", "no_better_action", "learning", "no_signal", "frozen", "unclear"}


def test_an_improvable_policy_is_well_or_learning() -> None:
    case = Case("early", IMPROVABLE, "CartPole-v1", None)
    assert [v for v in ("well", "learning", "no_signal", "unclear") if case.accepts(v)] == [
        "well",
        "learning",
    ]
    assert not Case("corner", "well", "CartPole-v1", None).accepts("learning")


def push(prob: float) -> Any:
    """A PPO on CartPole that pushes left with this probability, whatever it sees."""
    import torch
    from stable_baselines3 import PPO

    model = PPO("MlpPolicy", "CartPole-v1", seed=0, device="cpu")
    with torch.no_grad():
        model.policy.action_net.weight.zero_()
        model.policy.action_net.bias.copy_(torch.tensor([np.log(prob), np.log(1 - prob)]))
    return model


def test_brute_force_labels_by_what_probes_at_the_probed_states_gain() -> None:
    options: dict[str, Any] = {"max_steps": 40_000, "num_states": 3}
    names = {}
    for prob in (0.5, 1 - 1e-9):
        case = Case("push", UNKNOWN, "CartPole-v1", push(prob), **options)
        names[prob] = labelled(case, case.diagnose(0)).label
    assert names[1 - 1e-9] == "well"  # always left: to push right once, or more, is better
    assert names[0.5] in (IMPROVABLE, "well", UNKNOWN)


def test_brute_force_gains_are_exact_for_a_sure_policy() -> None:
    case = Case("push", UNKNOWN, "CartPole-v1", push(1 - 1e-12), max_steps=40_000, num_states=2)
    found = case.diagnose(0)
    for truth in brute_force(case.policy, case.env_id, found):
        assert truth.error == 0
        place = found.places[truth.probe.place]
        forced = rest(place, (truth.probe.action,) * truth.probe.hold)
        assert truth.gain == pytest.approx(forced - rest(place, ()), abs=1e-12)


def rest(place: Any, forced: tuple[int, ...]) -> float:
    """Discounted return from a place on: the forced actions, then left for ever."""
    env = gym.make("CartPole-v1")
    env.reset(seed=place.seed)
    for action in place.actions:
        env.step(action)
    value, weight, over, actions = 0.0, 1.0, False, list(forced)
    while not over:
        _, reward, terminated, truncated, _ = env.step(actions.pop() if actions else 0)
        value, weight, over = value + weight * float(reward), weight * 0.99, terminated or truncated
    return value


def test_stages_are_kept_and_not_trained_again(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.diagnosis import models

    monkeypatch.setattr(models, "FOLDER", tmp_path)
    settings = {"n_steps": 8, "batch_size": 64, "n_epochs": 1}
    lesson = Lesson("PPO", "CartPole-v1", (64, 128), settings)
    first, last = trained(lesson)
    assert (first.num_timesteps, last.num_timesteps) == (64, 128)
    before = sorted((file, file.stat().st_mtime_ns) for file in tmp_path.rglob("*.zip"))
    assert len(before) == 2
    trained(lesson)
    assert before == sorted((file, file.stat().st_mtime_ns) for file in tmp_path.rglob("*.zip"))


@pytest.mark.parametrize(("action", "hold"), [(0, 1), (1, 1), (2, 4)])
def test_the_lakes_advantages_are_those_of_play(action: int, hold: int) -> None:
    policy, rng = list(lake_cases())[1].policy, np.random.default_rng(0)
    exact = advantage(policy, 0, action, hold)
    forced = [played(policy, rng, (action,) * hold) for _ in range(3000)]
    free = [played(policy, rng, ()) for _ in range(3000)]
    error = float(np.sqrt((np.var(forced) + np.var(free)) / 3000))
    assert abs(np.mean(forced) - np.mean(free) - exact) < 4 * error


def played(policy: Any, rng: np.random.Generator, forced: tuple[int, ...]) -> float:
    """Discounted return of one episode from the start."""
    env = gym.make(LAKE, **ENV_KWARGS)
    state, _ = env.reset(seed=int(rng.integers(2**31)))
    total, time, over = 0.0, 0, False
    while not over:
        action = forced[time] if time < len(forced) else int(rng.choice(4, p=policy[state]))
        state, reward, terminated, truncated, _ = env.step(action)
        total += DISCOUNT**time * float(reward)
        time, over = time + 1, terminated or truncated
    return total


def test_the_optimum_of_the_lake_has_no_advantage() -> None:
    best = np.eye(4)[optimal_values(LAKE)[0].argmax(axis=1)]
    for state, action in itertools.product(range(16), range(4)):
        assert advantage(best, state, action, 1) < 1e-8


def test_figures_count_wrong_verdicts() -> None:
    good = Case("good", "no_better_action", "CartPole-v1", None)
    rows = [(good, found("no_better_action"))] * 3 + [(good, found("well"))]
    rows += [(Case("free", "no_signal", "CartPole-v1", None), found("no_signal"))]
    values = {r.what: r.value for r in figures(7, [*rows, (well(), one_route(2.5))])}
    assert values["seed 7: right on well against no better action"] == 80
    assert values["seed 7: false wells at the optimum"] == 25
    assert values["seed 7: right on the other verdicts"] == 100
    assert values["seed 7: predicted within a factor 2"] == 0
    assert "| no_better_action | 1 | 3 |" in "\n".join(confusion(rows))


def well() -> Case:
    policy = np.array([0.01, 0.99])
    return Case("corner", "well", "SoftmaxWell-v0", policy, {"num_actions": 2})


def one_route(factor: float) -> Any:
    from gw_envs import theory

    updates = factor * theory.escape_time(0.01, 0.2, 0.4, 2)
    route = SimpleNamespace(state="0", action=0, hold=1, updates=updates, is_rare=True)
    return SimpleNamespace(verdict="well", seconds=1.0, routes=(route,), learning_rate=0.4)


def test_a_well_counts_as_false_where_no_probe_is_better() -> None:
    def case(advantage: float) -> Case:
        return Case("c", "well", LAKE, None, advantage=lambda _: advantage)

    rows = [(case(a), found(v)) for a in (0.0, 0.1) for v in ("well", "no_better_action")]
    result = false_wells("share", rows)
    assert (result.value, result.detail) == (50, "1 of 2")
    assert false_wells("share", rows[2:]).value is None
