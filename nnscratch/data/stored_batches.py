"""Training and evaluating on images that stay in their file: a window of them is in memory at a time."""

from __future__ import annotations

import importlib
import math
import os
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from nnscratch.arrays import Array
from nnscratch.data.batches import Batches, Normalisation, Part, check_deskew, check_shape, sample_of
from nnscratch.data.deskew import deskew as deskewed
from nnscratch.data.mapped import StoredImages
from nnscratch.ops.backend import tapes
from nnscratch.parallel.threads import Team

WINDOW = 1 << 16  # images: 51 MB, about those of MNIST
BLOCK = 1 << 10  # neighbouring images in the file
MOST_SHUFFLED = 4 << 30  # bytes of images


class StoredBatches(Batches):
    """The images ``rows`` (N,) of a file, for a network of ``input_shape``: the same numbers as :class:`Batches` gives.

    Up to 4 GiB of images are shuffled as those in memory are, so a training gives the same bits. A larger file may be
    larger than what the system keeps of it in memory, too, and a disk is slow where it has to look for each image: so
    its images are shuffled :func:`by_blocks`, and a window of them is read in some sixty pieces.

    Raises UsageError for images of another shape.
    """

    def __init__(
        self,
        file: StoredImages,
        rows: Array | None,
        input_shape: tuple[int, ...],
        normalisation: Normalisation,
        dtype: DTypeLike,
        by_image: bool = False,
        *,
        deskew: bool = False,
    ) -> None:
        check_shape(file.shape, input_shape)
        check_deskew(deskew, input_shape)
        self.file, self.rows, self.input_shape, self.deskew = file, rows, input_shape, deskew
        self.images = np.empty((0, *input_shape), np.uint8)
        self.held: Array = np.zeros(0, np.int64)  # row of the window -> index of the image that it holds
        self.table: Array = np.zeros(0, np.uint16)  # and back: index -> row, where it is there
        sample = np.arange(len(self))[sample_of(len(self))]
        self._prepare(self._entering(file.read(self._rows(sample))), normalisation, dtype, by_image)

    def __len__(self) -> int:
        return len(self.file) if self.rows is None else len(self.rows)

    @property
    def has_blocks(self) -> bool:
        """Whether the images are so many that they are shuffled by blocks."""
        return len(self) * math.prod(self.input_shape) > MOST_SHUFFLED

    def order(self, rng: np.random.Generator, batch_size: int) -> Array:
        if not self.has_blocks:
            return super().order(rng, batch_size)
        return by_blocks(len(self), self.window(batch_size), rng)

    def window(self, batch_size: int) -> int:
        return batch_size * max(WINDOW // batch_size, 1)

    def load(self, indices: Array, coming: Array, size: int, team: Team | None, part: Part | None) -> None:
        """Read the window's images, and announce the coming ones where the system may not have them in memory."""
        self._read_window(_parts(indices, size, part), team or Team(1))
        if self.has_blocks:
            self.file.prefetch(*self.file.pieces(self._rows(np.sort(_parts(coming, size, part)))))

    def buffered(self, indices: Array) -> tuple[Array, Array]:
        if len(self.held):
            rows = self.table[indices].astype(np.int64)
            if np.array_equal(self.held[rows], indices):
                return self.images, rows
        images = self._entering(self.file.read(self._rows(np.asarray(indices))))
        return images, np.arange(len(images))

    def _entering(self, images: Array) -> Array:
        """Return images as they were read as those that enter the network, (n, *input_shape)."""
        images = images.reshape(len(images), *self.input_shape)
        return deskewed(images) if self.deskew else images

    def _read_window(self, indices: Array, team: Team) -> None:
        """Read these images into ``images``, in the order of the file."""
        chosen = np.sort(indices)
        if len(self.images) < len(chosen):
            self.images = np.empty((len(chosen), *self.input_shape), np.uint8)
            self.table = np.zeros(len(self), np.min_scalar_type(len(chosen) - 1))  # two bytes for each of millions
        self.held = np.full(len(self.images), -1)  # until they are there
        self._read(chosen, team)
        if self.deskew:
            self.images[: len(chosen)] = deskewed(self.images[: len(chosen)])
        self.table[chosen] = np.arange(len(chosen))
        self.held[: len(chosen)] = chosen

    def _rows(self, indices: Array) -> Array:
        return indices if self.rows is None else self.rows[indices]

    def _read(self, indices: Array, team: Team) -> None:
        """Fill ``images`` with these, ascending ones, a part of them on each thread."""
        places, sizes = self.file.pieces(self._rows(indices))
        out, compiled = self.images[: len(indices)].reshape(-1), compiled_reader()
        ends = np.concatenate([[0], np.cumsum(sizes)])
        cuts = np.linspace(0, len(places), team.size + 1).astype(int).tolist()

        def read(part: slice) -> bool:
            filled = out[ends[part.start] : ends[part.stop]]
            return bool(compiled.read_pieces(self.file.file.descriptor, places[part], sizes[part], filled))

        if compiled is None or not all(team.map(read, [slice(*part) for part in pairwise(cuts)])):
            self.file.read_pieces(places, sizes, out)  # which says what is wrong


def _parts(indices: Array, batch_size: int, part: Part | None) -> Array:
    """Return the part of each batch of these images."""
    if part is None:
        return indices
    batches = (indices[start : start + batch_size] for start in range(0, len(indices), batch_size))
    return np.concatenate([batch[part(len(batch))] for batch in batches] or [indices])


def by_blocks(n: int, window: int, rng: np.random.Generator) -> Array:
    """Return an order of 0..n - 1, (n,) uint32, in which neighbours are in few places of the file.

    Blocks of BLOCK neighbours are shuffled, and then the images of each ``window`` of that order: a batch still comes
    from all of the window's blocks, which lie anywhere in the file, and are others in every epoch.
    """
    blocks = BLOCK * rng.permutation(-(-n // BLOCK))
    order, end = np.empty(n, np.uint32), 0  # a file counts its images with 32 bits
    for first in blocks.tolist():
        block = np.arange(first, min(first + BLOCK, n), dtype=np.uint32)
        order[end : end + len(block)] = block
        end += len(block)
    for start in range(0, n, window):
        rng.shuffle(order[start : start + window])
    return order


def compiled_reader() -> Any:
    """Return the module that reads pieces of files, or None where Python must do it."""
    return None if tapes() is None or os.name == "nt" else importlib.import_module("nnscratch.ops.compiled.pieces")
