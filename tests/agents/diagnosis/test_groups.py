"""Groups of verified answers: counts, intervals, the fitted pace, verdicts, what is refused."""

import numpy as np
import pytest

from agents.diagnosis.groups import GroupHistory, GroupMonitor, GroupSettings, judge
from agents.diagnosis.groups.estimates import clopper_pearson, count_prompts, success_trend
from agents.diagnosis.groups.judging import VERDICTS
from gw_envs.checks import BadInput


def draw(probs, steps, size=8, seed=0, settings=None, **told):
    """A monitor of prompts whose success probabilities [prompts] or [steps, prompts] are given."""
    rng = np.random.default_rng(seed)
    monitor = GroupMonitor(10**6, settings)
    rows = np.broadcast_to(probs, (steps, np.shape(probs)[-1]))
    for row in rows:
        monitor.update((rng.random((len(row), size)) < row[:, None]).astype(float), **told)
    return monitor


def test_clopper_pearson_has_its_defining_tails():
    from scipy.stats import binom

    low, high = clopper_pearson(3, 40, 0.95)
    assert binom.sf(2, 40, low) == pytest.approx(0.025, rel=1e-9)
    assert binom.cdf(3, 40, high) == pytest.approx(0.025, rel=1e-9)
    low, high = clopper_pearson([0, 10, 0], [10, 10, 0], 0.9)
    assert low.tolist() == pytest.approx([0, 0.05**0.1, 0])
    assert high.tolist() == pytest.approx([1 - 0.05**0.1, 1, 1])


def test_groups_are_pooled_as_far_back_as_they_look_alike():
    steady = draw([0.2], 100).history
    assert count_prompts(steady).answers.tolist() == [800]
    risen = draw(np.repeat([[0.0], [0.7]], [90, 10], axis=0), 100).history
    counts = count_prompts(risen)
    assert counts.answers[0] <= 10 * 8 * 1.6 and counts.right[0] / counts.answers[0] > 0.35
    assert counts.first_right.tolist() == [0] and counts.first_answers[0] >= 64 * 8


def test_a_change_of_prompts_is_no_trend():
    history = GroupHistory()
    rng = np.random.default_rng(0)
    for step in range(60):  # the easy prompts come in the later half
        probs = np.full(8, 0.1 if step < 45 else 0.6)
        ids = [f"{'hard' if step < 45 else 'easy'}{i}" for i in range(8)]
        history.add((rng.random((8, 8)) < probs[:, None]) * 1.0, prompts=ids)
    assert abs(success_trend(history)) < 3
    rises = draw(np.linspace(0.1, 0.5, 60)[:, None] * np.ones(8), 60).history
    assert success_trend(rises) > 5


def test_silent_groups_are_split():
    rewards = [[0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0, 0], [0, 0, 0, 0]]
    values = GroupMonitor().update(rewards)
    assert values["plateau/silent"] == 0.75
    assert values["plateau/all_wrong"] == 0.5 and values["plateau/all_right"] == 0.25
    assert values["plateau/success"] == 5 / 16
    assert values["plateau/signal"] == pytest.approx(3**0.5 / 4 / 4)


def test_entropy_and_kl_are_means_of_log_ratios():
    own, known = [[-1.0, -3.0]], [[-2.0, -2.0]]
    monitor = GroupMonitor()
    values = monitor.update([[0, 1]], log_probs=own, reference_log_probs=known)
    assert values["plateau/entropy"] == 2.0 and values["plateau/kl"] == 0.0
    values = monitor.update([[0, 1]], log_probs=own, lengths=[[1, 3]])
    assert values["plateau/entropy"] == 1.0 and "plateau/kl" not in values


def test_all_rewards_zero_says_no_more_than_it_knows():
    report = draw(np.zeros(4), 100, settings=GroupSettings(budget=10_000)).report()
    assert report.verdict == "unclear" and report.pace is None
    assert "no reward says that it ever comes" in report.reason
    assert report.prompts[0].success == (0.0, pytest.approx(1 - 0.025 ** (1 / 800)))
    assert report.prompts[0].first_success[0] == pytest.approx(
        1 / (1 - 0.025 ** (1 / 100)), rel=1e-9
    )
    short = draw(np.zeros(4), 100, settings=GroupSettings(budget=105)).report()
    assert short.verdict == "unreachable" and "5 steps are left" in short.reason


def test_what_the_model_tells_makes_waits_known_before_the_first_success():
    monitor = draw(np.zeros(2), 10, settings=GroupSettings(pace=1.0, budget=2000))
    monitor.tell({0: np.log(1e-3), 1: np.log(1e-9)})
    report = monitor.report()
    assert [prompt.verdict for prompt in report.prompts] == ["waiting", "unreachable"]
    low, middle, high = report.prompts[0].escape
    assert low == middle == high and 200 < middle < 500
    assert "as the model tells it" in report.prompts[0].reason


