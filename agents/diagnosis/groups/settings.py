"""What a group diagnosis is told of the training run."""

from __future__ import annotations

from dataclasses import dataclass

from gw_envs.checks import BadInput, check_choice, check_float, check_int, check_share

RULES = ("grpo", "dr-grpo", "rloo", "max-rl")
KL_FORMS = ("k3", "reverse")


@dataclass(frozen=True)
class GroupSettings:
    """How the run is trained, and when its verdicts count as reached.

    Attributes:
        rule: how answers are scored: "grpo" (centred, over the group's deviation; TRL's default),
            "dr-grpo" (centred only), "rloo", "max-rl".
        pace: log-odds that a score of 1 on average moves: eta K/(K-1) for a softmax table of K
            answers; None: fitted to the log, as it must be for a network.
        kl_weight: beta of TRL and verl, tau elsewhere; 0: no KL term.
        kl_form: "k3" (a loss term: TRL, verl's low_var_kl) or "reverse" (taken off the reward).
        budget: steps of the whole run; None: nothing is called unreachable.
        escape_prob: success probability at which a prompt counts as escaped, in (0, 1).
        solved_prob: success probability from which on it is solved, in (escape_prob, 1).
        success_at: rewards of at least this are successes. None: rewards must be 0 or 1.
        confidence: of every interval, in (0, 1).
        gone: entropy of an answer, in nats, below which entropy is gone.

    Raises:
        ValueError: naming the first argument that is out of range.
    """

    rule: str = "grpo"
    pace: float | None = None
    kl_weight: float = 0.0
    kl_form: str = "k3"
    budget: int | None = None
    escape_prob: float = 0.5
    solved_prob: float = 0.9
    success_at: float | None = None
    confidence: float = 0.95
    gone: float = 0.02

    def __post_init__(self) -> None:
        """Check every argument."""
        check_choice("rule", self.rule, RULES)
        check_choice("kl_form", self.kl_form, KL_FORMS)
        if self.pace is not None:
            check_float("pace", self.pace, 0, open_low=True)
        check_float("kl_weight", self.kl_weight, 0)
        if self.budget is not None:
            check_int("budget", self.budget, 1)
        for name in ("escape_prob", "solved_prob", "confidence"):
            check_share(name, getattr(self, name))
        if self.solved_prob <= self.escape_prob:
            raise BadInput(
                f"solved_prob={self.solved_prob:g} must be above escape_prob={self.escape_prob:g}."
            )
        if self.success_at is not None:
            check_float("success_at", self.success_at)
        check_float("gone", self.gone, 0, open_low=True)
