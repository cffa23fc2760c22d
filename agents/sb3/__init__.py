"""The Stable-Baselines3 side: the theory's algorithm as an SB3 algorithm, and the stock ones.

All names here are loaded when first used, torch and stable_baselines3 with them: importing the
package loads neither. `SoftmaxPG` is the SB3 algorithm; the tabular agent in numpy is
`agents.SoftmaxPG`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gw_envs.lazy import lazy_names

if TYPE_CHECKING:
    from agents.sb3.agent import SB3Agent
    from agents.sb3.callbacks import EscapeCallback
    from agents.sb3.policies import TabularSoftmaxPolicy
    from agents.sb3.settings import STOCK
    from agents.sb3.softmax_pg import SoftmaxPG
    from agents.sb3.stock import make_baseline, start_from
    from agents.sb3.vec_env import WellVecEnv

__all__ = [
    "STOCK",
    "EscapeCallback",
    "SB3Agent",
    "SoftmaxPG",
    "TabularSoftmaxPolicy",
    "WellVecEnv",
    "make_baseline",
    "start_from",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "STOCK": "settings",
        "EscapeCallback": "callbacks",
        "SB3Agent": "agent",
        "SoftmaxPG": "softmax_pg",
        "TabularSoftmaxPolicy": "policies",
        "WellVecEnv": "vec_env",
        "make_baseline": "stock",
        "start_from": "stock",
    },
)
