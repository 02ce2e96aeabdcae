"""Compiled kernels of ``ops/conv.py``: the sums as loops over tiles of vectors (``vectors.py``), for every geometry.

What differs: no columns are laid out. With the batch last, a row of outputs is one run of OW*N numbers (with a larger
stride, each of its OW positions is one of N), and offset (i, j) of the window sees a run of the input of the same
length. So a vector of the output is a vector of the input at another place, for each offset of the window, and what a
kernel is told of the geometry is a table of places. A vector at the end of a run overlaps the one before it.

The gradient with respect to the input is again such a sum, over filters and offsets. A pixel stands only under every
SH-th row and SW-th column of a window, and near a border under fewer: pixels of one kind are a part of the table.

What is read next is fetched ahead: without that, dx of 64 filters on 26 x 26 images, which come from the third-level
cache, took 1.25 times as long. The gradients of the weights are summed over some rows of the images at a time.

Gained (``benchmarks/speed/bench_kernels.py``), 32 images on a Zen 4 core: all three reach the matrix-product peak,
where loops over two filters at once reached 85 % of it for the weights, and NumPy's columns half for a stride of 2.
"""

from functools import cache

import numpy as np

from nnscratch.arrays import Array, empty
from nnscratch.ops import conv as reference
from nnscratch.ops.compiled.jit import Kernel, constant, fillable, kernel, same_floats
from nnscratch.ops.compiled.tiles.places import alike_pixels, output, places, table
from nnscratch.ops.compiled.tiles.sizes import lanes_of, tile
from nnscratch.ops.compiled.tiles.vectors import add_products, add_scaled, add_totals, no_sums, store
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
    size, lanes, plan = _forward_plan(x.shape, F, (KH, KW), stride, x.dtype)
    run = _sums(*size, lanes, C * KH * KW, relu)
    run(x.ravel(), W.ravel(), b.ravel(), out.ravel(), constant(plan))
    return out


@cache
def _forward_plan(
    image: tuple[int, ...], F: int, window: Pair, stride: Pair, dtype: np.dtype[np.float32]
) -> tuple[Pair, int, Array]:
    (C, H, W, N), (KH, KW) = image, window
    OH, OW = output((H, W), window, stride, NO_PADDING)
    lanes = lanes_of(OW * N if stride[1] == 1 else N, dtype)
    found = places(OH, OW, N, (stride[0] * W * N, stride[1] * N), (OW * N, N), lanes)
    steps = (C, H * W * N, W * N, N, KH * KW, KW, 1)
    return table(F, OH * OW * N, steps, [(found, window, 0)], lanes)


@cache
def _sums(rows: int, columns: int, lanes: int, weights: int, relu: bool) -> Kernel:
    """Return the kernel for out[r, k] = b[r] + sum over c, i, j of w[r, c, i, j] * x[k, c, i, j].

    A vector k of out has one place in each row r, and those of x with which it is multiplied are regular steps from
    its own place in x. In w rows are ``weights`` apart.
    """
    size = rows * columns

    @kernel
    def sums(x: Array, w: Array, b: Array, out: Array, plan: Array) -> None:
        R, plane, C, total, parts = plan[0], plan[1], plan[2], plan[9], plan[10]
        xc, xi, xj, wc, wi, wj = plan[3], plan[4], plan[5], plan[6], plan[7], plan[8]
        start = 11 + 4 * parts
        for part in range(parts):
            head = 11 + 4 * part
            stop, KH, KW, first = plan[head], plan[head + 1], plan[head + 2], plan[head + 3]
            for k in range(start, stop, columns):
                for r_tile in range(0, R, rows):
                    r = min(r_tile, R - rows)  # the last rows are done with those before them, once more
                    sums = no_sums(x, size, lanes)
                    for c in range(C):
                        for i in range(KH):
                            x_term = c * xc + i * xi
                            w_term = r * weights + first + c * wc + i * wi
                            for j in range(KW):
                                sums = add_scaled(
                                    sums, w, w_term + j * wj, weights, x, x_term + j * xj, plan, k, columns, xc
                                )
                    store(sums, b, r, relu, out, r * plane, plane, plan, k + total, columns)
            start = stop

    return sums


