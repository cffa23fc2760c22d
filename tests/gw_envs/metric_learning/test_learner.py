"""The embedding network in training: losses, draws, states, devices."""

import copy

import numpy as np
import pytest
import torch

from gw_envs.metric_learning.distance_bins import NUM_BINS, initial_bins
from gw_envs.metric_learning.learner import Learner, LearnerSettings, make_network

FLAT = np.full(NUM_BINS, 1 / NUM_BINS)
SMALL = {"classes_per_batch": 6, "rows_per_class": 3, "embedding_size": 8}


def data(classes=4, rows=12, noise=0.3, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), rows)
    points = np.eye(6)[labels] + noise * rng.normal(size=(len(labels), 6))
    return points.astype(np.float32), labels


def tiny_network(input_shape, embedding_size):
    return torch.nn.Linear(input_shape[0], embedding_size, bias=False)


@pytest.mark.parametrize("loss", ["margin", "triplet"])
def test_training_separates_classes(loss):
    rows, labels = data()
    learner = Learner(rows, labels, LearnerSettings(loss=loss, **SMALL), seed=0)

    def spread():
        points = learner.embed(rows)
        near = [points[labels == c].std(axis=0).sum() for c in range(4)]
        centres = np.array([points[labels == c].mean(axis=0) for c in range(4)])
        return np.mean(near) / centres.std(axis=0).sum()

    before = spread()
    batches = [learner.train_batch(FLAT) for _ in range(60)]
    assert spread() < 0.7 * before
    assert batches[-1].active < batches[0].active
    assert all(batch.not_negative == 0 for batch in batches)


def test_the_margin_loss_of_a_batch_is_the_formula(monkeypatch):
    rows, labels = data()
    learner = Learner(rows, labels, LearnerSettings(**SMALL), seed=1)
    index = np.array([0, 1, 12, 13])
    anchors, positives, negatives = np.arange(4), np.array([1, 0, 3, 2]), np.array([2, 3, 0, 1])
    monkeypatch.setattr(learner, "_draw_batch", lambda: index)
    monkeypatch.setattr(learner, "_draw_triplets", lambda *_: (anchors, positives, negatives))
    points = learner.embed(rows[index])
    near = np.linalg.norm(points - points[positives], axis=1)
    far = np.linalg.norm(points - points[negatives], axis=1)
    parts = np.concatenate([np.maximum(near - 1.2 + 0.2, 0), np.maximum(1.2 - far + 0.2, 0)])
    batch = learner.train_batch(FLAT)
    assert batch.loss == pytest.approx(parts.sum() / np.sum(parts > 0), rel=1e-5)
    assert batch.active == pytest.approx(np.mean(parts > 0))


def test_negatives_follow_the_bins():
    rows, labels = data(noise=0.6)
    settings = LearnerSettings(network=f"{__name__}:tiny_network", **SMALL)
    learner = Learner(rows, labels, settings, seed=0)
    rng = np.random.default_rng(0)
    points = rng.normal(size=(9, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    distances = np.linalg.norm(points[:, None] - points, axis=-1)
    kinds = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2])
    bins = initial_bins("normal:1.2:0.2")
    draws = np.array([learner._draw_triplets(distances, kinds, bins) for _ in range(4000)])
    weights = bins[np.clip((distances[0] - 0.1) / (1.3 / 29), 0, 28).astype(int)]
    weights[:3] = 0
    expected = weights / weights.sum()
    seen = np.bincount(draws[:, 2, 0], minlength=9) / 4000
    assert np.all(np.abs(seen - expected) < 4.5 * np.sqrt(expected * (1 - expected) / 4000) + 1e-12)
    assert set(draws[:, 1, 0]) == {1, 2}  # positives: of the class, never the anchor


def test_self_regularisation_may_show_positives_and_the_anchor():
    rows, labels = data()
    settings = LearnerSettings(self_regularisation=True, **SMALL)
    learner = Learner(rows, labels, settings, seed=0)
    assert np.mean([learner.train_batch(FLAT).not_negative for _ in range(10)]) > 0.1


def test_states_fork_to_the_same_bits():
    rows, labels = data()
    learner = Learner(rows, labels, LearnerSettings(**SMALL), seed=0)
    for _ in range(3):
        learner.train_batch(FLAT)
    state = learner.get_state()
    before = copy.deepcopy(state)
    once = [learner.train_batch(FLAT).loss for _ in range(5)]
    points = learner.embed(rows)
    learner.set_state(state)
    assert [learner.train_batch(FLAT).loss for _ in range(5)] == once
    assert np.array_equal(learner.embed(rows), points)
    for name, value in before["network"].items():
        assert torch.equal(value, state["network"][name])  # the state was a copy


def test_a_loss_that_is_not_finite_makes_no_step():
    rows, labels = data()
    learner = Learner(rows, labels, LearnerSettings(**SMALL), seed=0)
    learner._rows[:] = float("nan")
    weights = copy.deepcopy(learner.network.state_dict())
    assert not np.isfinite(learner.train_batch(FLAT).loss)
    for name, value in learner.network.state_dict().items():
        assert torch.equal(value, weights[name])


def test_images_go_through_the_convolutions():
    network = make_network("cnn", (3, 16, 16), 8)
    assert network(torch.zeros(2, 3, 16, 16)).shape == (2, 8)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_training_runs_on_a_gpu():
    rows, labels = data()
    learner = Learner(rows, labels, LearnerSettings(device="cuda", **SMALL), seed=0)
    assert np.isfinite(learner.train_batch(FLAT).loss)
    assert next(learner.network.parameters()).is_cuda
    assert learner.embed(rows).shape == (48, 8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"network": "mpl"}, "network='mpl' is unknown.*Did you mean 'mlp'"),
        ({"loss": "contrastive"}, "loss='contrastive' is unknown"),
        ({"margin": 0}, r"margin=0 must .*0"),
        ({"learning_rate": float("nan")}, "learning_rate=nan must be"),
        ({"classes_per_batch": 1}, "classes_per_batch=1 must be"),
        ({"device": "cuda:99"}, "device='cuda:99' is not here"),
        ({"device": "abacus"}, "device='abacus' is not here"),
    ],
)
def test_refuses_settings_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        LearnerSettings(**options)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("cnn", (16,), "network='cnn' needs images"),
        ("no_such_module:make", (16,), "cannot be imported"),
        ("math:no_such_function", (16,), "cannot be imported"),
    ],
)
def test_refuses_networks_that_do_not_fit(name, shape, message):
    with pytest.raises(ValueError, match=message):
        make_network(name, shape, 8)
