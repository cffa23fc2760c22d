"""The worlds of others, each with a policy: what `python -m benchmarks diagnosis-outside` tries."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from agents.diagnosis import Diagnosis, diagnose
from benchmarks.diagnosis import blackjack
from benchmarks.diagnosis.cases import spread
from benchmarks.diagnosis.learned import (
    APART,
    FAR,
    Masking,
    Parts,
    Shown,
    learn,
    numbers_of,
    policy_of,
    restricted,
    stacked,
)
from benchmarks.diagnosis.worlds import (
    Model,
    TableWorld,
    bandit,
    deep_sea,
    grid,
    lock,
    random_world,
    river_swim,
    t_maze,
    toy_text,
)
from gw_envs.checks import Floats

STEPS = 60_000
TWIN_STEPS = 6_000
MODEL_STEPS = 20_000  # a network is slower than a table
GAMES = HIDDEN = 0.97  # discounts
MAPS = {
    "room": ["####", "#S.#", "#.G#", "####"],
    "lava": ["#####", "#SLG#", "#...#", "#####"],
    "corridor": ["#######", "#S...G#", "#######"],
}
# A model learns a world, or the same with every reward's sign turned: then it is in a corner.
LESSONS = (("learned", 1.0), ("learned the opposite", -1.0))


@dataclass(frozen=True)
class World:
    """A world, a policy and the truth.

    Attributes:
        kind: of world.
        name: of world and policy.
        model: the table.
        policy: pi [O, K].
        make: the environment.
        discount: of returns.
        scale: of the environment's rewards over the table's.
        rarest: chance of the rarest event that an advantage hangs on.
        max_steps: of the diagnosis.
        max_episode_steps: of the diagnosis.
        is_certain: whether the budget is large, so that every seed should say the same.
        given: what `diagnose` gets, if not the table.
        number: of an observation's text.
        sizes: of the parts of an action, where it has several.
    """

    kind: str
    name: str
    model: Model
    policy: Floats
    make: Callable[[], gym.Env[Any, Any]]
    discount: float = 1.0
    scale: float = 1.0
    rarest: float = 1.0
    max_steps: int = STEPS
    max_episode_steps: int = 10_000
    is_certain: bool = False
    given: Any = None
    number: Callable[[str], int] = int
    sizes: tuple[int, ...] = ()

    def diagnose(self, seed: int) -> Diagnosis:
        """What `diagnose` says, with its defaults but for the budget."""
        return diagnose(
            self.policy if self.given is None else self.given,
            self.make,
            discount=self.discount,
            max_steps=self.max_steps,
            max_episode_steps=self.max_episode_steps,
            seed=seed,
        )

    def advantage(self, state: str, action: Any, hold: int) -> float:
        """The exact one of a probe."""
        taken = int(np.ravel_multi_index(action, self.sizes)) if self.sizes else action
        at = (self.number(state), taken, hold)
        return self.scale * self.model.advantage(self._solution, self.discount, *at)

    @functools.cached_property
    def _solution(self) -> tuple[Floats, Floats]:
        return self.model.solve(self.policy, self.discount)


def played(
    kind: str,
    name: str,
    model: Model,
    policy: Floats,
    luck: dict[str, Any] | None = None,
    **more: Any,
) -> World:
    """A world that is played from its table."""
    options = dict(luck or {})
    scale = float(options.get("scale", 1.0))
    return World(
        kind, name, model, policy, lambda: TableWorld(model, **options), scale=scale, **more
    )


def rows(chosen: Any, count: int, prob: float = 0.97) -> Floats:
    """A policy that takes the chosen action of each observation with this probability."""
    return np.array([spread(int(action), count, prob) for action in chosen])


def games() -> Iterator[World]:
    """FrozenLake, CliffWalking and Taxi: best, with the starts in a corner, and careless."""
    for env_id, kwargs, steps in (
        ("FrozenLake-v1", {"is_slippery": True}, 150_000),
        ("FrozenLake-v1", {"is_slippery": False}, STEPS),
        ("FrozenLake-v1", {"map_name": "8x8"}, 150_000),
        ("CliffWalking-v1", {}, 150_000),
        ("CliffWalking-v1", {"is_slippery": True}, 200_000),
        ("Taxi-v4", {}, 200_000),
    ):
        make = _maker(env_id, kwargs)
        model = toy_text(make())
        best, count = model.best_actions(GAMES), model.rewards.shape[1]
        stuck = best.copy()
        first = np.flatnonzero(model.start)
        value, _ = model.solve(rows(best, count), GAMES)
        stuck[first] = (model.rewards + GAMES * model.chances @ value)[first].argmin(axis=1)
        for what, chosen in (("best", best), ("starts in a corner", stuck)):
            name = f"{env_id} {kwargs or ''}, {what}"
            policy = rows(chosen, count)
            yield World("toy_text", name, model, policy, make, GAMES, max_steps=steps)


def _maker(env_id: str, kwargs: dict[str, Any]) -> Callable[[], gym.Env[Any, Any]]:
    # Episodes are long enough for the time limit not to matter to the exact values.
    return lambda: gym.make(env_id, disable_env_checker=True, max_episode_steps=2000, **kwargs)


def cards() -> Iterator[World]:
    """Blackjack by the book, too cautious and too bold."""
    model = blackjack.model()
    book = model.best_actions(1.0)
    sums = np.array([player for player, _, _ in blackjack.STATES])
    for name, chosen in (
        ("by the book", book),
        ("sticks at 12", (sums < 12).astype(int)),
        ("hits up to 18", (sums <= 18).astype(int)),
    ):
        policy = rows(chosen, 2)

        def given(seen: Any, policy: Floats = policy) -> Floats:
            return np.asarray(policy[blackjack.NUMBERS[tuple(int(n) for n in seen)]])

        yield World(
            "toy_text",
            f"Blackjack, {name}",
            model,
            policy,
            lambda: gym.make("Blackjack-v1", disable_env_checker=True),
            max_steps=80_000,
            given=given,
            number=blackjack.number_of,
        )


def bandits() -> Iterator[World]:
    """Generators of their own, heavy tails, rare events, scales and offsets."""
    equal, better = bandit([0.5, 0.5]), bandit([0.3, 0.7])
    stay = rows([0], 2, 0.95)
    for source in ("own", "python", "global"):
        luck = {"generator": source, "noise": "bernoulli"}
        yield played("own generator", f"equal coins, {source}", equal, stay, luck, is_certain=True)
        yield played("own generator", f"better coin, {source}", better, stay, luck, is_certain=True)
    for noise in ("normal", "pareto"):
        yield played("heavy tails", f"equal arms, {noise}", equal, stay, {"noise": noise})
        yield played("heavy tails", f"better arm, {noise}", better, stay, {"noise": noise})
    for chance in (0.01, 0.001):
        for means, what in (((1.0, 0.1), "loses"), ((0.1, 1.0), "gains")):
            luck = {"noise": chance}
            name = f"arm 1 {what}, prizes once in {1 / chance:g}"
            yield played("rare events", name, bandit(list(means)), stay, luck, rarest=chance)
    for options in ({"scale": 1e-6}, {"scale": 1e6}, {"offset": -1e10}, {"offset": 1e8}):
        name = " ".join(f"{key} {value:g}" for key, value in options.items())
        yield played("rescaled", f"better arm, {name}", better, stay, options, is_certain=True)
        worse = rows([1], 2, 0.95)
        yield played("rescaled", f"best arm, {name}", better, worse, options, is_certain=True)


def contexts() -> Iterator[World]:
    """Fifty contexts with luck: all solved, one in a well, and of different scales."""
    right = np.arange(50) % 3
    means = [[0.8 if a == best else 0.3 for a in range(3)] for best in right]
    model = bandit(*means)
    luck = {"noise": "bernoulli"}
    more: dict[str, Any] = {"max_steps": 100_000}
    yield played("contexts", "50 contexts, solved", model, rows(right, 3), luck, **more)
    stuck = right.copy()
    stuck[17] = (stuck[17] + 1) % 3
    yield played("contexts", "50 contexts, one in a well", model, rows(stuck, 3), luck, **more)
    scaled = bandit(*[[10.0 ** (n % 4 - 2) * mean for mean in row] for n, row in enumerate(means)])
    yield played("contexts", "50 scales, solved", scaled, rows(right, 3), **more)
    yield played("contexts", "50 scales, one in a well", scaled, rows(stuck, 3), **more)


def explorers() -> Iterator[World]:
    """DeepSea, RiverSwim and combination locks."""
    for size in (4, 10, 20):
        left = rows([0] * size**2, 2, 0.99)
        yield played("DeepSea", f"DeepSea {size}, left", deep_sea(size), left)
        right = rows([1] * size**2, 2, 0.99)
        yield played("DeepSea", f"DeepSea {size}, right", deep_sea(size), right)
    swim: dict[str, Any] = {"discount": 0.95, "max_steps": 300_000}
    for name, action in (("left", 0), ("right", 1)):
        policy = rows([action] * 6, 2)
        yield played("RiverSwim", f"RiverSwim, {name}", river_swim(), policy, **swim)
    for name, code in (("same", [1] * 6), ("mixed", [1, 2, 1, 1, 2, 2])):
        model, wrong = lock(code), rows([0] * 6, 3)
        # where no digit can be held, only five right ones by chance open it
        rarest = 1.0 if name == "same" else 0.015**5
        more: dict[str, Any] = {"is_certain": True, "rarest": rarest}
        yield played("lock", f"lock of the {name} digits, shut", model, wrong, **more)
        yield played("lock", f"lock of the {name} digits, open", model, rows(code, 3))


def hidden() -> Iterator[World]:
    """T-mazes without memory, and grids of which only the cells ahead are seen."""
    on = [0, 0, 0, 2]
    for right in (0.5, 0.7):
        model = t_maze(right=right)
        what = f"T-maze, goal at arm 1 in {right:.0%}"
        yield played("hidden state", f"{what}, arm 0", model, rows(on, 4), max_steps=100_000)
    for name, drawn in MAPS.items():
        model = grid(drawn, seeing=True)
        policy = rows(model.best_actions(HIDDEN), 3)
        more: dict[str, Any] = {"discount": HIDDEN, "max_steps": 100_000}
        yield played("grid", f"{name}, seen whole, best", model, policy, **more)
        part = grid(drawn, seeing=False)
        turning = rows(np.zeros(part.seen.max() + 1, int), 3)
        yield played("grid", f"{name}, seen ahead, turning left", part, turning, **more)
        forward = rows(np.full(part.seen.max() + 1, 2), 3)
        yield played("grid", f"{name}, seen ahead, forward", part, forward, **more)


def normalized() -> Iterator[World]:
    """PPO in VecNormalize: contexts are shown as 1000, 1010, ..., with coins for rewards."""
    from stable_baselines3.common.vec_env import VecNormalize

    model = bandit(*[[0.8 if a == n % 3 else 0.3 for a in range(3)] for n in range(4)])
    shown = np.array([[FAR + APART * n] for n in range(4)], np.float32)

    def make(scale: float = 1.0) -> gym.Env[Any, Any]:
        return Shown(TableWorld(model, noise="bernoulli", scale=scale), FAR, APART)

    for what, scale in LESSONS:
        learner = learn(functools.partial(make, scale), VecNormalize, 1.0)
        seen = learner.env.normalize_obs(shown).astype(np.float32)
        options: dict[str, Any] = {"given": learner, "number": numbers_of(seen)}
        name, policy = f"VecNormalize, {what}", policy_of(learner, seen)
        yield World("wrapped", name, model, policy, make, max_steps=MODEL_STEPS, **options)


def masked() -> Iterator[World]:
    """MaskablePPO and a table in the room, where no step into a wall is allowed."""
    model = grid(MAPS["room"], seeing=True)
    allowed = np.array([row.argmax(axis=1) != s for s, row in enumerate(model.chances)])

    def make(scale: float = 1.0) -> gym.Env[Any, Any]:
        return Masking(TableWorld(model, scale=scale), allowed)

    everywhere = np.arange(len(allowed))
    players = [
        ("table, best", rows(model.best_actions(HIDDEN), 3)),
        ("table, equal", np.full((len(allowed), 3), 1 / 3)),
    ]
    for what, scale in LESSONS:
        learner = learn(functools.partial(make, scale), lambda venv: venv, HIDDEN)
        players.append((f"MaskablePPO, {what}", learner))
    for name, given in players:
        full = given if isinstance(given, np.ndarray) else policy_of(given, everywhere)
        table, policy = restricted(model, full, allowed)
        options: dict[str, Any] = {"given": given, "number": lambda text: int(text.split()[0])}
        name = f"masks, {name}"
        yield World("wrapped", name, table, policy, make, HIDDEN, max_steps=MODEL_STEPS, **options)


def framed() -> Iterator[World]:
    """PPO in VecFrameStack: at the junction of a T-maze it still sees where the goal is."""
    from stable_baselines3.common.vec_env import VecFrameStack

    maze = t_maze(1, right=0.5)
    model = stacked(maze)
    pairs = np.array(list(np.ndindex(5, 5)), np.float32)  # nothing and four observations

    def make(scale: float = 1.0) -> gym.Env[Any, Any]:
        return Shown(TableWorld(maze, scale=scale), 1.0, 1.0)

    for what, scale in LESSONS:
        learner = learn(functools.partial(make, scale), lambda venv: VecFrameStack(venv, 2), HIDDEN)
        options: dict[str, Any] = {"given": learner, "number": numbers_of(pairs)}
        name, policy = f"VecFrameStack, {what}", policy_of(learner, pairs)
        yield World("wrapped", name, model, policy, make, HIDDEN, max_steps=MODEL_STEPS, **options)


def parted() -> Iterator[World]:
    """MultiDiscrete([2, 3]): PPO, whose parts are independent, and tables."""
    model, sizes = bandit([0.1, 0.5, 0.2, 0.3, 0.4, 0.9], [0.6, 0.5, 0.2, 0.3, 0.4, 0.1]), (2, 3)

    def make(scale: float = 1.0) -> gym.Env[Any, Any]:
        return Parts(TableWorld(model, noise="bernoulli", scale=scale), sizes)

    players = [("table, best", rows([5, 0], 6)), ("table, in a corner", rows([1, 0], 6))]
    for what, scale in LESSONS:
        learner = learn(functools.partial(make, scale), lambda venv: venv, 1.0)
        players.append((f"PPO, {what}", learner))
    for name, given in players:
        policy = given if isinstance(given, np.ndarray) else policy_of(given, np.arange(2))
        options: dict[str, Any] = {"given": given, "sizes": sizes}
        name = f"MultiDiscrete, {name}"
        yield World("wrapped", name, model, policy, make, max_steps=MODEL_STEPS, **options)


def worlds() -> list[World]:
    """All of them, one maker per kind."""
    makers = (games, cards, bandits, contexts, explorers, hidden)
    wrapped = (normalized, masked, framed, parted)
    return [world for maker in (*makers, *wrapped) for world in maker()]


def twins(number: int) -> World:
    """A world whose best alternative is exactly as good: random moves, coins, a hidden goal."""
    kind, name = "twins", f"twins {number}"
    if number % 3 == 0:
        policy = rows(np.zeros(8), 2, 0.95)
        return played(
            kind, name, random_world(number), policy, {"noise": "bernoulli"}, max_steps=TWIN_STEPS
        )
    if number % 3 == 1:
        coins = bandit([0.4] * 6)
        luck = {"generator": "own", "noise": "bernoulli"}
        return played(kind, name, coins, rows([0], 6, 0.9), luck, max_steps=TWIN_STEPS)
    policy = rows([0, 0, 0, 2], 4, 1.0)  # if it slipped, the other arm would be a trifle better
    return played(kind, name, t_maze(2, wrong=0.0), policy, max_steps=TWIN_STEPS)
