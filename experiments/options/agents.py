"""The options of each agent on the command line, and how they make agents.

`AGENT_OPTIONS` names the dataclass of each agent; a new agent is one more entry. Such a class has
`run_options` (the class of the run's options, whose defaults fit the agent) and
`make(run, env_kwargs)`, which checks every option and returns the agents (`agents.interface`). The
comment below a field is its help text. An agent with a field `update` also has the options of the
update rule of that name.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any, ClassVar, Literal, get_type_hints

from agents.interface import Agent
from experiments.options.run import RunOptions
from experiments.options.sb3 import SB3_OPTIONS
from experiments.options.start import StartOptions, added_options
from gw_envs.checks import check_choice, check_float


@dataclasses.dataclass(frozen=True)
class SoftmaxPGOptions(StartOptions):
    """The tabular softmax policy-gradient agent."""

    run_options: ClassVar[type] = RunOptions

    gradient: Literal["exact", "sampled", "both"] = "both"
    """Exact gradient, sampled gradient (REINFORCE), or one exact run and the sampled seeds."""
    learning_rate: float = 0.4
    """Step size eta."""
    learning_rate_power: float = 0.0
    """p of the schedule eta / (n+1)^p; 0 keeps eta constant."""
    update: str = "softmax-pg"
    """Update rule (agents.updates); it decides which options of its own there are."""
    baseline: str = "value"
    """Of the sampled gradient: none, value, average, optimal, constant or oracle."""
    baseline_value: float | None = None
    """The number of the constant baseline."""
    batch_size: int | None = None
    """Pulls (or episodes) per sampled update. Default 1, or a group per state for rules that learn
    from groups."""
    shared_policy: bool = False
    """One row of logits for all states, added to each state's first ones; default a row each."""

    @property
    def update_options(self) -> dict[str, Any]:
        """The update rule's own options, which `with_rule` adds."""
        return added_options(self, SoftmaxPGOptions)

    def batch(self, num_states: int) -> int:
        """Episodes per sampled update: those asked for, or a group of every state, or 1."""
        from agents.updates import RULES, SampledRule

        if self.batch_size is not None:
            return self.batch_size
        rule: Any = RULES[check_choice("update", self.update, tuple(RULES))](**self.update_options)
        size = rule.episodes_together if isinstance(rule, SampledRule) else 1
        return num_states * size if size > 1 else 1

    def make(self, run: RunOptions, env_kwargs: dict[str, Any]) -> list[Agent]:
        """One exact run, a batch of sampled seeds, or both.

        Raises:
            ValueError: naming the option that is out of range.
        """
        from agents.baselines import check_baseline
        from agents.jumping_pg import JumpingPG
        from agents.schedules import LARGEST_POWER, PowerSchedule
        from agents.skipping_pg import SkippingPG
        from agents.softmax_pg import SoftmaxPG
        from gw_envs.registration import make_well

        gradient = check_choice("gradient", self.gradient, ("exact", "sampled", "both"))
        check_float("learning_rate", self.learning_rate, 0, open_low=True)
        power = check_float("learning_rate_power", self.learning_rate_power, 0, LARGEST_POWER)
        rate: Any = self.learning_rate
        if power > 0:
            schedule = PowerSchedule(rate, power)
            updates = range(0 if run.until_escape else run.max_updates)
            rate = [schedule(n) for n in updates] or schedule
        agent_class = SoftmaxPG
        if run.until_escape:
            gradient = "exact" if gradient == "both" else gradient
            agent_class = JumpingPG if gradient == "exact" else SkippingPG
        check_baseline(self.baseline, self.baseline_value)
        names = ("baseline", "baseline_value", "batch_size")
        sampling: dict[str, Any] = {name: getattr(self, name) for name in names}
        if gradient != "exact":
            states = make_well(run.env_id, 1, env_kwargs).num_states
            sampling["batch_size"] = self.batch(states)
        elif self.batch_size is None:
            del sampling["batch_size"]
        agents: list[Agent] = []
        for kind in ("exact", "sampled") if gradient == "both" else (gradient,):
            agents.append(
                agent_class(
                    run.env_id,
                    env_kwargs,
                    update=self.update,
                    update_options=self.update_options,
                    gradient=kind,
                    learning_rate=rate,
                    initial_policy=self.start,
                    shared_policy=self.shared_policy,
                    **({} if kind == "exact" and gradient == "both" else sampling),
                    seeds=run.seeds[:1] if kind == "exact" else run.seeds,
                )
            )
        return agents


AGENT_OPTIONS: dict[str, Any] = {"softmax-pg": SoftmaxPGOptions, **SB3_OPTIONS}


def with_rule(options: type, update: str) -> type:
    """The options of an agent with the hyper-parameters of an update rule, exact or sampled."""
    from agents.updates import RULES

    check_choice("update", update, tuple(RULES))
    return _joined(options, update)


@cache
def _joined(options: type, update: str) -> type:
    from agents.updates import RULES, code_options

    rule = RULES[update]
    types = get_type_hints(rule)
    added: list[tuple[str, Any, Any]] = [
        (field.name, types[field.name], dataclasses.field(default=field.default))
        for field in dataclasses.fields(rule)
        if field.name not in code_options(rule)
    ]
    if not added:
        return options
    joined = dataclasses.make_dataclass(
        f"{rule.__name__}Options", added, bases=(options,), frozen=True
    )
    joined.__doc__ = rule.__doc__
    return joined
