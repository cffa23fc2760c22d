"""What networks say about actions: log-probabilities of torch's distributions, finite weights."""

from __future__ import annotations

from typing import Any

from gw_envs.checks import BadInput


def joint_logits(distribution: Any) -> Any:
    """Unnormalised log-probabilities [N, K] of all joint actions, a tensor with its gradient.

    Args:
        distribution: torch's Categorical or Bernoulli, a list of Categoricals, or what
            Stable-Baselines3 and sb3-contrib wrap around them; the parts are independent, so that
            their log-probabilities add up.

    Raises:
        ValueError: for a distribution that is none of these.
    """
    import torch
    from torch.distributions import Bernoulli, Categorical
    from torch.nn.functional import logsigmoid

    for name in ("distributions", "distribution"):
        distribution = getattr(distribution, name, distribution)
    if isinstance(distribution, Bernoulli):
        odds = distribution.logits.reshape(len(distribution.logits), -1)
        both = torch.stack([logsigmoid(-odds), logsigmoid(odds)], dim=2)
        parts = list(both.unbind(dim=1))
    else:
        listed = distribution if isinstance(distribution, list | tuple) else [distribution]
        if not all(isinstance(part, Categorical) for part in listed):
            names = ", ".join(type(part).__name__ for part in listed)
            raise BadInput(f"the policy's distribution is {names}; Categorical is needed.")
        parts = [part.logits for part in listed]
    joint = parts[0]
    for part in parts[1:]:
        joint = (joint[:, :, None] + part[:, None, :]).flatten(1)
    return joint


def check_weights(module: Any) -> None:
    """Refuse a network whose weights are not finite.

    Raises:
        ValueError: naming the first such tensor.
    """
    import torch

    for name, values in module.state_dict().items():
        floats = torch.is_tensor(values) and values.is_floating_point()
        if floats and not bool(torch.isfinite(values).all()):
            raise BadInput(
                f"the model's weights are not finite: {name} holds NaN or infinity. Its training "
                "has diverged; give an earlier checkpoint."
            )
