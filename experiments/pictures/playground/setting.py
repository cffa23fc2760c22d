"""What the playground is set to: three rewards, a policy, a rule and a step size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from agents.updates import exact_rules, make_rule
from gw_envs.checks import BadInput, check_choice, check_float, check_share

LOWEST_PROB = 1e-12
SMOOTH_RULES = tuple(name for name in sorted(exact_rules()) if make_rule(name).is_smooth)


@dataclass(frozen=True)
class Setting:
    """A one-state problem with three arms, and how it is learned.

    Attributes:
        rewards: mean rewards, three numbers in [0, 1], one of them the largest.
        policy: the first policy, three positive numbers with sum 1.
        learning_rate: eta > 0.
        update: an exact rule that is a smooth map.

    Raises:
        ValueError: naming what is out of range.
    """

    rewards: tuple[float, float, float] = (1.0, 0.9, 0.1)
    policy: tuple[float, float, float] = (0.02, 0.49, 0.49)
    learning_rate: float = 0.4
    update: str = "softmax-pg"

    def __post_init__(self) -> None:
        """Check everything."""
        for name in ("rewards", "policy"):
            if len(getattr(self, name)) != 3:
                raise BadInput(f"{name}={getattr(self, name)!r} must be three numbers.")
        for reward in self.rewards:
            check_float("rewards", reward, 0, 1)
        ordered = sorted(self.rewards)
        if ordered[2] - ordered[1] < 1e-9:
            raise BadInput(f"rewards={self.rewards!r} must have one largest.")
        for prob in self.policy:
            check_share("policy", prob)
        if abs(sum(self.policy) - 1) > 1e-9:
            raise BadInput(f"policy={self.policy!r} must sum to 1.")
        check_float("learning_rate", self.learning_rate, 0, 100, open_low=True)
        check_choice("update", self.update, SMOOTH_RULES)

    @property
    def best(self) -> int:
        """The best arm."""
        return self.rewards.index(max(self.rewards))

    @property
    def optimal_prob(self) -> float:
        """pi(a*)."""
        return self.policy[self.best]

    def moved(self, policy: tuple[float, float, float]) -> Setting:
        """The same problem from another policy, kept `LOWEST_PROB` inside the triangle."""
        inside = [max(prob, LOWEST_PROB) for prob in policy]
        total = math.fsum(inside)
        a, b, c = (prob / total for prob in inside)
        return replace(self, policy=(a, b, c))

    def deepened(self, optimal_prob: float) -> Setting:
        """The same problem with this pi(a*); the other arms keep their proportion."""
        others = [0.0 if arm == self.best else prob for arm, prob in enumerate(self.policy)]
        scale = (1 - optimal_prob) / math.fsum(others)
        a, b, c = (optimal_prob if arm == self.best else x * scale for arm, x in enumerate(others))
        return replace(self, policy=(a, b, c))

    def query(self) -> str:
        """The setting as the query of a URL."""
        rewards, policy = (",".join(map(repr, xs)) for xs in (self.rewards, self.policy))
        return f"r={rewards}&p={policy}&eta={self.learning_rate!r}&rule={self.update}"

    def commands(self) -> list[str]:
        """Lines of Python that give the same answer."""
        return [
            "import numpy as np",
            "from agents.simulation import solve_escape_time",
            f"solve_escape_time({list(self.rewards)}, np.log({list(self.policy)}), "
            f"learning_rate={self.learning_rate!r}, update={self.update!r})",
        ]

    def train_line(self) -> str | None:
        """The `train.py` line of the setting; None where the wrong arms do not start alike."""
        others = [prob for arm, prob in enumerate(self.policy) if arm != self.best]
        if abs(others[0] - others[1]) > 1e-9 * sum(others):
            return None
        rewards = " ".join(f"{reward:g}" for reward in self.rewards)
        return (
            f"python train.py --mean-rewards {rewards} --update {self.update} "
            f"--learning-rate {self.learning_rate:g} --initial-policy uniform_suboptimal "
            f"--optimal-prob {self.optimal_prob:.6g} --until-escape"
        )


def read_setting(query: Mapping[str, str]) -> Setting:
    """The setting of a URL's query; what it does not name is the default.

    Raises:
        ValueError: naming what cannot be read.
    """
    default = Setting()

    def numbers(key: str, otherwise: tuple[float, float, float]) -> tuple[float, float, float]:
        if key not in query:
            return otherwise
        try:
            a, b, c = (float(text) for text in query[key].split(","))
        except ValueError:
            raise BadInput(f"{key}={query[key]!r} must be three numbers, as 1,0.9,0.1.") from None
        return a, b, c

    try:
        rate = float(query.get("eta", default.learning_rate))
    except ValueError:
        raise BadInput(f"eta={query['eta']!r} must be a number.") from None
    policy = numbers("p", default.policy)
    total = math.fsum(policy)
    if not (math.isfinite(total) and abs(total - 1) < 1e-6):
        raise BadInput(f"p={query.get('p')!r} must sum to 1.")
    a, b, c = (prob / total for prob in policy)
    return Setting(numbers("r", default.rewards), (a, b, c), rate, query.get("rule", "softmax-pg"))
