"""Our sampled-gradient kernel against numpy and torch."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

from benchmarks.harness import Contender, Result, per_unit, race, speedup
from benchmarks.setting import ETA, bandit, our_run, starts

TITLE = "REINFORCE, Bernoulli rewards, one pull per update, K=6, B=4096, one core"
NOTE = (
    "Every contender asks after each update, as ours does, which trajectories have left the well."
)
ARMS, BATCH, UPDATES = 6, 4096, 2000
EDGE = float(0.9 * (bandit(ARMS)[0] - bandit(ARMS)[1]))
NUMPY_UPDATES, TORCH_UPDATES, JAX_UPDATES = 60, 30, 200


def numpy_run() -> np.ndarray:
    """Batched numpy: inverse of the cumulative distribution, one uniform for the reward."""
    rewards, theta = bandit(ARMS), starts(BATCH, ARMS)
    rng, rows = np.random.default_rng(0), np.arange(BATCH)
    losses, escaped = rewards[0] - rewards, np.full(BATCH, -1)
    for n in range(NUMPY_UPDATES):
        mass = np.exp(theta - theta.max(axis=1, keepdims=True))
        policy = mass / mass.sum(axis=1, keepdims=True)
        escaped[(escaped < 0) & (policy @ losses < EDGE)] = n
        arm = (policy.cumsum(axis=1)[:, :-1] < rng.random((BATCH, 1))).sum(axis=1)
        paid = rng.random(BATCH) < rewards[arm]
        change = -policy * paid[:, None]
        change[rows, arm] += paid
        theta += ETA * change
    return theta


def torch_run() -> Any:
    """Eager torch with `multinomial`."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    rewards, start = torch.from_numpy(bandit(ARMS)), torch.from_numpy(starts(BATCH, ARMS))
    losses = rewards[0] - rewards

    @torch.no_grad()
    def run() -> Any:
        theta, escaped = start.clone(), torch.full((BATCH,), -1)
        for n in range(TORCH_UPDATES):
            policy = torch.softmax(theta, dim=1)
            escaped[(escaped < 0) & (policy @ losses < EDGE)] = n
            arm = torch.multinomial(policy, 1)
            paid = (torch.rand(BATCH, 1, dtype=torch.float64) < rewards[arm]).double()
            theta -= ETA * paid * policy
            theta.scatter_add_(1, arm, ETA * paid)
        return theta

    return run


def jax_run() -> Any:
    """A compiled loop with JAX's own counter-based generator."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    rewards, start = jnp.asarray(bandit(ARMS)), jnp.asarray(starts(BATCH, ARMS))

    def update(n: Any, state: Any) -> Any:
        theta, key, escaped = state
        key, first, second = jax.random.split(key, 3)
        policy = jax.nn.softmax(theta, axis=1)
        outside = policy @ (rewards[0] - rewards) < EDGE
        escaped = jnp.where((escaped < 0) & outside, n, escaped)
        drawn = jax.random.uniform(first, (BATCH, 1), dtype=jnp.float64)
        arm = (policy.cumsum(axis=1)[:, :-1] < drawn).sum(axis=1)
        paid = jax.random.uniform(second, (BATCH,), dtype=jnp.float64) < rewards[arm]
        change = jax.nn.one_hot(arm, ARMS, dtype=jnp.float64) - policy
        return theta + ETA * paid[:, None] * change, key, escaped

    @jax.jit
    def loop(theta: Any) -> Any:
        begin = theta, jax.random.key(0), jnp.full(BATCH, -1)
        return jax.lax.fori_loop(0, JAX_UPDATES, update, begin)[::2]

    return lambda: jax.block_until_ready(loop(start))


def run() -> list[Result]:
    """Others / ours."""
    options = {"gradient": "sampled", "reward_noise": "bernoulli", "seed": 0}
    contenders = [
        Contender("ours", our_run(BATCH, UPDATES, **options), BATCH * UPDATES),
        Contender("batched numpy", numpy_run, BATCH * NUMPY_UPDATES),
        Contender("torch multinomial", torch_run(), BATCH * TORCH_UPDATES),
    ]
    targets: dict[str, float | None] = {"batched numpy": 12.0, "torch multinomial": 25.0}
    if importlib.util.find_spec("jax") is not None:
        contenders.append(Contender("JAX", jax_run(), BATCH * JAX_UPDATES))
        targets["JAX"] = None
    seconds = race(*contenders)
    detail = per_unit(seconds, "update", *seconds)
    return [
        Result(f"ours over {name}", speedup(seconds, "ours", name), target, detail=detail)
        for name, target in targets.items()
    ]
