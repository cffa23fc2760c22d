"""JumpingPG: the trajectory of SoftmaxPG, escapes of any length, and what it refuses."""

import numpy as np
import pytest

from agents.jumping_pg import JumpingPG
from agents.softmax_pg import SoftmaxPG
from gw_envs import theory

START = {"initial_policy": "corner", "optimal_prob": 1e-3}


def test_it_follows_the_readable_agent():
    jumping, direct = JumpingPG(**START), SoftmaxPG(**START)
    records = jumping.learn(20_000)
    assert jumping.escape_time.tolist() == [6296]
    at = [record.update for record in records]
    expected = direct.learn(20_000, record_at=at)
    assert direct.escape_time.tolist() == [6296]
    for mine, theirs in zip(records, expected, strict=True):
        assert mine.update == theirs.update
        np.testing.assert_allclose(mine.policy, theirs.policy, rtol=1e-8)
    assert [(e.kind, e.update) for e in jumping.events] == [("escape", 6296)]
    assert jumping.events[0].is_first_escape


def test_unequal_rewards_and_their_transfers_agree_too():
    kwargs = {"env_kwargs": {"mean_rewards": (1.0, 0.8, 0.1)}, "learning_rate": 1.0}
    start = {"policy": np.array([0.01, 0.05, 0.94])}
    jumping, direct = JumpingPG(**kwargs, **start), SoftmaxPG(**kwargs, **start)
    records = jumping.learn()
    direct.learn(records[-1].update, record_at=[])
    assert jumping.escape_time.tolist() == direct.escape_time.tolist()
    assert [e.kind for e in jumping.events] == [e.kind for e in direct.events]


def test_a_trillion_updates_are_counted_as_the_closed_form_counts_them():
    agent = JumpingPG(
        env_kwargs={"mean_rewards": (1.0, 0.5)},
        initial_policy="uniform_suboptimal",
        optimal_prob=1e-12,
        learning_rate=0.2,
    )
    records = agent.learn()
    assert agent.escape_time.tolist() == [5_000_000_000_218]
    assert agent.escape_time[0] == theory.equal_gap_escape_time(1e-12, 0.5, 0.2)
    assert records[-1].update == 10 * agent.escape_time[0]
    inside = [r.suboptimality[0] for r in records if r.update < agent.escape_time[0]]
    assert min(inside) >= 0.45 * (1 - 1e-9)


def test_a_short_budget_is_censored():
    agent = JumpingPG(**START)
    records = agent.learn(100)
    assert agent.escape_time.tolist() == [-1]
    assert records[-1].update == 100


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"gradient": "sampled"}, "gradient='sampled' cannot be jumped"),
        ({"seeds": (1, 2)}, "seeds="),
    ],
)
def test_what_leaves_nothing_to_jump_along_is_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        JumpingPG(**(START | kwargs))


def test_a_second_call_or_chosen_records_are_refused():
    agent = JumpingPG(**START)
    agent.learn(100)
    with pytest.raises(ValueError, match="learn be called once"):
        agent.learn(200)
    with pytest.raises(ValueError, match="record_at must be None"):
        JumpingPG(**START).learn(100, record_at=[1])
