"""Compiled kernel of ``ops/distort.py``: one image at a time, from its bytes to its column of the batch.

What differs: nothing is laid out for all images; the field, the padded image and a row of places are a few kilobytes
that stay in the first-level cache. The loops over a row become vector code, the look-up of the four neighbours too.
Each step has its own function, which the compiler puts into the kernel.

Gained (``benchmarks/speed/bench_kernels.py``): six times, for 32 images of MNIST.
"""

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from nnscratch.arrays import Array, empty
from nnscratch.ops import distort as reference
from nnscratch.ops.compiled.gather import has_kernel
from nnscratch.ops.compiled.jit import FLOATS, Kernel, constant, jit, kernel, within
from nnscratch.ops.distort import CENTER, DOWN, FIELD, GOLDEN, RIGHT, ROTATION, SHEAR, TALLER, THICKNESS, WIDER

STRONGEST = 1e6  # with more, a place in an image might be NaN


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
    chosen, how = np.asarray(indices), np.asarray(strengths)
    fits = has_kernel(images, chosen, dtype, scale, shift) and rng_streams.shape == chosen.shape
    if not (fits and images.ndim == 4 and images.shape[1] == 1 and within(chosen, len(images)) and _bounded(how)):
        return reference.distort_batch(
            images, indices, rng_streams, strengths, scale=scale, shift=shift, dtype=dtype, by_image=by_image
        )
    (H, W), N = images.shape[2:], len(chosen)
    x = empty((N, H, W, 1) if by_image else (1, H, W, N), dtype)
    settings = constant(np.append(how.astype(np.float64), reference.spread(max(H, W))))
    distort = _distort(H, W, N, float(scale), float(shift), by_image, x.dtype.name)
    indices = np.ascontiguousarray(chosen, np.int64)
    with np.errstate(over="ignore"):  # 64 bits are all that is wanted; interpreted kernels would tell
        distort(images.ravel(), indices, np.ascontiguousarray(rng_streams, np.uint64), settings, x.ravel())
    return x.transpose(3, 1, 2, 0) if by_image else x


def _bounded(strengths: Array) -> bool:
    """Return whether these are six floats of which a kernel makes places in an image: NaN would be one outside."""
    if strengths.shape != (6,) or strengths.dtype not in FLOATS or not strengths[1] > -1:
        return False
    return all(abs(value) <= STRONGEST for value in strengths.tolist())


@jit
def _mixed(bits: Any) -> Any:
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


@jit
def _draw(stream: Any, u: Array) -> None:
    """Fill u (count,) with the image's random numbers."""
    key = _mixed(stream)
    for k in range(u.size):
        u[k] = np.float64(np.int64(_mixed(key + np.uint64(k + 1) * GOLDEN) >> np.uint64(11))) * 2.0**-52 - 1


@jit
def _thicken(edge: Array, share: float, thick: Array) -> None:
    """Fill thick (H + 3, W + 3), all but its border, with the image thicker (share > 0) or thinner."""
    for r in range(1, edge.shape[0] - 2):
        for c in range(1, edge.shape[1] - 2):
            own, top, bottom = edge[r, c], edge[r - 1, c], edge[r + 1, c]
            left, right = edge[r, c - 1], edge[r, c + 1]
            if share > 0:
                target = max(max(max(own, top), max(bottom, left)), right)
            else:
                target = min(min(min(own, top), min(bottom, left)), right)
            thick[r, c] = own + abs(share) * (target - own)


@jit
def _affine(u: Array, settings: Array, affine: Array) -> None:
    """Fill affine (6,) with the matrix M and the shift."""
    angle = settings[0] * (math.pi / 180) * u[ROTATION]
    taller, wider = (1 + settings[1]) ** u[TALLER], (1 + settings[1]) ** u[WIDER]
    shear = settings[2] * u[SHEAR]
    cos, sin = math.cos(angle), math.sin(angle)
    affine[0], affine[1] = taller * cos, -taller * sin
    affine[2], affine[3] = wider * (sin + shear * cos), wider * (cos - shear * sin)
    affine[4], affine[5] = settings[3] * u[DOWN], settings[3] * u[RIGHT]


@cache
def _distort(H: int, W: int, N: int, scale: float, shift: float, by_image: bool, dtype: str) -> Kernel:
    """Return the kernel. The field is made in it: in a function of its own it took four tenths more time."""
    number = np.dtype(dtype).type
    B = reference.spline(max(H, W)).astype(dtype)
    C = B.shape[1]
    count, factor, offset = FIELD + 2 * C * C, number(scale), number(shift)
    pixel, column = (1, H * W) if by_image else (N, 1)  # steps in x, from pixel to pixel and from image to image
    zero, one, high, wide, middle = number(0), number(1), number(H + 1), number(W + 1), number(CENTER)

    @kernel
    def distort(images: Array, indices: Array, rng_streams: Array, settings: Array, x: Array) -> None:
        u, affine = np.empty(count, np.float64), np.empty(6, number)
        edge, thick = np.zeros((H + 3, W + 3), number), np.zeros((H + 3, W + 3), number)
        field = np.empty((2, H, C), number)  # made of the coefficients on the way down, not yet across
        ys, xs, out = np.empty(W, number), np.empty(W, number), np.empty(W, number)
        for n in range(N):
            _draw(rng_streams[n], u)
            for r in range(H):
                for c in range(W):
                    edge[r + 1, c + 1] = images[(indices[n] * H + r) * W + c]
            _thicken(edge, number(u[THICKNESS] * settings[5]), thick)
            _affine(u, settings, affine)
            amplitude = number(settings[4] / settings[6])
            for f in range(2):
                for r in range(H):
                    for j in range(C):
                        total = zero
                        for i in range(C):
                            total += B[r, i] * number(u[FIELD + (f * C + i) * C + j])
                        field[f, r, j] = total * amplitude
            for r in range(H):
                below = number(r) - middle
                for c in range(W):
                    beside = number(c) - middle
                    y = middle + one + affine[0] * below + affine[1] * beside + affine[4]
                    z = middle + one + affine[2] * below + affine[3] * beside + affine[5]
                    for j in range(C):
                        y += field[0, r, j] * B[c, j]
                        z += field[1, r, j] * B[c, j]
                    ys[c], xs[c] = min(max(y, zero), high), min(max(z, zero), wide)
                for c in range(W):
                    top, left = int(ys[c]), int(xs[c])
                    dy, dx = ys[c] - number(top), xs[c] - number(left)
                    upper = thick[top, left] * (one - dx) + thick[top, left + 1] * dx
                    lower = thick[top + 1, left] * (one - dx) + thick[top + 1, left + 1] * dx
                    out[c] = (upper * (one - dy) + lower * dy) * factor + offset
                for c in range(W):
                    x[n * column + (r * W + c) * pixel] = out[c]

    return distort
