"""Policies whose truth is known, made by exact solution: what `diagnose` is held against."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np

import gw_envs  # noqa: F401 - registers the ids
from agents.diagnosis import Diagnosis, SoftmaxTable, diagnose

DISCOUNT = 0.99
# The truth where a better action is known to exist, but not how often the policy takes it: `well`
# and `learning` are both right.
IMPROVABLE = "improvable"
UNKNOWN = "unknown"  # not yet labelled, or the truth is too near the line to tell


@dataclass(frozen=True)
class Case:
    """One labelled policy.

    Attributes:
        name: what it is.
        label: the true verdict, `IMPROVABLE` or `UNKNOWN`.
        env_id: where it acts.
        policy: what `diagnose` is given.
        env_kwargs: of the environment.
        discount: of returns.
        free: whether every reward is replaced by 0.
        advantage: the largest exact one among a diagnosis's probes, where that is what counts.
        max_steps: the budget of the diagnosis.
        num_states: how many states it probes.
        min_advantage: above which an advantage counts.
    """

    name: str
    label: str
    env_id: str
    policy: Any
    env_kwargs: dict[str, Any] = field(default_factory=dict)
    discount: float | None = None
    free: bool = False
    advantage: Callable[[Diagnosis], float] | None = None
    max_steps: int = 500_000
    num_states: int = 6
    min_advantage: float = 0.0

    def diagnose(self, seed: int) -> Diagnosis:
        """What `diagnose` says of it."""
        return diagnose(
            self.policy,
            self.make_env,
            discount=self.discount,
            min_advantage=self.min_advantage,
            num_states=self.num_states,
            max_steps=self.max_steps,
            seed=seed,
        )

    def accepts(self, verdict: str) -> bool:
        """Whether this verdict is right."""
        if self.label == UNKNOWN:
            return True
        return verdict in (("well", "learning") if self.label == IMPROVABLE else (self.label,))

    def make_env(self) -> gym.Env[Any, Any]:
        """The environment, with its rewards or without."""
        env = gym.make(self.env_id, disable_env_checker=True, **self.env_kwargs)
        return gym.wrappers.TransformReward(env, lambda reward: 0.0) if self.free else env


def spread(best: int, count: int, prob: float) -> np.ndarray:
    """`prob` on one action, the rest shared equally."""
    row = np.full(count, (1 - prob) / (count - 1))
    row[best] = prob
    return row


def corner(count: int, optimal_prob: float) -> np.ndarray:
    """`optimal_prob` on every arm but arm 1."""
    row = np.full(count, optimal_prob)
    row[1] = 1 - (count - 1) * optimal_prob
    return row


def bandits() -> Iterator[Case]:
    """SoftmaxWell in wells, at the optimum and undecided, with three kinds of noise."""
    noises: list[dict[str, Any]] = [
        {},
        {"reward_noise": "bernoulli"},
        {"reward_noise": "gaussian", "noise_std": 0.1},
    ]
    for noise in noises:
        name = noise.get("reward_noise", "no noise")
        for count, prob in ((2, 1e-2), (3, 1e-3), (6, 1e-3), (10, 1e-5)):
            kwargs = {"num_actions": count, **noise}
            what = f"bandit K={count}, {name}"
            policy = corner(count, prob)
            yield Case(f"{what}, corner {prob:g}", "well", "SoftmaxWell-v0", policy, kwargs)
            best = spread(0, count, 0.95 if count == 2 else 0.99)
            label = "no_better_action"
            yield Case(f"{what}, optimum", label, "SoftmaxWell-v0", best, kwargs)
    for count in (3, 6):
        kwargs = {"num_actions": count}
        yield Case(
            f"bandit K={count}, best at 0.3",
            "learning",
            "SoftmaxWell-v0",
            spread(0, count, 0.3),
            kwargs,
        )


def levels() -> Iterator[Case]:
    """ASRWell: every state in its well, one state in it, none."""
    best = gym.make("ASRWell-v0").unwrapped.optimal_actions.tolist()  # type: ignore[attr-defined]
    for prob in (1e-2, 1e-3, 1e-4):
        stuck = np.array([spread((b + 1) % 3, 3, 1 - 2 * prob) for b in best])
        yield Case(f"ASR, all states at {prob:g}", "well", "ASRWell-v0", stuck)
        good = np.array([spread(b, 3, 1 - prob) for b in best])
        yield Case(f"ASR, optimum 1-{prob:g}", "no_better_action", "ASRWell-v0", good)
        one = np.where(np.arange(3)[:, None] == 1, stuck, good)
        yield Case(f"ASR, one state at {prob:g}", "well", "ASRWell-v0", one)


def chains() -> Iterator[Case]:
    """ChainWell: too long to see, left by a held action, solved."""
    for length in (40, 60):
        uniform = np.full((length + 2, 4), 0.25)
        kwargs = {"chain_length": length, "horizon": 60}
        name = f"chain of {length}, uniform"
        yield Case(name, "no_signal", "ChainWell-v0", uniform, kwargs)
    yield Case("chain of 10, uniform", "well", "ChainWell-v0", np.full((12, 4), 0.25))
    for prob in (0.99, 0.999):
        good = np.array([spread(0, 4, prob)] * 12)
        yield Case(f"chain of 10, forward {prob:g}", "no_better_action", "ChainWell-v0", good)


def toy_text() -> Iterator[Case]:
    """FrozenLake, CliffWalking and Taxi at the optimum, and with one visited state in a well."""
    for env_id in ("FrozenLake-v1", "CliffWalking-v1", "Taxi-v4"):
        values, starts = optimal_values(env_id)
        count = values.shape[1]
        best = values.argmax(axis=1)
        for prob in (0.99, 0.999):
            good = np.array([spread(int(b), count, prob) for b in best])
            # ties are not wells: a start's worst action is the corner
            stuck = good.copy()
            for state in starts:
                stuck[state] = spread(int(values[state].argmin()), count, prob)
            short = env_id.split("-")[0]
            label = "no_better_action"
            yield Case(f"{short}, optimum {prob:g}", label, env_id, good, discount=DISCOUNT)
            name = f"{short}, starts in a corner {prob:g}"
            yield Case(name, "well", env_id, stuck, discount=DISCOUNT)


def frozen() -> Iterator[Case]:
    """float32 logits whose updates are lost, and the same policies where they are not."""
    for depth in (7.0, 7.5, 8.0):
        for label, shift in (("frozen", depth), ("well", 0.0)):
            logits = np.array([-depth, depth, -depth], np.float32) + np.float32(depth - shift)
            name = f"float32 logits {logits.tolist()}"
            table = SoftmaxTable(logits)
            yield Case(name, label, "SoftmaxWell-v0", table, {"num_actions": 3})


def reward_free() -> Iterator[Case]:
    """Environments that pay nothing."""
    for env_id, states, count in (
        ("SoftmaxWell-v0", 1, 6),
        ("ASRWell-v0", 3, 3),
        ("FrozenLake-v1", 16, 4),
    ):
        for name, prob in (("uniform", 1 / count), ("decided", 0.99)):
            table = np.array([spread(0, count, prob)] * states)
            yield Case(f"{env_id} without rewards, {name}", "no_signal", env_id, table, free=True)
    push: Callable[[Any], Any] = lambda seen: [0.5, 0.5]  # noqa: E731
    yield Case("CartPole without rewards", "no_signal", "CartPole-v1", push, free=True)


def small_gaps() -> Iterator[Case]:
    """Advantages near what a small budget sees: only the stated power is judged."""
    best = gym.make("ASRWell-v0").unwrapped.optimal_actions  # type: ignore[attr-defined]
    for gap, prob in itertools.product((0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.2), (1e-2, 1e-3)):
        what = f"gap {gap:g}, corner {prob:g}"
        options: dict[str, Any] = {
            "advantage": lambda found, gap=gap, prob=prob: gap * (1 - prob),
            "max_steps": 2_000,
        }
        kwargs = {"num_actions": 3, "reward_gap": gap, "reward_noise": "bernoulli"}
        policy = corner(3, prob)
        for repeat in range(8):
            name = f"bandit, {what}, {repeat}"
            yield Case(name, "well", "SoftmaxWell-v0", policy, kwargs, **options)
        kwargs = {"reward_gaps": gap, "drift": 0.5}
        stuck = np.array([spread((b + 1) % 3, 3, 1 - 2 * prob) for b in best.tolist()])
        yield Case(f"ASR, {what}", "well", "ASRWell-v0", stuck, kwargs, **options)


def undecidable() -> Iterator[Case]:
    """FrozenLake near its optimum with one batch of 24 pairs: what no test could tell.

    Returns are 0 or 1 by luck, so a difference has a standard deviation of about .6 of its range.
    To tell a mean of .25 of the range from 0 at error alpha, n .25^2/(2 .6^2) = .087 n must reach
    ln(1/(4 alpha)) (Bretagnolle and Huber 1979): 72 pairs at the alpha of 54 probes.
    """
    best = optimal_values("FrozenLake-v1")[0].argmax(axis=1)
    for prob in (0.95, 0.99, 0.999):
        good = np.array([spread(int(b), 4, prob) for b in best])
        name = f"FrozenLake, optimum {prob:g}, one batch of pairs"
        yield Case(name, "unclear", "FrozenLake-v1", good, discount=DISCOUNT, max_steps=33_000)


def optimal_values(env_id: str) -> tuple[np.ndarray, list[int]]:
    """Q* [S, A] of a toy_text environment by value iteration, and its possible first states."""
    env: Any = gym.make(env_id).unwrapped
    model, states = env.P, len(env.P)
    count = len(model[0])
    values = np.zeros((states, count))
    for _ in range(3000):
        greedy = values.max(axis=1)
        updated = np.array(
            [
                [
                    sum(p * (r + DISCOUNT * greedy[t] * (not end)) for p, t, r, end in model[s][a])
                    for a in range(count)
                ]
                for s in range(states)
            ]
        )
        change = np.abs(updated - values).max()
        values = updated
        if change < 1e-10:
            break
    return values, np.flatnonzero(env.initial_state_distrib).tolist()


def exact_cases() -> list[Case]:
    """Every labelled policy that is made without training."""
    makers = (bandits, levels, chains, toy_text, frozen, reward_free, undecidable)
    return [case for maker in makers for case in maker()]
