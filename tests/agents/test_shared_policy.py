"""One policy for all states: its gradient, its escapes, and the rules that can have it."""

import numpy as np
import pytest

from agents.jumping_pg import JumpingPG
from agents.policies import softmax
from agents.rollouts import Rollouts
from agents.softmax_pg import SoftmaxPG
from agents.updates import TiedRule, make_rule, make_sampled_rule
from gw_envs.asr_well import ASRWellVectorEnv
from gw_envs.verifier_well import VerifierWellVectorEnv

THREE = {"num_prompts": 3, "initial_probs": [1e-5, 1e-3, 0.05]}


def on_prompts(update="softmax-pg", agent=SoftmaxPG, **kwargs):
    return agent("VerifierWell-v0", THREE, update=update, initial_policy="prompts", **kwargs)


@pytest.mark.parametrize("well", [
    VerifierWellVectorEnv(1, num_prompts=3), ASRWellVectorEnv(1, reward_gaps=[0.2, 0.25, 0.3]),
    ASRWellVectorEnv(1, discount=0.7),
], ids=["verifier", "asr", "discounted"])  # fmt: skip
def test_it_moves_by_the_gradient_of_the_objective_in_the_shared_logits(well):
    """Central differences of J(shared), the offsets held."""
    theta = np.random.default_rng(0).normal(size=(3, well.num_actions))

    def objective(shared):
        return float(well.mdp.objective(softmax(theta + shared)))

    units = 1e-5 * np.identity(well.num_actions)
    numeric = np.array([(objective(u) - objective(-u)) / 2e-5 for u in units])
    values, weight = well.action_values(softmax(theta))
    moved = TiedRule(make_rule("softmax-pg")).increment(theta, values, 2.0, weight)
    np.testing.assert_allclose(moved, np.tile(2 * numeric, (3, 1)), atol=1e-8)


def test_a_sampled_one_moves_by_the_sum_of_what_its_states_say():
    rule = make_sampled_rule("grpo", group_size=4)
    rollouts = [
        Rollouts("VerifierWell-v0", {"num_prompts": 3}, (5,), 12, "value", None, one)
        for one in (rule, TiedRule(rule))
    ]
    policy = np.full((1, 3, 6), 1 / 6)
    values, _ = rollouts[0].well.action_values(policy)
    moved = 0.0
    for _ in range(3):
        own, tied = (r.step(np.log(policy), policy, values, 0.5) - np.log(policy) for r in rollouts)
        moved += np.abs(own).max()
        np.testing.assert_allclose(tied, np.broadcast_to(own.sum(axis=1), (1, 3, 6)), atol=1e-15)
    assert moved > 0


@pytest.mark.parametrize("update", ["softmax-pg", "grpo"])
def test_easy_prompts_pull_hard_ones_out(update):
    """Every update made, and the engine, which must see that prompts move together."""
    made, jumped = (on_prompts(update, kind, shared_policy=True) for kind in (SoftmaxPG, JumpingPG))
    made.learn(600)
    jumped.learn()
    apart = on_prompts(update, JumpingPG)
    apart.learn()
    np.testing.assert_array_equal(made.detector.escape_time[0], jumped.escape.steps)
    assert 0 < jumped.escape.steps[0] < apart.escape.steps[0] / 100
    start = on_prompts(update)
    np.testing.assert_allclose(
        made.theta[0] - made.theta[0, :1], start.theta[0] - start.theta[0, :1], atol=1e-10
    )
    assert (made.bounds == 0).all() and (start.bounds > 0).all() == (update == "softmax-pg")


def test_in_one_state_it_is_the_policy_of_that_state():
    options = {"initial_policy": "corner", "optimal_prob": 0.01, "learning_rate": 1.0}
    alone, shared = (SoftmaxPG(shared_policy=shared, **options) for shared in (False, True))
    for agent in (alone, shared):
        agent.learn(400)
    np.testing.assert_allclose(shared.policy, alone.policy, rtol=1e-9)
    assert shared.escape_time == alone.escape_time > 0


@pytest.mark.parametrize(
    "update",
    ["natural-pg", "adam-pg", "escort-pg", "kl-pg", "ppo-clip", "trpo", "frozen-rollout-pg"],
)
def test_a_rule_that_adds_no_gradient_cannot_have_it(update):
    with pytest.raises(ValueError, match=f"shared_policy=True does not go with update='{update}'"):
        on_prompts(update, shared_policy=True)


def test_inner_steps_cannot_have_it():
    with pytest.raises(ValueError, match="shared_policy=True does not go with update='dapo'"):
        on_prompts("dapo", update_options={"inner_steps": 2}, shared_policy=True)
    on_prompts("dapo", shared_policy=True).learn(2)


def test_it_is_true_or_false():
    with pytest.raises(ValueError, match="shared_policy=1 must be true or false"):
        on_prompts(shared_policy=1)


def test_soft_values_of_a_discounted_process_are_the_rules_own():
    """Two states that are alike in all: sharing doubles the step, temperature and all."""
    kwargs = {"num_states": 2, "discount": 0.5, "move_prob": 0.0, "best_actions": [0, 0]}
    options = {"update": "entropy-pg", "update_options": {"temperature": 0.3}}
    apart = SoftmaxPG("ASRWell-v0", kwargs, learning_rate=0.2, **options)
    shared = SoftmaxPG("ASRWell-v0", kwargs, learning_rate=0.1, shared_policy=True, **options)
    for agent in (apart, shared):
        agent.learn(5)
    np.testing.assert_allclose(shared.policy, apart.policy, rtol=1e-12)
    assert np.ptp(apart.policy) > 1e-3
