"""Real group training of softmax tables: a policy a prompt, a verifier, exact knowledge.

Nothing here comes from the monitor or its law: answers are drawn, scored by the rule of
`agents.updates`, and every logit is moved by the mean of score * (e_A - pi).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from agents.diagnosis.groups import GroupMonitor, GroupSettings
from agents.updates import RULES
from gw_envs.checks import Floats

ANSWERS = 8  # K; the right one is answer 0


def rule_named(name: str, group_size: int) -> Any:
    """A group rule of `agents.updates` for groups of this size."""
    option = "rollouts" if name == "max-rl" else "group_size"
    return RULES[name](**{option: group_size})


def start_logits(prob: Any, rows: int) -> Floats:
    """Logits [rows, K] that give the right answer `prob`, the others alike."""
    theta = np.zeros((rows, ANSWERS))
    x = np.broadcast_to(np.asarray(prob, dtype=np.float64), (rows,))
    theta[:, 0] = np.log(x / (1 - x)) + np.log(ANSWERS - 1)
    return theta


@dataclass
class Tables:
    """A softmax table for each prompt.

    Attributes:
        theta: logits [P, K].
        rule: name of a group rule.
        group_size: G.
        eta: learning rate.
        rng: draws the answers.
        kl_weight: of the KL term, whose gradient is exact.
        kl_form: "k3" or "reverse".
        bonus: reward of every answer beside the verifier's [K]: what else training is paid for.
    """

    theta: Floats
    rule: str
    group_size: int
    eta: float
    rng: np.random.Generator
    kl_weight: float = 0.0
    kl_form: str = "k3"
    bonus: Floats | None = None
    reference: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Keep the start as the reference, and the rule."""
        self.reference = self.policy()
        self._score = rule_named(self.rule, self.group_size).score

    def policy(self) -> Floats:
        """pi [P, K]."""
        weight = np.exp(self.theta - self.theta.max(axis=1, keepdims=True))
        return weight / weight.sum(axis=1, keepdims=True)

    def entropy(self) -> float:
        """Mean entropy of answers, in nats."""
        pi = self.policy()
        return float(-(pi * np.log(np.maximum(pi, 1e-300))).sum(axis=1).mean())

    def step(self) -> Floats:
        """One update from one group a prompt; the verifier's rewards [P, G]."""
        pi = self.policy()
        draws = self.rng.random((len(pi), self.group_size, 1))
        answers = np.minimum((pi.cumsum(axis=1)[:, None] < draws).sum(axis=2), ANSWERS - 1)
        verdicts = (answers == 0).astype(np.float64)
        paid = verdicts if self.bonus is None else verdicts + self.bonus[answers]
        scores = np.nan_to_num(self._score(paid)) / self.group_size
        move = -scores.sum(axis=1, keepdims=True) * pi
        np.add.at(move, (np.arange(len(pi))[:, None], answers), scores)
        if self.kl_weight and self.kl_form == "k3":
            move += self.kl_weight * (self.reference - pi)
        elif self.kl_weight:
            q = np.log(pi / self.reference)
            move -= self.kl_weight * pi * (q - (pi * q).sum(axis=1, keepdims=True))
        self.theta += self.eta * move
        return verdicts


def escape_times(tables: Tables, edge: float, most: int) -> Floats:
    """Updates until each table gives the right answer with more than `edge` [P]; inf: not seen."""
    times = np.full(len(tables.theta), np.inf)
    live = np.arange(len(times))
    full = tables.theta
    for n in range(most):
        tables.theta = full[live]
        tables.step()
        full[live] = tables.theta
        out = tables.policy()[:, 0] > edge
        times[live[out]] = n + 1
        live = live[~out]
        if not live.size:
            break
    return times


def watched(
    tables: Tables, steps: int, settings: GroupSettings, *, entropy: bool = False
) -> tuple[GroupMonitor, Floats]:
    """A monitor that has seen so many steps, and the exact success probabilities [steps, P]."""
    monitor = GroupMonitor(10**9, settings)
    exact = []
    for _ in range(steps):
        exact.append(tables.policy()[:, 0])
        told = tables.entropy() if entropy else None
        monitor.update(tables.step(), entropy=told)
    return monitor, np.array(exact)
