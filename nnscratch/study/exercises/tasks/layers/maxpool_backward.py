"""Exercise: the gradient of max-pooling."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.pool import maxpool2d_forward
from nnscratch.ops.windows import Pair, output_size
from nnscratch.study.exercises.exercise import Case, Exercise, Seed, apart, numbers, weighed


def maxpool2d_backward(dout: Array, x: Array, size: Pair, stride: Pair) -> Array:
    """Return dx."""
    dx = np.zeros_like(x)
    for c, oh, ow, n in np.ndindex(*dout.shape):
        h, w = oh * stride[0], ow * stride[1]
        window, gradient = (array[c, h : h + size[0], w : w + size[1], n] for array in (x, dx))
        largest = np.unravel_index(window.argmax(), window.shape)
        gradient[largest] += dout[c, oh, ow, n]
    return dx


def _case(what: str, seed: Seed, shape: tuple[int, ...], size: Pair, stride: Pair, hint: str = "") -> Case:
    rng, (C, H, W, N) = np.random.default_rng(seed), shape
    dout = numbers(rng, C, output_size(H, size[0], stride[0]), output_size(W, size[1], stride[1]), N)
    return Case(what, (dout, apart(rng, *shape), size, stride), hint)


def _draw(rng: np.random.Generator) -> tuple[Case, ...]:
    C, N, more = (int(k) for k in (*rng.permutation([2, 3]), rng.integers(2)))
    ties = _case("equal pixels", rng, (C, 6, 4, N), (2, 2), (2, 2), "of equal pixels only the first counts")
    dout, x, *window = ties.arguments
    return (
        _case("2 x 2 side by side", rng, (C, 6 + 2 * more, 4, N), (2, 2), (2, 2)),
        _case("3 x 2 windows, rows and columns left over", rng, (N, 7 + more, 5, C), (3, 2), (3, 2)),
        _case("overlapping windows", rng, (C, 5, 6 + more, N), (3, 2), (1, 1), "a pixel may win in several windows"),
        _case("windows with gaps", rng, (C, 8 + more, 6, N), (2, 2), (3, 4), "window oh begins at row oh SH"),
        replace(ties, arguments=(dout, np.sign(x), *window), smooth=False),
    )


EXERCISE = Exercise(
    name="maxpool2d_backward",
    line="which pixel gets the gradient?",
    parameters=("dout", "x", "size", "stride"),
    returns=("dx",),
    shapes="dout (C, OH, OW, N), x (C, H, W, N), size (KH, KW), stride (SH, SW)\n-> dx (C, H, W, N)\n"
    "OH = (H - KH) // SH + 1, and OW likewise",
    forward="out[c, oh, ow, n] = max over i, j of x[c, oh SH + i, ow SW + j, n]\n"
    "Of equal pixels the first in reading order counts, alone. Windows may overlap, or leave gaps.",
    hints=(
        "Move one pixel a little. Where does out change, and by how much?",
        "out changes only where the pixel is the largest of its window, and then by as much. So begin with dx = 0, "
        "find the largest pixel of each window, and add the window's dout there: add, for a pixel may win in several "
        "windows.",
        "For each c, oh, ow, n, with h = oh * SH and w = ow * SW:\n"
        "    window = x[c, h : h + KH, w : w + KW, n]\n"
        "    i, j = np.unravel_index(window.argmax(), window.shape)\n"
        "    dx[c, h + i, w + j, n] += dout[c, oh, ow, n]\n"
        "argmax gives the first of equal ones.",
    ),
    read="Max-pooling",
    library="nnscratch/ops/pool.py",
    solution=maxpool2d_backward,
    derivatives=lambda dout, x, *window: weighed(dout, lambda x: maxpool2d_forward(x, *window)[0], dx=x),
    cases=(
        Case("2 x 2 side by side", (numbers(1, 2, 2, 3, 2), apart(2, 2, 4, 6, 2), (2, 2), (2, 2))),
        Case(
            "2 x 3 windows, a row and a column left over",
            (numbers(3, 1, 2, 1, 3), apart(4, 1, 5, 4, 3), (2, 3), (2, 3)),
            "rows and columns at the end that fill no window get 0",
        ),
        Case(
            "overlapping windows",
            (numbers(5, 2, 3, 4, 2), apart(6, 2, 4, 5, 2), (2, 2), (1, 1)),
            "a pixel may win in several windows, and adds up what they send",
        ),
        Case(
            "windows with gaps",
            (numbers(7, 1, 2, 2, 2), apart(8, 1, 5, 6, 2), (2, 2), (3, 3)),
            "window oh begins at row oh SH, also where that leaves gaps",
        ),
        Case(
            "equal pixels",
            (numbers(9, 1, 2, 2, 2), np.arange(32.0).reshape(1, 4, 4, 2) % 3 // 1.5, (2, 2), (2, 2)),
            "of equal pixels only the first in reading order receives the gradient",
            smooth=False,
        ),
    ),
    draw=_draw,
    slips={
        "the gradient passes through every pixel of the window instead of the largest": ("[largest]", ""),
        "every pixel of the window gets an equal share: that is mean pooling": (
            "gradient[largest] += dout[c, oh, ow, n]",
            "gradient += dout[c, oh, ow, n] / window.size",
        ),
        "of equal pixels all receive the gradient, but only the first in reading order must": (
            "gradient[largest]",
            "gradient[window == window.max()]",
        ),
        "equal pixels share the gradient, but the first in reading order gets it all": (
            "gradient[largest] += dout[c, oh, ow, n]",
            "gradient[window == window.max()] += dout[c, oh, ow, n] / (window == window.max()).sum()",
        ),
        "of equal pixels the last wins, but the first in reading order must": (
            "window.argmax()",
            "window.size - 1 - window[::-1, ::-1].argmax()",
        ),
        "a pixel that wins in several windows must add up what they send (= where += must stand)": ("+=", "="),
        "windows overwrite each other where they overlap, with their zeros too: add them up": (
            "gradient[largest] +=",
            "gradient[...] = 0; gradient[largest] =",
        ),
        "the smallest pixel of the window wins instead of the largest": ("argmax", "argmin"),
        "windows are laid side by side: window oh begins at row oh SH, not oh KH": (
            "h, w = oh * stride[0], ow * stride[1]",
            "h, w = oh * size[0], ow * size[1]\n"
            "        if h + size[0] > x.shape[1] or w + size[1] > x.shape[2]: continue",
        ),
        "dout is left out: the winners are marked with 1": ("dout[c, oh, ow, n]", "1"),
        "dout is multiplied by the largest pixel: the derivative of the largest is 1": (
            "dout[c, oh, ow, n]",
            "dout[c, oh, ow, n] * window.max()",
        ),
        "the place in the window is taken for one in the image: window oh begins at row oh SH": (
            "gradient[largest]",
            "dx[c, :, :, n][largest]",
        ),
        "the largest pixel itself is handed back: hand dout to its place": (
            "dout[c, oh, ow, n]\n    return",
            "window.max()\n    return",
        ),
        "the largest size wins, without the sign: the largest number does": (
            "window.argmax()",
            "np.abs(window).argmax()",
        ),
    },
)
