"""Policies for SB3: the table of logits of the theory, and exact starts for any network.

SB3's `MlpPolicy` with `net_arch=[]` is not tabular softmax: it has biases, an orthogonal start,
float32 and Adam. `TabularSoftmaxPolicy` has none of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch as th
from gymnasium import spaces
from numpy.typing import ArrayLike
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

from agents.policies import Start, as_start
from gw_envs.checks import BadInput, Floats, check_int, check_policy
from gw_envs.verifier_well import check_probs

OF_A_START = ("optimal_prob", "corner_action", "sigma")


class OneHotState(BaseFeaturesExtractor):
    """Passes the one-hot state on, in float64."""

    def __init__(self, observation_space: spaces.Discrete) -> None:
        super().__init__(observation_space, int(observation_space.n))

    def forward(self, observations: th.Tensor) -> th.Tensor:
        """[B, S] of any type to float64 [B, S]."""
        return observations.flatten(1).to(th.float64)


class TabularSoftmaxPolicy(ActorCriticPolicy):
    """pi(.|s) = softmax(theta[s]) with a value table beside it, in float64, moved by plain SGD.

    `action_net.weight` is theta transposed, [K, S], and `value_net.weight` the values, [1, S];
    there is no bias and no other parameter.

    Args:
        observation_space: Discrete(S).
        action_space: Discrete(K).
        lr_schedule: SB3's.
        initial_policy: name of a start, a whole `agents.policies.Start`, or probabilities [K] or
            [S, K], all above 0.
        optimal_actions: a* of each state, which the named starts need; one for all is enough.
        initial_probs: pi(a*|s) of each state, [S], for the start `prompts`.
        start_seed: seed of the start `normal`.
        optimizer_class: plain SGD unless told otherwise.
        **kwargs: the other fields of `Start` (`optimal_prob`, `corner_action`, `sigma`), and what
            SB3 passes besides (optimizer_kwargs, use_sde=False).

    Raises:
        ValueError: for a space that is not Discrete, or a bad start.
    """

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        lr_schedule: Any,
        *,
        initial_policy: str | Start | ArrayLike = "uniform",
        optimal_actions: Sequence[int] = (0,),
        initial_probs: Sequence[float] | None = None,
        start_seed: int = 0,
        optimizer_class: type[th.optim.Optimizer] = th.optim.SGD,
        **kwargs: Any,
    ) -> None:
        for name, space in (("observation", observation_space), ("action", action_space)):
            if not isinstance(space, spaces.Discrete) or space.start != 0:
                raise BadInput(
                    f"{name}_space={space} does not go with TabularSoftmaxPolicy, which needs "
                    "Discrete(n) counted from 0; use 'MlpPolicy' for other spaces."
                )
        fields = {name: kwargs.pop(name) for name in OF_A_START if name in kwargs}
        self._given: dict[str, Any] = {
            "initial_policy": initial_policy,
            "optimal_actions": tuple(int(a) for a in optimal_actions),
            "initial_probs": None if initial_probs is None else tuple(initial_probs),
            "start_seed": check_int("start_seed", start_seed, 0),
            **fields,
        }
        named = isinstance(initial_policy, str | Start)
        self._start = as_start(initial_policy, **fields) if named else None  # type: ignore[arg-type]
        kwargs |= {"net_arch": [], "ortho_init": False, "features_extractor_class": OneHotState}
        super().__init__(
            observation_space, action_space, lr_schedule, optimizer_class=optimizer_class, **kwargs
        )

    def _build(self, lr_schedule: Any) -> None:
        """Two tables without bias, and the optimizer over them."""
        self._build_mlp_extractor()
        states = int(cast(spaces.Discrete, self.observation_space).n)
        actions = int(cast(spaces.Discrete, self.action_space).n)
        self.action_net = nn.Linear(states, actions, bias=False, dtype=th.float64)
        self.value_net = nn.Linear(states, 1, bias=False, dtype=th.float64)
        self.set_theta(self._theta(states, actions))
        nn.init.zeros_(self.value_net.weight)
        self.optimizer = self.optimizer_class(
            self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs
        )

    @property
    def theta(self) -> Floats:
        """The logits [S, K], a copy."""
        return np.array(self.action_net.weight.detach().cpu().numpy().T)

    def set_theta(self, theta: Floats) -> None:
        """Set the logits [S, K]."""
        with th.no_grad():
            self.action_net.weight.copy_(th.from_numpy(np.ascontiguousarray(theta.T)))

    def _theta(self, states: int, actions: int) -> Floats:
        if self._start is None:
            policy = check_policy("initial_policy", self._given["initial_policy"])
            return np.log(np.broadcast_to(policy, (states, actions)))
        best = np.broadcast_to(self._given["optimal_actions"], states)
        probs = self._given["initial_probs"]
        if probs is not None:
            probs = check_probs("initial_probs", probs, states)
        return self._start.table(best, actions, self._given["start_seed"], probs)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        data = super()._get_constructor_parameters()
        for fixed in ("net_arch", "ortho_init", "features_extractor_class", "activation_fn"):
            data.pop(fixed)
        return data | self._given


def logits_and_values(policy: ActorCriticPolicy, observations: Any) -> tuple[th.Tensor, th.Tensor]:
    """The last layer's output [N, sum of K], before softmax normalises it, and the values [N].

    `Categorical` keeps logits less their logsumexp; rules whose direction does not sum to zero over
    actions (alternate) need them as the network gives them.
    """
    features = policy.extract_features(observations)
    actor, critic = (features, features) if policy.share_features_extractor else features
    logits = policy.action_net(policy.mlp_extractor.forward_actor(actor))
    return logits, policy.value_net(policy.mlp_extractor.forward_critic(critic)).flatten()


def logits_of(policy: ActorCriticPolicy, observations: th.Tensor) -> th.Tensor:
    """The logits [N, sum of K] of `logits_and_values`, alone."""
    return policy.action_net(latent_of(policy, observations))


def latent_of(policy: ActorCriticPolicy, observations: th.Tensor) -> th.Tensor:
    """What the last layer of the policy sees, [N, D]."""
    features = policy.extract_features(observations)
    actor = features if policy.share_features_extractor else features[0]
    return policy.mlp_extractor.forward_actor(actor)


def action_sizes(space: spaces.Space) -> list[int]:
    """K of a Discrete space, or K_1, K_2, ... of a MultiDiscrete one."""
    if isinstance(space, spaces.MultiDiscrete):
        return [int(n) for n in space.nvec]
    return [int(cast(spaces.Discrete, space).n)]


def all_states(policy: ActorCriticPolicy) -> th.Tensor:
    """The observations of all states of one of our environments, as its policy sees them.

    0, 1, ..., S-1 of Discrete(S), or one-hot [S, S] of Box.
    """
    space = policy.observation_space
    if isinstance(space, spaces.Discrete):
        return th.arange(int(space.n), device=policy.device)
    return th.eye(space.shape[0], device=policy.device)


def set_logits(policy: ActorCriticPolicy, observations: ArrayLike, theta: ArrayLike) -> None:
    """Make a network's logits at the given observations equal to theta.

    The last layer is moved as little as possible (least norm of the change of its weights and
    biases), the layers below not at all. With as many observations as a tabular environment has
    states the logits are met to rounding: float32 for SB3's networks, exact for the tabular policy.

    Args:
        policy: an SB3 actor-critic policy with a linear last layer.
        observations: [N, ...].
        theta: logits [N, sum of K].

    Raises:
        ValueError: if the last layer cannot give these logits, e.g. because two of the
            observations look the same to it.
    """
    wanted = np.asarray(theta, dtype=np.float64)
    layer = policy.action_net
    tensor, _ = policy.obs_to_tensor(np.asarray(observations))
    with th.no_grad():
        latent = latent_of(policy, tensor)
        design = latent.cpu().numpy().astype(np.float64)
        if layer.bias is not None:
            design = np.concatenate([design, np.ones((len(design), 1))], axis=1)
        missing = wanted - layer(latent).cpu().numpy()
        change = np.linalg.lstsq(design, missing, rcond=None)[0]
        size = layer.weight.shape[1]
        layer.weight += th.as_tensor(change[:size].T, dtype=layer.weight.dtype)
        if layer.bias is not None:
            layer.bias += th.as_tensor(change[size], dtype=layer.bias.dtype)
        error = float(np.abs(layer(latent).cpu().numpy() - wanted).max())
    if error > 1e-4 * (1 + float(np.abs(wanted).max())):
        raise BadInput(
            f"theta of shape {wanted.shape} cannot be met at these observations (off by "
            f"{error:.3g}): the network below the last layer does not tell them apart."
        )
