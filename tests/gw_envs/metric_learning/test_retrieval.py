"""Retrieval metrics against scikit-learn, pytorch-metric-learning and brute force."""

import numpy as np
import pytest
import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from pytorch_metric_learning.utils.inference import CustomKNN
from sklearn.metrics import normalized_mutual_info_score
from sklearn.metrics.cluster import pair_confusion_matrix

from gw_envs.metric_learning import retrieval


def embedding(rows=150, classes=6, noise=0.9, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(rows) % classes
    points = np.eye(8)[labels] + noise * rng.normal(size=(rows, 8)) / 2
    return points / np.linalg.norm(points, axis=1, keepdims=True), labels


@pytest.mark.parametrize("seed", range(5))
def test_recall_at_one_is_that_of_accuracy_calculator(seed):
    points, labels = embedding(seed=seed)
    calculator = AccuracyCalculator(
        include=("precision_at_1",),
        k=1,
        device=torch.device("cpu"),
        knn_func=CustomKNN(LpDistance(normalize_embeddings=False)),
    )
    theirs = calculator.get_accuracy(torch.tensor(points), torch.tensor(labels))
    recall, hits = retrieval.recall_at(points, labels)
    assert recall[0] == pytest.approx(theirs["precision_at_1"], abs=1e-12)
    assert hits.mean() == recall[0]


@pytest.mark.parametrize("rows_at_once", [7, 2048])
def test_recall_at_k_by_brute_force_whatever_the_block(monkeypatch, rows_at_once):
    monkeypatch.setattr(retrieval, "ROWS_AT_ONCE", rows_at_once)
    points, labels = embedding(rows=90)
    recall, _ = retrieval.recall_at(points, labels)
    for k, value in zip(retrieval.RANKS, recall, strict=True):
        found = 0
        for row, point in enumerate(points):
            order = sorted(
                (float(np.linalg.norm(point - other)), i)
                for i, other in enumerate(points)
                if i != row
            )
            found += any(labels[i] == labels[row] for _, i in order[:k])
        assert value == pytest.approx(found / len(points), abs=1e-12)
    assert list(recall) == sorted(recall)


@pytest.mark.parametrize("seed", range(5))
def test_nmi_and_f1_are_those_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    labels, clusters = rng.integers(0, 6, 200), rng.integers(0, 5, 200)
    clusters[:80] = labels[:80] % 5
    nmi, f1 = retrieval.agreement(labels, clusters)
    assert nmi == pytest.approx(normalized_mutual_info_score(labels, clusters), abs=1e-12)
    (_, false_positive), (false_negative, true_positive) = pair_confusion_matrix(labels, clusters)
    assert f1 == pytest.approx(
        2 * true_positive / (2 * true_positive + false_positive + false_negative), abs=1e-12
    )


def test_distances_within_and_between_classes_by_hand():
    points = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [-1.0, 0.0]])
    intra, inter = retrieval.class_distances(points, np.array([0, 0, 1, 1]))
    assert intra == pytest.approx(np.sqrt(2) / 2)  # sqrt 2 in class 0, 0 in class 1
    assert inter == pytest.approx(np.hypot(1.5, 0.5))


def test_an_evaluation_is_repeatable_to_the_bit_and_perfect_where_classes_are_points():
    points, labels = embedding()
    one, two = (retrieval.evaluate(points, labels) for _ in range(2))
    assert one.vector.tobytes() == two.vector.tobytes()
    perfect = retrieval.evaluate(np.eye(8)[labels], labels)
    assert (*perfect.recall, perfect.nmi, perfect.f1) == pytest.approx([1.0] * 6)
    assert perfect.named["intra_distance"] == pytest.approx(0, abs=1e-7)
