"""Branches: episodes that are played again up to a place, and differ from there on.

A *fork* is a place in an episode: an environment seed and the actions that lead there. It is
reached by replaying them, or, where the environment has `get_state` and `set_state` and no wrapper
keeps a memory of its own, by putting a saved state back. From there a branch goes on in one of two
ways.

With the luck of its seed (`stream` None): the environment draws on, and the policy's uniform
numbers are those of the episode, so that a branch that forces nothing *is* the episode. Branches of
different seeds have nothing in common.

With fresh luck, named by its stream: all generators of the environment are seeded anew
(`agents.diagnosis.replay`), and one uniform number per step decides the policy's action. Branches
of one stream share it, so that they differ by what was forced upon them and by nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np

from agents.diagnosis.policies.actors import Actor
from agents.diagnosis.policies.observations import allowed_actions, own
from agents.diagnosis.replay import (
    can_save,
    generators,
    put_state,
    reseed,
    same,
    take_state,
)
from gw_envs.checks import BadInput

NEGLIGIBLE = 1e-9  # rewards whose discount is below this are not waited for
CHECKED_STEPS = 200
# The first words of the entropy of the policy's uniform numbers and of planted seeds: without them
# they would be the very numbers that an environment draws from `default_rng(seed)`.
POLICY, PLANTED = 0x706F6C79, 0x706C616E
_GOLDEN, _BITS = 0x9E3779B97F4A7C15, 2**64 - 1


@dataclass(frozen=True)
class Fork:
    """A place in an episode: the environment's seed, the actions so far, what is seen there."""

    seed: int
    prefix: tuple[int, ...]
    observation: Any


@dataclass
class Branch:
    """One continuation of an episode, to be played.

    Attributes:
        fork: where it begins.
        stream: names its random numbers; None goes on with those of the episode's seed.
        forced: the actions it must take first.
        record: whether to keep observations and actions.
        window: steps after which it is cut; None for the arena's.
        value: discounted sum of rewards from the fork on, once played.
        rewards: the same one by one.
        length: steps from the fork on.
        ended: whether the environment ended it.
        finished: whether it ended, or was discounted to nothing, within the limit.
    """

    fork: Fork
    stream: tuple[int, ...] | None = None
    forced: tuple[int, ...] = ()
    record: bool = False
    window: int | None = None
    value: float = 0.0
    rewards: list[float] = field(default_factory=list)
    length: int = 0
    ended: bool = False
    finished: bool = False
    observations: list[Any] = field(default_factory=list)
    actions: list[int] = field(default_factory=list)


class Uniforms:
    """The uniform numbers of a stream, read one by one, after the first `skipped`.

    SplitMix64 (Steele, Lea and Flood 2014), keyed by the entropy's words: it begins at once and
    skips at no cost, where episodes of one step would spend their time making generators.
    """

    def __init__(self, entropy: tuple[int, ...], skipped: int = 0) -> None:
        key = 0
        for word in entropy:
            key = _mixed(key + word + _GOLDEN)
        self._state = key + skipped * _GOLDEN

    def draw(self) -> float:
        """The next number in [0, 1)."""
        self._state += _GOLDEN
        return (_mixed(self._state) >> 11) * 2.0**-53


def _mixed(word: int) -> int:
    """64 bits of a whole number, mixed so that neighbours have nothing in common."""
    word &= _BITS
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & _BITS
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _BITS
    return word ^ (word >> 31)


