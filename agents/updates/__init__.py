"""Update rules: how a step, or a sampled batch, moves the parameters of a policy.

`RULES` maps the names the command line takes to the classes; `exact_rules()` and `sampled_rules()`
are the names of those that have the form. Each class is its rule's documentation page. `rule` says
what a rule must offer; a new one is one class with `@register("its-name")` above it, in a file that
is imported here.
"""

from agents.updates.adaptive import AdamGradient, CountBonus, TemperatureGradient, TrustRegion
from agents.updates.anchored import AnchoredGradient
from agents.updates.arithmetic import advantages
from agents.updates.asymmetric import AsymmetricGradient, NegativeGradient, PositiveGradient
from agents.updates.batch import Batch
from agents.updates.clipped import (
    ClippedSurrogate,
    CovarianceClip,
    CovariancePenalty,
    DynamicSampling,
)
from agents.updates.delightful import DelightfulGradient
from agents.updates.frozen_rollout import FrozenRolloutGradient
from agents.updates.gradient import (
    AlternateEstimate,
    ArmijoGradient,
    NormalizedGradient,
    SoftmaxGradient,
)
from agents.updates.groups import (
    CentredGroup,
    GroupRelative,
    LeaveOneOut,
    MaximumLikelihood,
    PassAtK,
)
from agents.updates.memory import Remembering
from agents.updates.mirror import MirrorAscent, NaturalGradient, NeuralReplicator
from agents.updates.registry import (
    RULES,
    check_rule,
    exact_rules,
    make_rule,
    make_sampled_rule,
    register,
    rule_options,
    sampled_rules,
)
from agents.updates.regularized import EntropyGradient, LogBarrierGradient, soft_action_values
from agents.updates.rule import (
    ExactRule,
    GradientRule,
    Rate,
    SampledRule,
    UpdateRule,
    code_options,
    option,
)
from agents.updates.tied import TiedRule
from agents.updates.transforms import EscortGradient, TsallisGradient

__all__ = [
    "RULES",
    "AdamGradient",
    "AlternateEstimate",
    "AnchoredGradient",
    "ArmijoGradient",
    "AsymmetricGradient",
    "Batch",
    "CentredGroup",
    "ClippedSurrogate",
    "CountBonus",
    "CovarianceClip",
    "CovariancePenalty",
    "DelightfulGradient",
    "DynamicSampling",
    "EntropyGradient",
    "EscortGradient",
    "ExactRule",
    "FrozenRolloutGradient",
    "GradientRule",
    "GroupRelative",
    "LeaveOneOut",
    "LogBarrierGradient",
    "MaximumLikelihood",
    "MirrorAscent",
    "NaturalGradient",
    "NegativeGradient",
    "NeuralReplicator",
    "NormalizedGradient",
    "PassAtK",
    "PositiveGradient",
    "Rate",
    "Remembering",
    "SampledRule",
    "SoftmaxGradient",
    "TemperatureGradient",
    "TiedRule",
    "TrustRegion",
    "TsallisGradient",
    "UpdateRule",
    "advantages",
    "check_rule",
    "code_options",
    "exact_rules",
    "make_rule",
    "make_sampled_rule",
    "option",
    "register",
    "rule_options",
    "sampled_rules",
    "soft_action_values",
]
