"""The truth about a trained model at the states that were probed, by playing on from them.

Nothing is shared with `diagnose` but the reading of the model's probabilities: environments are
copied where they stand, and every continuation has luck of its own.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from agents.diagnosis import Diagnosis
from agents.diagnosis.policies.actors import ModelActor
from agents.diagnosis.verdicts import EscapeRoute, Place
from gw_envs.checks import Floats

CONTINUATIONS = 120  # of a stochastic policy; a greedy one has a single one in these environments
SURE = 3.0  # standard errors
TRAINED_ON = 1_000  # environment steps, to see whether a model still moves


@dataclass
class Seat:
    """An environment, what it shows, the actions it is forced to take, and what came of it."""

    env: gym.Env[Any, Any]
    seen: Any
    forced: tuple[int, ...] = ()
    time: int = 0
    value: float = 0.0

    def again(self, forced: tuple[int, ...]) -> Seat:
        """A copy that begins here with these actions."""
        return Seat(copy.deepcopy(self.env), self.seen, forced)


@dataclass(frozen=True)
class Truth:
    """What a probe is worth.

    Attributes:
        probe: the diagnosis's row.
        gain: in discounted return over following the policy.
        error: standard error of the gain, 0 for a greedy policy.
        best: the largest gain of a single continuation.
    """

    probe: EscapeRoute
    gain: float
    error: float
    best: float

    def is_better(self, margin: float) -> bool:
        """Whether it gains more than the margin, surely."""
        return self.gain - SURE * self.error > margin

    def is_no_better(self, margin: float) -> bool:
        """Whether it gains no more than the margin, surely: or else not once in all its tries."""
        return min(self.best, self.gain + SURE * self.error) <= margin


def brute_force(model: Any, env_id: str, found: Diagnosis, seed: int = 0) -> list[Truth]:
    """Every probe of a diagnosis, played anew.

    Args:
        model: a Stable-Baselines3 model.
        env_id: an environment that can be copied and is random at its reset only.
        found: the diagnosis.
        seed: of the policy's luck.
    """
    actor, rng = ModelActor(model), np.random.default_rng(seed)
    truths = []
    for number, place in enumerate(found.places):
        probes = [probe for probe in found.probes if probe.place == number]
        values = play_on(arrive(env_id, place), probes, actor, rng)
        means, errors = values.mean(axis=1), standard_errors(values)
        gains, best = means[1:] - means[0], values[1:].max(axis=1) - means[0]
        errors = np.hypot(errors[1:], errors[0])
        rows = zip(probes, gains.tolist(), errors.tolist(), best.tolist(), strict=True)
        truths += [Truth(*row) for row in rows]
    return truths


def stands_still(model: Any, env_id: str, found: Diagnosis) -> bool:
    """Whether training on, by the algorithm itself, changes no probability to the bit.

    Args:
        model: an on-policy Stable-Baselines3 model.
        env_id: what it trains in.
        found: a diagnosis; its states are looked at.
    """
    from stable_baselines3.common.env_util import make_vec_env

    seen = [arrive(env_id, place).seen for place in found.places]
    file = io.BytesIO()
    model.save(file)
    file.seek(0)
    envs = make_vec_env(env_id, n_envs=model.n_envs, seed=1)
    again = type(model).load(file, env=envs, device="cpu")
    again.learn(TRAINED_ON, reset_num_timesteps=False)
    before, after = (ModelActor(m).probabilities(seen) for m in (model, again))
    return bool((before == after).all())


def arrive(env_id: str, place: Place) -> Seat:
    """An environment at a probed state."""
    env = gym.make(env_id, disable_env_checker=True)
    seen, _ = env.reset(seed=place.seed)
    for action in place.actions:
        seen, *_ = env.step(action)
    return Seat(env, seen)


def standard_errors(values: Floats) -> Floats:
    """Of the means of the rows [N, count]."""
    count = values.shape[1]
    alike = np.ptp(values, axis=1) == 0  # where the variance would be rounding
    return np.where(alike, 0.0, np.sqrt(values.var(axis=1) / max(1, count - 1)))


def play_on(
    seat: Seat, probes: Sequence[EscapeRoute], actor: ModelActor, rng: np.random.Generator
) -> Floats:
    """Discounted returns [1 + probes, count] of following the policy, and of each probe."""
    count = CONTINUATIONS if actor.is_stochastic else 1
    forced = [(), *((probe.action,) * probe.hold for probe in probes)]
    seats = [seat.again(actions) for actions in forced for _ in range(count)]
    active = seats
    while active:  # one call of the policy for all of them a step
        pi = actor.probabilities([s.seen for s in active])
        drawn = (rng.random((len(active), 1)) >= pi.cumsum(axis=1)[:, :-1]).sum(axis=1).tolist()
        active = [s for s, action in zip(active, drawn, strict=True) if step(s, action, actor)]
    return np.array([s.value for s in seats]).reshape(-1, count)


def step(seat: Seat, action: int, actor: ModelActor) -> bool:
    """One step, by the forced action or else this one; whether the episode goes on."""
    if seat.time < len(seat.forced):
        action = seat.forced[seat.time]
    seat.seen, reward, terminated, truncated, _ = seat.env.step(action)
    seat.value += (actor.discount or 1.0) ** seat.time * float(reward)
    seat.time += 1
    return not (terminated or truncated)
