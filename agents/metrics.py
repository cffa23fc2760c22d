"""The names a run logs: one place for the code that logs and for the code that draws."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.evaluation import Record

UPDATE = "update"
GLOBAL_STEP = "global_step"
EPISODIC_RETURN = "charts/episodic_return"
SUBOPTIMALITY = "policy/suboptimality"
OPTIMAL_PROB = "policy/optimal_prob"
LOG10_OPTIMAL_PROB = "policy/log10_optimal_prob"
ENTROPY = "policy/entropy"
GRADIENT_NORM = "policy/gradient_norm"
PASS_AT_K = "policy/pass_at_k"  # of VerifierWell-v0 alone
LOWER_BOUND = "theory/escape_lower_bound"
ESCAPE_TABLE = "escapes"
FIGURE = "figure"

# Of an event; what follows the family is the field's name in `agents.escape.EscapeEvent`.
ESCAPE_FAMILY = "escape/"
EVENT_KIND = "escape/kind"
EVENT_UPDATE = "escape/update"
EVENT_STATE = "escape/state"
EVENT_FROM = "escape/from_action"
EVENT_TO = "escape/to_action"
PROB_AT_EVENT = "escape/optimal_prob"
DWELL = "escape/dwell"
RATIO_TO_BOUND = "escape/ratio_to_bound"
ESCAPE_COLUMNS = (
    EVENT_KIND,
    EVENT_UPDATE,
    EVENT_STATE,
    EVENT_FROM,
    EVENT_TO,
    PROB_AT_EVENT,
    DWELL,
    RATIO_TO_BOUND,
)
# Of a run.
ESCAPE_TIME = "escape/time"
CENSORED = "escape/censored"
RELATIVE_ERROR = "escape/relative_error"

# How an embedding is judged on ASRSampling-v0, as people write it.
RETRIEVAL_NAMES = {
    "recall_at_1": "recall@1",
    "recall_at_2": "recall@2",
    "recall_at_4": "recall@4",
    "recall_at_8": "recall@8",
    "nmi": "NMI",
    "f1": "F1",
}
# Runs on ASRSampling-v0: of the embedding on validation and test rows, and of the sampler, whose
# keys the environment's info has without the family.
SAMPLING_FAMILY = "sampling/"
VALIDATION = {
    name: f"validation/{name}" for name in (*RETRIEVAL_NAMES, "intra_distance", "inter_distance")
}
TEST = {name: f"test/{name}" for name in VALIDATION}
VALIDATION_RECALL = VALIDATION["recall_at_1"]
TEST_RECALL, TEST_NMI = TEST["recall_at_1"], TEST["nmi"]
EPOCH = "sampling/epoch"
IN_WELL = "sampling/in_well"
TEST_IN_WELL = "sampling/test_in_well"
SAMPLING_KEYS = (
    *VALIDATION.values(),
    *TEST.values(),
    EPOCH,
    "sampling/loss",
    "sampling/active_pairs",
    "sampling/not_negative",
    "sampling/bin_entropy",
    "sampling/mean_bin_distance",
    IN_WELL,
    TEST_IN_WELL,
)
BINS = "bins"

# What `agents.diagnosis.PlateauMonitor` logs.
PLATEAU_ENTROPY = "plateau/entropy"
PLATEAU_EFFECTIVE_ACTIONS = "plateau/effective_actions"
PLATEAU_LARGEST_PROBABILITY = "plateau/largest_probability"
PLATEAU_GRADIENT_NORM = "plateau/gradient_norm"
PLATEAU_ADVANTAGE_SPREAD = "plateau/advantage_spread"
PLATEAU_LOST_UPDATES = "plateau/lost_updates"
PLATEAU_RETURN_TREND = "plateau/return_trend"
PLATEAU_VERDICT = "plateau/verdict"
PLATEAU_KEYS = (
    PLATEAU_ENTROPY,
    PLATEAU_EFFECTIVE_ACTIONS,
    PLATEAU_LARGEST_PROBABILITY,
    PLATEAU_GRADIENT_NORM,
    PLATEAU_ADVANTAGE_SPREAD,
    PLATEAU_LOST_UPDATES,
    PLATEAU_RETURN_TREND,
    PLATEAU_VERDICT,
)
# What `agents.diagnosis.groups.GroupMonitor` logs, beside entropy and verdict.
PLATEAU_SILENT = "plateau/silent"
PLATEAU_ALL_WRONG = "plateau/all_wrong"
PLATEAU_ALL_RIGHT = "plateau/all_right"
PLATEAU_SUCCESS = "plateau/success"
PLATEAU_SIGNAL = "plateau/signal"
PLATEAU_KL = "plateau/kl"
PLATEAU_WAIT = "plateau/wait"
PLATEAU_KL_RATIO = "plateau/kl_ratio"
PLATEAU_ENTROPY_TREND = "plateau/entropy_trend"
PLATEAU_PROMPTS = {
    name: f"plateau/prompts_{name}"
    for name in ("solved", "waiting", "unreachable", "held", "collapsed")
}
GROUP_KEYS = (
    PLATEAU_SILENT,
    PLATEAU_ALL_WRONG,
    PLATEAU_ALL_RIGHT,
    PLATEAU_SUCCESS,
    PLATEAU_SIGNAL,
    PLATEAU_KL,
    PLATEAU_WAIT,
    PLATEAU_KL_RATIO,
    PLATEAU_ENTROPY_TREND,
    *PLATEAU_PROMPTS.values(),
)
PLATEAU_CURVES = {
    "Effective number of actions": PLATEAU_EFFECTIVE_ACTIONS,
    "Norm of the sampled gradient": PLATEAU_GRADIENT_NORM,
    "Spread of the advantages": PLATEAU_ADVANTAGE_SPREAD,
    "Share of parameters that stood still": PLATEAU_LOST_UPDATES,
    "Trend of the return (per rollout)": PLATEAU_RETURN_TREND,
}

# What Stable-Baselines3 logs of its own, and PlateauMonitor through it.
SB3_FAMILIES = ("train/", "rollout/", "time/", "plateau/")
# Of what Stable-Baselines3 logs, what the dashboard draws.
SB3_RETURN = "rollout/ep_rew_mean"
SB3_SPEED = "time/fps"
SB3_ENTROPY_LOSS = "train/entropy_loss"
SB3_LOSSES = ("train/value_loss", "train/policy_gradient_loss")
SB3_TRUST_REGION = ("train/approx_kl", "train/clip_fraction")

# What each family of keys is drawn against.
AXES = {
    "charts/*": UPDATE,
    "policy/*": UPDATE,
    "theory/*": UPDATE,
    "escape/*": UPDATE,
    "train/*": UPDATE,
    "rollout/*": UPDATE,
    "time/*": UPDATE,
    "plateau/*": UPDATE,
    "validation/*": UPDATE,
    "test/*": UPDATE,
    "sampling/*": UPDATE,
}


def policy_columns(record: Record, run: int) -> dict[str, float]:
    """The keys `policy/*` of run number `run` of a record."""
    return {
        **_well_columns(record.suboptimality[run], record.optimal_prob[run]),
        ENTROPY: float(record.entropy[run]),
        GRADIENT_NORM: float(record.gradient_norm[run]),
        **_passing(record, run, slice(None)),
    }


def state_columns(record: Record, run: int, state: int) -> dict[str, float]:
    """Those of the keys `policy/*` that one of the run's states has of its own."""
    subopt, prob = record.state_suboptimality[run, state], record.state_optimal_prob[run, state]
    return _well_columns(subopt, prob) | _passing(record, run, state)


def _passing(record: Record, run: int, states: int | slice) -> dict[str, float]:
    """pass@k of a state, or its mean over all, where there is a verifier."""
    chances = record.pass_at_k
    return {} if chances is None else {PASS_AT_K: float(chances[run, states].mean())}


def _well_columns(subopt: float, prob: float) -> dict[str, float]:
    return {
        SUBOPTIMALITY: float(subopt),
        OPTIMAL_PROB: float(prob),
        LOG10_OPTIMAL_PROB: math.log10(prob) if prob > 0 else -math.inf,
    }
