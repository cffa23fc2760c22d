"""The playground: its settings, its answers, and the page in a real browser."""

import math
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from agents.simulation import solve_escape_time
from experiments.__main__ import main
from experiments.pictures.playground.answer import answer, exact_curve, sampled_curves
from experiments.pictures.playground.setting import SMOOTH_RULES, Setting, read_setting
from experiments.pictures.playground.triangle import CORNERS, background, pixel_of, policy_at
from gw_envs import theory
from gw_envs.checks import BadInput
from tests.tools.chromium import Page, find_or_install

ROOT = Path(__file__).parents[3]


def parse(query):
    return read_setting(dict(part.split("=") for part in query.split("&")))


def test_a_setting_is_shared_and_read_back():
    setting = Setting((0.2, 0.9, 0.7), (0.3, 0.1, 0.6), 0.7, "escort-pg")
    assert parse(setting.query()) == setting
    assert read_setting({}) == Setting()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("r=1,2,3", "rewards=2"),
        ("r=1,1,0", "must have one largest"),
        ("r=1,x,0", "r='1,x,0' must be three numbers"),
        ("p=.5,.5", "must be three numbers"),
        ("p=.5,.5,.5", "must sum to 1"),
        ("p=nan,.5,.5", "must sum to 1"),
        ("p=1,0,0", "policy"),
        ("eta=0", "learning_rate=0"),
        ("eta=fast", "eta='fast' must be a number"),
        ("rule=armijo-pg", "update='armijo-pg'"),
    ],
)
def test_a_query_that_cannot_be_is_named(query, message):
    with pytest.raises(BadInput) as caught:
        parse(query)
    assert message in str(caught.value)


def test_the_corners_of_the_triangle_are_the_arms():
    np.testing.assert_allclose(pixel_of(np.eye(3)), CORNERS)
    for policy in np.random.default_rng(0).dirichlet(np.ones(3), 20):
        np.testing.assert_allclose(policy_at(*pixel_of(policy)), policy, atol=1e-12)
    assert policy_at(-500, 900) == pytest.approx((0, 1, 0))
    assert Setting().moved(policy_at(-500, 900)).optimal_prob == pytest.approx(1e-12)


def test_the_answer_is_that_of_the_engine_with_its_bounds():
    equal = Setting((0.7, 0.5, 0.5), (0.001, 0.4995, 0.4995), 0.4)
    found = answer(equal)
    assert found.steps == theory.equal_gap_escape_time(0.001, 0.2, 0.4, 3)
    assert found.lower < found.steps <= found.upper and math.isnan(found.law)
    deep = Setting().deepened(1e-6)
    found = answer(deep)
    wanted = solve_escape_time(deep.rewards, np.log(deep.policy), 0.4)
    assert found.steps == wanted.steps
    assert found.law == pytest.approx(found.steps, rel=0.01)
    assert answer(Setting(policy=(0.98, 0.01, 0.01))).text.startswith("outside")


@pytest.mark.parametrize("update", ["natural-pg", "escort-pg", "entropy-pg"])
def test_other_rules_answer_too(update):
    setting = Setting(update=update)
    theta = {"escort-pg": None}.get(update, np.log(setting.policy))
    found = answer(setting)
    assert update in SMOOTH_RULES and found.steps > 0 and math.isnan(found.lower)
    if theta is not None:
        assert found.steps == solve_escape_time(setting.rewards, theta, 0.4, update=update).steps


def test_curves_go_through_the_escape():
    setting = Setting((0.7, 0.5, 0.5), (0.01, 0.495, 0.495))
    steps = answer(setting).steps
    curve = exact_curve(setting, steps)
    assert curve.updates[-1] >= 9 * steps and curve.optimal_prob[-1] > 0.9
    before, after = np.searchsorted(curve.updates, [steps - 1, steps])
    assert curve.suboptimality[before] >= 0.18 > curve.suboptimality[after]
    runs = sampled_curves(setting)
    assert len(runs) == 20 and all(run.updates[-1] == 20_000 for run in runs)
    assert np.median([run.optimal_prob[-1] for run in runs]) > 0.9
    assert background(setting).count("<line") > 50


def test_the_command_line_of_a_setting_gives_its_answer(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    setting = Setting((0.7, 0.5, 0.5), (0.01, 0.495, 0.495))
    words = setting.train_line().split()[2:]
    assert main(["train", *words, "--track", "disabled"]) == 0
    row = next(x for x in capsys.readouterr().out.splitlines() if x.startswith("exact"))
    assert row.split()[2] == f"{answer(setting).steps:,.0f}"


@pytest.mark.parametrize(("words", "message"), [("--port 0", "port=0"), ("--port 70000", "port")])
def test_a_port_that_cannot_be_is_named(words, message, capsys):
    assert main(["playground", *words.split()]) == 2
    assert message in capsys.readouterr().err


@pytest.fixture
def page(tmp_path):
    """The page of a server of its own, in a browser."""
    path, reason = find_or_install()
    if path is None:
        pytest.skip(reason)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "experiments", "playground", "--no-open"]
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    server = subprocess.Popen(
        [*command, "--port", str(port)], cwd=ROOT, env=env, stdout=subprocess.PIPE
    )
    try:
        assert b"serving" in server.stdout.readline()
        with Page(path, tmp_path / "profile") as tab:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and not shown(tab).startswith("T ="):
                tab.call("Page.navigate", {"url": f"http://127.0.0.1:{port}/"})
                time.sleep(2)
            yield tab
    finally:
        server.kill()
        server.communicate()  # closes the pipe as well


def shown(tab):
    return tab.evaluate("(document.getElementById('time') || {}).textContent || ''")


@pytest.mark.slow
def test_a_drag_changes_the_time_to_the_engines_number(page):
    before = shown(page)
    box = page.evaluate(
        "(() => { const b = document.querySelector('svg polygon').closest('svg')"
        ".getBoundingClientRect(); return [b.x, b.y, b.width / 520]; })()"
    )
    wanted = (0.3, 0.2, 0.5)
    for kind, policy in (
        ("mousePressed", Setting().policy),
        ("mouseMoved", (0.1, 0.4, 0.5)),
        ("mouseMoved", wanted),
        ("mouseReleased", wanted),
    ):
        x, y = np.round(box[:2] + box[2] * pixel_of(policy))
        mouse = {"type": kind, "x": float(x), "y": float(y), "button": "left", "clickCount": 1}
        page.call("Input.dispatchMouseEvent", mouse | {"buttons": 1})
        time.sleep(0.3)
    deadline = time.monotonic() + 20
    while shown(page) == before and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)
    share = page.evaluate("document.getElementById('share').textContent").split("/?")[1]
    setting = parse(share)
    assert setting.policy == pytest.approx(wanted, abs=0.01)
    assert shown(page) == "T = " + answer(setting).text != before
    assert {url.split("/")[2].split(":")[0] for url in page.requests} == {"127.0.0.1"}
