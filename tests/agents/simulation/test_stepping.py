"""SoftmaxPG on the engine: the agent's own updates, events and records, and deeper ones."""

import numpy as np
import pytest

from agents.policies import softmax
from agents.simulation import simulate, stepping
from agents.softmax_pg import SoftmaxPG
from agents.updates import make_rule
from gw_envs import theory


class PlainPG(SoftmaxPG):
    """The agent that makes every update itself."""

    def _has_fixed_values(self):
        return False


LAWS = [
    {"law": "logistic", "start": 0.5, "end": 0.35, "midpoint": 40, "width": 10},
    {"law": "constant", "value": 0.45},
    {"law": "linear", "start": 0.3, "slope": 0.001},
]
SWING = [{"law": "seasonal", "mean": 0.5, "amplitude": 0.3, "period": 300}, 0.5, 0.45]
UNEQUAL = {"mean_rewards": (1.0, 0.8, 0.1, 0.5)}
CASES = {
    "equal gaps": ("SoftmaxWell-v0", {}, {"initial_policy": "corner", "optimal_prob": 0.01}),
    "transfer": (
        "SoftmaxWell-v0",
        {"mean_rewards": (1.0, 0.8, 0.1)},
        {"policy": np.array([0.01, 0.05, 0.94]), "learning_rate": 1.0},
    ),
    "no flow": (
        "SoftmaxWell-v0",
        UNEQUAL,
        {"initial_policy": "normal", "sigma": 3.0, "learning_rate": 30.0, "seeds": range(7)},
    ),
    "schedule": (
        "SoftmaxWell-v0",
        UNEQUAL,
        {"initial_policy": "normal", "learning_rate": [1.0, 0.5, 0.3], "seeds": range(3)},
    ),
    "states that drift": (
        "ASRWell-v0",
        {"drift": LAWS, "reward_gaps": (0.4, 0.3, 0.45), "drift_horizon": 100},
        {"initial_policy": "normal", "sigma": 2.0, "seeds": range(5), "learning_rate": 1.0},
    ),
    "in and out": (
        "ASRWell-v0",
        {"num_states": 1, "best_actions": (1,), "reward_gaps": 0.05, "drift": SWING},
        {"initial_policy": "normal", "sigma": 2.0, "seeds": range(5), "learning_rate": 1.0},
    ),
}


def make(agent_class, env_id, env, options):
    if env_id == "ASRWell-v0":
        env = env | {"premise": "ignore"}
    return agent_class(env_id, env, **options)


def events_of(agent):
    return [
        (e.kind, e.update, e.run, e.state, e.from_action, e.to_action, e.dwell, e.is_first_escape)
        for e in agent.events
    ]


@pytest.mark.parametrize("name", CASES)
def test_events_and_records_are_those_of_every_update(name):
    engine, plain = make(SoftmaxPG, *CASES[name]), make(PlainPG, *CASES[name])
    ours, theirs = engine.learn(1500), plain.learn(1500)
    assert engine._stepper is not None and plain._stepper is None
    assert events_of(engine) == events_of(plain)
    np.testing.assert_array_equal(engine.detector.escape_time, plain.detector.escape_time)
    assert [r.update for r in ours] == [r.update for r in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine.policy, other.policy, rtol=1e-12)
        for field in ("state_suboptimality", "objective", "gradient_norm", "entropy"):
            found, expected = getattr(mine, field), getattr(other, field)
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_the_cases_hold_every_kind_of_event():
    agents = [make(SoftmaxPG, *case) for case in CASES.values()]
    for agent in agents:
        agent.learn(1500, record_at=[])
    assert {e.kind for agent in agents for e in agent.events} == {"enter", "transfer", "escape"}


@pytest.mark.parametrize("name", ["states that drift", "schedule"])
def test_bits_depend_on_neither_records_nor_stretches(name, monkeypatch):
    whole = make(SoftmaxPG, *CASES[name])
    whole.learn(1500, record_at=[])
    monkeypatch.setattr(stepping, "STRETCH", 1)
    parts, calls = make(SoftmaxPG, *CASES[name]), []
    parts.learn(700, record_at=[13, 600], on_update=calls.append)
    parts.learn(1500, on_update=calls.append)
    np.testing.assert_array_equal(parts.theta, whole.theta)
    assert events_of(parts) == events_of(whole)
    assert set(range(100, 1501, 100)) <= set(calls)  # a bar moves every hundred updates


