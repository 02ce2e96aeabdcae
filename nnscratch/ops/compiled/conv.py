"""Compiled kernels of ``ops/conv.py``: the sums as loops over tiles of vectors (``vectors.py``), for every geometry.

What differs: no columns are laid out. With the batch last, a row of outputs is one run of OW*N numbers (with a larger
stride, each of its OW positions is one of N), and offset (i, j) of the window sees a run of the input of the same
length. So a vector of the output is a vector of the input at another place, for each offset of the window, and what a
kernel is told of the geometry is a table of places. A vector at the end of a run overlaps the one before it.

The gradient with respect to the input is again such a sum, over filters and offsets: one for each of the SH x SW kinds
of pixels, for a pixel stands only under every SH-th row and SW-th column of a window.

Gained (``benchmarks/speed/bench_kernels.py``): two filters at once in a plain loop reached two thirds of the machine's
matrix-product peak for LeNet-5, half for 32 channels, whose images do not fit into the first-level cache; tiles reach
nine tenths for both.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np

from nnscratch.arrays import Array, empty
from nnscratch.ops import conv as reference
from nnscratch.ops.compiled.jit import Kernel, constant, fillable, kernel, same_floats
from nnscratch.ops.compiled.pad import padded
from nnscratch.ops.compiled.vectors import add_products, add_scaled, add_totals, lanes_of, no_sums, store, tile
from nnscratch.ops.windows import NO_PADDING, Padding, Pair

CACHED_BYTES = 1 << 19  # of the rows of dout and x that all weights' gradients are summed over before the next rows


def agree(x: Array, filters: tuple[int, ...], stride: Pair, padding: Padding, dout: Array | None = None) -> bool:
    """Return whether x, W of the shape ``filters``, and dout belong together, and are numbers that a kernel takes.

    Where they do not, the readable function says what is wrong.
    """
    (C, H, width, N), (F, channels, *window) = x.shape, filters
    positions = output((H, width), window, stride, padding)
    fits = channels == C and min(positions) > 0 and same_floats(x)
    return fits and (dout is None or (dout.shape == (F, *positions, N) and same_floats(x, dout)))


def output(image: Pair, window: Sequence[int], stride: Pair, padding: Padding) -> Pair:
    """Return the rows and columns of positions that a window has in an image; below 1 where it does not fit."""
    sides = zip(image, padding, window, stride, strict=True)
    OH, OW = ((side + sum(zeros) - length) // step + 1 for side, zeros, length, step in sides)
    return OH, OW


def conv2d_forward(x: Array, W: Array, b: Array, stride: Pair = (1, 1), padding: Padding = NO_PADDING) -> Array:
    if not (agree(x, W.shape, stride, padding) and same_floats(x, W, b) and b.shape == (len(W),)):
        return reference.conv2d_forward(x, W, b, stride, padding)
    return convolve(x, W, b, stride, padding, relu=False)


def convolve(x: Array, W: Array, b: Array, stride: Pair, padding: Padding, *, relu: bool) -> Array:
    """Return the convolution of what is known to fit, through ReLU or not."""
    F, C, KH, KW = W.shape
    x = padded(x, padding)
    OH, OW = output(x.shape[1:3], (KH, KW), stride, NO_PADDING)
    out = empty((F, OH, OW, x.shape[3]), x.dtype)
    lanes, plan = _forward_plan(x.shape, F, KH, KW, stride, x.dtype)
    run = _sums(*tile(F, plan[0]), lanes, C * KH * KW, relu)
    run(x.ravel(), W.ravel(), b.ravel(), out.ravel(), constant(plan))
    return out


@cache
def _forward_plan(
    image: tuple[int, ...], F: int, KH: int, KW: int, stride: Pair, dtype: np.dtype[np.float32]
) -> tuple[int, Array]:
    C, H, W, N = image
    OH, OW = output((H, W), (KH, KW), stride, NO_PADDING)
    steps = (stride[0] * W * N, stride[1] * N)
    lanes, x_places, out_places = places(OH, OW, N, steps, (OW * N, N), dtype)
    return lanes, _plan(F, OH * OW * N, x_places, out_places, offsets(C, H, W, KH, KW, N), np.arange(C * KH * KW))


def places(
    rows: int, columns: int, N: int, x_steps: Pair, out_steps: Pair, dtype: np.dtype[np.float32]
) -> tuple[int, Array, Array]:
    """Return the lanes of a vector and where the vectors of ``rows`` x ``columns`` pixels are, in x and in out.

    x_steps, out_steps: numbers from one row to the next, and from one column to the next.
    """
    if x_steps[1] == out_steps[1] == N:  # the columns of a row are one run
        columns, N = 1, columns * N
    lanes = lanes_of(N, dtype)
    inside = np.minimum(np.arange(0, N, lanes), N - lanes)
    x_places, out_places = (
        (np.arange(rows)[:, None, None] * down + np.arange(columns)[:, None] * right + inside).ravel()
        for down, right in (x_steps, out_steps)
    )
    return lanes, x_places, out_places


def offsets(C: int, H: int, W: int, KH: int, KW: int, N: int) -> Array:
    """Return how far each offset of a window, in each channel, is from the first one."""
    c, i, j = np.ogrid[:C, :KH, :KW]
    return np.asarray(((c * H + i) * W + j) * N).ravel()


def _plan(rows: int, plane: int, *tables: Array) -> Array:
    """Return what :func:`_sums` reads: lengths, then places in x and out, and for each term offsets in x and w."""
    return np.concatenate([[len(tables[0]), len(tables[2]), rows, plane], *tables]).astype(np.int64)


@cache
def _sums(rows: int, columns: int, lanes: int, weights: int, relu: bool) -> Kernel:
    """Return the kernel for out[r, k] = b[r] + sum over t of w[r, t] * x[k, t]; ``weights`` of w from row to row."""

    size = rows * columns

    @kernel
    def sums(x: Array, w: Array, b: Array, out: Array, plan: Array) -> None:
        K, T, R, plane = plan[0], plan[1], plan[2], plan[3]
        x_places, out_places = 4, 4 + K
        x_offsets, w_offsets = 4 + 2 * K, 4 + 2 * K + T
        for k_tile in range(0, K, columns):
            k = min(k_tile, K - columns)  # the last vectors are done with those before them, once more
            for r_tile in range(0, R, rows):
                r = min(r_tile, R - rows)
                sums = no_sums(x, size, lanes)
                for t in range(T):
                    wi = r * weights + plan[w_offsets + t]
                    sums = add_scaled(sums, w, wi, weights, x, plan[x_offsets + t], plan, x_places + k, columns)
                store(sums, b, r, relu, out, r * plane, plane, plan, out_places + k, columns)

    return sums


def conv2d_backward_weights(
    dout: Array,
    x: Array,
    kernel: Pair,
    stride: Pair = (1, 1),
    padding: Padding = NO_PADDING,
    dW: Array | None = None,
    db: Array | None = None,
) -> tuple[Array, Array]:
    F, filters = len(dout), (len(dout), len(x), *kernel)
    own = fillable(dW, filters, x) and fillable(db, (F,), x)
    if not (own and agree(x, filters, stride, padding, dout)):
        return reference.conv2d_backward_weights(dout, x, kernel, stride, padding, dW, db)
    x = padded(x, padding)
    dW = empty(filters, x.dtype) if dW is None else dW
    db = empty(F, x.dtype) if db is None else db
    lanes, rest, plan = _weights_plan(x.shape, dout.shape, *kernel, stride, x.dtype)
    run = _weight_sums(*tile(F, filters[1] * kernel[0] * kernel[1]), lanes, rest, x.dtype.name)
    run(dout.ravel(), x.ravel(), dW.ravel(), db, constant(plan))
    return dW, db


@cache
def _weights_plan(
    image: tuple[int, ...], dout: tuple[int, ...], KH: int, KW: int, stride: Pair, dtype: np.dtype[np.float32]
) -> tuple[int, int, Array]:
    """Return lanes, how many of them are done twice at the end of a run, and the table that the kernel reads.

    It has lengths, places in dout and in x, those at the ends of runs last in each row, and the offsets of x.
    """
    (C, H, W, N), (F, OH, OW, _) = image, dout
    lanes, *tables = places(OH, OW, N, (OW * N, N), (stride[0] * W * N, stride[1] * N), dtype)
    run = OW * N if stride[1] == 1 else N
    twice, per_run = -run % lanes, -(-run // lanes)
    vectors = len(tables[0]) // OH  # of a row
    ends = vectors // per_run if twice else 0
    parts = [table.reshape(OH, -1, per_run) for table in tables]
    if twice:
        parts = [np.concatenate([part[:, :, :-1].reshape(OH, -1), part[:, :, -1]], axis=1) for part in parts]
    band = max(CACHED_BYTES // (vectors * lanes * dtype.itemsize * (F + C)), 1)
    lengths = [OH, band, vectors, vectors - ends, F, OW * N, C * KH * KW]
    tables = [np.array(lengths), *(part.ravel() for part in parts), offsets(C, H, W, KH, KW, N)]
    return lanes, twice, np.concatenate(tables).astype(np.int64)


@cache
def _weight_sums(rows: int, columns: int, lanes: int, twice: int, dtype: str) -> Kernel:
    """Return the kernel. Rows of the tile are filters, and columns are weights of each.

    For some rows of outputs at a time all tiles are done, while what they read stays in the second-level cache.
    """
    number = np.dtype(dtype).type
    size = rows * columns

    @kernel
    def weight_sums(dout: Array, x: Array, dW: Array, db: Array, plan: Array) -> None:
        OH, band, vectors, whole, F, row, T = plan[0], plan[1], plan[2], plan[3], plan[4], plan[5], plan[6]
        d_places, x_places, x_offsets = 7, 7 + OH * vectors, 7 + 2 * OH * vectors
        tiles = -(-T // columns)
        totals = np.zeros(-(-F // rows) * tiles * size, number)
        for f in range(F):
            db[f] = number(0)
        for top in range(0, OH, band):
            bottom = min(top + band, OH)
            for f in range(F):
                total = number(0)
                for m in range((f * OH + top) * row, (f * OH + bottom) * row):
                    total += dout[m]
                db[f] += total
            for f_tile in range(-(-F // rows)):
                f = min(f_tile * rows, F - rows)  # the last filters are done with those before them, once more
                for t_tile in range(tiles):
                    t = x_offsets + min(t_tile * columns, T - columns)
                    sums = no_sums(x, size, lanes)
                    for oh in range(top, bottom):
                        for k in range(oh * vectors, oh * vectors + whole):
                            d = f * OH * row + plan[d_places + k]
                            sums = add_products(sums, dout, d, OH * row, x, plan[x_places + k], plan, t, columns, 0)
                        for k in range(oh * vectors + whole, (oh + 1) * vectors):
                            d = f * OH * row + plan[d_places + k]
                            sums = add_products(sums, dout, d, OH * row, x, plan[x_places + k], plan, t, columns, twice)
                    add_totals(sums, totals, (f_tile * tiles + t_tile) * size)
        for f_tile in range(-(-F // rows)):
            f = min(f_tile * rows, F - rows)
            for t_tile in range(tiles):
                t = min(t_tile * columns, T - columns)
                for k in range(size):
                    dW[(f + k // columns) * T + t + k % columns] = totals[(f_tile * tiles + t_tile) * size + k]

    return weight_sums


def conv2d_backward_input(
    dout: Array, W: Array, image: Pair, stride: Pair = (1, 1), padding: Padding = NO_PADDING
) -> Array:
    (F, C, *window), N = W.shape, dout.shape[3]
    if dout.shape != (F, *output(image, window, stride, padding), N) or not same_floats(dout, W):
        return reference.conv2d_backward_input(dout, W, image, stride, padding)
    dx = empty((C, *image, N), dout.dtype)
    zeros, lanes, plans = _input_plans(dout.shape, C, *window, image, stride, padding, dout.dtype)
    dout = padded(dout, zeros)
    run = _sums(*tile(C, min(plan[0] for plan in plans)), lanes, window[0] * window[1], relu=False)
    for plan in plans:
        run(dout.ravel(), W.ravel(), _no_bias(C, dout.dtype), dx.ravel(), constant(plan))
    return dx


@cache
def _zeros(C: int, dtype: np.dtype[np.float32]) -> Array:
    return np.zeros(C, dtype)


def _no_bias(C: int, dtype: np.dtype[np.float32]) -> Array:
    return constant(_zeros(C, dtype))


@cache
def _input_plans(
    dout: tuple[int, ...], C: int, KH: int, KW: int, image: Pair, stride: Pair, padding: Padding, dtype: np.dtype[np.float32]
) -> tuple[Padding, int, list[Array]]:
    """Return the zeros that dout needs around it, lanes, and a table for each kind of pixels."""
    F, OH, OW, N = dout
    vertical = [_kind(first, image[0], OH, KH, stride[0], padding[0][0]) for first in range(min(stride[0], image[0]))]
    horizontal = [_kind(first, image[1], OW, KW, stride[1], padding[1][0]) for first in range(min(stride[1], image[1]))]
    (top, bottom), (left, right) = zeros = tuple(
        (max(kind[3] for kind in kinds), max(kind[4] for kind in kinds)) for kinds in (vertical, horizontal)
    )
    H, W = top + OH + bottom, left + OW + right
    plans = []
    for h, (rows, q, i, *_) in enumerate(vertical):
        for w, (columns, p, j, *_) in enumerate(horizontal):
            steps = (W * N, N), (stride[0] * image[1] * N, stride[1] * N)
            lanes, x_places, out_places = places(rows, columns, N, *steps, dtype)
            u, v = np.arange(len(i))[:, None], np.arange(len(j))
            f = np.arange(F)[:, None, None]
            x_offsets = f * H * W * N + ((top + q - u) * W + left + p - v) * N
            w_offsets = f * C * KH * KW + np.array(i, int)[:, None] * KW + np.array(j, int)
            out_places = out_places + (h * image[1] + w) * N
            plans.append(_plan(C, image[0] * image[1] * N, x_places, out_places, x_offsets.ravel(), w_offsets.ravel()))
    return zeros, lanes, plans


def _kind(first: int, side: int, positions: int, length: int, step: int, before: int) -> tuple[int, int, range, int, int]:
    """Return what the pixels ``first``, ``first + step``, ... have in common, along one side of an image.

    How many they are, the last position whose window has the first of them, under which places of the window they
    stand there and in the positions before, and how many positions before the first and after the last these reach.
    """
    count = -(-(side - first) // step)
    last, place = divmod(first + before, step)
    offsets = range(place, length, step)
    return count, last, offsets, max(len(offsets) - 1 - last, 0), max(last + count - positions, 0)
