"""Every update made in ball arithmetic: at each the policy is certainly inside, or certainly out.

A ball holds the true number whatever was rounded. Its radius grows as errors do: in an equal-gap
well like 1/pi_1(a*). Arms that share reward and logit are one class. State: the logits less that of
the class which leads, so that what nearly vanishes, the advantage of the leader, is a sum of small
terms and not a difference of large ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SWITCH = 4.0  # odds against the leader at which another class leads


@dataclass(frozen=True)
class Balls:
    """A bandit at the precision of the moment, its classes of arms in balls.

    Attributes:
        rewards: of each class; class 0 is the best arm alone.
        sizes: arms of each class.
        rate: eta.
        edge: pi(a*) above which a policy is out, or the sub-optimality below which it is.
        by_prob: whether `edge` is of pi(a*).
    """

    rewards: list[Any]
    sizes: list[int]
    rate: Any
    edge: Any
    by_prob: bool


def follow_logit(
    v: Any, h: Any, level: Any, most: int, *, on_level: bool = False
) -> tuple[int, bool | None]:
    """Updates of v <- v + h f(v): the first n with v > level.

    Args:
        v: the logit at update 0, a ball.
        h: eta Delta K/(K-1), a ball.
        level: a ball.
        most: updates to make at most.
        on_level: whether v is known to be the level itself, which no ball can tell.

    Returns:
        (n, True) if the first is n <= most, certainly; (most, False) if it is later, certainly;
        (n, None) where the balls at update n do not tell.
    """
    for n in range(most + 1):
        if not (v < level or (on_level and n == 0)):
            return (n, True) if v > level else (n, None)
        if n < most:
            v += h / (2 + 2 * v.cosh())
    return most, False


def follow_classes(theta: list[Any], world: Balls, most: int) -> tuple[int, bool | None]:
    """Updates of a bandit's logits, one per class: the first policy that is out.

    Returns:
        As `follow_logit`.
    """
    classes = range(len(theta))
    lead = max(classes, key=lambda j: float(theta[j].mid()))
    u = [t - theta[lead] for t in theta]
    gaps = [[a - b for b in world.rewards] for a in world.rewards]
    for n in range(most + 1):
        if any(u[j] > SWITCH for j in classes):
            lead = max(classes, key=lambda j: float(u[j].mid()))
            u = [t - u[lead] for t in u]
        weights = [t.exp() for t in u]
        weights[lead] = weights[lead] * 0 + 1
        total = sum(w * m for w, m in zip(weights, world.sizes, strict=True))
        pi = [w / total for w in weights]
        mass = [p * m for p, m in zip(pi, world.sizes, strict=True)]
        advantages = [
            sum(mass[k] * row[k] for k in classes if k != j) for j, row in enumerate(gaps)
        ]
        above = pi[0] - world.edge if world.by_prob else world.edge - advantages[0]
        if not above < 0:
            return (n, True) if above > 0 else (n, None)
        if n < most:
            moves = [world.rate * p * a for p, a in zip(pi, advantages, strict=True)]
            u = [t + move - moves[lead] for t, move in zip(u, moves, strict=True)]
            u[lead] = u[lead] * 0
    return most, False
