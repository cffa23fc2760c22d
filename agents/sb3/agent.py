"""SB3Agent: one SB3 model of one seed, with the interface of the tabular agents."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch as th
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter, Logger
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from agents.escape import EscapeDetector, EscapeEvent
from agents.evaluation import Record
from agents.sb3.callbacks import EscapeCallback
from agents.sb3.vec_env import WellVecEnv
from agents.softmax_pg import check_record_at
from gw_envs.checks import (
    Floats,
    check_callables,
    check_instance,
    check_int,
    check_list,
    check_seconds,
)


class SB3Agent:
    """Runs an SB3 model for a number of updates and reports as `agents.softmax_pg.SoftmaxPG` does.

    An update is what `EscapeCallback` says. Pickling an agent keeps everything its future depends
    on, environment and global random generators included, so that a loaded one continues to the
    same numbers.

    Args:
        model: an SB3 model on a `WellVecEnv`.
        seed: its seed; `learn` begins by seeding the generators with it, so that a run does not
            depend on what ran before it in the process.
        watchers: callbacks that only look on, e.g. `agents.diagnosis.PlateauMonitor`; what they
            record is logged with SB3's own rows.

    Raises:
        ValueError: if the environment is not one of ours.
    """

    relative_error = 0.0  # of escape times: every update is seen

    def __init__(
        self, model: BaseAlgorithm, seed: int, watchers: Sequence[BaseCallback] = ()
    ) -> None:
        check_instance("model", model, BaseAlgorithm, "a Stable-Baselines3 model")
        for watcher in check_list("watchers", watchers, "a list of callbacks"):
            check_instance("watchers", watcher, BaseCallback, "a list of SB3's callbacks")
        self.model, self.watchers = model, list(watchers)
        self.seeds: tuple[int, ...] = (check_int("seed", seed, 0),)
        self.gradient = getattr(model, "gradient", "sampled")
        self.callback = EscapeCallback(log_every=0)
        self.callback.init_callback(model)
        self._writers: list[KVWriter] = []
        self._generators: tuple[Any, ...] | None = None

    @property
    def well(self) -> Any:
        """The environment's ground truth."""
        return self.callback.well

    @property
    def bounds(self) -> Floats:
        """Lower bounds on the escape time, [1, S]; 0 where the theory has none."""
        return self.callback.bounds

    @property
    def detector(self) -> EscapeDetector:
        """The detector of escapes."""
        return cast(EscapeDetector, self.callback.detector)

    @property
    def escape_time(self) -> NDArray[np.int64]:
        """Updates at the last first escape over the states, [1]; 0 outside, -1 censored."""
        return np.array([self.callback.escape_time])

    @property
    def events(self) -> list[EscapeEvent]:
        """All events so far."""
        return self.callback.events

    @property
    def updates(self) -> int:
        """Updates made."""
        return self.callback.updates

    @property
    def global_step(self) -> int:
        """Environment steps made, over all environments; 0 for exact gradients."""
        return self.callback.global_step

    @property
    def steps_per_update(self) -> int:
        """Environment steps of one update, over all environments."""
        model: Any = self.model
        if isinstance(model, OffPolicyAlgorithm):
            return int(cast(Any, model.train_freq).frequency) * model.n_envs
        return int(model.n_steps) * model.n_envs

    def log_to(self, writer: KVWriter) -> None:
        """Send what SB3 logs to `writer`, at every recorded update."""
        self._writers.append(writer)

    def check_budget(self, max_updates: int) -> None:
        """Refuse updates that would take longer than a day, estimated from below.

        Raises:
            ValueError: naming the budget and the estimate.
        """
        check_seconds("max_updates", max_updates, 3e-4 * (max_updates - self.updates))

    def learn(
        self,
        max_updates: int,
        *,
        record_at: Sequence[int] | NDArray[np.int64] | None = None,
        on_record: Callable[[Record], None] | None = None,
        on_event: Callable[[EscapeEvent], None] | None = None,
        on_update: Callable[[int], None] | None = None,
    ) -> list[Record]:
        """Train until `max_updates` updates have been made in all; see `SoftmaxPG.learn`."""
        budget = check_int("max_updates", max_updates, 0)
        self.check_budget(budget)
        check_callables(on_record=on_record, on_event=on_event, on_update=on_update)
        records: list[Record] = []

        def keep(record: Record) -> None:
            records.append(record)
            if on_record is not None:
                on_record(record)
            cast(Any, self.model).dump_logs()

        self.callback.record_at = frozenset(check_record_at(record_at, budget).tolist())
        self.callback.on_record, self.callback.on_event = keep, on_event
        self.callback.on_update = on_update
        fresh = self.updates == 0
        if fresh:
            self.model.set_random_seed(self.seeds[0])
        elif self._generators is not None:
            _set_generators(self._generators)
            self._generators = None
        self.model.set_logger(Logger(None, list(self._writers)))
        remaining = (budget - self.updates) * self.steps_per_update
        if remaining > 0:
            self.model.learn(
                remaining,
                callback=[*self.watchers, self.callback],
                log_interval=cast(Any, None),
                reset_num_timesteps=fresh,
            )
        return records

    def __getstate__(self) -> dict[str, Any]:
        """The model as SB3 saves it, and what SB3 leaves out: environment, replay, generators."""
        file = io.BytesIO()
        self.model.save(file)
        return {
            "model": (type(self.model), file.getvalue()),
            "env": self.model.get_env(),
            "replay": getattr(self.model, "replay_buffer", None),
            "callback": self.callback,
            "watchers": self.watchers,
            "seeds": self.seeds,
            "action_space": self.model.action_space,  # DQN explores with its generator
            "generators": (random.getstate(), np.random.get_state(), th.get_rng_state()),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Load the model into its environment as it was; `learn` sets the generators back."""
        algorithm, data = state["model"]
        env: WellVecEnv = state["env"]
        model = algorithm.load(io.BytesIO(data), env=env, device="cpu", force_reset=False)
        model.action_space = state["action_space"]
        if state["replay"] is not None:
            model.replay_buffer = state["replay"]
        self.model, self.seeds, self.callback = model, state["seeds"], state["callback"]
        self.watchers = state["watchers"]
        self.gradient = getattr(model, "gradient", "sampled")
        self._writers, self._generators = [], state["generators"]
        self.callback.init_callback(model)


def _set_generators(states: tuple[Any, ...]) -> None:
    """Put the process's generators, which SB3 draws from, back to where they were."""
    python, numpy, torch = states
    random.setstate(python)
    np.random.set_state(numpy)
    th.set_rng_state(torch)
