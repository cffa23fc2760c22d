"""Start-up: what importing and asking for help may load."""

import importlib
import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "stable_baselines3", "wandb", "numba", "scipy", "matplotlib", "ray", "sklearn")

LAZY = {
    "gw_envs": {"TabularMDP": "tabular", "drift_law": "drift.laws", "fit_drift": "drift.fitting"},
    "agents": {
        "JumpingPG": "jumping_pg",
        "SoftmaxPG": "softmax_pg",
        "Start": "policies",
        "softmax": "policies",
    },
    "agents.sb3": {
        "STOCK": "settings",
        "EscapeCallback": "callbacks",
        "SB3Agent": "agent",
        "SoftmaxPG": "softmax_pg",
        "TabularSoftmaxPolicy": "policies",
        "WellVecEnv": "vec_env",
        "make_baseline": "stock",
        "start_from": "stock",
    },
}


def loaded_by(code):
    script = f"import sys, json\n{code}\nprint('LOADED', json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    line = next(x for x in done.stdout.splitlines() if x.startswith("LOADED"))
    return set(json.loads(line.removeprefix("LOADED ")))


def test_import_gw_envs_loads_no_heavy_module():
    modules = loaded_by("import gw_envs, gymnasium as gym; gym.make('SoftmaxWell-v0').reset()")
    assert "gw_envs.softmax_well" in modules
    assert not modules & set(HEAVY)


def test_help_loads_no_heavy_module():
    modules = loaded_by("import train\ntry: train.main(['--help'])\nexcept SystemExit: pass")
    assert "tyro" in modules
    assert not modules & set(HEAVY)


def test_importing_the_packages_of_agents_loads_nothing_else():
    before = loaded_by("import numpy, gymnasium, gw_envs")
    for package in ("agents", "agents.sb3"):
        added = loaded_by(f"import numpy, gymnasium, gw_envs, {package}") - before
        assert added == {"agents", package}


@pytest.mark.parametrize("package", ["gw_envs", "agents", "agents.sb3"])
def test_public_names_are_where_the_package_says(package):
    module = importlib.import_module(package)
    for name in LAZY[package]:
        found = getattr(module, name)
        assert name in dir(module)
        home = sys.modules[f"{package}.{LAZY[package][name]}"]
        assert found is getattr(home, name)
    with pytest.raises(AttributeError, match=f"'{package}' has no attribute 'softmax_gp'"):
        module.softmax_gp  # noqa: B018 - the look-up is what is tested


def test_the_two_algorithms_of_one_name_are_told_apart():
    import agents
    from agents.sb3 import EscapeCallback, SoftmaxPG, WellVecEnv

    assert agents.SoftmaxPG is not SoftmaxPG
    model = SoftmaxPG("TabularPolicy", WellVecEnv("SoftmaxWell-v0", 2), n_steps=1, gamma=0.0)
    model.learn(2, callback=EscapeCallback(), log_interval=None)
    assert model.num_timesteps == 2


def test_every_public_package_imports_on_its_own():
    for package in (
        "gw_envs",
        "gw_envs.theory",
        "agents",
        "agents.softmax_pg",
        "experiments.runs.well",
    ):
        assert package in loaded_by(f"import {package}")
