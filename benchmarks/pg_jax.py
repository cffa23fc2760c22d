"""Our exact-gradient kernel against the best JAX form known: a compiled loop, a tuple of arms."""

from __future__ import annotations

import importlib.util
from typing import Any

from benchmarks.harness import Contender, Result, per_unit, race, speedup
from benchmarks.setting import ETA, bandit, our_run, starts

TITLE = "exact gradients, K=6, B=1024, float64, one core, against a compiled JAX loop (reported)"
ARMS, BATCH, UPDATES, JAX_UPDATES = 6, 1024, 5000, 3000


def jax_run() -> Any:
    """`fori_loop` over a tuple of K vectors [B]: no reduction over a short axis is left."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    rewards = [float(r) for r in bandit(ARMS)]
    edge = rewards[0] - 0.9 * (rewards[0] - rewards[1])
    start = tuple(jnp.asarray(row) for row in (starts(BATCH, ARMS)).T)

    def update(n: Any, state: Any) -> Any:
        theta, escaped = state
        mass = [jnp.exp(x) for x in theta]
        inverse = 1.0 / sum(mass)
        policy = [m * inverse for m in mass]
        value = sum(p * r for p, r in zip(policy, rewards, strict=True))
        escaped = jnp.where((escaped < 0) & (value > edge), n, escaped)
        moved = zip(theta, policy, rewards, strict=True)
        return tuple(x + ETA * p * (r - value) for x, p, r in moved), escaped

    @jax.jit
    def loop(theta: Any) -> Any:
        return jax.lax.fori_loop(0, JAX_UPDATES, update, (theta, jnp.full(BATCH, -1)))

    return lambda: jax.block_until_ready(loop(start))


def run() -> list[Result]:
    """JAX / ours, reported without a target."""
    if importlib.util.find_spec("jax") is None:
        return [Result("robust over JAX", None, detail="jax is not installed: pip install jax")]
    ours = ARMS * BATCH * UPDATES
    seconds = race(
        Contender("robust", our_run(BATCH, UPDATES), ours),
        Contender("JAX", jax_run(), ARMS * BATCH * JAX_UPDATES),
    )
    detail = per_unit(seconds, "action-update", *seconds)
    return [Result("robust over JAX", speedup(seconds, "robust", "JAX"), detail=detail)]
