"""A data set made larger: distorted copies of its training images, as many as one likes, written as IDX files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from nnscratch.arrays import Array, Stream
from nnscratch.data.augment import Distortion
from nnscratch.data.dataset import Dataset
from nnscratch.data.formats.class_names import NAMES_FILE
from nnscratch.data.formats.idx import idx_header
from nnscratch.data.mapped import take_rows
from nnscratch.data.mnist import MNIST_SHA256
from nnscratch.errors import UsageError
from nnscratch.files.atomic import new_folder
from nnscratch.ops.backend import resolve_backend
from nnscratch.ops.distort import rng_streams
from nnscratch.parallel.threads import Team, one_blas_thread, threads

CHUNK = 16_000  # images in memory at a time
PART = 500  # images that a thread works on; whole calls of the kernel
MOST = (1 << 32) - 1  # images: an IDX file counts them with 32 bits


def write_copies(
    dataset: Dataset,
    distortion: Distortion,
    count: int,
    folder: Path,
    *,
    seed: int = 0,
    progress: Callable[[int], None] = lambda done: None,
) -> None:
    """Write a folder with MNIST's four files: ``count`` distorted training images, and the test images as they are.

    The training images come again and again, each time in another order and otherwise distorted; the same seed gives
    the same files, whatever the number of threads. ``progress`` is told how many are done. A chunk of them is in memory
    at a time, and the folder appears when all is written.

    Classes that are no digits are named in ``classes.txt``.

    Raises UsageError for a count out of range or more than 256 classes, DataError when the folder is not new,
    or has no room on its disk.
    """
    if not 1 <= count <= MOST:
        raise UsageError(
            f"{count:,} images were asked for: give 1 to {MOST:,}, which is all that an IDX file can count"
        )
    if len(dataset.classes) > 256:
        raise UsageError(f"{dataset.source} has {len(dataset.classes)} classes: files of copies have room for 256")
    test = (dataset.test_images, dataset.test_labels)
    contents = (idx_header((count, 28, 28)), idx_header((count,)), *(idx_header(part.shape) for part in test))
    needed = count * (28 * 28 + 1) + len(test[1]) * (28 * 28 + 1) + sum(map(len, contents))
    with new_folder(folder, needed) as temporary:
        paths = [temporary / name for name in MNIST_SHA256]
        for path, header in zip(paths, contents, strict=True):
            path.write_bytes(header)
        if not dataset.is_digits:
            (temporary / NAMES_FILE).write_text("\n".join(dataset.classes) + "\n", encoding="utf-8")
        with paths[0].open("ab") as images, paths[1].open("ab") as labels:
            done = 0
            for made, truth in copies(dataset, distortion, count, seed):
                for part in made:
                    images.write(part.data)
                labels.write(truth.astype(np.uint8).data)
                progress(done := done + len(truth))
        with paths[2].open("ab") as images, paths[3].open("ab") as labels:
            for start in range(0, len(test[1]), CHUNK):
                some = np.arange(start, min(start + CHUNK, len(test[1])))
                images.write(take_rows(test[0], some).data)
                labels.write(test[1][some].astype(np.uint8).data)


def copies(dataset: Dataset, distortion: Distortion, count: int, seed: int) -> Iterator[tuple[list[Array], Array]]:
    """Yield ``count`` distorted training images, chunk by chunk: parts (n, 28, 28) uint8, and all their labels."""
    resolve_backend()
    n, team = len(dataset.train_labels), Team(threads())
    try:
        with one_blas_thread():
            for epoch in range(-(-count // n)):
                order = np.random.default_rng((seed, Stream.COPIES, epoch)).permutation(n)[: count - epoch * n]
                for start in range(0, len(order), CHUNK):
                    chosen = order[start : start + CHUNK]
                    images, keys = take_rows(dataset.train_images, chosen), rng_streams(seed, epoch, chosen)
                    distort = partial(_distort_part, distortion, images, keys)
                    yield team.map(distort, range(0, len(chosen), PART)), dataset.train_labels[chosen]
    finally:
        team.close()


def _distort_part(distortion: Distortion, images: Array, keys: Array, start: int) -> Array:
    return distortion.copies(images[start : start + PART], keys[start : start + PART])
