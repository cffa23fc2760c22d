"""A training loop of one's own, watched by `GroupMonitor`: GRPO on the prompts of VerifierWell-v0.

    python examples/verifier_well.py            # seconds; needs no extra
    python examples/verifier_well.py log.jsonl  # and the groups of the first 100 steps, as a log

Eight prompts with a policy each, whose first chances of a right answer go from 0.03 down to 0.0001.
After two steps, which show how often a prompt comes, the monitor is told the policy's chances and
says in how many steps each prompt will have left its well; then the loop trains until all have.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

import gw_envs  # noqa: F401 - registers the environment
from agents.diagnosis.groups import GroupMonitor, GroupSettings
from agents.policies import Start, softmax

PROMPTS, ANSWERS, GROUP = 8, 6, 8
LEARNING_RATE = 2.0
LOOK, LOGGED, STEPS = 2, 100, 60_000


def train(
    seed: int = 0, log: list[dict[str, Any]] | None = None
) -> list[tuple[float, float, tuple[float, float], int]]:
    """Train; of each prompt: first chance, and from the look on median, range and real steps.

    `log` gets a row per group of the first steps, as `python -m experiments groups` reads it.
    """
    rng = np.random.default_rng(seed)
    env = gym.make_vec("VerifierWell-v0", num_envs=PROMPTS * GROUP, num_prompts=PROMPTS)
    env.reset(seed=seed)
    chances = env.unwrapped.initial_probs
    theta = Start("prompts").table([0] * PROMPTS, ANSWERS, initial_probs=chances)
    pace = LEARNING_RATE * ANSWERS / (ANSWERS - 1)  # log-odds of a score of 1, in a table of logits
    monitor = GroupMonitor(settings=GroupSettings(pace=pace, escape_prob=0.1))
    each = np.repeat(np.arange(PROMPTS), GROUP)  # a group of answers to every prompt
    escaped, forecast = np.full(PROMPTS, -1), []
    for step in range(STEPS):
        policy = softmax(theta)
        escaped = np.where((escaped < 0) & (policy[:, 0] > 0.1), step, escaped)
        if np.all(escaped >= 0):
            break
        env.reset(options={"state": each})
        drawn = rng.random((PROMPTS * GROUP, 1)) >= np.cumsum(policy[each], axis=1)[:, :-1]
        answers = drawn.sum(axis=1)
        _, rewards, _, _, _ = env.step(answers)
        rewards = rewards.reshape(PROMPTS, GROUP)
        monitor.update(rewards, step=step, prompts=range(PROMPTS))
        if log is not None and step < LOGGED:
            log += [
                {"step": step, "prompt": f"prompt {i}", "rewards": rewards[i].tolist()}
                for i in range(PROMPTS)
            ]
        theta += LEARNING_RATE * grpo(policy, answers.reshape(PROMPTS, GROUP), rewards)
        if step + 1 == LOOK:
            monitor.tell(dict(enumerate(np.log(softmax(theta)[:, 0]))))
            forecast = monitor.report().prompts
    return [
        (chance, prompt.escape[1], prompt.range, int(when) - LOOK)
        for chance, prompt, when in zip(chances, forecast, escaped, strict=True)
    ]


def grpo(policy, answers, rewards):
    """The mean over each group of (reward - mean)/std times (e_answer - pi), [prompts, answers]."""
    centred = rewards - rewards.mean(axis=1, keepdims=True)
    spread = rewards.std(axis=1, keepdims=True)
    score = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0)
    chosen = np.eye(policy.shape[1])[answers]
    return np.mean(score[..., None] * (chosen - policy[:, None]), axis=1)


def main() -> None:
    """Print a line for each prompt, and write the log if the command line names a file."""
    log: list[dict[str, Any]] = []
    print("first chance   predicted median    95 % range of a run   escaped after")
    for chance, median, (low, high), steps in train(log=log):
        print(f"{chance:12.1e} {median:18,.0f} {low:12,.0f} to {high:6,.0f} {steps:15,}")
    if sys.argv[1:]:
        Path(sys.argv[1]).write_text("".join(json.dumps(row) + "\n" for row in log))


if __name__ == "__main__":
    main()