def test_what_the_model_told_is_forgotten_once_the_prompt_has_learnt():
    monitor = GroupMonitor(settings=GroupSettings(pace=1.0))
    monitor.tell({0: np.log(1e-3)})
    for _ in range(20):
        monitor.update([[0, 0, 0, 0, 1, 1, 1, 1]])
    assert monitor.report().prompts[0].success[0] > 0.3


def test_prompts_seen_once_are_only_pooled():
    history = GroupHistory()
    rng = np.random.default_rng(0)
    for step in range(50):
        history.add((rng.random((8, 8)) < 0.01) * 1.0, prompts=[f"{step}.{i}" for i in range(8)])
    report = judge(history, GroupSettings(pace=1.0, budget=10**6))
    assert report.verdict == "unclear"  # when one comes back nobody knows
    assert any("seen once" in note for note in report.notes)
    assert np.isinf(report.prompts[0].escape[2])


def test_missing_steps_are_said_and_cost_nothing():
    history = GroupHistory()
    for step in [*range(0, 100, 4), *range(300, 400, 4)]:  # every fourth step is recorded
        history.add([[0, 1, 0, 0]] * 2, step=step)
    report = judge(history)
    assert any("missing in 1 places" in note for note in report.notes)
    assert report.prompts[0].first_success[1] == pytest.approx(4 / (1 - 0.75**4))


def test_graded_rewards_need_a_threshold_and_say_what_changes():
    with pytest.raises(BadInput, match=r"rewards hold 0\.3, which is no verdict.*success_at"):
        GroupMonitor().update([[0.3, 0.0]])
    monitor = GroupMonitor(settings=GroupSettings(success_at=0.8))
    values = monitor.update([[0.3, 0.5], [0.9, 0.9], [0.1, 0.8]])
    assert values["plateau/silent"] == pytest.approx(1 / 3)  # 0.3 and 0.5 differ, both wrong
    assert values["plateau/all_wrong"] == pytest.approx(1 / 3)
    assert any("graded" in note for note in monitor.report().notes)
    signed = GroupMonitor(settings=GroupSettings(success_at=1))
    signed.update([[-1.0, 1.0]])
    assert not any("graded" in note for note in signed.report().notes)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"rewards": [[1.0], [0.0]]}, "groups of 1 answer"),
        ({"rewards": [[1.0, 0.0], [0.0, 0.0, 1.0]]}, "groups of 2 and of 3 answers"),
        ({"rewards": np.array([[np.nan, 0.0]])}, r"rewards\[0, 0\] is NaN"),
        ({"rewards": [[float("nan"), 0.0]]}, r"rewards\[0, 0\] is NaN"),
        ({"rewards": [1.0, 0.0]}, r"shape \(2,\)"),
        ({"rewards": [["yes", "no"]]}, "rewards="),
        ({"rewards": np.zeros((0, 4))}, "shape"),
        ({"rewards": [[0, 1]], "prompts": ["a", "b"]}, "an id for each of 1 groups"),
        ({"rewards": [[0, 1]], "prompts": "a"}, "an id for each of 1 groups"),
        ({"rewards": [[0, 1]], "step": -1}, "step=-1"),
        ({"rewards": [[0, 1]], "step": 3}, "step=3 must not be below the last one, 7"),
        ({"rewards": [[0, 1]], "log_probs": [[0.5, -1]]}, "log_probs"),
        ({"rewards": [[0, 1]], "log_probs": [[-1.0]]}, "log_probs has shape"),
        ({"rewards": [[0, 1]], "reference_log_probs": [[-1, -1]]}, "without log_probs"),
        ({"rewards": [[0, 1]], "lengths": [[0, 2]]}, "lengths"),
        ({"rewards": [[0, 1]], "entropy": -1.0}, "entropy=-1"),
    ],
)
def test_what_cannot_be_used_is_one_sentence_and_changes_nothing(arguments, words):
    monitor = GroupMonitor()
    monitor.update([[0, 1]], step=7)
    with pytest.raises(BadInput, match=words):
        monitor.update(**arguments)
    assert len(monitor.history) == 1 and monitor.history.names == [0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"rule": "grop"}, "Did you mean 'grpo'"),
        ({"kl_form": "k2"}, "k3, reverse"),
        ({"pace": 0.0}, "pace=0.0"),
        ({"budget": 0}, "budget=0"),
        ({"escape_prob": 0.95}, "solved_prob=0.9 must be above"),
        ({"kl_weight": -1}, "kl_weight=-1"),
    ],
)
def test_settings_refuse_in_one_sentence(arguments, words):
    with pytest.raises(BadInput, match=words):
        GroupSettings(**arguments)


