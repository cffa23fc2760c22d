"""How good an embedding is: recall@k, NMI and F1 of k-means clusters, distances in and between.

Nearest neighbours are searched among the same rows, each row itself left out. Clusters are
scikit-learn's k-means with as many centres as classes, from the same seed at every evaluation, so
that two evaluations of one embedding agree to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gw_envs.checks import Floats

RANKS = (1, 2, 4, 8)
METRICS = (*(f"recall_at_{k}" for k in RANKS), "nmi", "intra_distance", "inter_distance")
KMEANS_SEED = 0
ROWS_AT_ONCE = 2048  # of the matrix of distances

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Retrieval:
    """The evaluation of one embedding.

    Attributes:
        recall: recall@1, 2, 4, 8: share of rows with a row of their class among the k nearest.
        nmi: normalised mutual information of clusters and classes, in [0, 1].
        f1: harmonic mean of precision and recall of "same cluster" for "same class", in [0, 1].
        intra_distance: distance between two rows of a class, mean over pairs, then classes.
        inter_distance: distance between the centres of two classes, mean over pairs.
        hits: bool [N], whether each row's nearest neighbour is of its class.
    """

    recall: tuple[float, ...]
    nmi: float
    f1: float
    intra_distance: float
    inter_distance: float
    hits: NDArray[np.bool_]

    @property
    def vector(self) -> Floats:
        """The 7 numbers a sampling policy sees, in the order of `METRICS`."""
        return np.array([*self.recall, self.nmi, self.intra_distance, self.inter_distance])

    @property
    def named(self) -> dict[str, float]:
        """All of `METRICS`, and `f1`."""
        return dict(zip(METRICS, self.vector.tolist(), strict=True)) | {"f1": self.f1}


def distances_between(left: Floats, right: Floats) -> Floats:
    """Euclidean distances [N, M] between vectors [N, D] and [M, D]."""
    squares = np.sum(left**2, axis=1)[:, None] + np.sum(right**2, axis=1) - 2 * (left @ right.T)
    return np.sqrt(np.maximum(squares, 0.0))


def recall_at(embeddings: Floats, labels: Labels) -> tuple[tuple[float, ...], NDArray[np.bool_]]:
    """Recall at `RANKS`, and whether each row's nearest neighbour is of its class [N]."""
    count = min(max(RANKS), len(labels) - 1)
    found = np.empty((len(labels), count), dtype=np.bool_)
    for start in range(0, len(labels), ROWS_AT_ONCE):
        block = slice(start, min(start + ROWS_AT_ONCE, len(labels)))
        distances = distances_between(embeddings[block], embeddings)
        distances[np.arange(len(distances)), np.arange(block.start, block.stop)] = np.inf
        near = np.argpartition(distances, count - 1, axis=1)[:, :count]
        order = np.argsort(np.take_along_axis(distances, near, axis=1), axis=1, kind="stable")
        near = np.take_along_axis(near, order, axis=1)
        found[block] = np.cumsum(labels[near] == labels[block, None], axis=1) > 0
    return tuple(float(found[:, min(k, count) - 1].mean()) for k in RANKS), found[:, 0]


def cluster(embeddings: Floats, num_clusters: int) -> Labels:
    """k-means cluster of each row [N], from the fixed seed."""
    import warnings

    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    means = KMeans(n_clusters=num_clusters, n_init=1, random_state=KMEANS_SEED)
    with warnings.catch_warnings():
        # A collapsed embedding has fewer points than clusters; its distances say so.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(means.fit_predict(embeddings), dtype=np.int64)


def agreement(labels: Labels, clusters: Labels) -> tuple[float, float]:
    """NMI (arithmetic mean normalisation) and pair F1 of clusters against classes."""
    table = np.zeros((labels.max() + 1, clusters.max() + 1))
    np.add.at(table, (labels, clusters), 1)
    joint = table / len(labels)
    rows, columns = joint.sum(axis=1), joint.sum(axis=0)
    seen = joint > 0
    expected = np.outer(rows, columns)[seen]
    information = float(np.sum(joint[seen] * np.log(joint[seen] / expected)))
    mean_entropy = (_entropy(rows) + _entropy(columns)) / 2
    nmi = 1.0 if mean_entropy == 0 else min(1.0, max(0.0, information / mean_entropy))
    together = float(np.sum(table * (table - 1)))
    classes, groups = table.sum(axis=1), table.sum(axis=0)
    pairs = float(np.sum(classes * (classes - 1)) + np.sum(groups * (groups - 1)))
    return nmi, 2 * together / pairs if pairs > 0 else 0.0


def _entropy(probabilities: Floats) -> float:
    p = probabilities[probabilities > 0]
    return float(-np.sum(p * np.log(p)))


def class_distances(embeddings: Floats, labels: Labels) -> tuple[float, float]:
    """Mean distance within classes, and between their centres (means of their rows)."""
    within, centres = [], []
    for label in np.unique(labels):
        rows = embeddings[labels == label]
        centres.append(rows.mean(axis=0))
        if len(rows) > 1:
            within.append(_mean_distance(rows))
    return float(np.mean(within)), _mean_distance(np.array(centres))


def _mean_distance(points: Floats) -> float:
    """Mean distance over the pairs of two different points."""
    total = 0.0
    for start in range(0, len(points), ROWS_AT_ONCE):
        distances = distances_between(points[start : start + ROWS_AT_ONCE], points)
        distances[np.arange(len(distances)), np.arange(start, start + len(distances))] = 0.0
        total += float(distances.sum())
    return total / (len(points) * (len(points) - 1))


def evaluate(embeddings: Floats, labels: Labels) -> Retrieval:
    """Evaluate unit vectors [N, D] of classes `labels` [N], integers from 0.

    Needs at least two classes, and two rows in one of them. Memory grows like N, not N^2.
    """
    embeddings = np.asarray(embeddings, dtype=np.float64)
    recall, hits = recall_at(embeddings, labels)
    nmi, f1 = agreement(labels, cluster(embeddings, len(np.unique(labels))))
    intra, inter = class_distances(embeddings, labels)
    return Retrieval(recall, nmi, f1, intra, inter, hits)
