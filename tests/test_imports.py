"""Start-up: what importing and asking for help may load."""

import json
import subprocess
import sys

HEAVY = ("torch", "stable_baselines3", "wandb", "numba", "scipy", "matplotlib", "ray", "sklearn")


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


def test_every_public_package_imports_on_its_own():
    for package in (
        "gw_envs",
        "gw_envs.theory",
        "agents",
        "agents.softmax_pg",
        "experiments.runs.well",
    ):
        assert package in loaded_by(f"import {package}")
