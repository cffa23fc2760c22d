"""The embedding network and one iteration of its training, with negatives drawn from distance bins.

Losses are pytorch-metric-learning's: margin loss with a learnable boundary per class (Wu et al.
2017) or triplet loss (Schroff et al. 2015).
"""

from __future__ import annotations

import copy
import importlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_metric_learning import losses
from torch import nn

from gw_envs.checks import BadInput, Floats
from gw_envs.metric_learning.datasets import Labels, Rows
from gw_envs.metric_learning.distance_bins import item_probabilities
from gw_envs.metric_learning.retrieval import distances_between
from gw_envs.metric_learning.settings import LearnerSettings


@dataclass(frozen=True)
class Batch:
    """What one iteration of training saw.

    Attributes:
        loss: mean loss over active pairs.
        active: share of (anchor, positive) and (anchor, negative) pairs with a loss above 0.
        not_negative: share of drawn "negatives" that are of the anchor's class.
    """

    loss: float
    active: float
    not_negative: float


class Learner:
    """An embedding network in training.

    Args:
        rows: training inputs [N, ...].
        labels: their classes [N], whole numbers from 0.
        settings: how it is trained.
        seed: fixes the weights and every draw.
    """

    def __init__(self, rows: Rows, labels: Labels, settings: LearnerSettings, seed: int) -> None:
        self.settings = settings
        self._device = torch.device(settings.device)
        self._rows = torch.from_numpy(rows).to(self._device)
        self._labels = labels
        self._members = [np.flatnonzero(labels == c) for c in range(int(labels.max()) + 1)]
        weights, draws = np.random.SeedSequence(seed).spawn(2)
        self._rng = np.random.default_rng(draws)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(weights.generate_state(1)[0]))
            self.network = make_network(
                settings.network, rows.shape[1:], settings.embedding_size
            ).to(self._device)
        self.loss = self._make_loss().to(self._device)
        groups = [{"params": list(self.network.parameters()), "lr": settings.learning_rate}]
        boundary = list(self.loss.parameters())
        if boundary:
            groups.append({"params": boundary, "lr": settings.boundary_rate})
        self.optimizer = torch.optim.Adam(groups)

    def _make_loss(self) -> nn.Module:
        s = self.settings
        if s.loss == "triplet":
            loss: nn.Module = losses.TripletMarginLoss(margin=s.margin)
        else:
            loss = losses.MarginLoss(
                margin=s.margin, beta=s.boundary, learn_beta=True, num_classes=len(self._members)
            )
        return loss

    def embed(self, rows: Rows) -> Floats:
        """Unit vectors [N, D] of inputs [N, ...]."""
        self.network.eval()
        with torch.no_grad():
            parts = [
                self._unit(torch.from_numpy(rows[start : start + 1024]).to(self._device)).cpu()
                for start in range(0, len(rows), 1024)
            ]
        self.network.train()
        return torch.cat(parts).numpy().astype(np.float64)

    def train_batch(self, bins: Floats) -> Batch:
        """One iteration: a batch, one triplet per anchor, one step of Adam.

        Args:
            bins: probabilities of the distance bins [29].

        Returns:
            What it saw; with a loss that is not finite no step is made.
        """
        index = self._draw_batch()
        labels = self._labels[index]
        embeddings = self._unit(self._rows[torch.from_numpy(index).to(self._device)])
        points = embeddings.detach().cpu().numpy().astype(np.float64)
        distances = distances_between(points, points)
        if not np.all(np.isfinite(distances)):
            return Batch(math.nan, math.nan, math.nan)
        anchors, positives, negatives = self._draw_triplets(distances, labels, bins)
        triplets = tuple(
            torch.from_numpy(part).to(self._device) for part in (anchors, positives, negatives)
        )
        classes = torch.from_numpy(labels).to(self._device)
        boundary = self._boundary(labels)
        loss = self.loss(embeddings, classes, triplets)
        value = float(loss.detach())
        if math.isfinite(value):
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        near, far = distances[anchors, positives], distances[anchors, negatives]
        wrong = float(np.mean(labels[negatives] == labels))
        return Batch(value, self._active(near, far, boundary), wrong)

    def get_state(self) -> dict[str, Any]:
        """A deep copy of weights, loss parameters, optimiser moments and the generator's state."""
        return copy.deepcopy(
            {
                "network": self.network.state_dict(),
                "loss": self.loss.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "rng": self._rng.bit_generator.state,
            }
        )

    def set_state(self, state: dict[str, Any]) -> None:
        """Go back to a state of `get_state`, which stays usable."""
        own = copy.deepcopy(state)
        self.network.load_state_dict(own["network"])
        self.loss.load_state_dict(own["loss"])
        self.optimizer.load_state_dict(own["optimizer"])
        self._rng.bit_generator.state = own["rng"]

    def reseed(self, seed: int) -> None:
        """Draw later batches, positives and negatives from a generator of this seed."""
        self._rng = np.random.default_rng(np.random.SeedSequence(seed))

    def _unit(self, rows: Any) -> Any:
        return nn.functional.normalize(self.network(rows), dim=-1)

    def _draw_batch(self) -> NDArray[np.intp]:
        s = self.settings
        classes = self._rng.integers(len(self._members), size=s.classes_per_batch)
        parts = []
        for c in classes:
            members = self._members[c]
            few = len(members) < s.rows_per_class
            parts.append(self._rng.choice(members, s.rows_per_class, replace=few))
        return np.concatenate(parts)

    def _draw_triplets(
        self, distances: Floats, labels: Labels, bins: Floats
    ) -> tuple[NDArray[np.int64], ...]:
        """One (anchor, positive, negative) for every row of the batch."""
        count = len(labels)
        same = labels[:, None] == labels
        itself = np.eye(count, dtype=np.bool_)
        candidates = None
        if not self.settings.self_regularisation:
            candidates = ~same
            candidates[candidates.sum(axis=1) == 0] = True  # a batch of one class has no negative
        negatives = self._pick(item_probabilities(distances, bins, candidates))
        friends = (same & ~itself).astype(np.float64)
        positives = self._pick(friends / friends.sum(axis=1, keepdims=True))
        return np.arange(count), positives, negatives

    def _pick(self, probabilities: Floats) -> NDArray[np.int64]:
        """One column per row, by inverting the cumulative probabilities."""
        ladder = np.cumsum(probabilities, axis=1)
        heights = self._rng.random((len(ladder), 1)) * ladder[:, -1:]
        return np.asarray((ladder <= heights).sum(axis=1), dtype=np.int64)

    def _boundary(self, labels: Labels) -> Floats:
        """The margin loss's boundary of each anchor; zeros for the triplet loss."""
        if self.settings.loss == "triplet":
            return np.zeros(len(labels))
        beta = self.loss.beta.detach().cpu().numpy().astype(np.float64)
        return np.asarray(beta[labels])

    def _active(self, near: Floats, far: Floats, boundary: Floats) -> float:
        margin = self.settings.margin
        if self.settings.loss == "triplet":
            return float(np.mean(near - far + margin > 0))
        pulled, pushed = near - boundary + margin > 0, boundary - far + margin > 0
        return float(np.mean([pulled, pushed]))


def make_network(name: str, input_shape: tuple[int, ...], embedding_size: int) -> nn.Module:
    """The embedding network called `name` (see `LearnerSettings.network`).

    Raises:
        ValueError: if the network does not fit the inputs or its function cannot be imported.
    """
    if name == "mlp":
        inputs = math.prod(input_shape)
        return nn.Sequential(
            nn.Flatten(), nn.Linear(inputs, 256), nn.ReLU(), nn.Linear(256, embedding_size)
        )
    if name == "cnn":
        if len(input_shape) != 3:
            raise BadInput(f"network='cnn' needs images, the data's rows have {input_shape}.")
        layers: list[nn.Module] = []
        channels = input_shape[0]
        for width in (32, 64, 128, 128):
            layers += [nn.Conv2d(channels, width, 3, stride=2, padding=1), nn.ReLU()]
            channels = width
        pool = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, embedding_size)]
        return nn.Sequential(*layers, *pool)
    module, _, function = name.partition(":")
    try:
        maker = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise BadInput(
            f"network={name!r} cannot be imported ({error}); write 'module:function'."
        ) from None
    network: nn.Module = maker(input_shape, embedding_size)
    return network
