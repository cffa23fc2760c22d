"""What EscapeCallback costs: its share of the CPU time of training."""

from __future__ import annotations

import statistics
import time
from typing import Any

from benchmarks.harness import ROUNDS, Result

TITLE = "EscapeCallback's share of training time, 64 environments, at train.py's settings"
ENVS = 64
UPDATES = {"ppo": 8, "a2c": 120}


def share(name: str) -> float:
    """CPU time inside the callback over CPU time of training, in one run of learn."""
    import torch

    from agents.sb3.callbacks import EscapeCallback
    from agents.sb3.stock import make_baseline
    from agents.sb3.vec_env import WellVecEnv

    torch.set_num_threads(1)
    inside = 0.0

    class Timed(EscapeCallback):
        """Adds up the time of everything SB3 has it do."""

        def _timed(self, call: Any) -> Any:
            nonlocal inside
            start = time.process_time()
            result = call()
            inside += time.process_time() - start
            return result

        def on_rollout_start(self) -> None:
            self._timed(super().on_rollout_start)

        def on_rollout_end(self) -> None:
            self._timed(super().on_rollout_end)

        def on_training_end(self) -> None:
            self._timed(super().on_training_end)

        def on_step(self) -> bool:
            return bool(self._timed(super().on_step))

    model: Any = make_baseline(name, WellVecEnv("SoftmaxWell-v0", ENVS))
    steps = UPDATES[name] * ENVS * model.n_steps
    model.learn(ENVS * model.n_steps, callback=Timed(), log_interval=None)
    inside, begin = 0.0, time.process_time()
    model.learn(steps, callback=Timed(log_every=0), log_interval=None)
    return inside / (time.process_time() - begin)


def run() -> list[Result]:
    """Median over rounds; PPO is what the target speaks of, A2C's updates are the cheapest."""
    shares: dict[str, list[float]] = {name: [] for name in UPDATES}
    for _ in range(ROUNDS):
        for name, values in shares.items():
            values.append(100 * share(name))
    results = []
    for name, values in shares.items():
        target = 2.0 if name == "ppo" else None
        detail = f"{min(values):.2g} to {max(values):.2g} % in {ROUNDS} rounds"
        what = f"EscapeCallback in {name.upper()}'s training time"
        results.append(
            Result(what, statistics.median(values), target, "%", detail=detail, at_most=True)
        )
    return results
