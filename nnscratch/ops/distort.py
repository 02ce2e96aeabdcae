"""Distorted copies of images, as a batch: what a training sees of a digit is another one each epoch.

Pixel p = (row, column) of the copy is read from the original at

    q = c + M (p - c) + t + e(p)

by bilinear interpolation, 0 outside: one resampling for all of it. c is the centre of mass of MNIST's digits, M turns,
scales and shears, t shifts, and e is a smooth random field: the elastic distortion of Simard, Steinkraus & Platt, "Best
Practices for Convolutional Neural Networks Applied to Visual Document Analysis", 2003. They blur white noise with a
Gaussian of 4 pixels; here a cubic B-spline has random coefficients 7 pixels apart. That is nearly the same, since such
a spline is a bell of 4.04 pixels, and takes 49 random numbers instead of 784. Before, strokes are made thicker or
thinner: each pixel goes part of the way to the largest, or the smallest, of its own and its four neighbours' values.

Every copy has random numbers of its own, a function of (seed, epoch, index of the image) alone: no order, no number of
threads, and no place where the image is kept changes them.
"""

from functools import cache

import numpy as np
from numpy.typing import DTypeLike

from nnscratch.arrays import Array

CENTER = 14.0  # row and column of the centre of mass
SPACING = 7.0  # pixels between the coefficients of the field
ROTATION, TALLER, WIDER, SHEAR, DOWN, RIGHT, THICKNESS = range(7)  # places of the random numbers; then the field's
FIELD = 7
GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: SplitMix64 counts in steps of it


def distort_batch(
    images: Array,
    indices: Array,
    rng_streams: Array,
    strengths: Array,
    *,
    scale: float,
    shift: float,
    dtype: DTypeLike,
    by_image: bool = False,
) -> Array:
    """Return x (1, H, W, N), copies * scale + shift: a distorted one of each image that ``indices`` (N,) chooses.

    images: (M, 1, H, W) uint8 or floats, blank where they are 0. rng_streams: (N,), see the function. strengths: (6,)
    float64, the largest rotation in degrees, change of scale (0.15: to 1.15 or 1/1.15 times, each axis by itself),
    shear, shift in pixels, the elastic field's root mean square in pixels, and the largest share of thickening.
    ``by_image``: see ``batch.gather_batch``.
    """
    chosen = images[indices, 0].astype(dtype)
    H, W = chosen.shape[1:]
    coefficients = spline(max(H, W))
    u = random_numbers(rng_streams, FIELD + 2 * coefficients.shape[1] ** 2)
    chosen = thickened(chosen, u[:, THICKNESS] * strengths[5])
    copies = bilinear(chosen, *sources(u, strengths, H, W)).astype(dtype)
    copies *= scale
    copies += shift
    x = copies.transpose(1, 2, 0)[None]
    return x if by_image else np.ascontiguousarray(x)


def rng_streams(seed: int, epoch: int, indices: Array) -> Array:
    """Return where the random numbers of each image begin, (N,) uint64, for its copy of this seed and epoch."""
    return _first_stream(seed, epoch) + indices.astype(np.uint64)


@cache
def _first_stream(seed: int, epoch: int) -> Array:
    """Return the stream of image 0, (1,) uint64."""
    return mixed(mixed(np.array([seed % 2**64], np.uint64)) + np.array([epoch], np.uint64))


def random_numbers(rng_streams: Array, count: int) -> Array:
    """Return u (N, count), uniform in -1..1: SplitMix64 (Steele, Lea & Flood, OOPSLA 2014) for each of N streams."""
    key = mixed(rng_streams.astype(np.uint64))
    counter = np.arange(1, count + 1, dtype=np.uint64) * GOLDEN
    bits = mixed(key[:, None] + counter)
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1


def mixed(bits: Array) -> Array:
    """Return 64 bits in which each depends on all of ``bits``, uint64."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Array = bits ^ (bits >> np.uint64(31))
    return mixed


def spline(size: int) -> Array:
    """Return (size, C): how much each of C coefficients, SPACING apart, has to say at each pixel of a line.

    Cubic B-splines: a piece of degree 3 on each of four intervals; at every pixel the four that reach it add up to 1.
    """
    knots = int((size - 1) // SPACING) + 4
    t = np.abs(np.arange(size)[:, None] / SPACING - np.arange(-1, knots - 1)[None, :])
    inner, outer = 2 / 3 - t**2 + t**3 / 2, (2 - t) ** 3 / 6
    return np.asarray(np.where(t < 1, inner, np.where(t < 2, outer, 0)))


def spread(size: int) -> float:
    """Return the root mean square of a field whose coefficients are uniform in -1..1."""
    line = np.mean(np.sum(spline(size) ** 2, axis=1))
    return float(np.sqrt(line * line / 3))


def sources(u: Array, strengths: Array, H: int, W: int) -> tuple[Array, Array]:
    """Return the rows and columns (N, H, W) that the copies' pixels are read from."""
    angle = np.deg2rad(strengths[0]) * u[:, ROTATION]
    taller, wider = ((1 + strengths[1]) ** u[:, k] for k in (TALLER, WIDER))
    shear = strengths[2] * u[:, SHEAR]
    cos, sin = np.cos(angle), np.sin(angle)
    # M = scale * shear * rotation
    (a, b), (c, d) = (taller * cos, -taller * sin), (wider * (sin + shear * cos), wider * (cos - shear * sin))
    B = spline(max(H, W))
    C = B.shape[1]
    fields = u[:, FIELD:].reshape(-1, 2, C, C) * (strengths[4] / spread(max(H, W)))
    e_row, e_column = np.moveaxis(B[:H] @ fields @ B[:W].T, 1, 0)
    row, column = np.arange(H)[:, None] - CENTER, np.arange(W)[None, :] - CENTER
    a, b, c, d = (value[:, None, None] for value in (a, b, c, d))
    shift_row, shift_column = (strengths[3] * u[:, k, None, None] for k in (DOWN, RIGHT))
    q_row = CENTER + a * row + b * column + shift_row + e_row
    q_column = CENTER + c * row + d * column + shift_column + e_column
    return q_row, q_column


def thickened(images: Array, share: Array) -> Array:
    """Return images (N, H, W) part of the way, ``share`` (N,) in -1..1, to thicker (> 0) or thinner strokes (< 0)."""
    edge = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    cross = [edge[:, 1:-1, 1:-1], edge[:, :-2, 1:-1], edge[:, 2:, 1:-1], edge[:, 1:-1, :-2], edge[:, 1:-1, 2:]]
    target = np.where(share[:, None, None] > 0, np.max(cross, axis=0), np.min(cross, axis=0))
    return np.asarray(images + np.abs(share)[:, None, None].astype(images.dtype) * (target - images))


def bilinear(images: Array, q_row: Array, q_column: Array) -> Array:
    """Return images (N, H, W) at the places (N, H, W) between their pixels; 0 outside."""
    N, H, W = images.shape
    edge = np.pad(images, ((0, 0), (1, 2), (1, 2)))
    y, x = np.clip(q_row + 1, 0, H + 1), np.clip(q_column + 1, 0, W + 1)
    top, left = y.astype(np.int64), x.astype(np.int64)
    down, right = y - top, x - left
    n = np.arange(N)[:, None, None]
    upper = edge[n, top, left] * (1 - right) + edge[n, top, left + 1] * right
    lower = edge[n, top + 1, left] * (1 - right) + edge[n, top + 1, left + 1] * right
    return np.asarray(upper * (1 - down) + lower * down)
