"""`PlateauMonitor`: what a plateau looks like from inside a training run, for next to nothing."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from agents import metrics
from agents.diagnosis.policies.actions import Actions
from agents.diagnosis.policies.actors import policy_entropy
from agents.diagnosis.policies.models import policy_logits, reads_masks, refuse_memory
from gw_envs.checks import BadInput, Floats, check_instance, check_int

CONFIDENCE = 0.95
OFF_POLICY_STEPS = 1_000  # their own rollouts last a few steps: too short to tell anything


class PlateauMonitor(BaseCallback):
    """Watch a Stable-Baselines3 run with discrete actions for plateaus.

    At the end of every rollout of an on-policy algorithm (PPO, A2C, TRPO, MaskablePPO) it records,
    on a sample of the rollout's observations and under their masks:

    | key | meaning |
    |---|---|
    | `plateau/entropy` | mean entropy of pi, in nats |
    | `plateau/effective_actions` | exp of it: 1 (decided) to K |
    | `plateau/largest_probability` | mean over states of max_a pi(a) |
    | `plateau/gradient_norm` | norm of the policy gradient, mean of advantage * grad ln pi |
    | `plateau/advantage_spread` | standard deviation of the rollout's advantages |
    | `plateau/lost_updates` | share of the parameters that the last training phase, however many \
