"""`GroupMonitor`: what the groups of a training run say, while it runs."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from agents import metrics
from agents.diagnosis.groups.forecast import group_signals
from agents.diagnosis.groups.history import GroupHistory
from agents.diagnosis.groups.judging import GroupReport, judge
from agents.diagnosis.groups.settings import GroupSettings
from agents.diagnosis.groups.trl import TrainerHooks
from gw_envs.checks import check_int


class GroupMonitor(TrainerHooks):
    """Watch training with verified rewards and groups: GRPO and its relatives.

    With TRL it is a callback, and the verifier goes through `watch`, because only a reward function
    sees every reward:

        monitor = GroupMonitor()
        trainer = GRPOTrainer(..., reward_funcs=monitor.watch(verifier), callbacks=[monitor])

    Group size, rule, KL weight and budget are read from the trainer. Any other training loop calls
    `update` once a step. What comes back, and with TRL goes to whatever the trainer reports to:

    | key | meaning |
    |---|---|
    | `plateau/silent` | share of groups whose rewards are all equal: they teach nothing |
    | `plateau/all_wrong` | share of groups with nothing right |
    | `plateau/all_right` | share of groups with nothing wrong |
    | `plateau/success` | share of right answers |
    | `plateau/signal` | mean score that a group's successes carry, what its step is a multiple of |
    | `plateau/entropy`, `plateau/kl` | of answers, where log-probabilities are given |

    and every `report_every` steps, from `judge`:

    | key | meaning |
    |---|---|
    | `plateau/prompts_*` | share of prompts solved, waiting, unreachable, held, collapsed |
    | `plateau/wait` | median over prompts not yet solved of the steps until escape |
    | `plateau/kl_ratio` | KL weight over the critical one: from 1 on it holds prompts down |
    | `plateau/entropy_trend` | change of the entropy per step |
    | `plateau/verdict` | the verdict on the run, a word |

    Args:
        report_every: steps between full reports.
        settings: how the run is trained; with TRL what is not told here is read from the trainer.

    Attributes:
        history: all groups seen.
        last_report: the last full report; None before the first.
        seconds: spent in the monitor so far.

    Raises:
        ValueError: for an argument out of range.
    """

    def __init__(self, report_every: int = 100, settings: GroupSettings | None = None) -> None:
        self.report_every = check_int("report_every", report_every, 1)
        self.settings = settings or GroupSettings()
        self.history = GroupHistory(self.settings.success_at)
        self.last_report: GroupReport | None = None
        self.seconds = 0.0
        self._steps = 0
        self._signal: Any = None
        self._read_settings = settings is None

    def update(
        self,
        rewards: ArrayLike,
        *,
        step: int | None = None,
        prompts: Sequence[Hashable] | None = None,
        lengths: ArrayLike | None = None,
        log_probs: ArrayLike | None = None,
        reference_log_probs: ArrayLike | None = None,
        answer_log_probs: ArrayLike | None = None,
        entropy: float | None = None,
    ) -> dict[str, Any]:
        """Take in the groups of one step; the arguments are those of `GroupHistory.add`.

        Returns:
            The keys of this step, and every `report_every` steps those of a report.

        Raises:
            ValueError: in one sentence, for whatever cannot be used; nothing is kept then.
        """
        begin = time.perf_counter()
        before = len(self.history), len(self.history.entropy)
        self.history.add(
            rewards,
            step=step,
            prompts=prompts,
            lengths=lengths,
            log_probs=log_probs,
            reference_log_probs=reference_log_probs,
            answer_log_probs=answer_log_probs,
            entropy=entropy,
        )
        values = self._step_values(*before)
        self._steps += 1
        self.seconds += time.perf_counter() - begin
        if self._steps % self.report_every == 0:
            found = self.report()
            values |= found.values | {metrics.PLATEAU_VERDICT: found.verdict}
        return values

    def tell(self, log_probs: Mapping[Hashable, float]) -> None:
        """Take in ln pi(the right answer) of prompts, by id: see `GroupHistory.tell`."""
        self.history.tell(log_probs)

    def report(self) -> GroupReport:
        """The verdict on all that was seen, now.

        Raises:
            ValueError: before the first update.
        """
        begin = time.perf_counter()
        self.last_report = judge(self.history, self.settings)
        self.seconds += time.perf_counter() - begin
        return self.last_report

    def set_trainer(self, **changes: Any) -> None:
        """Change settings that the trainer knows; what the user gave stays."""
        if self._read_settings:
            self.settings = replace(self.settings, **changes)

    def _step_values(self, first: int, told: int) -> dict[str, Any]:
        history = self.history
        size, right = history.group_size, history.column("right")[first:]
        answers, silent = history.column("answers")[first:], history.column("silent")[first:]
        if self._signal is None or len(self._signal[0]) != size + 1:
            self._signal = group_signals(self.settings.rule, size)
        gain, total = self._signal
        signal = np.abs(gain[right] - right / answers * total[right]) * (1 - silent)
        values = {
            metrics.PLATEAU_SILENT: float(silent.mean()),
            metrics.PLATEAU_ALL_WRONG: float(np.mean(right == 0)),
            metrics.PLATEAU_ALL_RIGHT: float(np.mean(right == answers)),
            metrics.PLATEAU_SUCCESS: float(right.sum() / answers.sum()),
            metrics.PLATEAU_SIGNAL: float(signal.mean()),
        }
        if len(history.entropy) > told:
            values[metrics.PLATEAU_ENTROPY] = history.entropy[-1][1]
        if history.kl and history.kl[-1][0] == int(history.column("step")[-1]):
            values[metrics.PLATEAU_KL] = history.kl[-1][1]
        return values
