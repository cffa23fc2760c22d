"""Data sets and their splits."""

import numpy as np
import pytest
from PIL import Image

from gw_envs.metric_learning import datasets


@pytest.fixture
def image_folder(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("ant", "bee", "cat", "dog"):
        (tmp_path / name).mkdir()
        for i in range(6):
            pixels = rng.integers(0, 255, (20, 30, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    return tmp_path


def test_the_shipped_letters():
    rows, labels = datasets.load("letter")
    assert rows.shape == (20_000, 16)
    assert rows.dtype == np.float32
    assert (rows.min(), rows.max()) == (-1, 1)
    counts = np.bincount(labels)
    assert len(counts) == 26
    assert (counts.min(), counts.max()) == (734, 813)


def test_the_shipped_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    rows, labels = datasets.load("digits")
    known = load_digits()
    assert np.array_equal(rows, (known.data / 8 - 1).astype(np.float32))
    assert np.array_equal(labels, known.target)
    assert len(labels) == 1797 and len(np.unique(labels)) == 10


def test_folders_of_images(image_folder):
    rows, labels = datasets.load(f"folder:{image_folder}", image_size=16)
    assert rows.shape == (24, 3, 16, 16)
    assert np.bincount(labels).tolist() == [6] * 4
    assert np.abs(rows).max() <= 1


def test_a_split_shares_no_row_and_tests_on_other_classes():
    labels = np.repeat(np.arange(6), 30)
    rows = np.arange(180, dtype=np.float32)[:, None]
    parts = datasets.split(rows, labels, rows_per_class=20, validation_fraction=0.15)
    seen = [set(part[0][:, 0].astype(int)) for part in (parts.train, parts.validation, parts.test)]
    assert [len(part) for part in seen] == [51, 9, 60]
    assert not seen[0] & seen[1]
    classes = [set(labels[list(part)]) for part in seen]
    assert classes[0] == classes[1] == {0, 2, 4}
    assert classes[2] == {1, 3, 5}
    assert parts.num_classes == 3
    assert np.array_equal(labels[parts.train[0][:, 0].astype(int)] // 2, parts.train[1])


@pytest.mark.parametrize(("name", "training"), [("halves", [0, 1, 2]), ("alternate", [0, 2, 4])])
def test_which_classes_train(name, training):
    labels = np.repeat(np.arange(6), 10)
    parts = datasets.split(labels[:, None].astype(np.float32), labels, class_split=name)
    assert sorted(set(parts.train[0][:, 0].astype(int))) == training


def test_splits_are_fixed_by_their_seed():
    rows, labels = datasets.load("letter")
    one, same, other = (
        datasets.split(rows, labels, class_split="random", seed=seed) for seed in (3, 3, 4)
    )
    assert np.array_equal(one.train[0], same.train[0])
    assert not np.array_equal(one.train[0], other.train[0])


def test_refuses_what_cannot_be_read(tmp_path, image_folder, monkeypatch):
    with pytest.raises(ValueError, match=r"dataset='leter' is unknown.*Did you mean 'letter'"):
        datasets.load("leter")
    with pytest.raises(ValueError, match="is no folder; it needs one folder per class"):
        datasets.load(f"folder:{tmp_path / 'nowhere'}")
    (tmp_path / "empty" / "class").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"holds no images; put .png"):
        datasets.load(f"folder:{tmp_path / 'empty'}")
    with pytest.raises(ValueError, match="image_size=4 must be"):
        datasets.load(f"folder:{image_folder}", image_size=4)


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 truncated", b"not an archive"])
def test_a_missing_or_damaged_file_says_what_to_do(tmp_path, content):
    path = tmp_path / "letter_recognition.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"letter_recognition.npz: the file is .*install"):
        datasets._shipped("letter", path, 7.5)


def test_a_truncated_copy_of_the_shipped_file_is_refused(tmp_path):
    whole = (datasets.files("gw_envs") / "data" / "letter_recognition.npz").read_bytes()
    path = tmp_path / "letter_recognition.npz"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="damaged; install"):
        datasets._shipped("letter", path, 7.5)


def test_without_a_network_the_error_says_what_to_place_where(tmp_path, monkeypatch):
    from pytorch_metric_learning.datasets import cub

    def refuse(**kwargs):
        raise OSError("no network")

    monkeypatch.setattr(cub, "_urlretrieve", refuse)
    root = tmp_path / "cub"
    with pytest.raises(
        ValueError, match=r"nor can it be downloaded.*unpack it so that.*CUB_200_2011"
    ):
        datasets.load("cub200", root=str(root))
    assert not root.exists()


def test_a_benchmark_data_set_is_read_from_its_files(tmp_path):
    inner = tmp_path / "CUB_200_2011"
    (inner / "images").mkdir(parents=True)
    lines = [f"{i} {i}.png" for i in range(1, 5)]
    for i in range(1, 5):
        Image.new("RGB", (12, 12), (60 * i, 0, 0)).save(inner / "images" / f"{i}.png")
    (inner / "images.txt").write_text("\n".join(lines) + "\n")
    (inner / "image_class_labels.txt").write_text("1 1\n2 1\n3 150\n4 150\n")
    rows, labels = datasets.load("cub200", root=str(tmp_path), image_size=8)
    assert rows.shape == (4, 3, 8, 8)
    assert labels.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        ([0, 0, 1, 1, 2, 2], {}, "3 classes cannot be split by class.*at least 4"),
        ([0] * 9 + [1] * 9 + [2] * 9 + [3], {}, "class 3 has 1 rows; it needs at least 2"),
        ([0] + [1] * 9 + [2] * 9 + [3] * 9, {}, "class 0 has 1 rows; it needs at least 4"),
        (
            [0] * 9 + [1] * 9 + [2] * 9 + [3] * 9,
            {"validation_fraction": 1.5},
            "validation_fraction",
        ),
        ([0] * 9 + [1] * 9 + [2] * 9 + [3] * 9, {"rows_per_class": 1}, "rows_per_class=1"),
        ([0] * 9 + [1] * 9 + [2] * 9 + [3] * 9, {"class_split": "thirds"}, "class_split='thirds'"),
        ([0] * 9 + [1] * 9 + [2] * 9 + [3] * 9, {"seed": -1}, "split_seed=-1"),
    ],
)
def test_refuses_splits_that_cannot_be_made(labels, options, message):
    rows = np.zeros((len(labels), 2), dtype=np.float32)
    with pytest.raises(ValueError, match=message):
        datasets.split(rows, np.array(labels), **options)
