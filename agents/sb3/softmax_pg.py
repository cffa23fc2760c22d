"""SoftmaxPG as an SB3 algorithm: the same update rules, for tables of logits and for networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar, cast

import gymnasium as gym
import numpy as np
import torch as th
from gymnasium import spaces
from stable_baselines3.common.buffers import DictRolloutBuffer, RolloutBuffer
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import (
    ActorCriticCnnPolicy,
    ActorCriticPolicy,
    BasePolicy,
    MultiInputActorCriticPolicy,
)
from stable_baselines3.common.vec_env import VecEnv

from agents.baselines import check_baseline
from agents.evaluation import evaluate
from agents.policies import softmax
from agents.sb3.buffers import Float64RolloutBuffer
from agents.sb3.ground_truth import ground_truth
from agents.sb3.policies import (
    TabularSoftmaxPolicy,
    action_sizes,
    all_states,
    logits_and_values,
)
from agents.sb3.settings import check_ranges
from agents.updates import (
    RULES,
    GradientRule,
    SampledRule,
    UpdateRule,
    rule_options,
    sampled_rules,
    soft_action_values,
)
from gw_envs.checks import (
    BadInput,
    Floats,
    check_bool,
    check_choice,
    check_float,
    check_instance,
    check_int,
)
from gw_envs.registration import check_env_id


def _moves_logits(rule: Any) -> bool:
    """Whether a rule adds the mean of a policy gradient to softmax logits: a network can do so."""
    return (
        rule.follows_gradient
        and rule.policy is UpdateRule.policy
        and rule.move is UpdateRule.move
        and rule.sampled_direction is SampledRule.sampled_direction
        and rule.sampled_increment is SampledRule.sampled_increment
    )


SAMPLED_UPDATES = tuple(name for name in sampled_rules() if _moves_logits(RULES[name]))
EXACT_UPDATES = tuple(name for name in SAMPLED_UPDATES if issubclass(RULES[name], GradientRule))
SB3_BASELINES = ("none", "value", "average", "constant")


def _check_positive(learning_rate: Any, max_grad_norm: float | None) -> None:
    """Both are above 0 where they are numbers: schedules are functions, None is no limit."""
    if not callable(learning_rate):
        check_float("learning_rate", learning_rate, 0, open_low=True)
    if max_grad_norm is not None:
        check_float("max_grad_norm", max_grad_norm, 0, open_low=True)


class SoftmaxPG(OnPolicyAlgorithm):
    """Policy gradient by the rules of `agents.updates`, on any discrete-action environment.

    A rule says in which direction d the logits of each visited state should move; the parameters
    move along the gradient of sum(logits * d), d held constant. With `TabularSoftmaxPolicy` that is
    the rule itself, theta += learning_rate * d, and the run is `agents.softmax_pg.SoftmaxPG`'s.
    With a network it is the rule's policy gradient. In a MultiDiscrete action space the rule is
    applied to the softmax of each component, with the return in common.

    One update takes one rollout of `n_steps` steps in each environment. The return R of a step is
    SB3's lambda-return; the critic learns it by `vf_coef` times the mean squared error, in the same
    optimizer step. "log-barrier-pg" and "entropy-pg" regularise the visited states.

    Args:
        policy: "TabularPolicy", "MlpPolicy", "CnnPolicy", "MultiInputPolicy" or a class.
        env: any environment with a Discrete or MultiDiscrete action space.
        learning_rate: eta; a number or SB3's schedule of the remaining progress.
        n_steps: steps per environment and update.
        gamma: discount.
        gae_lambda: 1 gives Monte-Carlo returns.
        update: a rule's name; `SAMPLED_UPDATES`, or for exact gradients `EXACT_UPDATES`.
        update_options: the rule's hyper-parameters, by field name.
        gradient: "sampled", or "exact": from the mean rewards of one of our environments; what the
            rollouts bring is then not used.
        baseline: "value" (the critic), "none", "average" (mean of the returns seen before) or
            "constant", which takes `baseline_value`.
        episodic: sum over an episode's steps, weighted by gamma^k, as the gradient of the
            discounted return has it, and average over episodes. It needs rollouts of whole
            episodes. False: the mean over steps, as in SB3's other algorithms.
        vf_coef: weight of the critic's loss.
        max_grad_norm: gradients are clipped to this norm; None, the default, does not clip.
        **kwargs: what every SB3 on-policy algorithm takes besides: verbose, seed, device,
            policy_kwargs, tensorboard_log, stats_window_size, rollout_buffer_class ...

    Raises:
        ValueError: naming the argument that is out of range or does not fit.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {
        "TabularPolicy": TabularSoftmaxPolicy,
        "MlpPolicy": ActorCriticPolicy,
        "CnnPolicy": ActorCriticCnnPolicy,
        "MultiInputPolicy": MultiInputActorCriticPolicy,
    }

    def __init__(
        self,
        policy: Any,
        env: Any,
        learning_rate: Any = 0.4,
        n_steps: int = 1,
        gamma: float = 0.99,
        gae_lambda: float = 1.0,
        *,
        update: str = "softmax-pg",
        update_options: Mapping[str, Any] | None = None,
        gradient: str = "sampled",
        baseline: str = "value",
        baseline_value: float | None = None,
        episodic: bool = False,
        vf_coef: float = 0.5,
        max_grad_norm: float | None = None,
        _init_setup_model: bool = True,
        **kwargs: Any,
    ) -> None:
        self._check_given(policy, env, _init_setup_model)
        check_ranges(kwargs)
        self.gradient = check_choice("gradient", gradient, ("exact", "sampled"))
        names = EXACT_UPDATES if gradient == "exact" else SAMPLED_UPDATES
        self.update = check_choice("update", update, names)
        rule: Any = RULES[update]
        options = rule_options("update_options", update_options)
        for option in options:
            check_choice("update_options", option, tuple(field.name for field in fields(rule)))
        self.rule = rule(**options)
        check_choice("baseline", baseline, SB3_BASELINES)
        self.baseline, self.baseline_value = check_baseline(baseline, baseline_value)
        self.episodic = check_bool("episodic", episodic)
        check_int("n_steps", n_steps, 1)
        check_float("gamma", gamma, 0, 1)
        check_float("gae_lambda", gae_lambda, 0, 1)
        _check_positive(learning_rate=learning_rate, max_grad_norm=max_grad_norm)
        self._returns_seen, self._mean_return = 0, 0.0
        super().__init__(
            policy,
            env,
            learning_rate=learning_rate,
            n_steps=n_steps,
            gamma=gamma,
            gae_lambda=gae_lambda,
            ent_coef=0.0,  # the rule entropy-pg has its own temperature
            vf_coef=check_float("vf_coef", vf_coef, 0),
            max_grad_norm=np.inf if max_grad_norm is None else max_grad_norm,
            use_sde=False,
            sde_sample_freq=-1,
            _init_setup_model=False,
            **kwargs,
        )
        if self.env is not None:
            self._check_spaces()
        if _init_setup_model:
            self._setup_model()

    def _check_given(self, policy: Any, env: Any, is_new: bool) -> None:
        """Refuse what is no policy and no environment; a model that is loaded gets one later."""
        if not isinstance(policy, type):
            check_choice("policy", policy, tuple(self.policy_aliases))
        if isinstance(env, str):
            check_env_id(env)
        elif env is not None or is_new:
            check_instance("env", env, (gym.Env, VecEnv), "an environment, or the id of one")

    def _check_spaces(self) -> None:
        if not isinstance(self.action_space, spaces.Discrete | spaces.MultiDiscrete):
            raise BadInput(
                f"action_space={self.action_space} is not Discrete or MultiDiscrete: a softmax "
                "chooses among finitely many actions; use PPO or A2C for continuous ones."
            )
        rate = self.learning_rate
        if isinstance(rate, int | float):
            check_float("learning_rate", rate, 0, open_low=True)
        if issubclass(self.policy_class, TabularSoftmaxPolicy):
            learns_values = self.gradient == "sampled" and isinstance(rate, int | float)
            if learns_values and self.vf_coef * rate >= 1:
                raise BadInput(
                    f"vf_coef={self.vf_coef} with learning_rate={rate}: the value table diverges "
                    f"where their product reaches 1; vf_coef must be below {1 / rate:g}."
                )
            if self.rollout_buffer_class is None:
                self.rollout_buffer_class: Any = Float64RolloutBuffer
        if self.gradient == "exact":
            ground_truth(cast(Any, self.env))

    def train(self) -> None:
        """Make one update from the rollout in the buffer, or from the exact gradient."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        loss, logged = self._exact_loss() if self.gradient == "exact" else self._sampled_loss()
        self.policy.optimizer.zero_grad()
        loss.backward()
        if np.isfinite(self.max_grad_norm):
            th.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
        self.policy.optimizer.step()
        self._n_updates += 1
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        for key, value in logged.items():
            self.logger.record(f"train/{key}", value)

    def _exact_loss(self) -> tuple[th.Tensor, dict[str, float]]:
        """-sum over states of logits * d, d from the exact values of policy n at clock n."""
        well = ground_truth(cast(Any, self.env))
        logits, _ = logits_and_values(self.policy, all_states(self.policy))
        theta = logits.detach().cpu().numpy().astype(np.float64)[None]
        now = evaluate(well, softmax(theta), self._n_updates)
        values = now.values
        if well.discount > 0 and self.rule.uses_soft_values:
            mdp = well.mdp_at(self._n_updates)
            values = soft_action_values(
                mdp.transitions, mdp.rewards, now.policy, mdp.discount, self.rule.temperature
            )
        direction = self.rule.direction(theta, values, now.weight)[0]
        loss = -(logits * th.as_tensor(direction, dtype=logits.dtype)).sum()
        return loss, {"objective": float(now.objective[0])}

    def _sampled_loss(self) -> tuple[th.Tensor, dict[str, float]]:
        """-mean of weight * logits * d over the rollout's steps, and the critic's loss."""
        buffer = self.rollout_buffer
        weight = buffer.swap_and_flatten(self._weights(buffer))
        actions = buffer.swap_and_flatten(buffer.actions).astype(np.int64)
        returns = buffer.swap_and_flatten(buffer.returns)[:, 0].astype(np.float64)
        baseline = self._baseline(buffer.swap_and_flatten(buffer.values)[:, 0].astype(np.float64))
        logits, values = logits_and_values(self.policy, _observations(buffer))
        sizes = action_sizes(self.action_space)
        parts = np.split(logits.detach().cpu().numpy(), np.cumsum(sizes)[:-1], axis=-1)
        direction = np.concatenate(
            [
                self.rule.estimate(softmax(part), actions[:, i], returns, baseline)
                for i, part in enumerate(parts)
            ],
            axis=-1,
        )
        pull = th.as_tensor(weight * direction, dtype=logits.dtype, device=logits.device)
        policy_loss = -(logits * pull).sum() / len(weight)
        target = th.as_tensor(returns, dtype=values.dtype, device=values.device)
        value_loss = th.nn.functional.mse_loss(values, target)
        self._remember(returns)
        logged = {"policy_loss": policy_loss.item(), "value_loss": value_loss.item()}
        return policy_loss + self.vf_coef * value_loss, logged

    def _weights(self, buffer: RolloutBuffer) -> Floats:
        """What each step counts, [n_steps, n_envs]; 1, or n_steps gamma^k per whole episode.

        The loss is a mean over steps: with these weights it is the mean over episodes of the sum
        over their steps.
        """
        starts = buffer.episode_starts
        if not self.episodic:
            return np.ones(starts.shape)
        if not starts[0].all():
            raise BadInput(
                f"n_steps={self.n_steps} with episodic=True: a rollout began amid an episode; "
                "n_steps must be a multiple of the episodes' length."
            )
        age = np.zeros(starts.shape)
        for k in range(1, len(starts)):
            age[k] = np.where(starts[k] > 0, 0, age[k - 1] + 1)
        return starts.size / starts.sum() * np.power(self.gamma, age)

    def _baseline(self, values: Floats) -> Floats | float:
        """b of every step [N], or one number."""
        if self.baseline == "value":
            return values
        if self.baseline == "average":
            return self._mean_return
        return self.baseline_value

    def _remember(self, returns: Floats) -> None:
        total = self._mean_return * self._returns_seen + float(returns.sum())
        self._returns_seen += len(returns)
        self._mean_return = total / self._returns_seen


def _observations(buffer: RolloutBuffer) -> Any:
    """The rollout's observations as SB3 hands them to a policy, [n_steps * n_envs, ...]."""
    if isinstance(buffer, DictRolloutBuffer):
        return {
            key: buffer.to_torch(buffer.swap_and_flatten(array))
            for key, array in cast(Any, buffer.observations).items()
        }
    return buffer.to_torch(buffer.swap_and_flatten(buffer.observations))
