"""The native vector environment against Gymnasium's SyncVectorEnv of it, and gymnax's bandit."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

from benchmarks.harness import Contender, Result, per_unit, race, speedup

TITLE = "SoftmaxWell-v0, Bernoulli rewards, 1024 environments, against SyncVectorEnv and gymnax"
NOTE = (
    "gymnax runs its BernoulliBandit as users meet it: the whole loop compiled, a random policy in "
    "it, episodes of 100 pulls and new arms at each reset. The native rows have their actions "
    "prepared."
)
ENVS, NATIVE_STEPS, SYNC_STEPS, GYMNAX_STEPS = 1024, 2000, 10, 500


def stepper(mode: str, steps: int) -> Any:
    """A function that makes `steps` vector steps with prepared actions."""
    import gymnasium as gym

    import gw_envs  # noqa: F401 - registers the ids

    options = {"reward_noise": "bernoulli"}
    envs = gym.make_vec("SoftmaxWell-v0", num_envs=ENVS, vectorization_mode=mode, **options)
    envs.reset(seed=0)
    actions = np.random.default_rng(0).integers(0, 6, size=(64, ENVS))

    def run() -> None:
        for n in range(steps):
            envs.step(actions[n % 64])

    return run


def gymnax_stepper() -> Any:
    """A function that makes `GYMNAX_STEPS` steps of 1024 gymnax bandits in one compiled loop."""
    import gymnax
    import jax

    env, params = gymnax.make("BernoulliBandit-misc")
    reset = jax.vmap(env.reset, in_axes=(0, None))
    step = jax.vmap(env.step, in_axes=(0, 0, 0, None))

    def one(carry: Any, _: Any) -> Any:
        key, state = carry
        key, to_act, to_step = jax.random.split(key, 3)
        actions = jax.random.randint(to_act, (ENVS,), 0, env.num_actions)
        _, state, rewards, _, _ = step(jax.random.split(to_step, ENVS), state, actions, params)
        return (key, state), rewards.sum()

    @jax.jit
    def loop(key: Any) -> Any:
        _, state = reset(jax.random.split(key, ENVS), params)
        return jax.lax.scan(one, (key, state), None, GYMNAX_STEPS)[1]

    def run() -> None:
        # gymnax is written for JAX's default types, which other benchmarks may have switched
        with jax.enable_x64(False):
            jax.block_until_ready(loop(jax.random.PRNGKey(0)))

    return run


def run() -> list[Result]:
    """SyncVectorEnv / native and gymnax / native, per environment step."""
    contenders = [
        Contender("native", stepper("vector_entry_point", NATIVE_STEPS), ENVS * NATIVE_STEPS),
        Contender("SyncVectorEnv", stepper("sync", SYNC_STEPS), ENVS * SYNC_STEPS),
    ]
    has_gymnax = importlib.util.find_spec("gymnax") is not None
    if has_gymnax:
        contenders.append(Contender("gymnax", gymnax_stepper(), ENVS * GYMNAX_STEPS))
    seconds = race(*contenders)
    detail = per_unit(seconds, "step", *seconds)
    ratio = speedup(seconds, "native", "SyncVectorEnv")
    if not has_gymnax:
        why = "gymnax is not installed: pip install -e '.[bench]'"
        over_gymnax = Result("native over gymnax", None, 5.0, detail=why)
    else:
        over_gymnax = Result(
            "native over gymnax", speedup(seconds, "native", "gymnax"), 5.0, detail=detail
        )
    return [Result("native over SyncVectorEnv", ratio, 200.0, detail=detail), over_gymnax]
