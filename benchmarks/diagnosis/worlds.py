"""Small worlds whose truth is exact: a table of chances and rewards, an environment that plays it.

The truth comes from linear solves on the table, shares nothing with `agents.diagnosis`, and knows
hidden states: what a policy sees may stand for several of them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from gw_envs.checks import Floats

LONG = 0.9999  # weighs visits of worlds that never end


@dataclass(frozen=True)
class Model:
    """A world as a table.

    Attributes:
        chances: of going on in each state [S, K, S]; what is missing to 1 ends the episode.
        rewards: mean [S, K].
        start: chances of the first state [S].
        seen: what each state shows [S], 0..O-1.
    """

    chances: Floats
    rewards: Floats
    start: Floats
    seen: np.ndarray

    def solve(self, policy: Floats, discount: float) -> tuple[Floats, Floats]:
        """Values and visits [S] of a policy [O, K].

        V = r_pi + discount P_pi V, and n = start + P_pi^T n.
        """
        pi = policy[self.seen]
        moves = np.einsum("sa,sat->st", pi, self.chances)
        one = np.eye(len(pi))
        value = np.linalg.solve(one - discount * moves, (pi * self.rewards).sum(axis=1))
        return value, np.linalg.solve(one - LONG * moves.T, self.start)

    def advantage(
        self,
        solution: tuple[Floats, Floats],
        discount: float,
        observation: int,
        action: int,
        hold: int,
    ) -> float:
        """What holding an action is worth at an observation, over its states as they are visited.

        Args:
            solution: from `solve`.
            discount: the same.
            observation: where it is held first.
            action: that is held.
            hold: steps, >= 1.
        """
        value, visits = solution
        ahead = value
        for _ in range(hold):  # from the last forced step back to the first
            ahead = self.rewards[:, action] + discount * self.chances[:, action] @ ahead
        weights = visits * (self.seen == observation)
        return float(weights @ (ahead - value) / weights.sum())

    def best_actions(self, discount: float) -> np.ndarray:
        """argmax_a Q*(s, a) [S] by value iteration, the first of equals."""
        values = np.zeros(self.rewards.shape)
        change = 1.0
        while change > 1e-11:
            after = self.rewards + discount * self.chances @ values.max(axis=1)
            change = float(np.abs(after - values).max())
            values = after
        return (values > values.max(axis=1, keepdims=True) - 1e-9).argmax(axis=1)


class TableWorld(gym.Env[Any, Any]):
    """Plays a `Model`, with luck and rewards as others make them.

    Args:
        model: the table.
        generator: "gymnasium", "own", "python" or "global": where its luck comes from.
        noise: of rewards, with the table's mean: "none"; "bernoulli" (0 or 1); "normal" (standard
            deviation 1); "pareto" (infinite variance); or a chance, of 1/chance times the reward.
        scale: of rewards.
        offset: added to every reward, after scaling.
    """

    def __init__(
        self,
        model: Model,
        generator: str = "gymnasium",
        noise: str | float = "none",
        scale: float = 1.0,
        offset: float = 0.0,
    ) -> None:
        self.model, self.generator, self.noise = model, generator, noise
        self.scale, self.offset = scale, offset
        self.observation_space = gym.spaces.Discrete(int(model.seen.max()) + 1)
        self.action_space = gym.spaces.Discrete(model.rewards.shape[1])
        self._sums = np.cumsum(model.chances, axis=2)

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[int, dict[str, Any]]:
        """A first state drawn from the table."""
        super().reset(seed=seed if self.generator == "gymnasium" else None)
        if seed is not None and self.generator == "own":
            self.rng = np.random.default_rng(seed)
        elif seed is not None and self.generator == "python":
            self.rng = random.Random(seed)  # type: ignore[assignment]
        self.state = int((self._uniform() >= np.cumsum(self.model.start)).sum())
        return int(self.model.seen[self.state]), {}

    def step(self, action: Any) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """One step by the table."""
        mean = float(self.model.rewards[self.state, action])
        reward = self.scale * self._paid(mean) + self.offset
        after = int((self._uniform() >= self._sums[self.state, action]).sum())
        ended = after >= len(self.model.start)
        self.state = self.state if ended else after
        return int(self.model.seen[self.state]), reward, ended, False, {}

    def _uniform(self) -> float:
        if self.generator == "gymnasium":
            return float(self.np_random.random())
        return float(np.random.rand() if self.generator == "global" else self.rng.random())

    def _paid(self, mean: float) -> float:
        if self.noise == "none":
            return mean
        luck = self._uniform()
        if self.noise == "bernoulli":
            return float(luck < mean)
        if self.noise == "normal":  # Box and Muller 1958
            return mean + float(np.sqrt(-2 * np.log1p(-luck)) * np.cos(2 * np.pi * self._uniform()))
        if self.noise == "pareto":  # index 3/2, mean 3
            return mean * float((1 - luck) ** (-2 / 3)) / 3
        return mean / float(self.noise) * (luck < float(self.noise))


def bandit(*rows: list[float]) -> Model:
    """Contexts drawn with equal chances, one step each; a row of mean rewards for each."""
    means = np.array(rows, float)
    count = len(means)
    nowhere = np.zeros((count, means.shape[1], count))
    return Model(nowhere, means, np.full(count, 1 / count), np.arange(count))


def deterministic(moves: list[list[int]], rewards: Floats, seen: Any = None) -> Model:
    """Sure moves [S][K] (-1 ends) from state 0."""
    states, count = len(moves), len(moves[0])
    chances = np.zeros((states, count, states))
    for s, row in enumerate(moves):
        for a, after in enumerate(row):
            if after >= 0:
                chances[s, a, after] = 1
    shown = np.arange(states) if seen is None else np.array(seen)
    return Model(chances, np.array(rewards, float), np.eye(states)[0], shown)


def river_swim(length: int = 6) -> Model:
    """RiverSwim (Strehl and Littman 2008): left is sure and pays .005, right drifts back, pays 1.

    It has no end: a discount gives it one.
    """
    chances, rewards = np.zeros((length, 2, length)), np.zeros((length, 2))
    for s in range(length):
        chances[s, 0, max(s - 1, 0)] = 1
        chances[s, 1, [max(s - 1, 0), s, min(s + 1, length - 1)]] += [0.1, 0.55, 0.35]
    rewards[0, 0], rewards[-1, 1] = 0.005, 1.0
    return Model(chances, rewards, np.eye(length)[0], np.arange(length))


def deep_sea(size: int) -> Model:
    """DeepSea (Osband et al. 2019): right costs .01/size and pays 1 after `size` of them.

    A step goes one row down and one column left or right; states are row * size + column.
    """
    moves, rewards = [], np.zeros((size * size, 2))
    for row in range(size):
        for column in range(size):
            left, right = max(column - 1, 0), min(column + 1, size - 1)
            last = row == size - 1
            moves.append([-1, -1] if last else [(row + 1) * size + c for c in (left, right)])
            rewards[row * size + column, 1] = -0.01 / size
    rewards[-1, 1] += 1
    return deterministic(moves, rewards)


def lock(code: list[int], count: int = 3) -> Model:
    """A combination lock: the right action goes on and the last pays 1, a wrong one ends."""
    length = len(code)
    moves = [
        [s + 1 if a == code[s] and s + 1 < length else -1 for a in range(count)]
        for s in range(length)
    ]
    rewards = np.zeros((length, count))
    rewards[-1, code[-1]] = 1
    return deterministic(moves, rewards)


def t_maze(length: int = 4, right: float = 0.5, wrong: float = -0.1) -> Model:
    """T-maze (Bakker 2002): the start shows the goal, the corridor and the junction do not.

    Actions: on, back, arm 0 (pays 1 if the goal is there, else `wrong`), arm 1. States are
    goal * (length + 1) + place; seen are the two starts (0, 1), corridor (2) and junction (3). Any
    step ends an episode once in fifty.
    """
    states = 2 * (length + 1)
    chances, rewards, seen = np.zeros((states, 4, states)), np.zeros((states, 4)), []
    for s in range(states):
        goal, place = divmod(s, length + 1)
        seen.append(goal if place == 0 else 3 if place == length else 2)
        for a in range(4):
            if place == length and a >= 2:
                rewards[s, a] = 1.0 if a - 2 == goal else wrong
                continue
            after = min(max(place + (1, -1, 0, 0)[a], 0), length)
            chances[s, a, goal * (length + 1) + after] = 0.98
    start = np.zeros(states)
    start[0], start[length + 1] = 1 - right, right
    return Model(chances, rewards, start, np.array(seen))


def grid(rows: list[str], seeing: bool) -> Model:
    """A walk with a direction, as MiniGrid's: turn left, turn right, forward.

    Args:
        rows: of the map: S start, G goal (pays 1 and ends), L lava (ends), # wall.
        seeing: whether place and direction are shown; otherwise only the next two cells ahead.
    """
    cells = {(r, c): kind for r, row in enumerate(rows) for c, kind in enumerate(row)}
    free = [cell for cell, kind in cells.items() if kind in "S."]
    ways = ((0, 1), (1, 0), (0, -1), (-1, 0))
    numbers = {(cell, d): n for n, (cell, d) in enumerate((c, d) for c in free for d in range(4))}
    moves, rewards, seen = [], np.zeros((len(numbers), 3)), []
    for (cell, d), number in numbers.items():
        near, far = [(cell[0] + n * ways[d][0], cell[1] + n * ways[d][1]) for n in (1, 2)]
        ahead = cells.get(near, "#")
        rewards[number, 2] = float(ahead == "G")
        forward = numbers.get((near, d), number) if ahead in "S.#" else -1
        moves.append([numbers[cell, (d - 1) % 4], numbers[cell, (d + 1) % 4], forward])
        kinds = ".#GL"
        shown = [kinds.index(cells.get(place, "#").replace("S", ".")) for place in (near, far)]
        seen.append(number if seeing else 4 * shown[0] + shown[1])
    model = deterministic(moves, rewards, seen)
    begin = next(cell for cell, kind in cells.items() if kind == "S")
    start = np.zeros(len(numbers))
    start[numbers[begin, 0]] = 1
    return Model(0.99 * model.chances, model.rewards, start, model.seen)


def toy_text(env: gym.Env[Any, Any]) -> Model:
    """The table of FrozenLake, CliffWalking or Taxi."""
    inner: Any = env.unwrapped
    states, count = len(inner.P), len(inner.P[0])
    chances, rewards = np.zeros((states, count, states)), np.zeros((states, count))
    for s in range(states):
        for a in range(count):
            for chance, after, reward, ends in inner.P[s][a]:
                rewards[s, a] += chance * reward
                chances[s, a, after] += chance * (not ends)
    start = np.array(inner.initial_state_distrib, float)
    return Model(chances, rewards, start, np.arange(states))


def random_world(seed: int, twins: int = 2) -> Model:
    """Eight states with random moves; every action has `twins - 1` others exactly as good."""
    rng = np.random.default_rng(seed)
    chances = 0.8 * rng.dirichlet(np.full(8, 0.5), size=(8, 1)).repeat(twins, axis=1)
    rewards = rng.random((8, 1)).repeat(twins, axis=1)
    return Model(chances, rewards, np.full(8, 1 / 8), np.arange(8))
