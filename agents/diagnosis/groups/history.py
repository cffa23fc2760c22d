"""`GroupHistory`: the groups of a training run, as counts: who was asked, and what was right."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gw_envs.checks import BadInput, Floats, check_float, check_int, check_numbers, shown

Ints = NDArray[np.int64]
_FIELDS = ("step", "prompt", "answers", "right", "silent")  # a row of the table: one group


class GroupHistory:
    """Counts of every group, and what was measured beside them; only what verdicts need.

    Args:
        success_at: rewards of at least this are successes; None: rewards must be 0 or 1.

    Attributes:
        names: the prompts' ids, in the order in which they were first seen.
        entropy: (step, nats per answer) where it was told.
        kl: (step, KL to the reference per answer) where it was told.
        answer_prob: (step, success probability) as the model itself told it last, by prompt number.
        first_prob: the first such probability, by prompt number.
        graded: whether a reward other than the two verdicts was seen.
    """

    def __init__(self, success_at: float | None = None) -> None:
        self.success_at = None if success_at is None else check_float("success_at", success_at)
        self.names: list[Hashable] = []
        self.entropy: list[tuple[int, float]] = []
        self.kl: list[tuple[int, float]] = []
        self.answer_prob: dict[int, tuple[int, float]] = {}
        self.first_prob: dict[int, float] = {}
        self.graded = False
        self._numbers: dict[Hashable, int] = {}
        self._table = np.empty((256, len(_FIELDS)), dtype=np.int64)
        self._size = 0

    def __len__(self) -> int:
        """Groups seen."""
        return self._size

    def column(self, name: str) -> Ints:
        """A column of the groups [N]: step, prompt (number), answers, right, silent (0 or 1)."""
        return self._table[: self._size, _FIELDS.index(name)]

    @property
    def group_size(self) -> int:
        """G of the last group."""
        return int(self.column("answers")[-1])

    def add(
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
    ) -> None:
        """Add the groups of one step.

        Args:
            rewards: [prompts, G], G >= 2; the verifier's.
            step: number of the update, not below the last one; default the next.
            prompts: ids [prompts]; default 0, 1, ..., the same prompts in every step.
            lengths: tokens of the answers [prompts, G], >= 1; with them entropy is per token.
            log_probs: ln pi(answer) of each whole answer [prompts, G], <= 0: for the entropy.
            reference_log_probs: the reference model's, likewise: for the KL.
            answer_log_probs: ln pi(the right answer) [prompts], where a prompt has one: the success
                probability itself, long before the first success.
            entropy: mean entropy in nats as the trainer tells it, instead of log_probs.

        Raises:
            ValueError: in one sentence, for whatever cannot be used; nothing is added then.
        """
        values = check_rewards(rewards)
        wins = self._successes(values)
        now = self._next_step(step)
        ids = check_ids(prompts, len(values))
        shape = values.shape
        size = None if lengths is None else _like("lengths", lengths, shape, 1, np.inf)
        own = None if log_probs is None else _like("log_probs", log_probs, shape)
        known = None
        if reference_log_probs is not None and own is None:
            raise BadInput("reference_log_probs is given without log_probs: the KL needs both.")
        if reference_log_probs is not None:
            known = _like("reference_log_probs", reference_log_probs, shape)
        right = None
        if answer_log_probs is not None:
            right = np.exp(_like("answer_log_probs", answer_log_probs, shape[:1]))
        told = None if entropy is None else check_float("entropy", entropy, 0)

        self._append(now, self._number(ids), values, wins)
        if own is not None and told is None:
            told = float(-own.sum() / (own.size if size is None else size.sum()))
        if told is not None:
            self.entropy.append((now, told))
        if own is not None and known is not None:
            self.kl.append((now, float(np.mean(own - known))))
        if right is not None:
            numbers = self.column("prompt")[-len(values) :].tolist()
            for number, prob in zip(numbers, right.tolist(), strict=True):
                self._told(number, now, prob)

    def add_counts(self, step: int, prompt: Hashable, answers: int, right: int) -> None:
        """Add one group of verdicts of which only the counts are known."""
        size = check_int("answers", answers, 2)
        wins = check_int("right", right, 0, size)
        values = (np.arange(size) < wins).astype(np.float64)[None]
        self._append(self._next_step(step), self._number([prompt]), values, values > 0)

    def tell(self, log_probs: Mapping[Hashable, float]) -> None:
        """Take in what the model itself says of prompts, as of the last step.

        Args:
            log_probs: ln pi(the right answer) <= 0 of prompts, by id.

        Raises:
            ValueError: for a number above 0.
        """
        values = {
            name: check_float(f"log_probs[{name!r}]", v, high=1e-6) for name, v in log_probs.items()
        }
        now = int(self._table[self._size - 1, 0]) + 1 if self._size else 0
        for number, log_prob in zip(
            self._number(list(values)).tolist(), values.values(), strict=True
        ):
            self._told(number, now, min(1.0, float(np.exp(log_prob))))

    def _told(self, number: int, step: int, prob: float) -> None:
        self.answer_prob[number] = (step, prob)
        self.first_prob.setdefault(number, prob)

    def _append(self, step: int, numbers: Ints, values: Floats, wins: Any) -> None:
        rows = len(values)
        while self._size + rows > len(self._table):
            self._table = np.concatenate([self._table, np.empty_like(self._table)])
        block = self._table[self._size : self._size + rows]
        block[:, 0], block[:, 1], block[:, 2] = step, numbers, values.shape[1]
        block[:, 3], block[:, 4] = wins.sum(axis=1), np.ptp(values, axis=1) == 0
        self._size += rows

    def _successes(self, values: Floats) -> Any:
        plain = (values == 0) | (values == 1)
        if not plain.all():
            if self.success_at is None:
                odd = float(values[~plain][0])
                raise BadInput(
                    f"rewards hold {odd:g}, which is no verdict (0 or 1); give success_at=..., the "
                    "least reward of a success: success, waits and escape are then of that event, "
                    "silence stays that of the rewards, and the rule's step is taken as if they "
                    "were verdicts."
                )
            self.graded = self.graded or len(np.unique(values)) > 2
        return values >= (1 if self.success_at is None else self.success_at)

    def _next_step(self, step: int | None) -> int:
        last = int(self._table[self._size - 1, 0]) if self._size else -1
        if step is None:
            return last + 1
        now = check_int("step", step, 0)
        if now < last:
            raise BadInput(f"step={now} must not be below the last one, {last}: sort the log.")
        return now

    def _number(self, ids: Sequence[Hashable]) -> Ints:
        for name in ids:
            if name not in self._numbers:
                self._numbers[name] = len(self.names)
                self.names.append(name)
        return np.array([self._numbers[name] for name in ids], dtype=np.int64)


def check_rewards(rewards: Any) -> Floats:
    """Rewards [prompts, G], finite, G >= 2.

    Raises:
        ValueError: for groups of different sizes, of one answer, or a reward that is no number.
    """
    if isinstance(rewards, (list, tuple)) and all(isinstance(g, (list, tuple)) for g in rewards):
        sizes = sorted({len(group) for group in rewards})
        if len(sizes) > 1:
            raise BadInput(
                f"rewards hold groups of {sizes[0]} and of {sizes[-1]} answers; add groups of one "
                "size at a time, with the same step."
            )
    if isinstance(rewards, np.ndarray) and rewards.dtype == bool:
        rewards = rewards.astype(np.float64)
    values = np.asarray(rewards)
    if values.dtype.kind == "f" and np.isnan(values).any():
        where = np.argwhere(np.isnan(values))[0].tolist()
        raise BadInput(
            f"rewards{where} is NaN: a verifier must give every answer a verdict; count one that "
            "failed as 0, or leave its group out."
        )
    values = check_numbers("rewards", rewards)
    if values.ndim != 2 or values.size == 0:
        raise BadInput(f"rewards has shape {values.shape}, it must be [prompts, answers].")
    if values.shape[1] < 2:
        raise BadInput(
            "rewards hold groups of 1 answer, which a group rule cannot compare with anything: "
            "groups must have at least 2."
        )
    return values


def check_ids(prompts: Sequence[Hashable] | None, rows: int) -> Sequence[Hashable]:
    """Ids of the prompts of one step, a row of rewards each."""
    if prompts is None:
        return range(rows)
    if isinstance(prompts, str) or len(prompts) != rows:
        raise BadInput(f"prompts={shown(prompts)} must hold an id for each of {rows} groups.")
    return [p.item() if isinstance(p, np.generic) else p for p in prompts]


def _like(
    name: str, value: ArrayLike, shape: tuple[int, ...], low: float = -np.inf, high: float = 1e-6
) -> Floats:
    """An array of a shape, within a range; logarithms of probabilities by default."""
    array = check_numbers(name, value, low, high)
    if array.shape != shape:
        raise BadInput(f"{name} has shape {array.shape}, it must be {shape} as the rewards say.")
    return array
