"""What a training is shown: all images but those held out, and what is made from them: other forms, and no digits.

What is no digit belongs to all classes alike: its target is 1/10 of each, so that the network learns not to be sure of
any. D. Hendrycks, M. Mazeika, T. Dietterich: Deep Anomaly Detection with Outlier Exposure, ICLR 2019, equation 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data import Dataset, stratified_split, stratified_subset
from nnscratch.data.classes import listed
from nnscratch.data.mapped import backing_file, take_rows
from nnscratch.data.synthetic.forms import form_counts, with_forms
from nnscratch.data.synthetic.outliers import outliers
from nnscratch.errors import UsageError
from nnscratch.runs.settings import MADE, Settings

MOST_MADE_FROM = 200_000  # training images of a mapped file: what is made from them is in memory, beside all of them


@dataclass(frozen=True)
class Examples:
    """Images (M, ...) and the ``rows`` of them to train on, (n,), or None for all; targets (n,) or (n, K)."""

    images: Array
    rows: Array | None
    targets: Array


def split(dataset: Dataset, settings: Settings) -> tuple[Array, Array]:
    """Return the indices of the images to train on and of those to validate on, both stratified by class.

    Those that were added to the data are all trained on, so that with them and without one validates on the same.
    They are uint32: a file counts its images with 32 bits, and there may be millions.
    """
    labels = dataset.train_labels
    own = len(labels) - dataset.added
    added = np.arange(own, len(labels))
    chosen = None if settings.limit is None else stratified_subset(labels, settings.limit, seed=settings.seed)
    if chosen is not None:
        chosen, added = chosen[chosen < own], chosen[chosen >= own]
    labels = labels[:own] if chosen is None else labels[chosen]
    n = len(labels)
    size = min(5000, n // 6) if settings.val_size is None else settings.val_size
    if not 1 <= size < n:
        raise UsageError(
            f"{n} images cannot be cut into {size} for validation and the rest for training: "
            f"both need at least one, so change --val-size or --limit, or give more data"
        )
    train, held_out = stratified_split(labels, size, seed=settings.seed)
    train, held_out = (train, held_out) if chosen is None else (chosen[train], chosen[held_out])
    return np.concatenate([train, added]).astype(np.uint32), held_out.astype(np.uint32)


def examples(dataset: Dataset, train: Array, settings: Settings, *, made: bool = True) -> Examples:
    """Return the images of ``train`` (n,), indices, and what the settings make from them, unless not ``made``.

    Raises UsageError when the settings do not fit the data.
    """
    truth = dataset.train_labels[train].astype(np.min_scalar_type(len(dataset.classes) - 1))  # there may be millions
    wanted = [name for name in (*MADE, "teachers") if getattr(settings, name)]
    for name in wanted:
        _check(dataset, len(train), name)
    if not made or not wanted:
        return Examples(dataset.train_images, train, truth)
    own, K = take_rows(dataset.train_images, train), len(dataset.classes)
    images, labels = with_forms(own, truth, settings.forms, settings.seed)
    targets = labels
    if settings.outliers:
        more = outliers(own, truth, outlier_count(len(train), settings), settings.seed)
        images = np.concatenate([images, more])
        targets = np.concatenate([shares(labels, K), np.full((len(more), K), 1 / K, np.float32)])
    elif settings.teachers:
        targets = shares(labels, K)
    return Examples(images, None, targets)


def count_examples(labels: Array, settings: Settings) -> int:
    """Return how many images :func:`examples` returns for training images with ``labels`` (n,), making none."""
    forms = form_counts(labels, settings.forms).values()
    return len(labels) + sum(forms) + outlier_count(len(labels), settings)


def outlier_count(count: int, settings: Settings) -> int:
    """Return how many images that are no digit are made for ``count`` training images."""
    return round(settings.outliers * count)


def shares(labels: Array, classes: int) -> Array:
    """Return labels (n,) as targets (n, classes) float32: all of one class."""
    return np.eye(classes, dtype=np.float32)[labels]


def _check(dataset: Dataset, count: int, name: str) -> None:
    """Raise UsageError for what would be made from no digits, or from more images than had better leave their file."""
    if name in MADE and not dataset.is_digits:
        what = "other forms of digits" if name == "forms" else "what is no digit"
        raise UsageError(
            f"--{name} draws {what}, from digits, and {dataset.name} has {listed(dataset.classes)}: leave it out"
        )
    if count > MOST_MADE_FROM and backing_file(dataset.train_images) is not None:
        raise UsageError(
            f"--{name} needs all images in memory, at most {MOST_MADE_FROM:,} training images, and these are "
            f"{count:,}: leave --{name} out, or give --limit"
        )
