"""Logged keys stand in one module: no other spells one."""

import ast
from pathlib import Path

import pytest

from agents import metrics
from agents.escape import EscapeEvent

ROOT = Path(__file__).parents[2]
FAMILIES = (
    "escape/", "policy/", "plateau/", "sampling/", "charts/", "theory/", "validation/", "test/",
)  # fmt: skip
HOME = ROOT / "agents" / "metrics.py"
SOURCES = [
    ROOT / "train.py",
    *(
        path
        for name in ("gw_envs", "agents", "experiments")
        for path in (ROOT / name).rglob("*.py")
    ),
]


def spelled_keys(source):
    """Lines and values of strings, also of pieces of f-strings, that begin as a key does."""
    tree = ast.parse(source)
    documentation = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.startswith(FAMILIES)
        and id(node) not in documentation
    ]


def test_no_other_module_spells_a_key():
    assert len(SOURCES) > 150
    spelled = {
        str(path.relative_to(ROOT)): keys
        for path in SOURCES
        if path != HOME and (keys := spelled_keys(path.read_text()))
    }
    assert spelled == {}


def test_the_module_of_keys_spells_them():
    found = {key for _, key in spelled_keys(HOME.read_text())}
    assert {metrics.SUBOPTIMALITY, metrics.EVENT_KIND, metrics.PLATEAU_VERDICT} <= found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('row["escape/kind"]', ["escape/kind"]),
        ('x = f"test/{name}"', ["test/"]),
        ('"""policy/entropy is logged."""', []),
        ('class A:\n    x: int = 1\n    """plateau/verdict."""', []),
        ("x = 1  # theory/escape_lower_bound", []),
        ('x = "my/policy/entropy"', []),
    ],
)
def test_a_spelled_key_would_be_found(source, found):
    assert [key for _, key in spelled_keys(source)] == found


def test_columns_of_events_are_fields_of_events():
    fields = [key.removeprefix(metrics.ESCAPE_FAMILY) for key in metrics.ESCAPE_COLUMNS]
    assert set(fields) <= set(EscapeEvent.__dataclass_fields__)


def test_every_key_has_an_axis():
    keys = {value for name, value in vars(metrics).items() if name.isupper()
            and isinstance(value, str) and value.count("/") == 1 and value[-1] != "/"}  # fmt: skip
    keys |= {*metrics.SAMPLING_KEYS, *metrics.PLATEAU_KEYS, *metrics.ESCAPE_COLUMNS}
    assert len(keys) > 40
    assert {f"{key.split('/')[0]}/*" for key in keys} <= set(metrics.AXES)
