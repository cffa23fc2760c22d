"""What the embedding is trained on: labelled rows or images, split by class and within classes.

`letter` and `digits` are shipped (CC BY 4.0, see `gw_envs/data/README.md`), `folder:PATH` reads one
folder of images per class; `cub200`, `cars196` and `sop` are read by pytorch-metric-learning's
classes from a folder that holds their files.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gw_envs.checks import (
    BadInput,
    check_choice,
    check_instance,
    check_int,
    check_memory,
    check_share,
)

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
SHIPPED = {  # name: (file, half the largest feature)
    "letter": ("letter_recognition.npz", 7.5),
    "digits": ("optical_digits.npz", 8.0),
}
# name: (module and class in pytorch_metric_learning.datasets, default folder)
DOWNLOADS = {
    "cub200": ("cub", "CUB", "CUB_200_2011"),
    "cars196": ("cars196", "Cars196", "cars196"),
    "sop": ("sop", "StanfordOnlineProducts", "Stanford_Online_Products"),
}
NAMES = (*SHIPPED, *DOWNLOADS, "folder:PATH")
ClassSplit = Literal["alternate", "halves", "random"]

Rows = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Rows of three kinds; inputs are float32 [N, ...], labels whole numbers from 0 in each part.

    Attributes:
        train: what the learner is trained on.
        validation: other rows of the training classes, which the sampling policy sees.
        test: rows of classes that are never trained on.
    """

    train: tuple[Rows, Labels]
    validation: tuple[Rows, Labels]
    test: tuple[Rows, Labels]

    @property
    def num_classes(self) -> int:
        """Number of training classes."""
        return int(self.train[1].max()) + 1

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one row: (features,) or (channels, height, width)."""
        return self.train[0].shape[1:]


def load(dataset: str, *, image_size: int = 64, root: str | None = None) -> tuple[Rows, Labels]:
    """All rows of a data set, scaled to [-1, 1], and their classes.

    Args:
        dataset: one of `NAMES`.
        image_size: images are cut to a centred square and scaled to this side, in pixels.
        root: folder that holds `cub200`, `cars196` or `sop`; default a folder of their name under
            `data/`.

    Raises:
        ValueError: if the data set is unknown, its file is missing or damaged, or a folder holds no
            images.
    """
    check_int("image_size", image_size, 8, 4096)
    if root is not None:
        check_instance("data_root", root, (str, Path), "a folder")
    if check_instance("dataset", dataset, str, "a name").startswith("folder:"):
        return _image_folder(Path(dataset.removeprefix("folder:")), image_size)
    name = check_choice("dataset", dataset, NAMES[:-1])
    if name in SHIPPED:
        file, half = SHIPPED[name]
        return _shipped(name, Path(str(files("gw_envs") / "data" / file)), half)
    return _download(name, Path("data", name) if root is None else Path(root), image_size)


def _shipped(name: str, path: Path, half: float) -> tuple[Rows, Labels]:
    """A shipped data set, its features from 0 to 2 half."""
    message = f"dataset={name!r} cannot be read from {path.name}: "
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            features, labels = arrays["features"], arrays["labels"]
    except FileNotFoundError:
        raise BadInput(message + "the file is missing; install gravity-wells again.") from None
    except (zipfile.BadZipFile, ValueError, KeyError, EOFError, OSError):
        raise BadInput(message + "the file is damaged; install gravity-wells again.") from None
    return (features / half - 1).astype(np.float32), labels.astype(np.int64)


def _image_folder(root: Path, size: int) -> tuple[Rows, Labels]:
    """A folder with one sub-folder of images per class; classes in the order of their names."""
    if not root.is_dir():
        raise BadInput(f"dataset='folder:{root}' is no folder; it needs one folder per class.")
    classes = sorted(path for path in root.iterdir() if path.is_dir())
    paths = [
        (path, label)
        for label, folder in enumerate(classes)
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in IMAGE_SUFFIXES
    ]
    if not paths:
        raise BadInput(
            f"dataset='folder:{root}' holds no images; put {', '.join(IMAGE_SUFFIXES)} files into "
            "one sub-folder per class."
        )
    return _images([path for path, _ in paths], size), np.array([label for _, label in paths])


def _download(name: str, root: Path, size: int) -> tuple[Rows, Labels]:
    """One of the benchmark data sets, from its files under `root`, fetched where that works."""
    import importlib

    module, class_name, inner = DOWNLOADS[name]
    home = importlib.import_module(f"pytorch_metric_learning.datasets.{module}")
    empty = not root.is_dir() or not any(root.iterdir())
    try:
        data: Any = getattr(home, class_name)(str(root), split="train+test", download=empty)
    except Exception as error:
        if empty and root.is_dir() and not any(root.iterdir()):
            root.rmdir()
        raise BadInput(
            f"dataset={name!r} is neither in {str(root)!r} nor can it be downloaded "
            f"({type(error).__name__}: {error}). Fetch {home.__dict__[class_name].DOWNLOAD_URL} "
            f"elsewhere and unpack it so that {str(root / inner)!r} exists, or name its folder by "
            "data_root."
        ) from None
    _, labels = np.unique(np.asarray(data.labels), return_inverse=True)
    return _images([Path(path) for path in data.paths], size), labels.astype(np.int64)


def _images(paths: Sequence[Path], size: int) -> Rows:
    """Images [N, 3, size, size] in [-1, 1]."""
    from PIL import Image, ImageOps

    check_memory("image_size", size, 12.0 * len(paths) * size**2)
    images = np.empty((len(paths), 3, size, size), dtype=np.float32)
    for row, path in enumerate(paths):
        try:
            with Image.open(path) as image:
                square = ImageOps.fit(image.convert("RGB"), (size, size))
        except Exception as error:  # Pillow raises many kinds for damaged files
            raise BadInput(
                f"dataset: image {str(path)!r} cannot be read ({type(error).__name__}); remove it "
                "or put a whole one in its place."
            ) from None
        images[row] = np.asarray(square, dtype=np.float32).transpose(2, 0, 1) / 127.5 - 1
    return images


def split(
    rows: Rows,
    labels: Labels,
    *,
    class_split: ClassSplit = "alternate",
    rows_per_class: int | None = 120,
    validation_fraction: float = 0.15,
    seed: int = 0,
) -> Split:
    """Half the classes for training, half for testing; part of each training class held out.

    Args:
        rows: [N, ...].
        labels: [N].
        class_split: "alternate" (every second class trains, from the first on), "halves" (the first
            half trains, as usual for CUB200, Cars196 and SOP) or "random".
        rows_per_class: rows drawn of every class, fewer where it has fewer; None: all.
        validation_fraction: share of a training class's rows held out, in (0, 1).
        seed: fixes the draws.

    Raises:
        ValueError: for fewer than four classes, or a class too small to be split.
    """
    check_choice("class_split", class_split, get_args(ClassSplit))
    share = check_share("validation_fraction", validation_fraction)
    if rows_per_class is not None:
        check_int("rows_per_class", rows_per_class, 4)
    rng = np.random.default_rng(np.random.SeedSequence(check_int("split_seed", seed, 0)))
    classes = np.unique(labels)
    if len(classes) < 4:
        raise BadInput(
            f"dataset of {len(classes)} classes cannot be split by class: two must train and two "
            "must test, so it needs at least 4."
        )
    training = _training_classes(classes, class_split, rng)
    train, validation, test = [], [], []
    for label in classes:
        members = rng.permutation(np.flatnonzero(labels == label))[:rows_per_class]
        held = max(2, round(share * len(members))) if label in training else 0
        if len(members) - held < 2:
            raise BadInput(
                f"class {label} has {len(members)} rows; it needs at least {held + 2}, two of them "
                "to train or test on" + (f" and {held} to validate." if held else ".")
            )
        if label in training:
            validation.append(members[:held])
            train.append(members[held:])
        else:
            test.append(members)

    def part(groups: list[NDArray[np.intp]]) -> tuple[Rows, Labels]:
        index = np.concatenate(groups)
        return rows[index], np.repeat(np.arange(len(groups)), [len(group) for group in groups])

    return Split(part(train), part(validation), part(test))


def _training_classes(
    classes: Labels, class_split: str, rng: np.random.Generator
) -> frozenset[int]:
    orders: dict[str, Callable[[], Labels]] = {
        "alternate": lambda: classes[::2],
        "halves": lambda: classes[: len(classes) // 2],
        "random": lambda: rng.permutation(classes)[: len(classes) // 2],
    }
    return frozenset(int(label) for label in orders[class_split]())
