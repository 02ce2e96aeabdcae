"""What every loader returns: images and labels to train with, and others to test with."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.classes import DIGITS, checked_classes
from nnscratch.data.formats.idx import idx_sha256
from nnscratch.data.mapped import backing_file
from nnscratch.errors import DataError, UsageError, is_whole


class Examples(NamedTuple):
    """What a reader returns: images (n, h, w), labels (n,) whole numbers, and what it had to decide, "" if nothing."""

    images: Array
    labels: Array
    notes: str = ""


@dataclass(frozen=True, eq=False)
class Dataset:
    """A checked data set of 28 x 28 grey pictures; of digits, white ink (255) on black (0).

    train_images, test_images: (n, 28, 28) uint8. train_labels, test_labels: (n,) int64, each 0 to K - 1; other
    integers are accepted and widened, because arithmetic on uint8 labels would wrap round. All four are
    C-contiguous and read-only; images may be a mapped file, of any size. ``source`` is the path as text,
    ``notes`` says what the loader had to decide, for example to hold a test set out. ``classes`` are the K names
    of the classes, the ten digits unless given. The last ``added`` of the training images are to train with alone, and
    not to be held out for validation.

    Raises ``DataError`` when a shape, type, count or label is wrong, or a part is empty.
    """

    train_images: Array = field(repr=False)
    train_labels: Array = field(repr=False)
    test_images: Array = field(repr=False)
    test_labels: Array = field(repr=False)
    name: str
    source: str
    notes: str = ""
    classes: tuple[str, ...] = field(default=DIGITS, repr=False)
    added: int = field(default=0, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", checked_classes(self.classes))
        for part in ("train", "test"):
            images = np.ascontiguousarray(getattr(self, f"{part}_images"))
            labels = np.ascontiguousarray(getattr(self, f"{part}_labels"))
            _check_images(images, f"{self.source}: {part}_images")
            _check_labels(labels, f"{self.source}: {part}_labels", len(self.classes))
            if len(images) != len(labels):
                raise DataError(
                    f"{self.source}: {len(images):,} {part} images came with {len(labels):,} labels: "
                    "each image needs one label"
                )
            object.__setattr__(self, f"{part}_images", _read_only(images))
            object.__setattr__(self, f"{part}_labels", _read_only(labels.astype(np.int64, copy=False)))

    def __repr__(self) -> str:
        """Return its name, and how much there is of what."""
        train, test, K = len(self.train_labels), len(self.test_labels), len(self.classes)
        return (
            f"Dataset({self.name!r}, {train:,} training and {test:,} test images of {K} classes, from {self.source!r})"
        )

    @property
    def is_digits(self) -> bool:
        """True when the classes are the ten digits, so that pictures may be brought into MNIST's form."""
        return self.classes == DIGITS

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) over the content: of the SHA-256 of the four arrays as IDX files, in the order above.

        The same images and labels give the same digest, whether they came as IDX, CSV or pictures. Names of classes
        that are not the digits count, too.
        """
        arrays = (self.train_images, self.train_labels, self.test_images, self.test_labels)
        names = () if self.is_digits else self.classes
        return hashlib.sha256("\n".join([*map(_sha256, arrays), *names]).encode()).hexdigest()


def _sha256(values: Array) -> str:
    """See ``idx_sha256``; a mapped file is read piece by piece, and labels above 255 have four bytes."""
    file = backing_file(values)
    if file is not None:
        return file.sha256()
    if values.dtype == np.uint8 or values.max() < 256:
        return idx_sha256(values)
    return hashlib.sha256(values.astype(">i4").tobytes()).hexdigest()


def _check_images(images: Array, what: str) -> None:
    if images.dtype != np.uint8 or images.shape[1:] != (28, 28):
        came = f"{images.shape} {images.dtype}"
        raise DataError(f"{what} came as {came}, but (n, 28, 28) uint8 is wanted: convert them first")
    if len(images) == 0:
        raise DataError(f"{what} is empty, but at least one image is wanted")


def _check_labels(labels: Array, what: str, classes: int) -> None:
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        came = f"{labels.shape} {labels.dtype}"
        raise DataError(f"{what} came as {came}, but (n,) integers are wanted: convert them first")
    wrong = labels[(labels < 0) | (labels >= classes)]
    if len(wrong):
        raise DataError(f"{what} holds {wrong[0]}, but only the labels 0 to {classes - 1} are wanted: leave out others")


def _read_only(values: Array) -> Array:
    """A view that refuses to be written to; the caller's own array stays as it was."""
    view = values.view()
    view.flags.writeable = False
    return view


# ---- choosing examples so that every class keeps its share


def stratified_split(labels: Array, size: int, *, seed: int) -> tuple[Array, Array]:
    """Hold ``size`` of the n examples out, each class in proportion, to within one example.

    labels: (n,). Returns (train indices (n - size,), held-out indices (size,)), int64, both ascending;
    together they are 0..n-1. The same labels, size and seed give the same split. Raises ``UsageError``
    unless 0 <= size < n.
    """
    n = len(labels)
    if not is_whole(size, 0, n - 1):
        wanted = f"a whole number from 0 to {n - 1:,}"
        raise UsageError(f"{size} of {n:,} examples cannot be held out: give {wanted}")
    shuffled = np.random.default_rng(seed).permutation(n)
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    # Every (n / size)-th of that list: a class of k is met k * size / n times, rounded up or down.
    held_out = np.zeros(n, dtype=bool)
    held_out[by_class[np.arange(size) * n // max(size, 1)]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def stratified_subset(labels: Array, n: int, *, seed: int) -> Array:
    """Indices of ``n`` examples, each class in proportion to within one; all of them when there are no more.

    labels: (m,). Returns (min(n, m),) int64, ascending. Raises ``UsageError`` unless n is whole and >= 1.
    """
    if not is_whole(n, 1):
        raise UsageError(f"{n} examples cannot be chosen: give a whole number of at least 1")
    if n >= len(labels):
        return np.arange(len(labels))
    return stratified_split(labels, n, seed=seed)[1]
