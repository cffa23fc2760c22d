"""The mathematics of wells: clocks, bounds and the law of random initialisation."""

from gw_envs.theory.auditing import StateAudit, audit
from gw_envs.theory.bounds import (
    drift_escape_bound,
    equal_rewards_escape_bound,
    escape_lower_bound,
    mdp_escape_bound,
    reward_escape_bound,
    uniform_start_escape_bound,
)
from gw_envs.theory.certificate.certifying import (
    Certificate,
    certify_equal_gap_escape_time,
    certify_escape_time,
)
from gw_envs.theory.clock import (
    equal_gap_escape_time,
    escape_time,
    flow_escape_time,
    flow_integral,
)
from gw_envs.theory.drifting import drift_escape_updates, well_escape_updates
from gw_envs.theory.groups import group_escape_law
from gw_envs.theory.initialization import GaussianInitialization
from gw_envs.theory.noisy_arms import noisy_wrong_arms_law
from gw_envs.theory.printed_theorem import ceiling_range, printed_constant, printed_escape_time
from gw_envs.theory.sampled_law import sampled_escape_law
from gw_envs.theory.two_sided import escape_bounds, escape_upper_bound
from gw_envs.theory.unequal_gaps import escape_law
from gw_envs.theory.wells import (
    WELL_FRACTION,
    best_arm_and_gap,
    escape_threshold,
    in_well,
    well_edge,
)

__all__ = [
    "WELL_FRACTION",
    "Certificate",
    "GaussianInitialization",
    "StateAudit",
    "audit",
    "best_arm_and_gap",
    "ceiling_range",
    "certify_equal_gap_escape_time",
    "certify_escape_time",
    "drift_escape_bound",
    "drift_escape_updates",
    "equal_gap_escape_time",
    "equal_rewards_escape_bound",
    "escape_bounds",
    "escape_law",
    "escape_lower_bound",
    "escape_threshold",
    "escape_time",
    "escape_upper_bound",
    "flow_escape_time",
    "flow_integral",
    "group_escape_law",
    "in_well",
    "mdp_escape_bound",
    "noisy_wrong_arms_law",
    "printed_constant",
    "printed_escape_time",
    "reward_escape_bound",
    "sampled_escape_law",
    "uniform_start_escape_bound",
    "well_edge",
    "well_escape_updates",
]
