"""A rollout buffer in float64: SB3's keeps rewards, values and returns in float32."""

from __future__ import annotations

import numpy as np
from stable_baselines3.common.buffers import RolloutBuffer

ARRAYS = ("rewards", "returns", "values", "log_probs", "advantages")


class Float64RolloutBuffer(RolloutBuffer):
    """SB3's rollout buffer with rewards, values, returns and advantages in float64.

    Episode starts (0 or 1) and, when sampled, actions (whole numbers below 2^24) stay float32,
    which holds them exactly.
    """

    def reset(self) -> None:
        """Empty the buffer."""
        super().reset()
        for name in ARRAYS:
            setattr(self, name, np.zeros((self.buffer_size, self.n_envs), dtype=np.float64))
