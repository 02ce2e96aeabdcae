"""Exercise: max-pooling, forward."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.windows import Pair
from nnscratch.study.exercises.exercise import Case, Exercise, Seed, apart


def maxpool2d_forward(x: Array, size: Pair, stride: Pair) -> Array:
    """Return out."""
    (KH, KW), (SH, SW), (C, H, W, N) = size, stride, x.shape
    OH, OW = (H - KH) // SH + 1, (W - KW) // SW + 1
    out = np.zeros((C, OH, OW, N))
    for oh, ow in np.ndindex(OH, OW):
        window = x[:, oh * SH : oh * SH + KH, ow * SW : ow * SW + KW]
        out[:, oh, ow] = window.max(axis=(1, 2))
    return out


def _case(what: str, seed: Seed, shape: tuple[int, ...], size: Pair, stride: Pair, hint: str = "") -> Case:
    return Case(what, (apart(seed, *shape), size, stride), hint)


def _negative(case: Case) -> Case:
    """Return the case with no number above 0."""
    x, *window = case.arguments
    return replace(case, arguments=(-np.abs(x), *window), hint="the largest of negative numbers is negative")


def _draw(rng: np.random.Generator) -> tuple[Case, ...]:
    C, N, more = (int(k) for k in (*rng.permutation([3, 4]), rng.integers(2)))
    return (
        _case("2 x 2 side by side", rng, (C, 6 + 2 * more, 8, N), (2, 2), (2, 2)),
        _case("3 x 2 windows, rows and columns left over", rng, (N, 7 + more, 5, C), (3, 2), (3, 2)),
        _case("overlapping windows", rng, (C, 5, 6 + more, N), (3, 2), (1, 1), "windows may overlap"),
        _case("windows with gaps", rng, (C, 8 + more, 6, N), (2, 2), (3, 4), "window oh begins at row oh SH"),
        _negative(_case("pixels below 0", rng, (C, 6, 4 + more, N), (2, 3), (2, 1))),
    )


EXERCISE = Exercise(
    name="maxpool2d_forward",
    line="the largest of every window",
    parameters=("x", "size", "stride"),
    returns=("out",),
    shapes="x (C, H, W, N), size (KH, KW), stride (SH, SW)\n-> out (C, OH, OW, N)\n"
    "OH = (H - KH) // SH + 1, and OW likewise: windows that are not whole are left out",
    forward="out[c, oh, ow, n] = max over i, j of x[c, oh SH + i, ow SW + j, n]",
    hints=(
        "For one place (oh, ow) of the output: which rows and which columns of x does its window cover?",
        "Window oh begins at row oh SH and has KH rows; columns likewise. Make out an array of zeros first, and fill "
        "it "
        "place by place, all channels and images of a place at once.",
        "For each oh and ow: window = x[:, oh * SH : oh * SH + KH, ow * SW : ow * SW + KW] is (C, KH, KW, N), and "
        "out[:, oh, ow] = window.max(axis=(1, 2)).",
    ),
    read="Max-pooling",
    library="nnscratch/ops/pool.py",
    solution=maxpool2d_forward,
    cases=(
        _case("2 x 2 side by side", 1, (2, 4, 6, 3), (2, 2), (2, 2)),
        _case("2 x 3 windows, a row and a column left over", 2, (3, 5, 4, 2), (2, 3), (2, 3), "they fill no window"),
        _case("overlapping windows", 3, (2, 4, 5, 3), (2, 2), (1, 1), "windows may overlap"),
        _case("windows with gaps", 4, (2, 5, 7, 3), (2, 2), (3, 4), "window oh begins at row oh SH"),
        _negative(_case("pixels below 0", 5, (2, 4, 5, 3), (2, 3), (2, 1))),
    ),
    draw=_draw,
    slips={
        "the mean of each window is taken, but the largest number is wanted": (".max(", ".mean("),
        "the smallest of each window is taken, but the largest is wanted": (".max(", ".min("),
        "the largest size is taken, without the sign: the largest number is wanted": (
            "window.max",
            "np.abs(window).max",
        ),
        "0 takes part in the maximum: begin with the window's own first number, or with minus infinity": (
            "window.max(axis=(1, 2))",
            "np.maximum(window.max(axis=(1, 2)), 0)",
        ),
        "only the last pixel of the window counts: keep the larger of it and what was there": (
            "window.max(axis=(1, 2))",
            "window[:, -1, -1]",
        ),
        "only the first pixel of the window counts: look at all of it": ("window.max(axis=(1, 2))", "window[:, 0, 0]"),
        "the maximum runs over the channels too: each has its own": ("axis=(1, 2)", "axis=(0, 1, 2)"),
        "the maximum runs over the batch too: each image has its own": (
            "window.max(axis=(1, 2))",
            "window.max(axis=(1, 2, 3))[:, None]",
        ),
        "the stride is ignored": ("= size, stride", "= size, (1, 1)"),
        "windows are laid side by side: window oh begins at row oh SH, not oh KH": ("= size, stride", "= size, size"),
        "window oh begins at row oh, but must begin at row oh SH (columns likewise): the stride is forgotten": (
            "oh * SH : oh * SH + KH, ow * SW : ow * SW + KW",
            "oh : oh + KH, ow : ow + KW",
        ),
        "KH and KW are exchanged: size is (rows, columns)": ("(KH, KW), (SH", "(KW, KH), (SH"),
        "SH and SW are exchanged: stride is (down, right)": ("(SH, SW)", "(SW, SH)"),
        "each window lacks its last row and column: a slice ends before its end": (
            "oh * SH + KH, ow * SW : ow * SW + KW",
            "oh * SH + KH - 1, ow * SW : ow * SW + KW - 1",
        ),
        "each window lacks its last row: rows are oh * SH : oh * SH + KH, i runs over range(KH)": (
            "oh * SH + KH, ow",
            "oh * SH + KH - 1, ow",
        ),
        "each window lacks its last column: columns are ow * SW : ow * SW + KW, j runs over range(KW)": (
            "ow * SW + KW]",
            "ow * SW + KW - 1]",
        ),
        "the last row and column of windows are missing: OH = (H - KH) // SH + 1": ("SH + 1", "SH", "SW + 1", "SW"),
        "windows that are not whole count, too: leave them out": (
            "(H - KH) // SH + 1, (W - KW) // SW + 1",
            "-((KH - H) // SH) + 1, -((KW - W) // SW) + 1",
        ),
        "the arrays are taken batch-first: here the batch is the last axis, x is (C, H, W, N)": (
            "(KH, KW), (SH",
            "x = x.transpose(1, 2, 3, 0); (KH, KW), (SH",
            "return out",
            "return out.transpose(3, 0, 1, 2)",
        ),
        "the largest runs over all channels and images: each has its own, .max(axis=(1, 2))": (
            ".max(axis=(1, 2))",
            ".max()",
        ),
        "OH is H // SH: it is (H - KH) // SH + 1": (
            "(H - KH) // SH + 1, (W - KW) // SW + 1",
            "H // SH, W // SW",
            "window.max(axis=(1, 2))",
            "window.max(axis=(1, 2), initial=-np.inf)",
        ),
    },
)
