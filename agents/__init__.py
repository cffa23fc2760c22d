"""Learners for gravity wells; the names here are loaded when first used.

`SoftmaxPG` is the tabular agent in numpy; the Stable-Baselines3 algorithm of the same name is
`agents.sb3.SoftmaxPG`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gw_envs.lazy import lazy_names

if TYPE_CHECKING:
    from agents.jumping_pg import JumpingPG
    from agents.policies import Start, softmax
    from agents.skipping_pg import SkippingPG
    from agents.softmax_pg import SoftmaxPG

__all__ = ["JumpingPG", "SkippingPG", "SoftmaxPG", "Start", "softmax"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "JumpingPG": "jumping_pg",
        "SkippingPG": "skipping_pg",
        "SoftmaxPG": "softmax_pg",
        "Start": "policies",
        "softmax": "policies",
    },
)
