"""The side of `GroupMonitor` that TRL's GRPOTrainer sees: a callback and a wrapped verifier.

Neither TRL nor transformers is imported: a callback is any object with the methods of events, and
those that are not needed here do nothing, however many a version has.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from agents.diagnosis.groups.history import GroupHistory
from agents.diagnosis.groups.judging import GroupReport
from gw_envs.checks import BadInput, check_int, shown

LONGEST_ID = 80  # characters of a prompt that is its own id
# Of TRL's scale_rewards. The spread of a whole batch changes dr-grpo's pace, which is fitted.
RULE_OF_SCALE = {"group": "grpo", "True": "grpo"} | dict.fromkeys(
    ("none", "False", "batch"), "dr-grpo"
)
NEEDED = ("num_generations", "beta", "max_steps")


class TrainerHooks:
    """What TRL and transformers call; mixed into `GroupMonitor`."""

    history: GroupHistory
    update: Callable[..., dict[str, Any]]
    report: Callable[[], GroupReport]
    set_trainer: Callable[..., None]
    _group_size: int | None = None
    _training: bool | None = None  # None: the callback was not passed on
    _pending: dict[str, Any] | None = None

    def watch(self, verifier: Callable[..., Any]) -> Callable[..., Any]:
        """The verifier as it is, seen by the monitor.

        A reward that cannot be used is said once, as a warning, and its step is left out: the
        monitor never ends a training run.

        Args:
            verifier: a reward function as TRL takes it, of keyword arguments with `prompts` [B*G],
                to a list of rewards; or a coroutine function.

        Returns:
            A function with the same name and result.
        """
        if inspect.iscoroutinefunction(verifier):

            @functools.wraps(verifier)
            async def watched(*args: Any, **kwargs: Any) -> Any:
                rewards = await verifier(*args, **kwargs)
                self._see(rewards, kwargs)
                return rewards

            return watched

        @functools.wraps(verifier)
        def seen(*args: Any, **kwargs: Any) -> Any:
            rewards = verifier(*args, **kwargs)
            self._see(rewards, kwargs)
            return rewards

        return seen

    def __getattr__(self, name: str) -> Any:
        """An event that is of no interest here does nothing."""
        if name.startswith("on_"):
            return _nothing
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Read group size, rule, KL weight and budget from the trainer.

        Raises:
            BadInput: if they are not where TRL 1.x has them.
        """
        missing = [name for name in NEEDED if not hasattr(args, name)]
        if missing:
            raise BadInput(
                f"{type(args).__name__} has no {missing[0]!r}: GroupMonitor reads the settings of "
                "TRL's GRPOConfig (tried with TRL 1.16); with another trainer call "
                "monitor.update(rewards, ...) in the training loop."
            )
        self._group_size = check_int("num_generations", args.num_generations, 2)
        self._training = False
        budget = args.max_steps if args.max_steps > 0 else getattr(state, "max_steps", 0)
        scale = str(getattr(args, "scale_rewards", "group"))
        if scale not in RULE_OF_SCALE:
            warnings.warn(
                f"GroupMonitor does not know scale_rewards={scale!r}: its steps are taken for "
                "those of dr-grpo, and what is said of escapes is rough.",
                stacklevel=2,
            )
        self.set_trainer(
            rule=RULE_OF_SCALE.get(scale, "dr-grpo"),
            kl_weight=float(args.beta),
            budget=int(budget) or None,
        )

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """From here on rewards are those of training."""
        self._training = True

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """From here on they may be those of an evaluation."""
        self._training = False

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any
    ) -> None:
        """Take the trainer's entropy, and give its log what could not be given before."""
        if logs is None:
            return
        if isinstance(logs.get("entropy"), float) and logs["entropy"] >= 0:
            self.history.entropy.append((int(state.global_step), logs["entropy"]))
        logs.update(self._pending or {})
        self._pending = None

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Say the verdict."""
        if not len(self.history):
            warnings.warn(
                "GroupMonitor has seen no rewards; give the trainer "
                "reward_funcs=monitor.watch(verifier).",
                stacklevel=2,
            )
        elif getattr(state, "is_world_process_zero", True):
            found = self.report()
            print(f"plateau verdict: {found.verdict}. {found.reason}", file=sys.stderr)

    def _see(self, rewards: Any, kwargs: dict[str, Any]) -> None:
        if self._training is False:  # an evaluation
            return
        try:
            values = self._take(list(rewards), kwargs)
        except BadInput as error:
            warnings.warn(f"GroupMonitor leaves a step out: {error}", stacklevel=4)
            return
        log = kwargs.get("log_metric")
        numbers = {key: value for key, value in values.items() if not isinstance(value, str)}
        if log is not None:
            for key, value in numbers.items():
                log(key, value)
        self._pending = (self._pending or {}) | (
            values if log is None else {k: v for k, v in values.items() if isinstance(v, str)}
        )

    def _take(self, rewards: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        prompts = kwargs.get("prompts")
        if not prompts or len(prompts) != len(rewards):
            raise BadInput(
                f"the verifier was called with prompts={shown(prompts)} for {len(rewards)} "
                "rewards; TRL 1.x passes one prompt per reward as a keyword."
            )
        size = self._group_size or _run_length(prompts)
        if len(rewards) % size or any(
            prompts[i] != prompts[i + size - 1] for i in range(0, len(prompts), size)
        ):
            raise BadInput(f"{len(rewards)} rewards are no groups of {size} answers to one prompt.")
        values = [float("nan") if reward is None else float(reward) for reward in rewards]
        groups = np.array(values).reshape(-1, size)
        state = kwargs.get("trainer_state")
        return self.update(
            groups,
            step=None if state is None else int(state.global_step),
            prompts=[prompt_id(prompt) for prompt in prompts[::size]],
        )


def prompt_id(prompt: Any) -> str:
    """A prompt's text, or its beginning and a digest where it is long."""
    text = prompt if isinstance(prompt, str) else repr(prompt)
    if len(text) <= LONGEST_ID:
        return text
    digest = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
    return f"{text[:60]}... {digest}"


def _run_length(prompts: list[Any]) -> int:
    """How many of the first prompts are equal."""
    return next((i for i, prompt in enumerate(prompts) if prompt != prompts[0]), len(prompts))


def _nothing(*_: Any, **__: Any) -> None:
    """No change of the trainer's control."""
