"""The readable agent on the engine against the same agent making every update itself."""

from __future__ import annotations

from typing import Any

from benchmarks.harness import Contender, Result, per_unit, race, speedup

TITLE = "SoftmaxPG, exact gradient, the default bandit (K=6): the engine against the agent's loop"
OURS, LOOP = 20_000, 1000


def learning(loop: bool, updates: int) -> Any:
    """A function that makes an agent and trains it with its log-spaced records."""
    from agents.softmax_pg import SoftmaxPG

    class LoopPG(SoftmaxPG):
        """The agent that makes every update itself."""

        def _has_fixed_values(self) -> bool:
            return False

    agent = LoopPG if loop else SoftmaxPG
    return lambda: agent(initial_policy="corner", optimal_prob=1e-3).learn(updates)


def run() -> list[Result]:
    """Loop / engine, records and construction included."""
    seconds = race(
        Contender("engine", learning(False, OURS), OURS),
        Contender("loop", learning(True, LOOP), LOOP),
    )
    detail = per_unit(seconds, "update", *seconds)
    return [Result("engine over loop", speedup(seconds, "engine", "loop"), detail=detail)]
