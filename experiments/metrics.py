"""The names a run logs: one place for the code that logs and for the code that draws."""

from __future__ import annotations

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
ESCAPE_TABLE = "escapes"
ESCAPE_TIME = "escape/time"
CENSORED = "escape/censored"

# What each family of keys is drawn against.
AXES = {"charts/*": UPDATE, "policy/*": UPDATE, "theory/*": UPDATE, "escape/*": UPDATE}
