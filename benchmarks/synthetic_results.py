"""Result tables of any size, made up in a second: exponential waits above the theory's bound."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from agents import metrics
from experiments.options.config import make_config
from experiments.results import write_results
from gw_envs.theory import escape_lower_bound

VERSIONS = {"python": "3.11.0", "gravity-wells": "0.1.0"}


def write_synthetic_results(
    folder: Path,
    *,
    optimal_probs: Iterable[float] = (0.05, 0.02, 0.01),
    reward_gaps: Iterable[float] = (0.2, 0.4),
    updates: Iterable[str] = ("softmax-pg", "entropy-pg"),
    seeds: int = 10,
    max_updates: int = 2_000,
    num_actions: int = 3,
) -> int:
    """Write `runs`, `trajectories` and `escapes` of a full grid; return the number of runs.

    A run of softmax-pg waits twice its lower bound in the median, any other half of that; what
    would wait longer than the budget is censored.
    """
    rng = np.random.default_rng(0)
    runs, trajectories, escapes = [], [], []
    for prob, gap, update in product(optimal_probs, reward_gaps, updates):
        options = {
            "optimal_prob": prob,
            "reward_gap": gap,
            "update": update,
            "gradient": "sampled",
            "num_actions": num_actions,
            "max_updates": max_updates,
        }
        config = make_config(**options)
        flat = json.dumps(config.flat(), sort_keys=True)
        bound = float(escape_lower_bound(prob, gap, config.agent.learning_rate))
        shared = {
            "exp_name": config.exp_name,
            "env_id": config.run.env_id,
            "agent": config.run.agent,
            "gradient": "sampled",
            "status": "finished",
            metrics.LOWER_BOUND: bound,
            "escape/relative_error": 0.0,
            "config": flat,
            "versions": json.dumps(VERSIONS),
        }
        scale = bound * (2.0 if update == "softmax-pg" else 1.0) / np.log(2)
        for seed, wait in enumerate(rng.exponential(scale, seeds)):
            run_id = config.run_id("sampled", seed)
            runs.append({"run_id": run_id, "seed": seed} | shared | _end(wait, bound, max_updates))
            trajectories += _path(run_id, prob, gap, bound, max_updates)
            if wait <= max_updates:
                escapes.append(_escape(run_id, int(wait) + 1, bound))
    write_results(folder, runs, trajectories, escapes)
    return len(runs)


def _end(wait: float, bound: float, max_updates: int) -> dict[str, Any]:
    time = int(wait) + 1
    escaped = time <= max_updates
    return {
        "updates": max_updates,
        metrics.GLOBAL_STEP: max_updates,
        metrics.ESCAPE_TIME: time if escaped else None,
        metrics.CENSORED: not escaped,
        "escape/ratio_to_bound": time / bound if escaped and bound > 0 else None,
        metrics.SUBOPTIMALITY: 0.01 if escaped else 0.19,
        metrics.OPTIMAL_PROB: 0.95 if escaped else 0.01,
    }


def _path(run_id: str, prob: float, gap: float, bound: float, last: int) -> list[dict[str, Any]]:
    return [
        {
            "run_id": run_id,
            metrics.UPDATE: n,
            metrics.GLOBAL_STEP: n,
            metrics.EPISODIC_RETURN: 0.5,
            metrics.SUBOPTIMALITY: gap * (1 - p),
            metrics.OPTIMAL_PROB: p,
            metrics.LOG10_OPTIMAL_PROB: float(np.log10(p)),
            metrics.ENTROPY: 0.1,
            metrics.GRADIENT_NORM: p * gap,
            metrics.LOWER_BOUND: bound,
        }
        for n, p in ((0, prob), (last // 2, (prob + 0.95) / 2), (last, 0.95))
    ]


def _escape(run_id: str, update: int, bound: float) -> dict[str, Any]:
    return {
        "run_id": run_id,
        metrics.GLOBAL_STEP: update,
        "escape/kind": "escape",
        "escape/update": update,
        "escape/state": 0,
        "escape/from_action": 1,
        "escape/to_action": 1,
        "escape/optimal_prob": 0.11,
        "escape/dwell": update,
        "escape/ratio_to_bound": update / bound if bound > 0 else None,
    }
