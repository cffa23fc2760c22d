"""A2C on WellVecEnv against A2C on SB3's DummyVecEnv of the same environments."""

from __future__ import annotations

from typing import Any

from benchmarks.harness import Contender, Result, per_unit, race, speedup

TITLE = "SB3's A2C on SoftmaxWell-v0, 64 environments: WellVecEnv against DummyVecEnv"
ENVS, UPDATES = 64, 60


def trainer(kind: str) -> Any:
    """A function that trains an A2C for `UPDATES` updates more."""
    import torch
    from stable_baselines3.common.env_util import make_vec_env

    from agents.sb3.stock import make_baseline
    from agents.sb3.vec_env import WellVecEnv

    torch.set_num_threads(1)
    options = {"reward_noise": "bernoulli"}
    env: Any = (
        WellVecEnv("SoftmaxWell-v0", ENVS, **options)
        if kind == "WellVecEnv"
        else make_vec_env("SoftmaxWell-v0", ENVS, env_kwargs=options)
    )
    model = make_baseline("a2c", env)
    steps = UPDATES * ENVS * model.n_steps

    def run() -> None:
        model.learn(steps, log_interval=None, reset_num_timesteps=False)

    return run


def run() -> list[Result]:
    """DummyVecEnv / WellVecEnv, per environment step."""
    units = ENVS * UPDATES * 5
    names = ("WellVecEnv", "DummyVecEnv")
    seconds = race(*(Contender(name, trainer(name), units) for name in names))
    detail = per_unit(seconds, "step", *names)
    ratio = speedup(seconds, *names)
    return [Result("A2C with WellVecEnv over DummyVecEnv", ratio, 1.2, detail=detail)]
