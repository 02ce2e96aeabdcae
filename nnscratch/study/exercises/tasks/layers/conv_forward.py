"""Exercise: convolution, forward."""

from __future__ import annotations

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.windows import Padding, Pair
from nnscratch.study.exercises.exercise import Case, Exercise, Seed, numbers
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
    return Case(what, (numbers(rng, *x), numbers(rng, *W), numbers(rng, W[0]), stride, padding), hint)


def conv2d_forward(x: Array, W: Array, b: Array, stride: Pair, padding: Padding) -> Array:
    """Return out."""
    ((top, bottom), (left, right)), (SH, SW), (F, _, KH, KW) = padding, stride, W.shape
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    OH, OW = (padded.shape[1] - KH) // SH + 1, (padded.shape[2] - KW) // SW + 1
    out = np.zeros((F, OH, OW, x.shape[3]))
    for oh, ow in np.ndindex(OH, OW):
        window = padded[:, oh * SH : oh * SH + KH, ow * SW : ow * SW + KW]
        out[:, oh, ow] = np.einsum("fcij,cijn->fn", W, window) + b[:, None]
    return out


EXERCISE = Exercise(
    name="conv2d_forward",
    line="filters slide over images",
    parameters=("x", "W", "b", "stride", "padding"),
    returns=("out",),
    shapes=f"x (C, H, W, N), W (F, C, KH, KW), b (F,) -> out (F, OH, OW, N)\n{ABOUT}",
    forward=FORMULA,
    hints=(
        "Put x into an array of zeros first. Then ask of a single output: which pixels does its window show?",
        "out[f, oh, ow, n] looks at the rows from oh SH to oh SH + KH - 1 of the padded image, and at columns "
        "likewise. Loop over oh and ow, multiply the window by W[f], and sum over c, i and j. Slow loops over every "
        "index are right, too.",
        "window = padded[:, oh * SH : oh * SH + KH, ow * SW : ow * SW + KW] is (C, KH, KW, N), and "
        'np.einsum("fcij,cijn->fn", W, window) sums over c, i and j for all filters and images at once. Add b[:, '
        "None].",
    ),
    read=READ,
    library=LIBRARY,
    solution=conv2d_forward,
    cases=fixed(_case),
    draw=drawn(_case),
    slips={
        "the kernel is flipped: that is convolution as mathematics has it; here, as in every framework, "
        "W[f, c, 0, 0] meets the window's first pixel": ("W, window", "W[:, :, ::-1, ::-1], window"),
        "the bias is missing": (" + b[:, None]", ""),
        "the bias is added inside the sum, once for each c, i, j": ("b[:, None]", "b[:, None] * W[0].size"),
        "the bias is added once for each channel": ("b[:, None]", "b[:, None] * W.shape[1]"),
        "only the first channel is seen: sum over c too": ("W, window", "W[:, :1], window[:1]"),
        "only the last channel is seen: sum over c too (= where += must stand?)": (
            "W, window",
            "W[:, -1:], window[-1:]",
        ),
        "only the last offset of the window counts: = stands where += must": (
            "W, window",
            "W[:, -1:, -1:, -1:], window[-1:, -1:, -1:]",
        ),
        "off by the padding: all zeros come after the image, but top and left ones belong before it": (
            "(top, bottom), (left, right), (0",
            "(0, top + bottom), (0, left + right), (0",
        ),
        "off by the padding: top and bottom, left and right are exchanged": (
            "(top, bottom), (left, right), (0",
            "(bottom, top), (right, left), (0",
        ),
        "off by the padding: the zeros of rows and of columns are exchanged": (
            "(top, bottom), (left, right), (0",
            "(left, right), (top, bottom), (0",
        ),
        "the padding is ignored": ("(top, bottom), (left, right), (0", "(0, 0), (0, 0), (0"),
        "the stride is ignored": ("= padding, stride", "= padding, (1, 1)"),
        "window oh begins at row oh, but must begin at row oh SH (columns likewise): the stride is forgotten": (
            "oh * SH : oh * SH + KH, ow * SW : ow * SW + KW",
            "oh : oh + KH, ow : ow + KW",
        ),
        "SH and SW are exchanged: stride is (down, right)": ("(SH, SW)", "(SW, SH)"),
        "the arrays are taken batch-first: here the batch is the last axis, x is (C, H, W, N)": (
            "((top,",
            "x = x.transpose(1, 2, 3, 0); ((top,",
            "return out",
            "return out.transpose(3, 0, 1, 2)",
        ),
        "the mean over the window is taken, but the sum is wanted": ("W, window", "W / W[0].size, window"),
        "the bias is subtracted": ("+ b[:, None]", "- b[:, None]"),
        "rows and columns of the kernel are exchanged: offset (i, j) is i rows down": (
            "fcij,cijn->fn",
            "fcji,cijn->fn",
        ),
        "padding is read as ((top, left), (bottom, right)), but is ((top, bottom), (left, right))": (
            "((top, bottom), (left, right)), (SH",
            "((top, left), (bottom, right)), (SH",
        ),
        "the last row of the kernel is missing: i runs over range(KH), which leaves KH itself out already": (
            "W, window",
            "W[:, :, :-1], window[:, :-1]",
        ),
        "the last column of the kernel is missing: j runs over range(KW), which leaves KW itself out already": (
            "W, window",
            "W[..., :-1], window[:, :, :-1]",
        ),
        "the last row and column of the kernel are missing: i runs over range(KH), j over range(KW)": (
            "W, window",
            "W[:, :, :-1, :-1], window[:, :-1, :-1]",
        ),
    },
)
