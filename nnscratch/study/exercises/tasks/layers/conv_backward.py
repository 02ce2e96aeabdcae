"""Exercise: the three gradients of a convolution."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.conv import conv2d_forward
from nnscratch.ops.windows import Padding, Pair, output_size
from nnscratch.study.exercises.exercise import Case, Exercise, Seed, numbers, weighed
from nnscratch.study.exercises.tasks.layers.conv_geometry import (
    ABOUT,
    FORMULA,
    LIBRARY,
    READ,
    Geometry,
    drawn,
    fixed,
)


def _case(geometry: Geometry, seed: Seed) -> Case:
    rng, (what, x, W, stride, padding, hint) = np.random.default_rng(seed), geometry
    OH = output_size(x[1], W[2], stride[0], padding[0])
    OW = output_size(x[2], W[3], stride[1], padding[1])
    dout = numbers(rng, W[0], OH, OW, x[3])
    return Case(what, (dout, numbers(rng, *x), numbers(rng, *W), stride, padding), hint)


def conv2d_backward(dout: Array, x: Array, W: Array, stride: Pair, padding: Padding) -> tuple[Array, Array, Array]:
    """Return dx, dW, db in plain loops: each output hands its dout to all that went into it."""
    ((top, bottom), (left, right)), (SH, SW), (_, _, KH, KW) = padding, stride, W.shape
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    dx, dW = np.zeros_like(padded), np.zeros_like(W)
    for oh, ow, i, j in np.ndindex(*dout.shape[1:3], KH, KW):
        h, w = oh * SH + i, ow * SW + j
        dW[:, :, i, j] += np.einsum("fn,cn->fc", dout[:, oh, ow], padded[:, h, w])
        dx[:, h, w] += np.einsum("fc,fn->cn", W[:, :, i, j], dout[:, oh, ow])
    dx = dx[:, top : top + x.shape[1], left : left + x.shape[2]]
    db = dout.sum(axis=(1, 2, 3))
    return dx, dW, db


def derivatives(dout: Array, x: Array, W: Array, s: Pair, p: Padding) -> tuple[dict[str, Array], Callable[[], float]]:
    """Return what is moved, and sum(dout * out)."""
    return weighed(dout, lambda x, W, b: conv2d_forward(x, W, b, s, p), dx=x, dW=W, db=np.zeros(len(W)))


EXERCISE = Exercise(
    name="conv2d_backward",
    line="dx, dW and db of a convolution",
    parameters=("dout", "x", "W", "stride", "padding"),
    returns=("dx", "dW", "db"),
    shapes="dout (F, OH, OW, N), x (C, H, W, N), W (F, C, KH, KW)\n-> dx (C, H, W, N), dW (F, C, KH, KW), db (F,)\n"
    + ABOUT,
    forward=FORMULA,
    hints=(
        "Each product W[f, c, i, j] x[c, h, w, n] that stands in out[f, oh, ow, n] hands dout[f, oh, ow, n] to both "
        "of its factors. Walk the forward loops once more, and hand it over.",
        "On the padded image, for each such product:\n"
        "    dW[f, c, i, j] += dout[f, oh, ow, n] x[c, h, w, n]\n"
        "    dx[c, h, w, n] += dout[f, oh, ow, n] W[f, c, i, j]\n"
        "Cut the border off dx at the end. db adds up all that is handed to a filter.",
        "Begin with zeros: dW as large as W, dx as large as the padded image. For each oh and ow, with rows = "
        "slice(oh * SH, oh * SH + KH) and cols likewise:\n"
        "    g = dout[:, oh, ow]\n"
        '    dW += np.einsum("fn,cijn->fcij", g, padded[:, rows, cols])\n'
        '    dx[:, rows, cols] += np.einsum("fcij,fn->cijn", W, g)\n'
        "At last dx[:, top : top + H, left : left + W], and db sums dout over its axes 1, 2 and 3.",
    ),
    read=READ,
    library=LIBRARY,
    solution=conv2d_backward,
    derivatives=derivatives,
    cases=fixed(_case),
    draw=drawn(_case),
    slips={
        "the kernel is flipped: the pixel under offset (i, j) gets W[f, c, i, j] dout": (
            "W[:, :, i, j], dout",
            "W[:, :, -1 - i, -1 - j], dout",
        ),
        "the kernel is flipped: dW[f, c, i, j] belongs to offset (i, j), not to the opposite one": (
            "dW[:, :, i, j]",
            "dW[:, :, -1 - i, -1 - j]",
        ),
        "off by the padding: the border is still on; cut it off, dx has the shape of x without padding": (
            "dx = dx[:, top : top + x.shape[1], left : left + x.shape[2]]",
            "",
        ),
        "off by the padding: the border is cut off at the wrong end; row h of x is row top + h of the padded one": (
            "top : top + x.shape[1], left : left + x.shape[2]",
            ": x.shape[1], : x.shape[2]",
        ),
        "off by the padding: the border's rows are cut off at the wrong end: row h is row top + h of the padded one": (
            "top : top + x.shape[1]",
            ": x.shape[1]",
        ),
        "off by the padding: x is not padded, window (0, 0) begins at its first pixel": (
            "= padding, stride",
            "= ((0, sum(padding[0])), (0, sum(padding[1]))), stride",
        ),
        "off by the padding: top and bottom, left and right are exchanged": (
            "((top, bottom), (left, right)), (SH",
            "((bottom, top), (right, left)), (SH",
        ),
        "windows overwrite each other where they overlap: a pixel adds up what all its windows send": (
            "dx[:, h, w] +=",
            "dx[:, h, w] =",
        ),
        "one offset overwrites another: a pixel adds up what it gets as every offset (= where += must stand)": (
            "oh, ow, i, j in np.ndindex(*dout.shape[1:3], KH, KW)",
            "i, j, oh, ow in np.ndindex(KH, KW, *dout.shape[1:3])",
            "dx[:, h, w] +=",
            "dx[:, h, w] =",
        ),
        "window oh begins at row oh, but must begin at row oh SH (columns likewise): the stride is forgotten": (
            "= padding, stride",
            "= padding, (1, 1)",
        ),
        "dW is that of the last position alone: add all positions up (= where += must stand)": (
            "dW[:, :, i, j] +=",
            "dW[:, :, i, j] =",
        ),
        "dW is that of the last position of the last image: add all up (= where += must stand)": (
            "dW[:, :, i, j] +=",
            "dW[:, :, i, j] =",
            "dout[:, oh, ow], padded[:, h, w]",
            "dout[:, oh, ow, -1:], padded[:, h, w, -1:]",
        ),
        "db is that of the last position of the last image: add all up (= where += must stand)": (
            "dout.sum(axis=(1, 2, 3))",
            "dout[:, -1, -1, -1]",
        ),
        "a slice such as dx[:, top:-bottom] is empty where bottom is 0: write top : top + H, and columns likewise": (
            "top : top + x.shape[1], left : left + x.shape[2]",
            "top:-bottom, left:-right",
        ),
        "the arrays are taken batch-first: here the batch is the last axis, x is (C, H, W, N)": (
            "((top, bottom)",
            "dout, x = dout.transpose(1, 2, 3, 0), x.transpose(1, 2, 3, 0); ((top, bottom)",
            "return dx",
            "return dx.transpose(3, 0, 1, 2)",
        ),
        "rows and columns of the kernel are exchanged: the pixel under offset (i, j) gets W[f, c, i, j] dout": (
            "W[:, :, i, j], dout",
            "W[:, :, j, i], dout",
        ),
        "dout is left out: this is the derivative of the sum of all outputs": (
            "dx, dW = np.zeros",
            "dout = np.ones_like(dout); dx, dW = np.zeros",
        ),
        "only the last filter counts: dx sums over f too": (
            "W[:, :, i, j], dout[:, oh, ow]",
            "W[-1:, :, i, j], dout[-1:, oh, ow]",
        ),
        "only the last image counts: the sum over the batch is missing": (
            "dout[:, oh, ow], padded[:, h, w]",
            "dout[:, oh, ow, -1:], padded[:, h, w, -1:]",
            "db = dout",
            "db = dout[..., -1:]",
        ),
        "only the first image counts: the sum over the batch is missing": (
            "dout[:, oh, ow], padded[:, h, w]",
            "dout[:, oh, ow, :1], padded[:, h, w, :1]",
            "db = dout",
            "db = dout[..., :1]",
        ),
        "the sum over the batch is missing: db has one number for each filter": ("(1, 2, 3)", "(1, 2)"),
        "the sum over the positions is missing: db sums over oh and ow as well as over the batch": ("(1, 2, 3)", "3"),
        "the mean over the positions is taken, but the sum is wanted": (
            "return dx, dW, db",
            "return dx, dW / dout[0, ..., 0].size, db / dout[0, ..., 0].size",
        ),
        "the mean over the positions and the batch is taken, but the sum is wanted": (
            "return dx, dW, db",
            "return dx, dW / dout[0].size, db / dout[0].size",
        ),
        "filters and channels are exchanged: dW is (F, C, KH, KW)": ("return dx, dW", "return dx, dW.swapaxes(0, 1)"),
        "only the first filter counts: dx sums over f too": (
            "W[:, :, i, j], dout[:, oh, ow]",
            "W[:1, :, i, j], dout[:1, oh, ow]",
        ),
        "only the last image counts in db: it sums over the batch, too": ("db = dout", "db = dout[..., -1:]"),
        "the last row of the kernel is missing: i runs over range(KH), which leaves KH itself out already": (
            "[1:3], KH, KW",
            "[1:3], KH - 1, KW",
        ),
        "the last column of the kernel is missing: j runs over range(KW), which leaves KW itself out already": (
            "[1:3], KH, KW",
            "[1:3], KH, KW - 1",
        ),
        "the last row and column of the kernel are missing: i runs over range(KH), j over range(KW)": (
            "[1:3], KH, KW",
            "[1:3], KH - 1, KW - 1",
        ),
    },
)