gradient steps it made, left as they were to the bit |
    | `plateau/return_trend` | slope of the return of finished episodes per rollout, over `window` |
    | `plateau/verdict` | every `verdict_every` rollouts, below |

    Verdicts: `learning` (the return rises significantly over the window), `falling`, `flat` (no
    significant trend: stuck or converged look alike from here, only `diagnose` tells them apart),
    `no_signal` (every advantage of the rollout is the same), `frozen` (all updates lost), `early`
    (fewer than `window` rollouts with finished episodes), `no_returns` (episodes end, but no
    Monitor tells what they returned, which is said once as a warning). With `make_env`, the first
    flat verdict after `window` rollouts without one runs the full `diagnose` and records its
    verdict instead; the report is kept in `diagnoses`. Training's random numbers are not touched.

    Off-policy algorithms (DQN, QRDQN) have neither a policy with probabilities nor a rollout with
    advantages: of the keys they get `lost_updates`, `return_trend` and `verdict`, and a rollout is
    `OFF_POLICY_STEPS` environment steps.

    Args:
        verdict_every: rollouts between verdicts.
        window: rollouts over which the trend of the return is judged, >= 4.
        sample_size: observations looked at per rollout.
        make_env: makes the environment for a full diagnosis when the return is flat; None: never.
        diagnose_options: arguments of `diagnose`.

    Raises:
        ValueError: for an argument out of range, or when the policy is recurrent or the actions
            are continuous.
    """

    def __init__(
        self,
        verdict_every: int = 1,
        *,
        window: int = 20,
        sample_size: int = 128,
        make_env: Callable[[], Any] | str | None = None,
        diagnose_options: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.verdict_every = check_int("verdict_every", verdict_every, 1)
        self.window = check_int("window", window, 4)
        self.sample_size = check_int("sample_size", sample_size, 1)
        if not (make_env is None or isinstance(make_env, str) or callable(make_env)):
            raise BadInput(f"make_env={make_env!r} must be an id or a function that makes an env.")
        self.make_env = make_env
        wanted = "a mapping of arguments of diagnose"
        self.diagnose_options = check_instance(
            "diagnose_options", diagnose_options or {}, dict, wanted
        )
        self.verdict = "early"
        self.diagnoses: list[Any] = []
        self._returns: deque[float] = deque(maxlen=self.window)
        self._rollouts = self._last_diagnosis = self._last_look = self._updates = 0
        self._lacks_returns = False
        self._last_episode = -np.inf
        self._before: list[Any] | None = None
        self._rng = np.random.default_rng(0)

    def __getstate__(self) -> dict[str, Any]:
        """What has been seen, and the settings; not the model."""
        gone = ("model", "parent", "locals", "globals")
        return {name: value for name, value in self.__dict__.items() if name not in gone}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A monitor that goes on from `state`."""
        BaseCallback.__init__(self)
        self.__dict__.update(state)

    def _init_callback(self) -> None:
        self._actions = Actions.of(self.model.action_space, from_zero=True)
        refuse_memory(self.model.policy)
        self._on_policy = hasattr(self.model, "rollout_buffer")
        if not self._on_policy and not hasattr(self.model, "replay_buffer"):
            name = type(self.model).__name__
            raise BadInput(f"PlateauMonitor watches algorithms that follow a gradient, not {name}.")
        self._last_look = self.num_timesteps

    def _on_step(self) -> bool:
        if self._lacks_returns:
            return True
        ended = np.flatnonzero(self.locals.get("dones", ())).tolist()
        infos = self.locals.get("infos", ())
        # a vector environment of ours tells the mean of all in the first one's
        if ended and not any("episode" in infos[i] for i in ended):
            self._lacks_returns = True
            warnings.warn(
                "PlateauMonitor: episodes end without their returns, because no Monitor records "
                "them; wrap the VecEnv in stable_baselines3's VecMonitor.",
                stacklevel=2,
            )
        return True

    def _on_rollout_end(self) -> None:
        if not self._on_policy and self.num_timesteps - self._last_look < OFF_POLICY_STEPS:
            return
        self._last_look = self.num_timesteps
        self._rollouts += 1
        values = self._measure() if self._on_policy else {}
        lost, trend = self._lost_updates(), self._return_trend()
        values[metrics.PLATEAU_LOST_UPDATES] = lost
        values[metrics.PLATEAU_RETURN_TREND] = None if trend is None else trend[0]
        for key, value in values.items():
            if value is not None:
                self.logger.record(key, value)
        if self._rollouts % self.verdict_every == 0:
            self.verdict = self._judge(lost, values.get(metrics.PLATEAU_ADVANTAGE_SPREAD), trend)
            self.logger.record(metrics.PLATEAU_VERDICT, self.verdict)

    def _measure(self) -> dict[str, float | None]:
        """Entropy, probabilities and gradient on a sample of the rollout."""
        import torch

        policy, buffer = self.model.policy, self.model.rollout_buffer
        size = buffer.buffer_size * buffer.n_envs
        picks = self._rng.integers(size, size=min(self.sample_size, size))
        rows, columns = np.divmod(picks, buffer.n_envs)
        seen, _ = policy.obs_to_tensor(_pick(buffer.observations, rows, columns))
        masks = buffer.action_masks[rows, columns] if reads_masks(policy) else None
        training = policy.training
        policy.set_training_mode(False)
        logits = policy_logits(policy, seen, masks)
        actions = torch.as_tensor(self._actions.index(buffer.actions[rows, columns]))
        advantages = torch.as_tensor(buffer.advantages[rows, columns], device=logits.device)
        chosen = logits.gather(1, actions.to(logits.device)[:, None]).squeeze(1)
        parameters = [p for p in policy.parameters() if p.requires_grad]
        gradients = torch.autograd.grad((chosen * advantages).mean(), parameters, allow_unused=True)
        squares = torch.stack([(g**2).sum() for g in gradients if g is not None])
        policy.set_training_mode(training)
        pi = torch.softmax(logits.detach().double(), dim=1).cpu().numpy()
        entropy = float(policy_entropy(pi).mean())
        return {
            metrics.PLATEAU_ENTROPY: entropy,
            metrics.PLATEAU_EFFECTIVE_ACTIONS: float(np.exp(entropy)),
            metrics.PLATEAU_LARGEST_PROBABILITY: float(pi.max(axis=1).mean()),
            metrics.PLATEAU_GRADIENT_NORM: float(squares.sum().sqrt()),
            metrics.PLATEAU_ADVANTAGE_SPREAD: float(np.std(buffer.advantages)),
        }

    def _lost_updates(self) -> float | None:
        """Share of the parameters unchanged since the last rollout; keeps a copy for the next."""
        import torch

        updates, self._updates = self._updates, self.model._n_updates
        if self._before is not None and updates == self._updates:
            return None  # no gradient step was made, none was lost
        now = [p.detach().clone() for p in self._trained() if p.requires_grad]
        before, self._before = self._before, now
        if before is None:
            return None
        same = sum(int((a == b).sum()) for a, b in zip(before, now, strict=True))
        return same / sum(torch.numel(p) for p in now)

    def _trained(self) -> Iterable[Any]:
        """The parameters that gradient steps change: not those of a target network."""
        policy = self.model.policy
        return getattr(policy, "q_net", getattr(policy, "quantile_net", policy)).parameters()

    def _return_trend(self) -> tuple[float, float] | None:
        """Slope of the return per rollout and the half width of its interval; None: too early."""
        recent = [e for e in self.model.ep_info_buffer or () if e["t"] > self._last_episode]
        if recent:
            self._last_episode = max(e["t"] for e in recent)
            self._returns.append(float(np.mean([e["r"] for e in recent])))
        if len(self._returns) < self.window:
            return None
        return slope_with_margin(np.array(self._returns))

    def _judge(self, lost: float | None, spread: float | None, trend: Any) -> str:
        if spread == 0:
            return "no_signal"
        if lost == 1:
            return "frozen"
        if trend is None:
            return "no_returns" if self._lacks_returns else "early"
        slope, margin = trend
        if abs(slope) > margin:
            return "learning" if slope > 0 else "falling"
        if self.make_env is None:
            return "flat"
        if self.diagnoses and self._rollouts - self._last_diagnosis < self.window:
            return "flat"
        from agents.diagnosis.procedure import diagnose

        self._last_diagnosis = self._rollouts
        training = self.model.policy.training
        found = diagnose(self.model, self.make_env, **self.diagnose_options)
        self.model.policy.set_training_mode(training)
        self.diagnoses.append(found)
        return found.verdict


def _pick(observations: Any, rows: Any, columns: Any) -> Any:
    """Rows of a rollout buffer's observations; dictionaries part by part."""
    if isinstance(observations, dict):
        return {key: value[rows, columns] for key, value in observations.items()}
    picked = observations[rows, columns]
    return picked.squeeze(-1) if picked.shape[1:] == (1,) and picked.dtype.kind in "iu" else picked


def slope_with_margin(values: Floats) -> tuple[float, float]:
    """Least-squares slope of values against 0, 1, ... and Student's 95 % half width."""
    from scipy import stats

    fit = stats.linregress(np.arange(values.size), values)
    quantile = stats.t.ppf((1 + CONFIDENCE) / 2, values.size - 2)
    return float(fit.slope), float(quantile * fit.stderr)
