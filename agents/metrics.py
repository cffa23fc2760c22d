"""The names a run logs: one place for the code that logs and for the code that draws."""

from __future__ import annotations

from agents.diagnosis import plateau_keys
from agents.diagnosis.plateau_keys import PLATEAU_KEYS as PLATEAU_KEYS

UPDATE = "update"
GLOBAL_STEP = "global_step"
EPISODIC_RETURN = "charts/episodic_return"
SUBOPTIMALITY = "policy/suboptimality"
OPTIMAL_PROB = "policy/optimal_prob"
LOG10_OPTIMAL_PROB = "policy/log10_optimal_prob"
ENTROPY = "policy/entropy"
GRADIENT_NORM = "policy/gradient_norm"
LOWER_BOUND = "theory/escape_lower_bound"
ESCAPE_COLUMNS = (
    "escape/kind",
    "escape/update",
    "escape/state",
    "escape/from_action",
    "escape/to_action",
    "escape/optimal_prob",
    "escape/dwell",
    "escape/ratio_to_bound",
)
PROB_AT_EVENT, DWELL, RATIO_TO_BOUND = ESCAPE_COLUMNS[-3:]
# How an embedding is judged on ASRSampling-v0, as people write it.
RETRIEVAL_NAMES = {
    "recall_at_1": "recall@1",
    "recall_at_2": "recall@2",
    "recall_at_4": "recall@4",
    "recall_at_8": "recall@8",
    "nmi": "NMI",
    "f1": "F1",
}
# Runs on ASRSampling-v0: of the embedding on validation and test rows, and of the sampler.
SAMPLING_KEYS = (
    *(
        f"{part}/{metric}"
        for part in ("validation", "test")
        for metric in (
            "recall_at_1",
            "recall_at_2",
            "recall_at_4",
            "recall_at_8",
            "nmi",
            "f1",
            "intra_distance",
            "inter_distance",
        )
    ),
    "sampling/epoch",
    "sampling/loss",
    "sampling/active_pairs",
    "sampling/not_negative",
    "sampling/bin_entropy",
    "sampling/mean_bin_distance",
    "sampling/in_well",
    "sampling/test_in_well",
)
ESCAPE_TABLE = "escapes"
FIGURE = "figure"
ESCAPE_TIME = "escape/time"
CENSORED = "escape/censored"

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
# What Stable-Baselines3 logs of its own, and PlateauMonitor through it.
SB3_FAMILIES = ("train/", "rollout/", "time/", "plateau/")
# Of what Stable-Baselines3 logs, what the dashboard draws.
SB3_RETURN = "rollout/ep_rew_mean"
SB3_SPEED = "time/fps"
SB3_ENTROPY_LOSS = "train/entropy_loss"
SB3_LOSSES = ("train/value_loss", "train/policy_gradient_loss")
PLATEAU_CURVES = {
    "Effective number of actions": plateau_keys.PLATEAU_EFFECTIVE_ACTIONS,
    "Norm of the sampled gradient": plateau_keys.PLATEAU_GRADIENT_NORM,
    "Spread of the advantages": plateau_keys.PLATEAU_ADVANTAGE_SPREAD,
    "Share of parameters that stood still": plateau_keys.PLATEAU_LOST_UPDATES,
    "Trend of the return (per rollout)": plateau_keys.PLATEAU_RETURN_TREND,
}
SB3_TRUST_REGION = ("train/approx_kl", "train/clip_fraction")
