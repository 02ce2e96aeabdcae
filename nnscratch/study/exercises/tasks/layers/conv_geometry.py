"""What the two exercises on convolution share: the geometries that are tried, and words on them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnscratch.ops.windows import NO_PADDING, Padding, Pair
from nnscratch.study.exercises.exercise import Case, Seed

Geometry = tuple[str, tuple[int, ...], tuple[int, ...], Pair, Padding, str]
MakeCase = Callable[[Geometry, Seed], Case]

ONE: Pair = (1, 1)
FORMULA = "out[f, oh, ow, n] = b[f]\n    + sum over c, i, j of W[f, c, i, j] x[c, oh SH + i, ow SW + j, n]"
READ, LIBRARY = "Convolution", "nnscratch/ops/conv.py"
ABOUT = (
    "stride = (SH, SW)\n"
    "padding = ((top, bottom), (left, right)): zeros around x; the formula\n"
    "counts them as rows and columns of x\n"
    "OH = (H + top + bottom - KH) // SH + 1, and OW likewise"
)


def fixed(case: MakeCase) -> tuple[Case, ...]:
    """Return the cases that every reader sees, of what makes one of a geometry."""
    return tuple(case(geometry, k) for k, geometry in enumerate(geometries()))


def drawn(case: MakeCase) -> Callable[[np.random.Generator], tuple[Case, ...]]:
    """Return what draws hidden cases."""
    return lambda rng: tuple(case(geometry, rng) for geometry in drawn_geometries(rng))


def geometries() -> list[Geometry]:
    """Return (what, shape of x, shape of W, stride, padding, hint) of each case."""
    return [
        ("one channel, one image, no padding", (1, 4, 5, 1), (1, 1, 2, 3), ONE, NO_PADDING, ""),
        ("2 channels, 3 filters, 2 images", (2, 4, 5, 2), (3, 2, 2, 3), ONE, NO_PADDING, ""),
        ("as many filters as channels, square kernel", (2, 4, 5, 3), (2, 2, 2, 2), ONE, NO_PADDING, ""),
        ("every axis as long as every other", (3, 3, 3, 3), (3, 3, 2, 2), ONE, ((1, 0), (1, 0)), ""),
        (
            "padding",
            (2, 3, 4, 2),
            (3, 2, 2, 3),
            ONE,
            ((1, 0), (1, 2)),
            "with padding, pixel h of the image is row top + h of the padded one",
        ),
        (
            "stride (2, 1)",
            (2, 6, 4, 2),
            (3, 2, 3, 2),
            (2, 1),
            NO_PADDING,
            "window oh begins at row oh SH; pixels at the end that fill no step are left over",
        ),
        (
            "stride (1, 2) and padding",
            (1, 4, 5, 2),
            (2, 1, 3, 2),
            (1, 2),
            ((1, 1), (0, 1)),
            "stride and padding together",
        ),
    ]


def drawn_geometries(rng: np.random.Generator) -> list[Geometry]:
    """Return others of the same kinds."""
    C, F, N = (int(k) for k in rng.permutation([2, 3, 4]))
    top, left, more = (int(k) for k in (*rng.permutation([1, 2]), rng.integers(2)))
    padding = ((top, 0), (left, 3 - left))
    both = "stride and padding together"
    return [
        ("one channel, one image, no padding", (1, 5 + more, 4, 1), (1, 1, 3, 2), ONE, NO_PADDING, ""),
        (f"{C} channels, {F} filters, {N} images", (C, 5, 4 + more, N), (F, C, 3, 2), ONE, NO_PADDING, ""),
        ("as many filters as channels, square kernel", (N, 5, 4, 2), (N, N, 2, 2), ONE, NO_PADDING, ""),
        ("every axis as long as every other", (4, 4, 4, 4), (4, 4, 2, 2), ONE, ((1, 0), (0, 1)), ""),
        ("padding", (C, 4, 3 + more, N), (F, C, 3, 2), ONE, padding, "row h of x is row top + h of the padded one"),
        ("stride (3, 1)", (C, 8, 4, N), (F, C, 2, 3), (3, 1), NO_PADDING, "window oh begins at row oh SH"),
        ("stride (2, 3) and padding", (C, 6, 7 + more, N), (F, C, 3, 2), (2, 3), ((0, 2), (1, top)), both),
    ]
