"""Torch modules as actors: CleanRL's agents, and networks of one's own."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from agents.diagnosis.policies.actions import Actions
from agents.diagnosis.policies.models import DEFAULT_LEARNING_RATE, refuse_memory
from agents.diagnosis.policies.networks import check_weights, joint_logits
from agents.diagnosis.policies.observations import bare, stack
from agents.diagnosis.policies.outputs import ROUNDING, Reading
from gw_envs.checks import BadInput, Floats

METHODS = ("get_action_and_value", "get_distribution", "logits")


class TorchActor:
    """A module whose actions have probabilities, tried at once on a batch of one.

    It is asked, the first it has of: `get_action_and_value(x, action) -> action, logprob, ...`
    (CleanRL's), for every action in turn; `get_distribution(x)`; `logits(x)`; itself, whose outputs
    [N, K] are read as `agents.diagnosis.policies.outputs` says. x are observations as float tensors
    [N, ...] (integers where they are Discrete).

    Args:
        module: the network.
        env: what it acts in.
        reading: how bare outputs are read.

    Raises:
        ValueError: for a module with a memory, weights that are not finite, or one that fails on
            an observation or gives no probabilities of the environment's actions.
    """

    from_zero = True  # such programs hand step 0..n-1 wherever the space starts
    reads_masks = False

    def __init__(self, module: Any, env: gym.Env[Any, Any], reading: Reading) -> None:
        self.module, self.reading = module, reading
        self.actions = Actions.of(env.action_space, from_zero=True)
        self.num_actions = self.actions.count
        self.discount: float | None = None
        self.learning_rate = DEFAULT_LEARNING_RATE
        self.manner = "stochastic"
        self.discrete = isinstance(env.observation_space, gym.spaces.Discrete)
        refuse_memory(module)
        check_weights(module)
        self.method = next((name for name in METHODS if callable(getattr(module, name, None))), "")
        if self.method:
            self.reading = Reading("logits")
        self._refuse_more_arguments()
        self._try(env)
        self.source = f"a torch module {type(module).__name__}"
        if not self.method:
            self.source += f" (its outputs are {self.reading.kind})"

    def probabilities(self, observations: Sequence[Any]) -> Floats:
        """pi(a|s) [N, K]."""
        import torch

        training = self.module.training
        self.module.eval()
        try:
            with torch.no_grad():
                answers = self._outputs(self.module, observations).double().cpu().numpy()
        finally:
            self.module.train(training)
        return np.array([self.reading.row(answer, self.num_actions) for answer in answers])

    def moves(self, observations: Sequence[Any], advantages: Floats, weights: Floats) -> bool:
        """Whether one plain gradient step of the learning rate, on a copy, changes any output."""
        import torch

        module = copy.deepcopy(self.module).eval()
        parameters = [p for p in module.parameters() if p.requires_grad]
        before = self._outputs(module, observations)
        pi = before if self.reading.kind == "probabilities" else torch.softmax(before, dim=1)
        value = torch.as_tensor(advantages * weights[:, None], dtype=before.dtype)
        gradients = torch.autograd.grad(
            (pi * value.to(before.device)).sum(), parameters, allow_unused=True
        )
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                if gradient is not None:
                    parameter += self.learning_rate * gradient
            return bool((self._outputs(module, observations) != before).any())

    def _outputs(self, module: Any, observations: Sequence[Any]) -> Any:
        """Logits, or what the module itself returns, [N, K], with their gradient."""
        import torch

        seen = self._tensors(module, stack([bare(each) for each in observations]))
        if self.method == "get_action_and_value":
            count = len(observations)
            choices = torch.as_tensor(self.actions.choices(), device=_device(module))
            if self.actions.shape is None:
                choices = choices[:, 0]
            columns = []
            for choice in choices:
                action = choice.expand(count, *choice.shape).clone()
                columns.append(module.get_action_and_value(seen, action)[1].reshape(count))
            return torch.stack(columns, dim=1)
        answer = getattr(module, self.method)(seen) if self.method else module(seen)
        return answer if torch.is_tensor(answer) else joint_logits(answer)

    def _tensors(self, module: Any, batch: Any) -> Any:
        """A batch of observations as tensors of the module's float type and device."""
        import torch

        if isinstance(batch, dict):
            return {key: self._tensors(module, part) for key, part in batch.items()}
        if isinstance(batch, tuple):
            return tuple(self._tensors(module, part) for part in batch)
        floats = (p.dtype for p in module.parameters() if p.is_floating_point())
        kind = torch.int64 if self.discrete else next(floats, torch.float32)
        return torch.as_tensor(np.asarray(batch), dtype=kind, device=_device(module))

    def _refuse_more_arguments(self) -> None:
        called = getattr(self.module, self.method) if self.method else self.module.forward
        known = 2 if self.method == "get_action_and_value" else 1
        needed = [
            parameter.name
            for parameter in inspect.signature(called).parameters.values()
            if parameter.default is parameter.empty
            and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ]
        if len(needed) > known:
            raise BadInput(
                f"policy's {self.method or 'forward'} needs {', '.join(needed)}; only observations "
                "can be given. A policy with a memory cannot be diagnosed."
            )

    def _try(self, env: gym.Env[Any, Any]) -> None:
        """Ask once, at an observation of zeros.

        Raises:
            ValueError: if that fails, or the answer is no distribution over the actions.
        """
        from gymnasium.vector.utils import create_empty_array

        name = type(self.module).__name__
        try:
            empty = create_empty_array(env.observation_space, n=1, fn=np.zeros)
            first = _first(empty)
            answer = self._outputs(self.module, [first]).detach().double().cpu().numpy()
        except BadInput:
            raise
        except Exception as error:  # whatever a foreign module raises, it is its input
            reason = " ".join(str(error).split())[:200]
            raise BadInput(
                f"policy {name} fails on an observation of {env.observation_space}: {reason}. Give "
                "the env with the wrappers it was trained in."
            ) from None
        total = float(np.exp(answer).sum()) if answer.ndim == 2 else 0.0
        normal = self.method != "get_action_and_value" or abs(total - 1) < 1e-3
        if answer.shape != (1, self.num_actions) or not normal:
            raise BadInput(
                f"policy {name} gives shape {answer.shape} for one observation, of probability "
                f"{total:.3g} in all, where the env has {self.num_actions} actions; give the env "
                "it was trained in."
            )
        if not self.reading.kind:
            sums = answer.min() >= 0 and abs(answer.sum() - 1) <= ROUNDING
            self.reading = Reading("probabilities" if sums else "logits")


def is_module(policy: Any) -> bool:
    """Whether it is a torch module; torch is not loaded to see that."""
    import sys

    torch = sys.modules.get("torch")
    return torch is not None and isinstance(policy, torch.nn.Module)


def _first(batch: Any) -> Any:
    """The first of a batch of observations."""
    if isinstance(batch, dict):
        return {key: _first(part) for key, part in batch.items()}
    return tuple(map(_first, batch)) if isinstance(batch, tuple) else batch[0]


def _device(module: Any) -> Any:
    return next((p.device for p in module.parameters()), None)
