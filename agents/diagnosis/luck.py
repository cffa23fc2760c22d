"""What is tried before anything is judged: one episode alone, again, and with other seeds.

The same seed must give the same episode to the bit, and different seeds different luck. Where
`reset(seed=...)` does not reach a generator that the environment draws from, that generator is
seeded from outside; where copies of the environment share one, they play one at a time. What
remains is refused, with the reason.
"""

from __future__ import annotations

from agents.diagnosis.playing import CHECKED_STEPS, Arena, Branch, Fork
from agents.diagnosis.replay import generators, global_states, state_of
from gw_envs.checks import BadInput

TRIED_SEEDS = 8


def find_luck(arena: Arena, seed: int) -> str:
    """Prepare an arena for the luck of its environment; a sentence where that took something.

    Args:
        arena: is told to plant seeds, or to play one branch at a time.
        seed: of the first episode.

    Raises:
        BadInput: if the environment does not replay, or gives different seeds the same luck.
    """
    note = ""
    width, arena.width = arena.width, 1
    before, begun = global_states(), _states(arena, seed)
    episode = _rehearse(arena, seed)
    if global_states() != before:
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
    _check_seeds(arena, episode)
    arena.check_replay(episode)
    if not arena.plants_globally and not _shares(arena):
        arena.width = width
    return note


def _states(arena: Arena, seed: int) -> dict[str, bytes]:
    """Where each generator of the environment stands after a reset."""
    arena.restart(arena.envs[0], seed)
    return {path: state_of(found) for path, found in generators(arena.envs[0]).items()}


def _rehearse(arena: Arena, seed: int) -> Branch:
    """The beginning of an episode, played alone."""
    window = int(max(1, min(CHECKED_STEPS, arena.left // 4)))
    episode = Branch(Fork(seed, (), None), record=True, window=window)
    arena.play([episode])
    return episode


def _check_seeds(arena: Arena, episode: Branch) -> None:
    """Refuse an environment whose luck is the same for every seed.

    A generator that an episode draws from, and that stands the same after resets with different
    seeds, makes pairs of branches equal that are taken for independent.
    """
    seed = episode.fork.seed
    arena.first_difference(episode)  # to its end, where the generators have moved
    ends = {path: state_of(found) for path, found in generators(arena.envs[0]).items()}
    begins = [_states(arena, seed + number) for number in range(TRIED_SEEDS)]
    drawn = [path for path, state in begins[0].items() if ends.get(path, state) != state]
    for path in drawn:
        states = [states.get(path, b"") for states in begins]
        if len(set(states)) < len(states):
            raise BadInput(
                f"the environment gives different seeds the same luck: it draws from {path}, "
                f"which stands the same after reset(seed=...) with some of the seeds {seed} to "
                f"{seed + TRIED_SEEDS - 1}; seed it from reset's seed, differently for each."
            )


def _shares(arena: Arena) -> bool:
    """Whether two copies of the environment are one object, or draw from one generator."""
    if len(arena.envs) < 2:
        arena.envs.append(arena.make_env())
    first, second = arena.envs[:2]
    if first.unwrapped is second.unwrapped:
        return True
    for env in (first, second):
        arena.restart(env, 0)
    ours, theirs = ({id(g) for g in generators(env).values()} for env in (first, second))
    return bool(ours & theirs)
