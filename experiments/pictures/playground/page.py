"""`python -m experiments playground`: the page, served to this machine's browser alone."""

from __future__ import annotations

import argparse
import math
from typing import Any

from experiments.pictures.playground.answer import (
    Answer,
    Curve,
    answer,
    exact_curve,
    sampled_curves,
)
from experiments.pictures.playground.setting import SMOOTH_RULES, Setting, read_setting
from experiments.pictures.playground.triangle import (
    HEIGHT,
    WIDTH,
    background,
    foreground,
    policy_at,
)
from experiments.pictures.style import BLUE, ORANGE
from gw_envs.checks import BadInput, check_extra, check_int

HOST = "127.0.0.1"
RIGHT = "flex: 1 1 340px; width: 0; min-width: min(100%, 340px)"
NOTE = (
    "Drag the red knob: it is the first policy. Grey is the well. Blue is the exact gradient, "
    "orange are twenty sampled runs (0/1 rewards, value baseline, 20,000 updates), drawn when you "
    "let go."
)


class Playground:
    """One visitor's page: what it is set to, and the elements that show it."""

    def __init__(self, ui: Any, setting: Setting) -> None:
        self.ui, self.setting, self.dragging = ui, setting, False
        self.back = background(setting)
        ui.query("body").props("data-ready=yes")
        with ui.row().classes("w-full items-start gap-6"):
            with ui.column().classes("gap-2").style("flex: 0 1 520px"):
                self.image = ui.interactive_image(
                    size=(WIDTH, HEIGHT),
                    on_mouse=self.on_mouse,
                    events=["mousedown", "mousemove", "mouseup"],
                ).classes("w-full select-none")
                ui.label(NOTE).classes("text-sm text-gray-600")
            with ui.column().classes("gap-1").style(RIGHT):
                self.time = ui.label().classes("text-2xl").props("id=time")
                self.facts = ui.label().classes("text-sm").props("id=facts")
                self.controls()
                self.chart = ui.echart(empty_chart()).classes("w-full h-96")
                self.share = ui.label().classes("text-xs font-mono break-all").props("id=share")
        self.show(runs=True)

    def controls(self) -> None:
        """Rewards, depth, step size and rule."""
        ui, setting = self.ui, self.setting
        with ui.row().classes("items-center gap-4"):
            self.rewards = [
                ui.number(f"arm {arm} pays", value=reward, min=0, max=1, step=0.05).classes("w-24")
                for arm, reward in enumerate(setting.rewards)
            ]
            self.rate = ui.number("step size", value=setting.learning_rate, step=0.1).classes(
                "w-24"
            )
            self.rule = ui.select(list(SMOOTH_RULES), value=setting.update, label="rule")
        for element in (*self.rewards, self.rate, self.rule):
            element.on_value_change(self.on_controls)
        with ui.row().classes("w-full items-center"):
            ui.label("log10 of the best arm's probability").classes("text-sm")
            depth = math.log10(setting.optimal_prob)
            self.depth = ui.slider(min=-12, max=-0.3, step=0.01, value=depth).classes("grow")
            self.depth.on("change", lambda: self.on_depth(runs=True))
            self.depth.on("update:model-value", lambda: self.on_depth(runs=False), throttle=0.05)

    def on_mouse(self, event: Any) -> None:
        """Drag the knob; the sampled runs are made when it is let go."""
        if event.type == "mousedown":
            self.dragging = True
        if not self.dragging:
            return
        ends = event.type == "mouseup"
        self.dragging = not ends
        self.setting = self.setting.moved(policy_at(event.image_x, event.image_y))
        self.depth.set_value(round(math.log10(self.setting.optimal_prob), 2))
        self.show(runs=ends)

    def on_depth(self, runs: bool) -> None:
        """The slider: pi(a*) alone, down to where no pixel shows it."""
        self.setting = self.setting.deepened(10.0 ** float(self.depth.value))
        self.show(runs=runs)

    def on_controls(self, _: Any) -> None:
        """Another problem; what cannot be is said instead of the time."""
        try:
            a, b, c = (float(number.value) for number in self.rewards)
            rate = float(self.rate.value)
            self.setting = Setting((a, b, c), self.setting.policy, rate, self.rule.value)
        except (TypeError, ValueError) as error:
            self.time.set_text(str(error) if isinstance(error, BadInput) else "a number is missing")
            return
        self.back = background(self.setting)
        self.show(runs=True)

    def show(self, runs: bool) -> None:
        """Everything that follows from the setting."""
        found = answer(self.setting)
        self.time.set_text("T = " + found.text)
        self.facts.set_text(facts(self.setting, found))
        exact = exact_curve(self.setting, found.steps) if runs else None
        sampled = sampled_curves(self.setting) if runs else []
        self.image.set_content(self.back + foreground(self.setting, exact, sampled))
        if exact is not None:
            self.chart.options.update(chart(exact, sampled))
            self.chart.update()
        self.share.set_text(shared(self.setting))


