"""Exercise: the three gradients of a convolution."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.conv import conv2d_backward_input, conv2d_backward_weights, conv2d_forward
from nnscratch.ops.windows import Padding, Pair, kernel_offsets, output_size, pad, unpad
from nnscratch.study.exercises.exercise import Case, Exercise, Mistake, numbers
from nnscratch.study.exercises.tasks.conv_geometry import ABOUT, FORMULA, ONE, READ, flipped, geometries, turned


def _backward_cases() -> tuple[Case, ...]:
    cases = []
    for k, (what, x, W, stride, padding, hint) in enumerate(geometries()):
        OH = output_size(x[1], W[2], stride[0], padding[0])
        OW = output_size(x[2], W[3], stride[1], padding[1])
        dout = numbers(k + 30, W[0], OH, OW, x[3])
        cases.append(Case(what, (dout, numbers(k, *x), numbers(k + 10, *W), stride, padding), hint))
    return tuple(cases)


def solution(dout: Array, x: Array, W: Array, stride: Pair, padding: Padding) -> tuple[Array, Array, Array]:
    """Return dx, dW, db in plain loops: each output hands its dout to all that went into it."""
    x = pad(x, padding)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    F, OH, OW, _ = dout.shape
    _, _, KH, KW = W.shape
    for f, oh, ow, i, j in product(range(F), range(OH), range(OW), range(KH), range(KW)):
        h, w = oh * stride[0] + i, ow * stride[1] + j
        dW[f, :, i, j] += (dout[f, oh, ow] * x[:, h, w]).sum(axis=-1)
        dx[:, h, w] += W[f, :, i, j, None] * dout[f, oh, ow]
    return unpad(dx, padding), dW, dout.sum(axis=(1, 2, 3))


def derivatives(dout: Array, x: Array, W: Array, s: Pair, p: Padding) -> tuple[dict[str, Array], Callable[[], float]]:
    """Return what is moved, and sum(dout * out)."""
    x, W, b = x.copy(), W.copy(), np.zeros(len(W))
    return {"dx": x, "dW": W, "db": b}, lambda: float((dout * conv2d_forward(x, W, b, s, p)).sum())


def _padded_dx(dout: Array, x: Array, W: Array, s: Pair, p: Padding) -> Array:
    H, width = pad(x, p).shape[1:3]
    return conv2d_backward_input(dout, W, (H, width), s)


def _uncut(dout: Array, x: Array, W: Array, s: Pair, p: Padding) -> tuple[Any, ...]:
    return _padded_dx(dout, x, W, s, p), None, None


def _cut_at_the_wrong_end(dout: Array, x: Array, W: Array, s: Pair, p: Padding) -> tuple[Any, ...]:
    return _padded_dx(dout, x, W, s, p)[:, : x.shape[1], : x.shape[2]], None, None


def _overwritten(dout: Array, x: Array, W: Array, s: Pair, p: Padding) -> tuple[Any, ...]:
    """Return dx where the windows, in reading order, overwrite what others left."""
    x = pad(x, p)
    dx = np.zeros_like(x)
    _, OH, OW, _ = dout.shape
    KH, KW = W.shape[2:]
    for oh, ow in product(range(OH), range(OW)):
        h, w = oh * s[0], ow * s[1]
        dx[:, h : h + KH, w : w + KW] = np.einsum("fcij,fn->cijn", W, dout[:, oh, ow])
    return unpad(dx, p), None, None


def _taps_overwritten(dout: Array, x: Array, W: Array, s: Pair, p: Padding) -> tuple[Any, ...]:
    """Return dx where one offset's gradients overwrite another's."""
    dx = np.zeros_like(pad(x, p))
    for (i, j), pixels in kernel_offsets(dx, (W.shape[2], W.shape[3]), s):
        pixels[...] = np.einsum("fc,fhwn->chwn", W[:, :, i, j], dout)
    return unpad(dx, p), None, None


def _steps_forgotten_backward(dout: Array, x: Array, W: Array, s: Pair, p: Padding) -> tuple[Any, ...]:
    return solution(dout, x, W, ONE, p)


def _one_filter(dout: Array, x: Array, W: Array, s: Pair, p: Padding) -> tuple[Any, ...]:
    return solution(dout[-1:], x, W[-1:], s, p)[0], None, None


def _padding_forgotten(dout: Array, x: Array, W: Array, s: Pair, p: Padding) -> tuple[Any, ...]:
    OH, OW = dout.shape[1:3]
    after = max(0, (OH - 1) * s[0] + W.shape[2] - x.shape[1]), max(0, (OW - 1) * s[1] + W.shape[3] - x.shape[2])
    return solution(dout, x, W, s, ((0, after[0]), (0, after[1])))


def _weights(dout: Array, x: Array, W: Array, s: Pair, p: Padding) -> tuple[Array, Array]:
    return conv2d_backward_weights(dout, x, (W.shape[2], W.shape[3]), s, p)


EXERCISE = Exercise(
    name="conv2d_backward",
    line="dx, dW and db of a convolution: who owes what to whom",
    parameters=("dout", "x", "W", "stride", "padding"),
    returns=("dx", "dW", "db"),
    shapes="dout (F, OH, OW, N), x (C, H, W, N), W (F, C, KH, KW)\n-> dx (C, H, W, N), dW (F, C, KH, KW), db (F,)\n"
    + ABOUT,
    forward=FORMULA,
    hint="Walk the forward loops again, on the padded image. For each product W[f, c, i, j] x[c, h, w, n] in "
    "out[f, oh, ow, n]:\n"
    "    dW[f, c, i, j] += dout[f, oh, ow, n] x[c, h, w, n]\n"
    "    dx[c, h, w, n] += dout[f, oh, ow, n] W[f, c, i, j]\n"
    "Cut the border off dx at the end.",
    read=READ,
    solution=solution,
    derivatives=derivatives,
    cases=_backward_cases(),
    mistakes=(
        Mistake(
            "the kernel is flipped: the pixel under offset (i, j) gets W[f, c, i, j] dout",
            lambda dout, x, W, s, p: (solution(dout, x, flipped(W), s, p)[0], None, None),
        ),
        Mistake(
            "the kernel is flipped: dW[f, c, i, j] belongs to offset (i, j), not to the opposite one",
            lambda dout, x, W, s, p: (None, flipped(_weights(dout, x, W, s, p)[0]), None),
        ),
        Mistake(
            "off by the padding: the border is still on; cut it off, dx has the shape of x without padding", _uncut
        ),
        Mistake(
            "off by the padding: the border is cut off at the wrong end; row h of x is row top + h of the padded one",
            _cut_at_the_wrong_end,
        ),
        Mistake("off by the padding: x is not padded, window (0, 0) begins at its first pixel", _padding_forgotten),
        Mistake(
            "off by the padding: top and bottom, left and right are exchanged",
            lambda dout, x, W, s, p: solution(dout, x, W, s, turned(p)),
        ),
        Mistake(
            "windows overwrite each other where they overlap: a pixel adds up what all its windows send", _overwritten
        ),
        Mistake(
            "one offset overwrites another: a pixel adds up what it gets as every offset (= where += must stand)",
            _taps_overwritten,
        ),
        Mistake(
            "window oh begins at row oh, but must begin at row oh SH (columns likewise): the stride is forgotten",
            _steps_forgotten_backward,
        ),
        Mistake("only the last filter counts: dx sums over f too", _one_filter),
        Mistake(
            "only the last image counts: the sum over the batch is missing",
            lambda dout, x, W, s, p: (None, *_weights(dout[..., -1:], x[..., -1:], W, s, p)),
        ),
        Mistake(
            "only the first image counts: the sum over the batch is missing",
            lambda dout, x, W, s, p: (None, *_weights(dout[..., :1], x[..., :1], W, s, p)),
        ),
        Mistake(
            "the sum over the batch is missing: db has one number for each filter",
            lambda dout, x, W, s, p: (None, None, dout.sum(axis=(1, 2))),
        ),
        Mistake(
            "the sum over the positions is missing: db sums over oh and ow as well as over the batch",
            lambda dout, x, W, s, p: (None, None, dout.sum(axis=3)),
        ),
        Mistake(
            "the mean over the positions is taken, but the sum is wanted",
            lambda dout, x, W, s, p: (None, *(each / dout[0, ..., 0].size for each in _weights(dout, x, W, s, p))),
        ),
        Mistake(
            "the mean over the positions and the batch is taken, but the sum is wanted",
            lambda dout, x, W, s, p: (None, *(each / dout[0].size for each in _weights(dout, x, W, s, p))),
        ),
        Mistake(
            "filters and channels are exchanged: dW is (F, C, KH, KW)",
            lambda dout, x, W, s, p: (None, _weights(dout, x, W, s, p)[0].swapaxes(0, 1), None),
        ),
    ),
)
