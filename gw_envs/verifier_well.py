"""VerifierWell-v0: prompts with K answers each and a verifier that passes one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from gw_envs.checks import (
    BadInput,
    Floats,
    check_int,
    check_memory,
    check_numbers,
    check_share,
    check_unused,
    shown,
)
from gw_envs.hardness import check_for_each
from gw_envs.tabular import TabularMDP
from gw_envs.vector.drawing import bar_frame
from gw_envs.well_env import Actions, Observation, States, WellEnv, WellVectorEnv


def spread_probs(num_prompts: int, lowest: float, highest: float) -> Floats:
    """Probabilities [S] evenly spaced in the logarithm between two ends, ascending; S = 1: lowest.

    Raises:
        BadInput: if the ends lie outside (0, 1) or are in the wrong order.
    """
    low = check_share("lowest_prob", lowest)
    high = check_share("highest_prob", highest)
    if high < low:
        raise BadInput(f"highest_prob={high} must be at least lowest_prob={low}.")
    return np.geomspace(low, high, check_int("num_prompts", num_prompts, 1))


def check_probs(name: str, value: Sequence[float], count: int) -> Floats:
    """One probability in (0, 1) for each of `count` prompts, [S]."""
    probs = check_numbers(name, value)
    if probs.shape != (count,) or np.any(probs <= 0) or np.any(probs >= 1):
        raise BadInput(
            f"{name}={shown(value)} must hold a probability between 0 and 1, both excluded, for "
            f"each of num_prompts={count} prompts."
        )
    return probs


class VerifierWellVectorEnv(WellVectorEnv):
    """`num_envs` prompts answered at once; `VerifierWellEnv` documents the environment."""

    terminates = True
    draws = "uniform"
    reset_options = ("state",)

    def __init__(
        self,
        num_envs: int = 1,
        *,
        num_prompts: int = 4,
        num_answers: int = 6,
        right_answer: int = 0,
        lowest_prob: float = 1e-4,
        highest_prob: float = 0.03,
        initial_probs: Sequence[float] | None = None,
        pass_k: int = 8,
        observation: Observation = "state",
        max_episode_steps: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        render_mode: str | None = None,
    ) -> None:
        prompts = check_int("num_prompts", num_prompts, 1)
        answers = check_int("num_answers", num_answers, 2)
        check_memory("num_prompts * num_answers", prompts * answers, 8.0 * prompts**2 * answers)
        self.right_answer = check_int("right_answer", right_answer, 0, answers - 1)
        self.pass_k = check_int("pass_k", pass_k, 1)
        if initial_probs is None:
            self.initial_probs = spread_probs(prompts, lowest_prob, highest_prob)
        else:
            self.initial_probs = check_probs("initial_probs", initial_probs, prompts)
            ends = {"lowest_prob": lowest_prob, "highest_prob": highest_prob}
            check_unused("is not read where initial_probs is given", ends, type(self))
        super().__init__(
            num_envs,
            prompts,
            answers,
            horizon=1,
            observation=observation,
            max_episode_steps=max_episode_steps,
            autoreset_mode=autoreset_mode,
            render_mode=render_mode,
        )
        self.discount, self.drift_horizon = 0.0, 0
        self.optimal_actions = np.full(prompts, self.right_answer)
        self.reward_gaps = np.ones(prompts)
        self._rewards = np.zeros((prompts, answers))
        self._rewards[:, self.right_answer] = 1.0

    def action_values(self, policy: Floats, clock: int = 0) -> tuple[Floats, Floats]:
        """Exact Q [..., S, K], the verdicts, and the weight 1/S [..., S, 1] of every prompt."""
        self.check_table(policy)
        values = np.broadcast_to(self._rewards, policy.shape)
        return values, np.full((*policy.shape[:-1], 1), 1 / self.num_states)

    def mdp_at(self, clock: int) -> TabularMDP:
        """Prompts as states at discount 0: an episode is one answer, the next prompt is drawn."""
        check_int("clock", clock, 0)
        count = self.num_states
        moves = np.full((count, self.num_actions, count), 1 / count)
        return TabularMDP(moves, self._rewards, np.full(count, 1 / count), self.discount)

    def pass_at_k(self, policy: Floats) -> Floats:
        """1 - (1-p)^k, k = `pass_k`, of each prompt of policies [..., S, K], [..., S]."""
        right = policy[..., self.right_answer]
        with np.errstate(divide="ignore"):  # p = 1 passes
            return np.asarray(-np.expm1(self.pass_k * np.log1p(-right)))

    def begin(self, options: Mapping[str, Any]) -> States:
        """The prompt that is drawn, or that `options["state"]` names."""
        drawn = (self.drawn() * self.num_states).astype(np.int64)
        if "state" not in options:
            return drawn
        most = self.num_states - 1
        named = check_for_each("state", options["state"], self.num_envs, most, "prompt")
        return np.broadcast_to(named, drawn.shape).astype(np.int64)

    def advance(self, actions: Actions) -> tuple[States, Floats, dict[str, NDArray[Any]]]:
        """One answer each, and its verdict; the prompt stays until the next episode."""
        right = actions == self.right_answer
        info = {
            "optimal_action": np.full(self.num_envs, self.right_answer),
            "is_success": right,
        }
        return self.states.copy(), right.astype(np.float64), info

    def frame(self, index: int) -> NDArray[np.uint8]:
        """The first success probability of every prompt, in decades; the present one marked."""
        decades = 1 + np.log10(self.initial_probs) / 6
        state = int(self.states[index])
        return bar_frame(np.clip(decades, 0.02, 1), state, state)

    def line(self, index: int) -> str:
        """The prompt and its last verdict in words."""
        last, state = self.last_action(index), int(self.states[index])
        said = "no answer yet" if last is None else f"answered {last}"
        return f"prompt {state} of {self.num_states}: {said}, right is {self.right_answer}"


class VerifierWellEnv(WellEnv):
    """Prompts with a verifier: one well each, their first success probabilities decades apart.

    ## Description
    The smallest model of training by verifiable rewards: N prompts (states), K answers each
    (actions), a verifier that pays 1 for the right answer and 0 for others. Each prompt has a
    policy of its own, so each is a well of its own with Delta = 1; `initial_probs` says where each
    starts: evenly spaced in the logarithm from `lowest_prob` to `highest_prob`, or a list. Agents
    start there with `initial_policy="prompts"`, the wrong answers alike, and `train.py` unless told
    otherwise. The objective is the mean over prompts: in an exact update each moves by eta/N.

    `SoftmaxPG(shared_policy=True)`, `train.py --shared-policy`, has one row of logits for all
    prompts instead, added to each prompt's first logits, which stay: what is learnt at one prompt
    moves all, so that easy prompts pull hard ones out of their wells.

    Sampled group rules take one group per prompt and update: `batch_size` = N * `group_size`, or a
    multiple, is dealt evenly over the prompts.

    ## Action Space
    `Discrete(num_answers)`: the answer.

    ## Observation Space
    `Discrete(num_prompts)`: the prompt; with `observation="one_hot"` `Box(float32)`, 1 there.

    ## Rewards
    1 for `right_answer`, else 0; no noise.

    ## Starting State
    Any prompt, equally likely; `reset(options={"state": s})` begins with prompt s. In the vector
    form s may be an array, one prompt per environment.

    ## Episode End
    `terminated` is true after every answer.

    ## Information
    At every step: `optimal_action` and `is_success` (the verdict). `reset` returns none. In the
    vector form these stand under `final_info` (SAME_STEP autoreset, unless `autoreset_mode` says
    other).

    ## Arguments
    - `num_prompts` = 4: N >= 1.
    - `num_answers` = 6: K, at least 2.
    - `right_answer` = 0: the answer that passes, of every prompt.
    - `lowest_prob` = 0.0001: first success probability of the hardest prompt, in (0, 1).
    - `highest_prob` = 0.03: of the easiest; those between are evenly spaced in the logarithm.
    - `initial_probs` = None: all N of them, instead of the two.
    - `pass_k` = 8: k >= 1 of the logged pass@k, the mean over prompts of 1 - (1-p)^k.
    - `observation` = "state": its number; or "one_hot", a vector, for programs that want a Box.
    - `render_mode` = None: or "ansi", "rgb_array".

    Every argument is checked; a `ValueError` names the argument, its value and what is right.

    ## Version History
    - v0: first version.
    """

    vector_class = VerifierWellVectorEnv
    initial_policy = "prompts"  # where train.py starts unless told otherwise
