"""`python -m experiments compare`: every way out of a well from one start, as table and picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from experiments.files import check_files, save_table
from experiments.options.config import parse_well_command
from experiments.options.values import check_once, check_unread
from experiments.options.yaml_text import load_yaml
from experiments.ways_out.comparison import Comparison, compare_rules
from experiments.ways_out.contenders import Contender
from gw_envs.checks import BadInput, shown
from gw_envs.theory.instances import INSTANCES

# Columns of the table; Comparison.rows says what they hold.
COLUMNS = {
    "rule": "string",
    "learning_rate": "float64",
    "family": "string",
    "escape_time": "int64",
    "pulls": "float64",
    "escape_time_same_distance": "int64",
    "fitted_exponent": "float64",
    "deep_exponent": "float64",
    "proved_exponent": "float64",
    "updates_per_decade": "float64",
    "optimises": "string",
    "bias": "float64",
    "microseconds_per_update": "float64",
    "proved": "string",
    "source": "string",
}
TABLES = ("comparison.parquet", "comparison.csv")
FIGURE = "comparison.png"
NOTES = """
Rules are grouped by what they do to 1/pi(a*) on wells of equal gaps, the quickest first. A root is
x0^-alpha, alpha < 1; a constant may hide a logarithm; unchanged is softmax-pg's time to 2 %, or
a time that is not known (censored).
T: updates until the policy is out of the well. pulls: what the sampled form would draw in these
updates, the silent groups that dapo draws again included; - where it has none, and a
star where they are fewer than 1/pi(a*): a sampled run has hardly seen a* by then and does not
follow the exact gradient that was raced. T*: T where the parameters, not the policies, start as far
apart as softmax's; - where there is no such start.
fitted: how T grows with 1/pi(a*), from starts ten times nearer to ten times farther (three times
for rules whose updates cannot be jumped over): an exponent, or, where a logarithm is proved, the
updates that each factor of ten adds (+12 per 10x). to 1e-12: the same between the deepest two of
1e-6, 1e-9 and 1e-12 that float64 can follow; - for rules whose updates cannot be jumped over.
proved: the exponent for pi(a*) -> 0 on wells of equal gaps, which a start of any size only comes
near. bias: sub-optimality at the budget of a rule that optimises something else, 0 for the others.
us/update: wall time of one update, in microseconds."""


@dataclass(frozen=True)
class CompareOptions:
    """What is compared. All races follow exact gradients."""

    env_id: str = "SoftmaxWell-v0"
    """The environment whose well is left; its options follow below."""
    instance: Literal["equal-gaps", "verdict", "harmful-arm", "two-plateaus"] | None = None
    """A ready-made well with its own start (gw_envs.theory.instances), not an environment."""
    rules: tuple[str, ...] | None = None
    """Rules with their options, e.g. natural-pg escort-pg,power=3,learning_rate=0.02. Default: all,
    each at its source's step size."""
    initial_policy: str = "uniform_suboptimal"
    """uniform_suboptimal or corner."""
    optimal_prob: float = 1e-3
    """Initial pi(a*) in every state; the law is fitted from a tenth to ten times of it."""
    corner_action: int | None = None
    """The arm of the corner; default the first sub-optimal one."""
    max_updates: int | None = None
    """Budget of each race; a rule still in the well then is censored. Default 60000, or 2000 where
    states, discount or drift make an update some ten times dearer."""
    output: Path = Path("runs/comparison")
    """Folder for comparison.parquet, comparison.csv and comparison.png."""


def main(arguments: list[str]) -> int:
    """Race the rules the arguments name; print the table, write table and picture."""
    options, env = parse_well_command(
        arguments, "compare", CompareOptions, "Race the ways out of a well from the same start."
    )
    from experiments.ways_out.picture import draw_comparison

    check_files("output", options.output, (*TABLES, FIGURE))
    if options.instance is not None:
        reason = f"is not read with instance={options.instance!r}"
        check_unread(options, reason, ("instance", "rules", "max_updates", "output"))
        check_unread(env, reason)
    check_once("rules", options.rules or ())
    comparison = compare_rules(
        None if options.rules is None else [read_contender(text) for text in options.rules],
        env_id=options.env_id,
        env_kwargs=env.kwargs(),
        instance=INSTANCES[options.instance]() if options.instance else None,
        initial_policy=options.initial_policy,
        optimal_prob=options.optimal_prob,
        corner_action=options.corner_action,
        max_updates=options.max_updates,
    )
    print_comparison(comparison)
    paths = [*write_table(comparison.rows(), options.output), options.output / FIGURE]
    draw_comparison(comparison, paths[-1])
    print("\nwrote " + ", ".join(str(path) for path in paths))
    return 0


def read_contender(text: str) -> Contender:
    """A rule from a word of the command line: name,option=value,...,learning_rate=value.

    Raises:
        ValueError: for a word of another form, and what `Contender` raises.
    """
    from agents.updates import RULES, code_options

    name, *settings = text.split(",")
    closed = code_options(RULES[name]) if name in RULES else ()
    options: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key or key in closed:
            raise BadInput(f"rules={shown(text)}: {setting!r} must be option=value.")
        if key in options:
            raise BadInput(f"rules={shown(text)} gives {key} twice; give it once.")
        options[key] = load_yaml(value, f"rules={shown(text)}: {shown(setting)}")
    rate = options.pop("learning_rate", None)
    return Contender(name, options, rate)


def print_comparison(comparison: Comparison) -> None:
    """The table by families, and what it does and does not hold equal."""
    from experiments.ways_out.picture import law_text, pulls_text

    width = max(len(r.contender.label) for r in comparison.results)
    print(f"Ways out of {comparison.well}. Held equal: {comparison.held_equal}\n")
    print(f"{'rule':<{width}} {'eta':>7} {'T':>9} {'pulls':>10} {'T*':>9} {'fitted':>17}", end="")
    print(f" {'to 1e-12':>17}", end="")
    print(f" {'proved':>10} {'bias':>9} {'us/update':>10}")
    for family, results in comparison.families.items():
        print(f"\n{family}")
        for r in results:
            fitted, deep, proved = law_text(r)
            bias = "-" if math.isnan(r.bias) else f"{r.bias:.3g}"
            print(
                f"{r.contender.label:<{width}} {r.contender.learning_rate:>7.3g} "
                f"{_count(r.escape_time):>9} {pulls_text(r):>10} "
                f"{'-' if r.distance_race is None else _count(r.distance_time):>9} "
                f"{fitted:>17} {deep:>17} {proved:>10} {bias:>9} "
                f"{1e6 * r.seconds_per_update:>10.0f}"
            )
    print(NOTES)
    for r in comparison.results:
        if r.rate.bias:
            print(f"{r.contender.label} optimises another objective: {r.rate.bias}.")


def write_table(rows: list[dict[str, Any]], folder: Path) -> list[Path]:
    """Write the table as Parquet and as CSV; return their paths. Each is whole or absent."""
    import pyarrow as pa

    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in COLUMNS.items()])
    table = pa.Table.from_pylist(rows, schema=schema)
    paths = [folder / name for name in TABLES]
    for path in paths:
        save_table(table, path)
    return paths


def _count(time: int) -> str:
    return "censored" if time < 0 else f"{time:,}"
