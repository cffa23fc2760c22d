"""What agents and engines read of an environment: its process at every clock, and exact values."""

from __future__ import annotations

from abc import ABC, abstractmethod

from gw_envs.checks import Floats
from gw_envs.tabular import TabularMDP, ToyText


class GroundTruth(ABC):
    """A tabular process that may drift with a clock; a subclass says which (`mdp_at`)."""

    drift_horizon: int = 0
    _engine_process: TabularMDP | None = None

    @abstractmethod
    def mdp_at(self, clock: int) -> TabularMDP:
        """The Markov decision process frozen at a clock."""

    @property
    def clock(self) -> int:
        """The drift clock of the next step, of the first environment; 0 where nothing drifts."""
        return self.clock_of(0)

    def clock_of(self, index: int) -> int:
        """The drift clock of an environment's next step; 0 where nothing drifts."""
        return 0

    @property
    def mdp(self) -> TabularMDP:
        """The Markov decision process frozen at the current clock."""
        return self.mdp_at(self.clock)

    @property
    def P(self) -> ToyText:  # noqa: N802 - the name Gymnasium's toy_text environments use
        """`mdp` as {s: {a: [(probability, s', reward, terminated), ...]}}."""
        return self.mdp.P

    def action_values(self, policy: Floats, clock: int = 0) -> tuple[Floats, Floats]:
        """Exact Q [..., S, K] and visitation weight d(s)/(1-discount) [..., S, 1] of a policy.

        Both of the infinite discounted sum in the process frozen at `clock`.
        """
        mdp = self.mdp_at(clock)
        weight = mdp.visitation(policy) / (1 - mdp.discount)
        return mdp.action_values(policy), weight[..., None]

    @property
    def drift_end(self) -> int:
        """The tick from which rewards are constant, at most `drift_horizon`."""
        return self.drift_horizon

    @property
    def drift_kinks(self) -> tuple[int, ...] | None:
        """Ticks around which rewards are not smooth in the clock; None: they are nowhere."""
        return None

    def rewards_between(self, clock: float) -> Floats:
        """Mean rewards [S, K] at a clock; one that is smooth between ticks has `drift_kinks`."""
        return self.mdp_at(int(clock)).rewards

    def values_under(self, policy: Floats, rewards: Floats) -> tuple[Floats, Floats]:
        """As `action_values`, for these mean rewards [S, K] and without checks.

        For engines, which evaluate one table [S, K] at every update and made it themselves.
        """
        if self._engine_process is None:
            self._engine_process = self.mdp_at(0)
        return self._engine_process.values_under(policy, rewards)