def test_an_empty_history_has_no_verdict():
    with pytest.raises(BadInput, match="holds no group"):
        judge(GroupHistory())


def test_groups_may_change_their_size_from_step_to_step():
    monitor = GroupMonitor()
    monitor.update([[0, 1, 0, 0]] * 2)
    monitor.update([[0, 1, 0, 0, 0, 0, 0, 1]] * 2)
    assert any("different sizes" in note for note in monitor.report().notes)


def test_reports_come_when_asked_for_and_are_plain():
    import json

    monitor = GroupMonitor(report_every=3)
    keys = [set(monitor.update([[0, 1], [0, 0]])) for _ in range(6)]
    assert ["plateau/verdict" in step for step in keys] == [False, False, True] * 2
    assert monitor.last_report.verdict in VERDICTS
    json.dumps(monitor.last_report.as_dict())
    assert monitor.seconds > 0


@pytest.mark.parametrize(
    ("verdict", "probs", "settings", "told", "words"),
    [
        ("solved", np.full(4, 0.99), {}, {}, "solved"),
        ("held", np.full(4, 0.2), {"kl_weight": 2.0}, {}, "KL weight 2 is at least the critical"),
        ("collapsed", np.zeros(4), {}, {"entropy": 0.001}, "entropy of answers is gone"),
        ("learning", np.linspace(0.05, 0.6, 80)[:, None] * np.ones(4), {}, {}, "Success rises"),
        ("unclear", np.linspace(0.6, 0.05, 80)[:, None] * np.ones(4), {}, {}, "Success falls"),
        ("waiting", np.full(4, 0.02), {"pace": 1.0, "budget": 10_000}, {}, "are left"),
        ("unreachable", np.full(4, 0.02), {"pace": 1e-3, "budget": 200}, {}, "but"),
        ("unclear", np.full(4, 0.02), {}, {}, "too wide or unknown"),
        ("unclear", np.full(4, 0.7), {}, {}, "neither surely below 0.5 nor surely solved"),
    ],
)
def test_verdicts_of_plain_situations(verdict, probs, settings, told, words):
    report = draw(probs, 80, settings=GroupSettings(**settings), **told).report()
    assert report.verdict == verdict
    assert words in report.reason


def test_a_weak_kl_term_holds_nothing_and_a_strong_one_is_no_sure_wait():
    kept = {"pace": 1.0, "budget": 10_000}
    critical = draw(np.full(4, 0.02), 80, settings=GroupSettings(kl_weight=1e-3, **kept)).report()
    assert critical.verdict == "waiting"
    low, high = critical.prompts[0].critical_kl
    near = GroupSettings(kl_weight=(0.5 * low + high) / 2, **kept)
    assert draw(np.full(4, 0.02), 80, settings=near).report().verdict == "unclear"
    middle = np.median([prompt.critical_kl[1] for prompt in critical.prompts])
    assert critical.values["plateau/kl_ratio"] == pytest.approx(1e-3 / middle, rel=1e-9)


def test_the_pace_of_trained_tables_is_found():
    from benchmarks.groups import learning_rate
    from benchmarks.groups.training import ANSWERS, Tables, start_logits

    for rule in ("grpo", "rloo", "max-rl"):
        eta = learning_rate(rule, 8)
        rng = np.random.default_rng(5)
        tables = Tables(start_logits(0.05, 24), rule, 8, eta, rng)
        monitor = GroupMonitor(10**6, GroupSettings(rule=rule))
        for _ in range(60):
            monitor.update(tables.step())
        pace = monitor.report().pace
        known = eta * ANSWERS / (ANSWERS - 1)
        assert 0.97 * pace.low < known < 1.03 * pace.high  # wrong answers fall one by one
        assert pace.high < 1.5 * pace.low


def test_a_mean_over_past_groups_is_carried_to_now():
    """Three groups of 4 with 1, 2 and 2 right, pace 0.5: the mean fixes where they began."""
    from agents.diagnosis.groups.estimates import carry_to_now, count_prompts
    from agents.diagnosis.groups.forecast import group_signals

    history = GroupHistory()
    for right in (1, 2, 2):
        history.add_counts(len(history), "a", 4, right)
    signal = group_signals("grpo", 4)[0]
    doses = 0.5 * np.array([0, 3**0.5 / 4, 3**0.5 / 4 + 0.5])
    z = -0.7
    mean = np.mean(1 / (1 + np.exp(-z - doses)))
    now = carry_to_now(history, count_prompts(history), signal, 0.5, np.array([mean]))
    assert now[0] == pytest.approx(1 / (1 + np.exp(-z - doses[2] - 0.25)), rel=1e-9)
