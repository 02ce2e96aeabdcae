"""Stored images and how they enter a network: checked once, then turned to batch-last numbers a batch at a time."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from nnscratch import ops
from nnscratch.arrays import Array
from nnscratch.data.augment import Distortion
from nnscratch.data.deskew import deskew as deskewed
from nnscratch.data.scaling import Scaling, as_array, scaled
from nnscratch.errors import UsageError, short_repr
from nnscratch.parallel.threads import Team

SAMPLE = 256  # images

Part = Callable[[int], slice]
Normalisation = tuple[float, float]  # (mean, standard deviation) of the pixels on the scale 0..1


class Batches:
    """Images (N, 28, 28), (N, C, H, W) or (N, D), uint8 0..255 or float 0..1, for a network of ``input_shape``.

    A network whose input has one dimension, (D,), takes features (N, D): any finite numbers. uint8 in 0..255 is brought
    to 0..1 there as well. A pixel p on the scale 0..1 enters as (p - mean) / std, and a feature too. ``by_image`` (see
    ``ops.gather_batch``) is done where most pixels are blank: a dense layer can then leave those out. With ``scaling``
    = (mean, scale) images may hold any finite numbers, which are brought to (number - mean) / scale first: see
    ``scaling.py``. With ``deskew`` images of one channel are kept without their slant: see ``data/deskew.py``; a
    distortion begins with those.

    Raises UsageError for other types, values or shapes.
    """

    def __init__(
        self,
        images: Array,
        input_shape: tuple[int, ...],
        normalisation: Normalisation,
        dtype: DTypeLike,
        by_image: bool = False,
        *,
        scaling: Scaling | None = None,
        deskew: bool = False,
    ) -> None:
        images = as_array(images, "images")
        if images.dtype.kind == "f" and images.dtype not in (np.float32, np.float64):
            images = images.astype(np.float64)  # half precision, another byte order: kernels have none
        check_shape(images.shape, input_shape)
        check_deskew(deskew, input_shape, scaling)
        any_scale = scaling is not None or len(input_shape) == 1  # features (D,), or pictures (C, H, W)
        _check_kind(images, any_scale)
        if scaling is not None:
            images = scaled(images, *scaling)
        if images.dtype != np.uint8 and (scaling is not None or images.dtype.kind != "f"):
            with np.errstate(over="ignore"):
                images = images.astype(dtype)
        _check_values(images, any_scale, dtype)
        images = images.reshape(len(images), *input_shape)
        self.images = deskewed(images) if deskew else np.ascontiguousarray(images)
        self._prepare(self.images[sample_of(len(images))], normalisation, dtype, by_image)

    def _prepare(self, sample: Array, normalisation: Normalisation, dtype: DTypeLike, by_image: bool) -> None:
        """Settle how pixels enter; ``sample`` is some of the images."""
        self.sample = sample
        mean, std = normalisation
        self.scale = 1 / (255 * std) if sample.dtype == np.uint8 else 1 / std
        self.shift = -mean / std
        self.dtype = dtype
        self.by_image = bool(by_image and self.shift == 0 and 4 * np.count_nonzero(sample) <= sample.size)

    def __len__(self) -> int:
        return len(self.images)

    # ---- an epoch, window by window: here all images are in memory, in ``StoredBatches`` those of the window

    def epoch(
        self,
        rng: np.random.Generator | None,
        size: int,
        start: int = 0,
        stop: int | None = None,
        *,
        team: Team | None = None,
        part: Part | None = None,
        many: Callable[[], int] = lambda: 1,
    ) -> Iterator[Array]:
        """Yield the indices (n,) int64 of one batch of ``size`` images after the other; the last may be shorter.

        It may be those of up to ``many()`` batches at a time, which are in memory together.

        ``rng`` shuffles the images; without one they come as they are. ``start`` and ``stop`` are positions in that
        order, so an epoch goes on where it was left. What has to be read is read on ``team``, and of each batch of n
        images only ``part(n)``, where this process works on no others.
        """
        order = (np.arange(len(self)) if rng is None else self.order(rng, size))[:stop]
        window, end, position = self.window(size), start, start
        while position < len(order):
            if position >= end:
                end = position - position % window + window
                self.load(order[position:end], order[end : end + window], size, team, part)
            following = min(position + size * many(), end)
            yield order[position:following].astype(np.int64, copy=False)
            position = following

    def load(self, indices: Array, coming: Array, size: int, team: Team | None, part: Part | None) -> None:
        """Get the images of a window ready, before its batches are yielded, and prepare for the ``coming`` one."""

    def order(self, rng: np.random.Generator, batch_size: int) -> Array:
        """Return an epoch's order of the images, (N,) whole numbers."""
        return rng.permutation(len(self))

    def window(self, batch_size: int) -> int:
        """Return how many images are in memory at a time: whole batches."""
        return max(len(self), 1)

    # ---- a batch of them

    def x(
        self,
        indices: Array,
        width: int = 0,
        distortion: Distortion | None = None,
        rng_streams: Array | None = None,
        *,
        buffer: Array | None = None,
    ) -> Array:
        """Return these images (n,) as x (*input_shape, n), ready for ``Network.forward``.

        Fewer than ``width`` are filled up with copies of the first, so that kernels meet the same geometry again. With
        a distortion they are distorted copies, by random numbers from ``rng_streams`` (n,): see ``ops/distort.py``.
        With a ``buffer`` the indices are rows of it: what :meth:`buffered` has found.
        """
        if buffer is None:
            buffer, indices = self.buffered(indices)
        rows = pad_indices(indices, width)
        how = self.how()
        if distortion is None or rng_streams is None:
            return ops.gather_batch(buffer, rows, **how)
        return ops.distort_batch(buffer, rows, pad_indices(rng_streams, width), distortion.strengths, **how)

    def how(self) -> dict[str, Any]:
        """Return how pixels become numbers: what ``ops.gather_batch`` is told besides the images."""
        return {"scale": self.scale, "shift": self.shift, "dtype": self.dtype, "by_image": self.by_image}

    def buffered(self, indices: Array) -> tuple[Array, Array]:
        """Return an array that holds these images, and in which of its rows: what a recording has in their place."""
        return self.images, indices

    def gather(self, indices: Array, width: int = 0) -> Array:
        """Return what :meth:`x` does, which this was called once."""
        warnings.warn("Batches.gather is Batches.x now", DeprecationWarning, stacklevel=2)
        return self.x(indices, width)


