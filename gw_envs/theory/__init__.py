"""The mathematics of wells: clocks, bounds and the law of random initialisation."""

from gw_envs.theory.bounds import drift_escape_bound, escape_lower_bound, reward_escape_bound
from gw_envs.theory.clock import escape_time, flow_escape_time, flow_integral
from gw_envs.theory.wells import WELL_FRACTION, escape_threshold, in_well

__all__ = [
    "WELL_FRACTION",
    "drift_escape_bound",
    "escape_lower_bound",
    "escape_threshold",
    "escape_time",
    "flow_escape_time",
    "flow_integral",
    "in_well",
    "reward_escape_bound",
]
