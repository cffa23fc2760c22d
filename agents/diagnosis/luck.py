"""What is tried before anything is judged: one episode alone, again, and with other seeds.

The same seed must give the same episode to the bit, and different seeds different luck. Where
`reset(seed=...)` does not reach a generator that the environment draws from, that generator is
seeded from outside; where copies of the environment share one, they play one at a time. The policy
must answer as before when it is asked again. What remains is refused, with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from agents.diagnosis.playing import CHECKED_STEPS, Arena, Branch, Fork
from agents.diagnosis.policies.observations import bare, state_text
from agents.diagnosis.replay import generators, global_states, state_of
from gw_envs.checks import BadInput

FEWEST_SEEDS, MOST_SEEDS = 8, 512  # whose luck is compared, as the budget goes
ASKED = 64  # observations at which the policy is asked again
ALIKE = 1e-3  # between two answers: float32 on a GPU need not repeat itself to the bit


def find_luck(arena: Arena, seed: int) -> str:
    """Prepare an arena for the luck of its environment; a sentence where that took something.

    Args:
        arena: is told to plant seeds, or to play one branch at a time.
        seed: of the first episode.

    Raises:
        BadInput: if the environment does not replay, or gives different seeds the same luck, or if
            the policy has a memory or draws.
    """
    note = ""
    width, arena.width = arena.width, 1
    before, begun = global_states(), _states(arena, seed)
    episode = _rehearse(arena, seed)
    after = global_states()
    if any(after[name] != state for name, state in before.items()):
        arena.plants = arena.plants_globally = True
        note = (
            "The environment draws from a global generator (numpy's, Python's or torch's): it was "
            "seeded before each reset, and episodes were played one at a time."
        )
    elif _states(arena, seed) != begun:
        arena.plants = True
        note = (
            "reset(seed=...) does not reach all of the environment's generators: they were seeded "
            "from outside before each reset."
        )
    if arena.plants:
        episode = _rehearse(arena, seed)
    _check_answers(arena, episode.observations[:ASKED])
    drawn = _check_seeds(arena, episode)
    arena.check_replay(episode)
    if not arena.plants_globally and not _shares(arena, drawn):
        arena.width = width
    return note


def _states(arena: Arena, seed: int) -> dict[str, bytes]:
    """Where each generator of the environment stands after a reset."""
    arena.restart(arena.envs[0], seed)
    return _standing(arena)


def _standing(arena: Arena) -> dict[str, bytes]:
    """Where the generators stand that are seeded for the environment."""
    states = {path: state_of(found) for path, found in generators(arena.envs[0]).items()}
    return states | global_states() if arena.plants_globally else states


def _rehearse(arena: Arena, seed: int) -> Branch:
    """The beginning of an episode, played alone."""
    window = int(max(1, min(CHECKED_STEPS, arena.left // 4)))
    episode = Branch(Fork(seed, (), None), record=True, window=window)
    arena.play([episode])
    return episode


def _check_answers(arena: Arena, observations: Sequence[Any]) -> None:
    """Refuse a policy whose answers change: asked in the other order, it must say the same."""
    ask = arena.actor.probabilities
    first = [ask([seen])[0] for seen in observations]
    again = [ask([seen])[0] for seen in observations[::-1]][::-1]
    for seen, old, new in zip(observations, first, again, strict=True):
        if np.abs(old - new).max() > ALIKE:
            action = int(np.abs(old - new).argmax())
            raise BadInput(
                f"the policy gives action {action} probability {old[action]:.3g} and then "
                f"{new[action]:.3g} at one observation, {state_text(bare(seen))}: it has a memory "
                "of what it saw, or draws (noise, dropout). What an action is worth must hang on "
                "the observation; give the policy without these."
            )


def _check_seeds(arena: Arena, episode: Branch) -> list[str]:
    """Refuse an environment whose luck is the same for every seed; what its episodes draw from.

    A generator that an episode draws from, and that stands the same after resets with different
    seeds, makes pairs of branches equal that are taken for independent. Luck from a fixed number
    of seeds (`default_rng(seed % 100)`) is found as far as that number is below `MOST_SEEDS`.
    """
    seed = episode.fork.seed
    arena.first_difference(episode)  # to its end, where the generators have moved
    ends = _standing(arena)
    begins = _states(arena, seed)
    drawn = [path for path, state in begins.items() if ends.get(path, state) != state]
    seeds = range(seed, seed + int(min(MOST_SEEDS, max(FEWEST_SEEDS, arena.left))))
    known: dict[tuple[str, bytes], int] = {}
    for tried in seeds if drawn else ():
        states = _states(arena, tried)
        for path in drawn:
            first = known.setdefault((path, states.get(path, b"")), tried)
            if first != tried:
                raise BadInput(
                    f"the environment gives different seeds the same luck: it draws from {path}, "
                    f"which stands the same after reset(seed={first}) and reset(seed={tried}); "
                    "seed it from reset's seed, differently for each."
                )
    return drawn


def _shares(arena: Arena, drawn: Sequence[str]) -> bool:
    """Whether two copies of the environment are one object, or draw from one generator.

    Algorithms sample actions from a space that belongs to the class: that is no luck of episodes
    unless these draw from it.
    """
    if len(arena.envs) < 2:
        arena.grow()
    first, second = arena.envs[:2]
    if first.unwrapped is second.unwrapped:
        return True
    for env in (first, second):
        arena.restart(env, 0)
    ours, theirs = (
        {id(g) for path, g in generators(env).items() if path in drawn or "_space" not in path}
        for env in (first, second)
    )
    return bool(ours & theirs)