def pad_indices(indices: Array, width: int) -> Array:
    """Return indices (n,) with copies of the first up to ``width``."""
    if len(indices) >= width:
        return indices
    return np.concatenate([indices, np.full(width - len(indices), indices[0])])


def sample_of(n: int) -> slice:
    """Return which of n images stand for all of them: every so many."""
    return slice(0, n, n // SAMPLE + 1)


def check_shape(shape: tuple[int, ...], input_shape: tuple[int, ...]) -> None:
    """Raise UsageError unless images of this shape (N, ...) fit a network of ``input_shape``."""
    flat = (math.prod(input_shape),)
    accepted = {input_shape, flat} | ({input_shape[1:]} if input_shape[0] == 1 and len(input_shape) == 3 else set())
    if len(shape) < 2 or shape[1:] not in accepted:
        forms = " or ".join(sorted("(" + ", ".join(["N", *map(str, form)]) + ")" for form in accepted))
        raise UsageError(f"images have the shape {shape}, but this network wants {forms}")


def check_deskew(deskew: bool, input_shape: tuple[int, ...], scaling: Scaling | None = None) -> None:
    """Raise UsageError when a network that deskews takes other than images of one channel, blank where they are 0.

    And for what is neither True nor False.
    """
    if not isinstance(deskew, bool | np.bool_):
        raise UsageError(f"deskew is {short_repr(deskew)}: give True or False")
    if not deskew:
        return
    if len(input_shape) != 3 or input_shape[0] != 1:
        raise UsageError(f"deskew is for images of one channel, (1, height, width): the network takes {input_shape}")
    if scaling is not None and np.any(scaling[0]):
        raise UsageError("deskew needs blank pixels to be 0: give a scaling whose mean is 0, such as that of images")


def _check_kind(images: Array, any_scale: bool) -> None:
    if any_scale and images.dtype.kind not in "fiub":
        raise UsageError(f"the examples are {images.dtype}: give numbers")
    if not any_scale and images.dtype.kind != "f" and images.dtype != np.uint8 and images.size:
        raise UsageError(f"images are {images.dtype}: give uint8 in 0..255 or float in 0..1")


def _check_values(images: Array, any_scale: bool, dtype: DTypeLike) -> None:
    if images.dtype == np.uint8 or images.size == 0:
        return
    low, high = float(images.min()), float(images.max())
    most = float(np.finfo(np.dtype(dtype)).max)
    if not (low >= -most and high <= most):  # NaN fails both comparisons
        raise UsageError(_where_not_finite(images, most, dtype))
    if not any_scale and not (low >= 0 and high <= 1):
        raise UsageError(
            f"the numbers of the pictures run from {low:g} to {high:g}, but must lie in 0..1, or be uint8: divide by "
            f"255, say, or set the network's scaling to the (mean, scale) that they need"
        )


def _where_not_finite(images: Array, most: float, dtype: DTypeLike) -> str:
    """Return the sentence that names the first number that a network of this type cannot take."""
    place = np.argwhere(~(np.abs(images) <= most))[0].tolist()
    value, where = images[tuple(place)], place[1] if len(place) == 2 else tuple(place[1:])
    wanted = "finite" if not np.isfinite(value) else f"at most {most:.1e} in {np.dtype(dtype)}"
    return f"example {place[0]} has the number {value:g} at {where}, but all must be {wanted}: leave such examples out"