class Arena:
    """Copies of an environment in which branches are played side by side.

    Args:
        make_env: makes one environment, with its wrappers.
        actor: the policy.
        discount: of the returns, in [0, 1].
        max_episode_steps: a branch longer than this is cut and counts as unfinished.
        width: number of copies: one call of the policy serves them all.

    Attributes:
        steps: environment steps made.
        budget: steps that may be made.
        plants: whether generators are seeded before each reset, which does not reach them.
        plants_globally: whether the global ones are, too.
        forks_directly: whether saved states are put back.
    """

    def __init__(
        self,
        make_env: Callable[[], gym.Env[Any, Any]],
        actor: Actor,
        discount: float,
        max_episode_steps: int,
        width: int = 64,
    ) -> None:
        self.make_env, self.actor, self.discount = make_env, actor, discount
        self.envs = [make_env()]
        self.width = width
        self.first_action = int(getattr(self.envs[0].action_space, "start", 0))
        self.limit = max_episode_steps
        self.horizon: float = math.inf
        if discount < 1:
            self.horizon = math.ceil(math.log(NEGLIGIBLE) / math.log(discount)) if discount else 1
        self.steps = 0
        self.budget: float = math.inf
        self.plants = self.plants_globally = self.forks_directly = False
        self._saved: dict[tuple[int, tuple[int, ...]], tuple[Any, int]] = {}

    def close(self) -> None:
        """Close the environments."""
        for env in self.envs:
            env.close()

    def grow(self) -> None:
        """Make one more copy.

        Where generators are seeded from outside it makes a step: some are made when first asked.
        """
        env = self.make_env()
        self.envs.append(env)
        if self.plants and self.left >= 1:
            seen = self.restart(env, 0)
            self.act(env, int(allowed_actions(seen, self.actor.num_actions).argmax()))

    @property
    def left(self) -> float:
        """Steps of the budget that are left."""
        return self.budget - self.steps

    def play(self, branches: Sequence[Branch]) -> bool:
        """Play every branch to its end; False if the budget ended before, and nothing counts."""
        waiting = list(branches)[::-1]
        while len(self.envs) < min(self.width, len(branches)):
            self.grow()
        active: list[_Seat] = []
        free = self.envs[: self.width]
        while waiting or active:
            while waiting and free:
                if len(waiting[-1].fork.prefix) >= self.left:
                    return False
                active.append(self._begin(waiting.pop(), free.pop()))
            if len(active) > self.left:
                return False
            self._advance(active)
            for seat in active:
                if seat.over:
                    free.append(seat.env)
            active = [seat for seat in active if not seat.over]
        return True

    def _advance(self, active: list[_Seat]) -> None:
        """One step of every active branch."""
        draws = np.array([seat.uniforms.draw() for seat in active])
        forced = [seat.forced(self.actor.num_actions) for seat in active]
        needed = [i for i, action in enumerate(forced) if action is None]
        chosen = [0 if action is None else action for action in forced]
        if needed:
            seen = [active[i].observation for i in needed]
            sums = np.cumsum(self.actor.probabilities(seen), axis=1)
            if not np.isfinite(sums[:, -1]).all():
                raise BadInput(f"the policy's probabilities at {seen[0]!r} are not finite.")
            picks = (draws[needed, None] >= sums / sums[:, -1:]).sum(axis=1)
            for i, pick in zip(needed, picks.tolist(), strict=True):
                chosen[i] = pick
        for seat, action in zip(active, chosen, strict=True):
            self._step(seat, action)

    def _step(self, seat: _Seat, action: int) -> None:
        branch = seat.branch
        if branch.record:
            branch.observations.append(seat.observation)
            branch.actions.append(action)
        observation, reward, terminated, truncated, _ = self.act(seat.env, action)
        number = _number(reward)
        if not math.isfinite(number):
            raise BadInput(
                f"the environment pays {reward!r} at step {len(branch.fork.prefix) + seat.time} of "
                f"the episode with seed {branch.fork.seed}; returns are sums of finite numbers."
            )
        branch.rewards.append(number)
        branch.value += seat.weight * number
        seat.weight *= self.discount
        seat.time += 1
        seat.observation = own(observation)
        branch.ended = bool(terminated or truncated)
        branch.finished = branch.ended or seat.time >= self.horizon
        window = self.limit if branch.window is None else branch.window
        seat.over = branch.finished or seat.time >= window
        branch.length = seat.time

    def act(self, env: gym.Env[Any, Any], action: int) -> tuple[Any, Any, bool, bool, Any]:
        """One counted step, by the action's index."""
        self.steps += 1
        return env.step(self.first_action + action)

    def restart(self, env: gym.Env[Any, Any], seed: int) -> Any:
        """Reset an environment with a seed; what it shows."""
        if self.plants:
            reseed(env, (PLANTED, seed), self.plants_globally)
        return own(env.reset(seed=seed)[0])

    def _begin(self, branch: Branch, env: gym.Env[Any, Any]) -> _Seat:
        """Bring an environment to the fork and give the branch its random numbers."""
        fork, stream = branch.fork, branch.stream
        observation = self._reach(fork, env, may_save=stream is not None)
        if stream is None:
            uniforms = Uniforms((POLICY, fork.seed), len(fork.prefix))
            return _Seat(branch, env, uniforms, observation)
        reseed(env, stream, self.plants_globally)
        return _Seat(branch, env, Uniforms((POLICY, *stream)), observation)

    def _reach(self, fork: Fork, env: gym.Env[Any, Any], may_save: bool) -> Any:
        """Bring an environment to the fork; return what it shows there.

        Raises:
            BadInput: if it shows something else than when the fork was recorded.
        """
        key = (fork.seed, fork.prefix)
        if may_save and key in self._saved:
            env.reset(seed=fork.seed)
            put_state(env, self._saved[key])
            return fork.observation
        observation = self.restart(env, fork.seed)
        for action in fork.prefix:
            observation, *_ = self.act(env, action)
        if fork.observation is not None and not same(observation, fork.observation):
            raise BadInput(
                f"the environment does not replay: after seed {fork.seed} and the same "
                f"{len(fork.prefix)} actions it shows {observation!r} where it showed "
                f"{fork.observation!r}. Its randomness must come from reset(seed=...) alone, and "
                "reset must forget earlier episodes."
            )
        if self.forks_directly and may_save and fork.prefix:
            self._saved[key] = take_state(env)
        return own(observation)

    def check_replay(self, episode: Branch) -> None:
        """Replay a recorded episode twice and compare to the bit; see whether states can be saved.

        Raises:
            BadInput: naming the first step at which a replay differs.
        """
        for _ in range(2):
            difference = self.first_difference(episode)
            if difference:
                names = ", ".join(generators(self.envs[0])) or "none"
                raise BadInput(
                    f"the environment does not replay: {difference}. Its randomness must come from "
                    f"reset(seed=...) alone (generators found in it: {names}), and reset must "
                    "forget earlier episodes."
                )
        actions = episode.actions[:CHECKED_STEPS]
        able = can_save(self.envs[0]) and 2 * len(actions) < self.left
        self.forks_directly = able and self._saves_faithfully(episode.fork.seed, actions)

    def first_difference(self, episode: Branch) -> str:
        """Where a replay of a recorded episode first differs, in words; empty if nowhere."""
        env, seed = self.envs[0], episode.fork.seed
        observation = self.restart(env, seed)
        known = list(zip(episode.observations, episode.actions, episode.rewards, strict=True))
        for step, (expected, action, paid) in enumerate(known[:CHECKED_STEPS]):
            same_actions = f"with seed {seed} and the same actions, step {step}"
            if not same(observation, expected):
                return f"{same_actions} shows {observation!r} where it showed {expected!r}"
            if self.left < 1:
                return ""
            observation, reward, *_ = self.act(env, action)
            if _number(reward) != paid:
                return f"{same_actions} pays {reward!r} where it paid {paid!r}"
        return ""

    def _saves_faithfully(self, seed: int, actions: list[int]) -> bool:
        """Whether a state put back continues as the episode it was taken from, to the bit."""
        env, middle = self.envs[0], len(actions) // 2

        def rest() -> list[Any]:
            reseed(env, (0,))
            return [own(self.act(env, action)[:4]) for action in actions[middle:]]

        self.restart(env, seed)
        for action in actions[:middle]:
            self.act(env, action)
        state = take_state(env)
        first = rest()
        env.reset(seed=seed + 1)
        put_state(env, state)
        return all(
            all(same(x, y) for x, y in zip(a, b, strict=True))
            for a, b in zip(first, rest(), strict=True)
        )


@dataclass
class _Seat:
    """A branch being played."""

    branch: Branch
    env: gym.Env[Any, Any]
    uniforms: Uniforms
    observation: Any
    time: int = 0
    weight: float = 1.0
    over: bool = False

    def forced(self, num_actions: int) -> int | None:
        """What must be done now; None where that, or a mask, leaves it to the policy."""
        if self.time >= len(self.branch.forced):
            return None
        action = self.branch.forced[self.time]
        return action if allowed_actions(self.observation, num_actions)[action] else None


def _number(reward: Any) -> float:
    """A reward as a float; NaN for what is no single number."""
    try:
        return float(reward)
    except (TypeError, ValueError):
        values = np.asarray(reward)
        return (
            float(values.item()) if values.size == 1 and values.dtype.kind in "fiub" else math.nan
        )
