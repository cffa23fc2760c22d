"""The figure "how a numpy loop invents an infinite well": `python -m benchmarks.precision_figure`.

Writes docs/figures/precision.png and prints the table behind it: the relative error of the distance
that the logit gap ln(pi_1/pi_2) travels in 10,000 updates, for a numpy loop in float32 and float64
and for `agents.simulation.simulate`, against arithmetic of 150 digits.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.precision import drift_errors, kernel_moves, numpy_loop, two_arms

UPDATES = 10_000
DEPTHS = tuple(10.0**-k for k in range(4, 21))
FIGURE = Path(__file__).parents[1] / "docs" / "figures" / "precision.png"
FLOOR = 1e-17  # where an error of exactly 0 is drawn
LOOPS = {"numpy loop, float32": np.float32, "numpy loop, float64": np.float64}
ROBUST = "simulate (robust float64)"


def table(depths: tuple[float, ...] = DEPTHS, updates: int = UPDATES) -> dict[str, np.ndarray]:
    """Relative drift errors [D] by the name of the arithmetic."""
    theta, columns = two_arms(depths), {}
    for name, dtype in LOOPS.items():
        start, end = numpy_loop(theta, updates, dtype)
        columns[name] = drift_errors(start, end - start, updates)
    columns[ROBUST] = drift_errors(theta, kernel_moves(theta, updates), updates)
    return columns


def draw(columns: dict[str, np.ndarray], path: Path = FIGURE) -> None:
    """The figure, from `table()`."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7.2, 4.3), layout="constrained")
    styles = (("#D55E00", "s"), ("#0072B2", "o"), ("#009E73", "^"))
    for (name, errors), (colour, marker) in zip(columns.items(), styles, strict=True):
        size = np.maximum(np.abs(errors), FLOOR)
        axes.loglog(DEPTHS, size, marker=marker, color=colour, label=name, markersize=5)
    axes.axhline(1, color="0.35", linewidth=1, linestyle="--")
    axes.text(1e-20, 5, "100 %: nothing moves, the well looks infinite", ha="right", color="0.25")
    for limit, name in ((1e-5, "float32"), (1e-10, "float64")):
        axes.axvline(limit, color="0.6", linewidth=1, linestyle=":")
        axes.text(limit * 0.7, 2e-20, f"plain {name}\nrefused from here", color="0.35", fontsize=8)
    axes.set_xlim(3e-4, 3e-21)
    axes.set_ylim(5e-21, 1e3)
    axes.set_xlabel("probability of the best arm, $\\pi_1(a^*)$ (deeper wells to the right)")
    axes.set_ylabel("relative error of the drift out of the well")
    axes.set_title("How a numpy loop invents an infinite well")
    axes.legend(loc="center right", framealpha=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main() -> None:
    """Print the table as Markdown and draw the figure."""
    columns = table()
    print(f"| pi_1(a*) | {' | '.join(columns)} |")
    print("|---|" + "---|" * len(columns))
    for i, depth in enumerate(DEPTHS):
        cells = " | ".join(f"{errors[i]:+.1e}" for errors in columns.values())
        print(f"| {depth:.0e} | {cells} |")
    draw(columns)
    print(f"wrote {FIGURE}")


if __name__ == "__main__":
    main()