def padded(x: Array, padding: Padding) -> Array:
    """Return floats ``x`` (C, H, W, N) with zeros around H and W; ``x`` itself when there is nothing to add."""
    if padding == NO_PADDING:
        return x
    C, H, W, N = x.shape
    (top, bottom), (left, right) = padding
    out = empty((C, top + H + bottom, left + W + right, N), x.dtype)
    _pad(C, H, W, N, top, bottom, left, right, x.dtype.name)(x.ravel(), out.ravel())
    return out


@cache
def _pad(C: int, H: int, W: int, N: int, top: int, bottom: int, left: int, right: int, dtype: str) -> Kernel:
    zero = np.dtype(dtype).type(0)
    row, out_row = W * N, (left + W + right) * N
    above, below = top * out_row + left * N, right * N + bottom * out_row

    @kernel
    def pad(x: Array, out: Array) -> None:
        for c in range(C):
            o = c * (top + H + bottom) * out_row
            for m in range(above):
                out[o + m] = zero
            o += above
            for h in range(H):
                for m in range(row):
                    out[o + m] = x[(c * H + h) * row + m]
                o += row
                between = below if h == H - 1 else out_row - row
                for m in range(between):
                    out[o + m] = zero
                o += between

    return pad


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
    run = _weight_sums(*tile(F, ((filters[1] * kernel[0] * kernel[1], 1),)), lanes, rest, x.dtype.name)
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
    run = OW * N if stride[1] == 1 else N
    lanes = lanes_of(run, dtype)
    tables = places(OH, OW, N, (OW * N, N), (stride[0] * W * N, stride[1] * N), lanes)
    twice, per_run = -run % lanes, -(-run // lanes)
    vectors = len(tables[0]) // OH  # of a row
    ends = vectors // per_run if twice else 0
    parts = [table.reshape(OH, -1, per_run) for table in tables]
    if twice:
        parts = [np.concatenate([part[:, :, :-1].reshape(OH, -1), part[:, :, -1]], axis=1) for part in parts]
    band = max(CACHED_BYTES // (vectors * lanes * dtype.itemsize * (F + C)), 1)
    lengths = [OH, band, vectors, vectors - ends, F, OW * N, C * KH * KW]
    c, i, j = np.ogrid[:C, :KH, :KW]
    numbers = [np.array(lengths), *(part.ravel() for part in parts), (((c * H + i) * W + j) * N).ravel()]
    return lanes, twice, np.concatenate(numbers).astype(np.int64)


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
        totals = np.zeros(-(-F // rows) * tiles * size + lanes, number)
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
    size, lanes, plan = _input_plan(dout.shape, C, *window, image, stride, padding, dout.dtype)
    run = _sums(*size, lanes, window[0] * window[1], relu=False)
    run(dout.ravel(), W.ravel(), constant(_zeros(C, dout.dtype)), dx.ravel(), constant(plan))
    return dx


@cache
def _zeros(C: int, dtype: np.dtype[np.float32]) -> Array:
    return np.zeros(C, dtype)


@cache
def _input_plan(
    dout: tuple[int, ...],
    C: int,
    KH: int,
    KW: int,
    image: Pair,
    stride: Pair,
    padding: Padding,
    dtype: np.dtype[np.float32],
) -> tuple[Pair, int, Array]:
    """Return tiles, lanes, and the table: a part for all pixels that stand under the same places of windows."""
    (F, OH, OW, N), (H, W) = dout, image
    lanes, parts = lanes_of(N, dtype), []
    down, right = stride
    for h, rows, oh, i, KI in alike_pixels(H, OH, KH, down, padding[0][0]):
        for w, columns, ow, j, KJ in alike_pixels(W, OW, KW, right, padding[1][0]):
            x_places, out_places = places(rows, columns, N, (OW * N, N), (down * W * N, right * N), lanes)
            found = x_places + (oh * OW + ow) * N, out_places + (h * W + w) * N
            parts.append((found, (KI, KJ), i * KW + j))
    steps = (F, OH * OW * N, -OW * N, -N, C * KH * KW, down * KW, right)
    return table(C, H * W * N, steps, parts, lanes)