def swinging_rewards(n):
    """Mean rewards of "in and out" at update n, from their formula; arm 1 has the gap on top."""
    return np.array([0.5 + 0.3 * np.sin(2 * np.pi * n / 300), 0.55, 0.45])


def follow(start, step, updates):
    """Escape times [B] and last parameters [B, K] of theta <- step(theta, r(n)), a plain loop."""
    theta, escape_time = start, np.full(len(start), -1)
    for n in range(updates + 1):
        rewards, policy = swinging_rewards(n), softmax(theta)
        outside = policy @ (rewards[1] - rewards) < 0.9 * 0.05
        escape_time[outside & (escape_time < 0)] = n
        if n < updates:
            theta = step(theta, rewards)
    return escape_time, theta


def exact_step(theta, rewards):
    policy = softmax(theta)
    return theta + policy * (rewards - (policy @ rewards)[:, None])


def test_drifting_rewards_are_followed_as_a_plain_loop_follows_them():
    env_id, env, options = CASES["in and out"]
    agent = make(SoftmaxPG, env_id, env, options | {"sigma": 4.0, "seeds": range(20)})
    escape_time, theta = follow(agent.theta[:, 0], exact_step, 1500)
    agent.learn(1500, record_at=[])
    assert agent._stepper is not None and len(set(escape_time)) > 5
    np.testing.assert_array_equal(agent.escape_time, escape_time)
    np.testing.assert_allclose(agent.theta[:, 0], theta, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", ["natural-pg", "entropy-pg", "kl-pg"])
def test_drifting_rewards_reach_every_rule(name):
    env_id, env, options = CASES["in and out"]
    rule = make_rule(name)
    agent = make(SoftmaxPG, env_id, env, options | {"update": name, "learning_rate": 0.5})
    theta = agent.theta[:, 0]
    for n in range(400):
        theta = rule.step(theta, np.tile(swinging_rewards(n), (len(theta), 1)), 0.5)
    agent.learn(400, record_at=[])
    np.testing.assert_allclose(agent.theta[:, 0], theta, rtol=1e-11, atol=1e-12)


def test_a_policy_that_sinks_is_followed_below_what_plain_float64_can():
    rewards, start = (1.0, 0.9, 0.1), np.array([1e-13, 0.1, 0.9 - 1e-13])
    agent = SoftmaxPG(env_kwargs={"mean_rewards": rewards}, policy=start, learning_rate=1.0)
    theta = agent.theta[0].copy()
    records = agent.learn(3000)
    run = simulate(rewards, theta, learning_rate=1.0, max_updates=3000)
    np.testing.assert_allclose(agent._stepper.moved[0], run.moved, rtol=1e-11)
    assert records[-1].optimal_prob[0] < 1e-13
    assert [(e.kind, e.to_action) for e in agent.events] == [("transfer", 1)]


def test_millions_of_updates_give_the_exact_count():
    agent = SoftmaxPG(
        env_kwargs={"mean_rewards": (1.0, 0.5)},
        initial_policy="uniform_suboptimal",
        optimal_prob=1e-6,
        learning_rate=1.0,
    )
    agent.learn(2_000_000, record_at=[])
    assert agent.escape_time[0] == theory.equal_gap_escape_time(1e-6, 0.5, 1.0)


def test_an_interrupted_stretch_has_not_moved(monkeypatch):
    agent = make(SoftmaxPG, *CASES["transfer"])
    agent.learn(100, record_at=[])
    whole = make(SoftmaxPG, *CASES["transfer"])
    whole.learn(1000, record_at=[])
    real = stepping._step_until

    def interrupted(*arguments):
        real(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(stepping, "_step_until", interrupted)
    with pytest.raises(KeyboardInterrupt):
        agent.learn(1000, record_at=[])
    monkeypatch.undo()
    assert agent.updates == 100
    agent.learn(1000, record_at=[])
    np.testing.assert_array_equal(agent.theta, whole.theta)
