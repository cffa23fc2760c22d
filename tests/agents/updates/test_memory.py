"""A user's own rule of every kind, each one class: a memory that rides on theta, a
reference policy, a group of episodes, inner steps on one batch."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from agents.policies import softmax
from agents.rollouts import Rollouts
from agents.softmax_pg import SoftmaxPG
from agents.updates import RULES, Batch, Rate, SoftmaxGradient, make_rule, option, register
from gw_envs.checks import check_float, check_int
from tests.agents.updates.iterated import run_rule

ARMS = 3
REWARDS = np.array([0.9, 0.6, 0.1])
START = np.array([0.2, 0.3, 0.5])
NO_RATE = Rate("none proved", escape_exponent=1.0, source="this test")


@dataclass(frozen=True)
class Momentum(SoftmaxGradient):
    """m <- beta m + d, theta += eta m; theta [..., 2K] holds the logits and m."""

    beta: float = option(0.9, check_float, 0, 1, open_high=True)
    rate = NO_RATE

    def policy(self, theta):
        return softmax(theta[..., :ARMS])

    def theta_from_policy(self, policy):
        return np.concatenate([np.log(policy), np.zeros_like(policy)], axis=-1)

    def direction(self, theta, values, weight=1.0):
        return super().direction(theta[..., :ARMS], values, weight)

    def move(self, theta, direction, learning_rate):
        moment = self.beta * theta[..., ARMS:] + direction
        return np.concatenate([learning_rate * moment, moment - theta[..., ARMS:]], axis=-1)


@dataclass(frozen=True)
class Anchored(SoftmaxGradient):
    """The gradient of pi.r - tau KL(pi | pi_0); theta [..., 2K] holds the logits and ln pi_0."""

    temperature: float = option(0.5, check_float, 0, open_low=True)
    rate = NO_RATE

    def policy(self, theta):
        return softmax(theta[..., :ARMS])

    def theta_from_policy(self, policy):
        return np.concatenate([np.log(policy), np.log(policy)], axis=-1)

    def direction(self, theta, values, weight=1.0):
        logits, anchor = theta[..., :ARMS], theta[..., ARMS:]
        ratio = np.log(softmax(logits)) - anchor
        return super().direction(logits, values - self.temperature * ratio, weight)

    def move(self, theta, direction, learning_rate):
        return np.concatenate([learning_rate * direction, np.zeros_like(direction)], axis=-1)


@dataclass(frozen=True)
class LeaveOneOut(SoftmaxGradient):
    """The baseline of an episode is the mean return of the others of its group."""

    def sampled_direction(self, theta, batch):
        g = batch.batch_size
        groups = batch.returns.reshape(*batch.returns.shape[:-1], -1, g)
        others = (groups.sum(axis=-1, keepdims=True) - groups) / (g - 1)
        scores = (groups - others).reshape(batch.returns.shape)
        zero = np.zeros_like(batch.baseline)
        return super().sampled_direction(theta, replace(batch, returns=scores, baseline=zero))


@dataclass(frozen=True)
class InnerSteps(SoftmaxGradient):
    """Several importance-weighted steps on one batch; one of them is softmax-pg."""

    inner_steps: int = option(1, check_int, 1)

    def sampled_increment(self, theta, batch, learning_rate):
        moved = np.zeros_like(theta)
        for _ in range(self.inner_steps):
            policy = self.policy(theta + moved)
            ratio = policy / batch.policy

            def weighted(pi, action, reward, baseline, ratio=ratio):
                ratios = ratio[0, 0, action]  # one run in one state
                return ratios[:, None] * self.estimate(pi, action, reward, baseline)

            moved = moved + self.move(theta, batch.mean(weighted, policy), learning_rate)
        return moved


@pytest.fixture(autouse=True)
def entered():
    before = dict(RULES)
    for name, rule in {
        "momentum-pg": Momentum,
        "anchored-pg": Anchored,
        "leave-one-out-pg": LeaveOneOut,
        "inner-pg": InnerSteps,
    }.items():
        register(name)(rule)
    yield
    RULES.clear()
    RULES.update(before)


def test_momentum_by_hand():
    logits, moment = np.log(START), np.zeros(ARMS)
    for _ in range(40):
        pi = softmax(logits)
        moment = 0.8 * moment + pi * (REWARDS - pi @ REWARDS)
        logits = logits + 0.3 * moment
    rule = make_rule("momentum-pg", beta=0.8)
    run = run_rule(rule, REWARDS, START, 0.3, 40, stop_at_escape=False)
    np.testing.assert_allclose(run.final_policy, softmax(logits), rtol=1e-12)
    np.testing.assert_allclose(run.final_theta[ARMS:], moment, rtol=1e-12)


@pytest.mark.parametrize("gradient", ["exact", "sampled"])
def test_an_agent_carries_a_memory(gradient):
    """Without forgetting nothing (beta = 0) it is softmax-pg; with it the path differs."""
    options = {"env_kwargs": {"mean_rewards": REWARDS}, "gradient": gradient, "seeds": (3, 4)}
    paths = {}
    for name, beta in (("softmax-pg", None), ("momentum-pg", 0.0), ("momentum-pg", 0.9)):
        more = {} if beta is None else {"update_options": {"beta": beta}}
        agent = SoftmaxPG(update=name, policy=START, **options, **more)
        agent.learn(30)
        paths[beta] = agent.policy
    np.testing.assert_allclose(paths[0.0], paths[None], rtol=1e-12)
    assert np.abs(paths[0.9] - paths[None]).max() > 0.01


def test_a_reference_policy_is_where_the_rule_started():
    """The optimum of pi.r - tau KL(pi | pi_0) is pi_0 exp(r / tau), normalised."""
    run = run_rule(make_rule("anchored-pg"), REWARDS, START, 1.0, 3000, stop_at_escape=False)
    expected = START * np.exp(REWARDS / 0.5)
    np.testing.assert_allclose(run.final_policy, expected / expected.sum(), rtol=1e-9)


def test_a_group_is_seen_together():
    """Two episodes: the scores are R_1 - R_2 and R_2 - R_1."""
    policy = START[None, None]
    actions, returns = np.array([[0, 2]]), np.array([[0.9, 0.1]])
    batch = Batch(policy, np.zeros((1, 2), int), actions, returns, np.full((1, 1, 1), 7.0), 0.0)
    score = np.eye(ARMS)[actions[0]] - START
    expected = (0.8 * score[0] - 0.8 * score[1]) / 2
    moved = LeaveOneOut().sampled_step(np.log(policy), batch, 0.5)
    np.testing.assert_allclose(moved[0, 0], np.log(START) + 0.5 * expected, rtol=1e-12)


def test_inner_steps_see_the_policy_that_played():
    """The batch's own surrogate, sum of ratios times R - b, rises with every inner step."""
    rollouts = Rollouts("SoftmaxWell-v0", {"mean_rewards": REWARDS}, (5,), 50, "value", None)
    policy, values = START[None, None], REWARDS[None, None]
    batch = rollouts.batch(policy, values)

    def surrogate(theta):
        ratio = (softmax(theta) / policy)[0, 0, batch.actions[0]]
        return np.mean(ratio * (batch.returns[0] - batch.baseline[0, 0]))

    theta = np.log(policy)
    single = InnerSteps().sampled_step(theta, batch, 0.1)
    np.testing.assert_allclose(
        single, SoftmaxGradient().sampled_step(theta, batch, 0.1), rtol=1e-14
    )
    steps = [InnerSteps(inner_steps=n).sampled_step(theta, batch, 0.1) for n in (1, 2, 5)]
    values = [surrogate(theta), *[surrogate(step) for step in steps]]
    assert np.all(np.diff(values) > 1e-4)