def facts(setting: Setting, found: Answer) -> str:
    """Bounds and law in a line."""
    parts = ["policy (" + ", ".join(f"{prob:.4g}" for prob in setting.policy) + ")"]
    if found.lower > 0:
        parts.append(f"no escape before {math.floor(found.lower * 100) / 100:,.2f}")
    if math.isfinite(found.upper):
        parts.append(f"surely left by {math.ceil(found.upper * 100) / 100:,.2f}")
    if math.isfinite(found.law):
        parts.append(f"law for small pi(a*): {found.law:.4g}")
    return "; ".join(parts)


def shared(setting: Setting) -> str:
    """The setting as a command, and as the page's own address."""
    line = setting.train_line() or "; ".join(setting.commands())
    return f"{line}   |   /?{setting.query()}"


def empty_chart() -> dict[str, Any]:
    """Both panels of a run's picture without a curve."""
    grids = [{"left": 60, "right": 15, "top": top, "height": "36%"} for top in ("6%", "56%")]
    names = ("sub-optimality", "pi(a*)")
    log = {"type": "log", "min": 1, "axisLabel": {"hideOverlap": True}}
    return {
        "animation": False,
        "grid": grids,
        "xAxis": [log | {"gridIndex": i, "name": "", "show": True} for i in range(2)],
        "yAxis": [
            {"type": "log", "gridIndex": i, "name": name, "axisLabel": {"hideOverlap": True}}
            for i, name in enumerate(names)
        ],
        "series": [],
    }


def chart(exact: Curve, sampled: list[Curve]) -> dict[str, Any]:
    """The panels with the curves of all runs; the first update stands for the start."""
    series = []
    for curve, color, width in (*((c, ORANGE, 0.6) for c in sampled), (exact, BLUE, 2.5)):
        for panel, values in enumerate((curve.suboptimality, curve.optimal_prob)):
            points = [
                [float(n), float(value)]
                for n, value in zip(curve.updates, values, strict=True)
                if n >= 1 and value > 0
            ]
            series.append(
                {
                    "type": "line",
                    "xAxisIndex": panel,
                    "yAxisIndex": panel,
                    "data": points,
                    "symbol": "none",
                    "lineStyle": {"color": color, "width": width},
                }
            )
    return empty_chart() | {"series": series}


def main(arguments: list[str]) -> int:
    """Serve the page until Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments playground",
        description="A page to play with, for this machine's browser: drag the first policy over "
        "the triangle and see how long the well holds it. Needs no network; Ctrl-C ends it.",
    )
    parser.add_argument("--port", type=int, default=8080, help="port on 127.0.0.1")
    parser.add_argument("--no-open", action="store_true", help="do not open a browser")
    options = parser.parse_args(arguments)
    check_int("port", options.port, 1, 65_535)
    check_extra("command", "playground", "playground", "nicegui")
    serve(options.port, not options.no_open)
    return 0


def serve(port: int, show: bool) -> None:
    """Run the server; compile the solver first, so that the first drag is quick."""
    from nicegui import ui

    answer(Setting())

    @ui.page("/")
    def page() -> None:
        ui.page_title("Gravity wells")
        try:
            setting = read_setting(dict(ui.context.client.request.query_params))
        except BadInput as error:
            ui.label(str(error)).props("id=time")
            setting = Setting()
        Playground(ui, setting)

    print(f"serving http://{HOST}:{port} (Ctrl-C ends it)", flush=True)
    ui.run(host=HOST, port=port, reload=False, show=show, title="Gravity wells")
