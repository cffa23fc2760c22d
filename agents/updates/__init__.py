"""Update rules: how a step moves the parameters of a policy.

`RULES` maps the names the command line takes to the classes of the exact rules, `SAMPLED_RULES` to
those of the sampled estimates; each class is its rule's documentation page. `rule` says what a rule
must offer; a new one is one class with `@register("its-name")` above it.
"""

from agents.updates.delightful import DelightfulGradient
from agents.updates.frozen_rollout import FrozenRolloutGradient
from agents.updates.gradient import ArmijoGradient, NormalizedGradient, SoftmaxGradient
from agents.updates.mirror import MirrorAscent, NaturalGradient, NeuralReplicator
from agents.updates.regularized import EntropyGradient, LogBarrierGradient, soft_action_values
from agents.updates.rule import RULES, Rate, UpdateRule, advantages, make_rule, register
from agents.updates.sampled import SAMPLED_RULES, SampledRule
from agents.updates.trajectory import RuleRun, policy_at_distance, run_rule
from agents.updates.transforms import EscortGradient, TsallisGradient

__all__ = [
    "RULES",
    "SAMPLED_RULES",
    "ArmijoGradient",
    "DelightfulGradient",
    "EntropyGradient",
    "EscortGradient",
    "FrozenRolloutGradient",
    "LogBarrierGradient",
    "MirrorAscent",
    "NaturalGradient",
    "NeuralReplicator",
    "NormalizedGradient",
    "Rate",
    "RuleRun",
    "SampledRule",
    "SoftmaxGradient",
    "TsallisGradient",
    "UpdateRule",
    "advantages",
    "make_rule",
    "policy_at_distance",
    "register",
    "run_rule",
    "soft_action_values",
]
