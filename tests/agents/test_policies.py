"""Softmax and the initial policies of the glossary."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import softmax as scipy_softmax
from scipy.stats import entropy as scipy_entropy

from agents.policies import INITIAL_POLICIES, Start, as_start, entropy, softmax
from agents.softmax_pg import SoftmaxPG
from gw_envs.checks import BadInput

logits = arrays(np.float64, st.integers(2, 8), elements=st.floats(-300, 300))


@given(logits, st.floats(-100, 100))
def test_softmax_equals_scipy_and_ignores_shifts(theta, shift):
    policy = softmax(theta)
    np.testing.assert_allclose(policy, scipy_softmax(theta), rtol=1e-12, atol=0)
    np.testing.assert_allclose(softmax(theta + shift), policy, rtol=1e-10, atol=0)
    assert abs(policy.sum() - 1) < 1e-12


def test_entropy_equals_scipy_and_takes_corners():
    policy = softmax(np.random.default_rng(0).normal(size=(5, 3, 4)))
    np.testing.assert_allclose(entropy(policy), scipy_entropy(policy, axis=-1), rtol=1e-12)
    assert entropy(np.array([1.0, 0.0])) == 0


@pytest.mark.parametrize("best", [0, 2])
def test_named_policies_are_what_the_glossary_says(best):
    uniform = softmax(Start().theta(4, best))
    np.testing.assert_allclose(uniform, 0.25)
    spread = softmax(Start("uniform_suboptimal", 1e-3).theta(4, best))
    np.testing.assert_allclose(np.delete(spread, best), 0.999 / 3)
    assert spread[best] == pytest.approx(1e-3, rel=1e-12)
    corner = softmax(Start("corner", 1e-3).theta(4, best))
    first_other = 1 if best == 0 else 0
    np.testing.assert_allclose(np.delete(corner, first_other), 1e-3)
    assert corner[first_other] == pytest.approx(1 - 3e-3)
    chosen = softmax(Start("corner", 1e-3, corner_action=3).theta(4, best))
    assert chosen.argmax() == 3


def test_normal_has_the_given_spread_and_follows_the_generator():
    rng = np.random.default_rng(3)
    theta = Start("normal", sigma=2.0).theta(100_000, rng=rng)
    assert abs(theta.mean()) < 4 * 2 / np.sqrt(100_000)
    assert theta.std() == pytest.approx(2, rel=0.02)
    again = Start("normal", sigma=2.0).theta(100_000, rng=np.random.default_rng(3))
    np.testing.assert_array_equal(theta, again)


SET = {"optimal_prob": 0.01, "corner_action": 2, "sigma": 2.0}
USES = {
    "uniform": set(),
    "uniform_suboptimal": {"optimal_prob"},
    "corner": {"optimal_prob", "corner_action"},
    "normal": {"sigma"},
    "prompts": set(),
}


@pytest.mark.parametrize("name", INITIAL_POLICIES)
@pytest.mark.parametrize("field", SET)
def test_a_field_that_the_start_does_not_use_is_refused(name, field):
    needed = {"optimal_prob": 0.01} if "optimal_prob" in USES[name] else {}
    if field in USES[name]:
        assert getattr(Start(name, **(needed | {field: SET[field]})), field) == SET[field]
        return
    with pytest.raises(BadInput, match=f"{field}={SET[field]} does not go with .*{name!r}; use"):
        Start(name, **(needed | {field: SET[field]}))


def test_a_table_has_the_start_in_every_state_and_draws_by_its_seed():
    table = Start("corner", 1e-3).table([2, 0], 3)
    np.testing.assert_allclose(softmax(table), [[0.998, 1e-3, 1e-3], [1e-3, 0.998, 1e-3]])
    normal = Start("normal", sigma=3.0)
    child = np.random.default_rng(np.random.SeedSequence(5).spawn(1)[0])
    np.testing.assert_array_equal(normal.table([0, 1], 4, 5), 3 * child.standard_normal((2, 4)))
    assert (normal.table([0, 1], 4, 5) != normal.table([0, 1], 4, 6)).all()


def test_a_whole_start_stands_in_for_its_name_and_fields():
    start = Start("corner", 0.01)
    assert as_start(start) is start
    assert as_start("corner", optimal_prob=0.01) == start
    with pytest.raises(BadInput, match="sigma cannot stand beside a whole start"):
        as_start(start, sigma=2.0)
    named = SoftmaxPG(initial_policy="corner", optimal_prob=0.01)
    np.testing.assert_array_equal(SoftmaxPG(initial_policy=start).theta, named.theta)
    with pytest.raises(TypeError, match="optimal_porb"):
        SoftmaxPG(initial_policy="corner", optimal_porb=0.01)
