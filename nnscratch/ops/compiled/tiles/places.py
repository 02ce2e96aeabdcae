"""Where the numbers of a convolution are: which vectors of its input a vector of its output is a sum of."""

from collections.abc import Sequence

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.compiled.tiles.sizes import tile
from nnscratch.ops.windows import Padding, Pair


def output(image: Pair, window: Sequence[int], stride: Pair, padding: Padding) -> Pair:
    """Return the rows and columns of positions that a window has in an image.

    Below 1 where it does not fit, or what is given is no window, no stride or no padding.
    """
    if min(*window, *stride) < 1 or min(*padding[0], *padding[1]) < 0:
        return 0, 0
    sides = zip(image, padding, window, stride, strict=True)
    OH, OW = ((side + sum(zeros) - length) // step + 1 for side, zeros, length, step in sides)
    return OH, OW


def places(rows: int, columns: int, N: int, x_steps: Pair, out_steps: Pair, lanes: int) -> tuple[Array, Array]:
    """Return where the vectors of ``rows`` x ``columns`` pixels are, in x and in out.

    x_steps, out_steps: numbers from one row to the next, and from one column to the next.
    """
    if x_steps[1] == out_steps[1] == N:  # the columns of a row are one run
        columns, N = 1, columns * N
    inside = np.minimum(np.arange(0, N, lanes), N - lanes)
    x_places, out_places = (
        (np.arange(rows)[:, None, None] * down + np.arange(columns)[:, None] * right + inside).ravel()
        for down, right in (x_steps, out_steps)
    )
    return x_places, out_places


Run = tuple[int, int, int, int, int]
Part = tuple[tuple[Array, Array], Pair, int]  # places in x and in out, rows and columns of terms, the first in w


def table(R: int, plane: int, steps: tuple[int, ...], parts: list[Part], lanes: int) -> tuple[Pair, int, Array]:
    """Return the size of tiles, lanes, and what :func:`~nnscratch.ops.compiled.conv._sums` reads.

    steps: how many c there are, and numbers from one c, i and j to the next, in x and in w.
    """
    size = tile(R, tuple((len(found[0]), window[0] * window[1]) for found, window, _ in parts))
    # the last tile of a part is filled up with the last vector, done once more
    filled = [[np.pad(one, (0, -len(one) % size[1]), "edge") for one in found] for found, _, _ in parts]
    total = sum(len(one) for one, _ in filled)
    start = len(steps) + 4 + 4 * len(parts)
    heads = []
    for (one, _), (_, window, first) in zip(filled, parts, strict=True):
        start += len(one)
        heads.append([start, *window, first])
    numbers = [
        [R, plane, *steps, total, len(parts)],
        *heads,
        *(one for found in zip(*filled, strict=True) for one in found),
    ]
    return size, lanes, np.concatenate(numbers).astype(np.int64)


def alike_pixels(
    side: int, positions: int, length: int, step: int, before: int
) -> list[tuple[int, int, int, int, int]]:
    """Return runs of pixels, ``step`` apart along a side of an image, that as many windows see at the same places.

    Of each run: the first pixel, how many there are, the last position that sees the first pixel, at which place of the
    window, and how many positions do, each of them one to the left and ``step`` places further on in the window.
    """
    runs: list[Run] = []
    for first in range(min(step, side)):
        key = None
        for pixel in range(first, side, step):
            last, place = divmod(pixel + before, step)
            beyond = max(last - (positions - 1), 0)  # positions that there are not
            count = min(-(-(length - place) // step), last + 1) - beyond
            if count <= 0:
                last, place, beyond, count = 0, 0, 0, 0
            if key == (beyond, count):
                runs[-1] = (runs[-1][0], runs[-1][1] + 1, *runs[-1][2:])
            else:
                runs.append((pixel, 1, last - beyond, place + beyond * step, count))
            key = (beyond, count)
    return runs
