"""Exercise: the gradient of max-pooling."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.pool import avgpool2d_backward, maxpool2d_backward, maxpool2d_forward
from nnscratch.ops.windows import Pair, kernel_offsets
from nnscratch.study.exercises.exercise import Case, Exercise, Mistake, apart, numbers


def solution(dout: Array, x: Array, size: Pair, stride: Pair) -> tuple[Array]:
    """Return dx."""
    _, argmax = maxpool2d_forward(x, size, stride)
    return (maxpool2d_backward(dout, argmax, (x.shape[1], x.shape[2]), size, stride),)


def derivatives(dout: Array, x: Array, size: Pair, stride: Pair) -> tuple[dict[str, Array], Callable[[], float]]:
    """Return what is moved, and sum(dout * out)."""
    x = x.copy()
    return {"dx": x}, lambda: float((dout * maxpool2d_forward(x, size, stride)[0]).sum())


def _to_all(dout: Array, x: Array, size: Pair, stride: Pair) -> tuple[Array]:
    return (avgpool2d_backward(dout * (size[0] * size[1]), (x.shape[1], x.shape[2]), size, stride),)


def _shared(dout: Array, x: Array, size: Pair, stride: Pair) -> tuple[Array]:
    return (avgpool2d_backward(dout, (x.shape[1], x.shape[2]), size, stride),)


def _all_ties(dout: Array, x: Array, size: Pair, stride: Pair) -> tuple[Array]:
    out, dx = maxpool2d_forward(x, size, stride)[0], np.zeros_like(x)
    for (_, view), (_, pixels) in zip(kernel_offsets(x, size, stride), kernel_offsets(dx, size, stride), strict=True):
        pixels += dout * (view == out)
    return (dx,)


def _ties_share(dout: Array, x: Array, size: Pair, stride: Pair) -> tuple[Array]:
    out = maxpool2d_forward(x, size, stride)[0]
    winners = sum((view == out).astype(float) for _, view in kernel_offsets(x, size, stride))
    return _all_ties(dout / winners, x, size, stride)


def _last_tie(dout: Array, x: Array, size: Pair, stride: Pair) -> tuple[Array]:
    """Return dx where the last of equal pixels wins: the first, after a small rise in reading order."""
    C, H, W, _ = x.shape
    rise = 1e-9 * np.arange(C * H * W).reshape(C, H, W, 1)
    return solution(dout, x + rise, size, stride)


def _overwritten(dout: Array, x: Array, size: Pair, stride: Pair) -> tuple[Array]:
    """Return dx where a pixel that wins in several windows keeps only what the last of them sends."""
    _, argmax = maxpool2d_forward(x, size, stride)
    dx = np.zeros_like(x)
    for c, oh, ow, n in np.ndindex(*dout.shape):
        i, j = divmod(int(argmax[c, oh, ow, n]), size[1])
        dx[c, oh * stride[0] + i, ow * stride[1] + j, n] = dout[c, oh, ow, n]
    return (dx,)


def _windows_overwritten(dout: Array, x: Array, size: Pair, stride: Pair) -> tuple[Array]:
    """Return dx where each window, zeros and all, overwrites what the one before left."""
    _, argmax = maxpool2d_forward(x, size, stride)
    dx = np.zeros_like(x)
    for c, oh, ow, n in np.ndindex(*dout.shape):
        h, w = oh * stride[0], ow * stride[1]
        i, j = divmod(int(argmax[c, oh, ow, n]), size[1])
        dx[c, h : h + size[0], w : w + size[1], n] = 0
        dx[c, h + i, w + j, n] = dout[c, oh, ow, n]
    return (dx,)


def _by_size(dout: Array, x: Array, size: Pair, stride: Pair) -> tuple[Array]:
    """Return dx for windows side by side, whatever the stride; fails where they do not fit."""
    side_by_side = dout[:, : x.shape[1] // size[0], : x.shape[2] // size[1]]
    return solution(side_by_side, x, size, size)


EXERCISE = Exercise(
    name="maxpool2d_backward",
    line="dx of max-pooling: the largest pixel of each window gets it all",
    parameters=("dout", "x", "size", "stride"),
    returns=("dx",),
    shapes="dout (C, OH, OW, N), x (C, H, W, N), size (KH, KW), stride (SH, SW)\n-> dx (C, H, W, N)\n"
    "OH = (H - KH) // SH + 1, and OW likewise",
    forward="out[c, oh, ow, n] = max over i, j of x[c, oh SH + i, ow SW + j, n]",
    hint="Find the largest pixel of each window, and add its dout there. Of equal pixels the first in reading order "
    "wins, alone. Windows may overlap.",
    read='nnscratch/ops/DERIVATIONS.md, "Max-pooling"; nnscratch/ops/pool.py, windows.py',
    solution=solution,
    derivatives=derivatives,
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
    mistakes=(
        Mistake("the gradient passes through every pixel of the window instead of the largest", _to_all),
        Mistake("every pixel of the window gets an equal share: that is mean pooling", _shared),
        Mistake("of equal pixels all receive the gradient, but only the first in reading order must", _all_ties),
        Mistake("equal pixels share the gradient, but the first in reading order gets it all", _ties_share),
        Mistake("of equal pixels the last wins, but the first in reading order must", _last_tie),
        Mistake(
            "a pixel that wins in several windows must add up what they send (= where += must stand)", _overwritten
        ),
        Mistake(
            "windows overwrite each other where they overlap, with their zeros too: add them up", _windows_overwritten
        ),
        Mistake(
            "the smallest pixel of the window wins instead of the largest",
            lambda dout, x, size, stride: solution(dout, -x, size, stride),
        ),
        Mistake("windows are laid side by side: window oh begins at row oh SH, not oh KH", _by_size),
        Mistake(
            "dout is left out: the winners are marked with 1", lambda dout, x, *a: solution(np.ones_like(dout), x, *a)
        ),
        Mistake(
            "dout is multiplied by the largest pixel: the derivative of the largest is 1",
            lambda dout, x, *a: solution(dout * maxpool2d_forward(x, *a)[0], x, *a),
        ),
    ),
)
