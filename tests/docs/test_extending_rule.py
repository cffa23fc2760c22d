"""docs/extending.md, "An update rule", followed to the letter."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from agents.softmax_pg import SoftmaxPG
from agents.updates import RULES, make_rule, make_sampled_rule
from tests.agents.updates.iterated import run_rule

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text()
SECTION = re.search(r"## An update rule\n(.*?)\n## ", PAGE, re.S).group(1)
CLASS, IMPORT = re.findall(r"```python\n(.*?)```", SECTION, re.S)
(ROW,) = re.findall(r"```text\n(.*?)```", SECTION, re.S)
HOME = re.search(r"Write `(agents/updates/\w+\.py)`", SECTION).group(1)
NAME = re.search(r'@register\("([\w-]+)"\)', CLASS).group(1)
COMMANDS = re.findall(r"^    python (.*)$", SECTION, re.M)


@pytest.fixture
def defined(tmp_path):
    """The class in a script of one's own."""
    before = dict(RULES)
    script = tmp_path / "script.py"
    script.write_text(CLASS)
    spec = importlib.util.spec_from_file_location("script", script)
    sys.modules["script"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield
    del sys.modules["script"]
    RULES.clear()
    RULES.update(before)


def test_the_class_alone_serves_a_script(defined):
    rule = make_rule(NAME, width=0.25)
    run = run_rule(rule, [1, 0.5], [1e-9, 1 - 1e-9], 0.2, 1000, escape_prob=0.1)
    # per update the log-odds rise by eta (tanh(U_1/w) - tanh(U_2/w)), deep in the well eta tanh(2)
    odds, count = np.log(1e-9 / (1 - 1e-9)), 0
    while odds <= np.log(0.1 / 0.9):
        x = 1 / (1 + np.exp(-odds))
        odds += 0.2 * (np.tanh(0.5 * (1 - x) / 0.25) + np.tanh(0.5 * x / 0.25))
        count += 1
    assert int(run.escape_time) == count
    pulled = make_sampled_rule(NAME).estimate(np.array([0.2, 0.8]), np.array(0), np.array(1.0), 0.5)
    np.testing.assert_allclose(pulled, np.tanh(1.0) * np.array([0.8, -0.8]))
    well = {"mean_rewards": [1, 0.5, 0.3]}
    for gradient in ("exact", "sampled"):
        agent = SoftmaxPG(env_kwargs=well, update=NAME, gradient=gradient, policy=[0.05, 0.9, 0.05])
        agent.learn(2000)
        assert agent.policy[0, 0, 0] > 0.9


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the tree in which the page has been followed."""
    copy = tmp_path_factory.mktemp("tree")
    for name in ("gw_envs", "agents", "experiments", "tests/agents/updates"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("train.py", "pyproject.toml"):
        shutil.copy(ROOT / name, copy / name)
    (copy / HOME).write_text(CLASS)
    with (copy / "agents" / "updates" / "__init__.py").open("a") as package:
        package.write(IMPORT)
    rates = copy / "tests" / "agents" / "updates" / "test_rates.py"
    rates.write_text(rates.read_text().replace("LOGARITHMIC = [\n", "LOGARITHMIC = [\n" + ROW))
    return copy


def python(tree, *words):
    environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *words], cwd=tree, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_commands_of_the_page_know_the_rule(tree):
    train, compare, _ = COMMANDS
    limits = ["--max-updates", "200", "--optimal-prob", "0.01"]
    python(tree, *train.split(), *limits, "--output", "runs/squashed")
    said = python(tree, *compare.split(), *limits)
    assert f"{NAME}, width=0.3" in said


def test_its_declaration_is_measured(tree):
    tests = "tests/agents/updates"
    said = python(tree, "-m", "pytest", "-vv", tests, "-k", f"{NAME} or has_a_row")
    for test in (
        f"test_every_rule_declares_what_is_measured[{NAME}]",
        "test_every_rule_has_a_row",
        "test_logarithmic_laws",
        "test_monte_carlo_agrees_with_enumeration",
        "test_shifts_of_theta_change_nothing",
    ):
        assert re.search(re.escape(test) + ".*PASSED", said), test


def test_a_wrong_declaration_and_a_missing_row_would_fail(tree):
    home, rates = tree / HOME, tree / "tests" / "agents" / "updates" / "test_rates.py"
    texts = {path: path.read_text() for path in (home, rates)}
    home.write_text(texts[home].replace("escape_exponent=0.0", "escape_exponent=0.5"))
    rates.write_text(texts[rates].replace(ROW, ""))
    with pytest.raises(AssertionError) as failure:
        python(tree, "-m", "pytest", str(rates), "-k", f"{NAME} or has_a_row")
    for path, text in texts.items():
        path.write_text(text)
    assert "2 failed" in str(failure.value)
