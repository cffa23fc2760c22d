"""`python -m experiments certify`: a proof by ball arithmetic that an escape time is the count."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from experiments.options.config import parse_well_command
from experiments.options.start import StartOptions
from gw_envs.checks import BadInput, Floats
from gw_envs.theory import Certificate, certify_escape_time
from gw_envs.theory.certificate.certifying import CERTIFIED, check_flint

SECONDS_PER_UPDATE = 2e-5  # in balls, six arms of three kinds


@dataclass(frozen=True)
class CertifyOptions(StartOptions):
    """What is certified: an exact-gradient run of softmax policy gradient in one state."""

    env_id: str = "SoftmaxWell-v0"
    """SoftmaxWell-v0; its options follow below."""
    learning_rate: float = 0.4
    """Step size eta."""
    count: int | None = None
    """The escape time that is claimed; default what the solver answers."""
    method: Literal["auto", "direct", "series"] = "auto"
    """direct: every update; series: the proof for wrong arms alike; auto: whichever reaches."""
    max_updates: int = 10_000_000
    """Updates made one by one at most, about 20 us each."""


def main(arguments: list[str]) -> int:
    """Certify; the exit code is 0 for a proof, 1 for a refutation or none."""
    options, env = parse_well_command(
        arguments, "certify", CertifyOptions, "Prove an escape time by ball arithmetic."
    )
    check_flint()
    rewards, theta = read_well(options, env)
    claim = options.count
    if claim is None:
        from agents.simulation import solve_escape_time

        answer = solve_escape_time(rewards, theta, options.learning_rate)
        claim = int(answer.steps)
        print(f"claim: {claim:,} updates, by the solver (method {answer.method})")
    seconds = claim * SECONDS_PER_UPDATE
    if 10 < seconds <= options.max_updates * SECONDS_PER_UPDATE:
        print(f"every update in ball arithmetic: up to {seconds:,.0f} s", flush=True)
    began = time.monotonic()
    certificate = certify_escape_time(
        claim,
        rewards,
        theta,
        options.learning_rate,
        method=options.method,
        max_updates=options.max_updates,
    )
    print_certificate(certificate, time.monotonic() - began)
    return 0 if certificate.verdict == CERTIFIED else 1


def read_well(options: CertifyOptions, env: Any) -> tuple[Floats, Floats]:
    """Mean rewards and initial logits, as `train.py` takes them from the same options."""
    import gymnasium as gym

    import gw_envs  # noqa: F401 - registers the ids

    if options.env_id != "SoftmaxWell-v0":
        raise BadInput(
            f"env_id={options.env_id!r} must be 'SoftmaxWell-v0': a certificate is of one state "
            "with constant rewards."
        )
    if options.initial_policy == "normal":
        raise BadInput(
            "initial_policy='normal' is drawn by a run; certify its logits with "
            "gw_envs.theory.certify_escape_time."
        )
    well: Any = gym.make(options.env_id, **env.kwargs()).unwrapped
    best = int(well.optimal_actions[0])
    rewards = np.asarray(well.mean_rewards, dtype=np.float64)
    return rewards, options.start.theta(rewards.size, best)


def print_certificate(certificate: Certificate, seconds: float) -> None:
    """The verdict, how it was reached and what it is about."""
    print(f"{certificate.verdict}: {certificate.reason}")
    print(
        f"method {certificate.method}, {certificate.made:,} updates in balls, {seconds:.2f} s. "
        "It speaks of the real-number\niteration from the float64 rewards, logits and step size "
        "as they are; no update is rounded."
    )
