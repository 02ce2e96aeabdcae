"""Exercise: convolution, forward."""

from __future__ import annotations

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.conv import conv2d_forward
from nnscratch.ops.windows import Padding, Pair, kernel_offsets, pad
from nnscratch.study.exercises.exercise import Case, Exercise, Mistake, numbers
from nnscratch.study.exercises.tasks.conv_geometry import ABOUT, FORMULA, ONE, READ, flipped, geometries, turned


def _forward_cases() -> tuple[Case, ...]:
    return tuple(
        Case(what, (numbers(k, *x), numbers(k + 10, *W), numbers(k + 20, W[0]), stride, padding), hint)
        for k, (what, x, W, stride, padding, hint) in enumerate(geometries())
    )


def _moved(padding: Padding) -> Padding:
    """Return the same number of zeros, all of them after the image."""
    (top, bottom), (left, right) = padding
    return (0, top + bottom), (0, left + right)


def _last_tap(x: Array, W: Array, b: Array, stride: Pair, padding: Padding) -> tuple[Array]:
    """Return what a loop leaves that sets the output instead of adding to it."""
    *_, (_, view) = kernel_offsets(pad(x, padding), (W.shape[2], W.shape[3]), stride)
    return (np.einsum("f,hwn->fhwn", W[:, -1, -1, -1], view[-1]) + b[:, None, None, None],)


def _steps_forgotten(x: Array, W: Array, b: Array, stride: Pair, padding: Padding) -> tuple[Array]:
    _, OH, OW, _ = conv2d_forward(x, W, b, stride, padding).shape
    return (conv2d_forward(x, W, b, ONE, padding)[:, :OH, :OW],)


EXERCISE = Exercise(
    name="conv2d_forward",
    line="slide filters over images with several channels, with stride and padding",
    parameters=("x", "W", "b", "stride", "padding"),
    returns=("out",),
    shapes=f"x (C, H, W, N), W (F, C, KH, KW), b (F,) -> out (F, OH, OW, N)\n{ABOUT}",
    forward=FORMULA,
    hint="Put x into an array of zeros first. Then loop over the offsets (i, j): all windows' pixels under one offset "
    "are a slice with steps. Slow loops over every index are right too.",
    read=READ,
    solution=lambda *a: (conv2d_forward(*a),),
    cases=_forward_cases(),
    mistakes=(
        Mistake(
            "the kernel is flipped: that is convolution as mathematics has it; here, as in every framework, "
            "W[f, c, 0, 0] meets the window's first pixel",
            lambda x, W, b, s, p: (conv2d_forward(x, flipped(W), b, s, p),),
        ),
        Mistake("the bias is missing", lambda x, W, b, s, p: (conv2d_forward(x, W, 0 * b, s, p),)),
        Mistake(
            "the bias is added inside the sum, once for each c, i, j",
            lambda x, W, b, s, p: (conv2d_forward(x, W, b * W[0].size, s, p),),
        ),
        Mistake(
            "the bias is added once for each channel",
            lambda x, W, b, s, p: (conv2d_forward(x, W, b * W.shape[1], s, p),),
        ),
        Mistake(
            "only the first channel is seen: sum over c too",
            lambda x, W, b, s, p: (conv2d_forward(x[:1], W[:, :1], b, s, p),),
        ),
        Mistake(
            "only the last channel is seen: sum over c too (= where += must stand?)",
            lambda x, W, b, s, p: (conv2d_forward(x[-1:], W[:, -1:], b, s, p),),
        ),
        Mistake("only the last offset of the window counts: = stands where += must", _last_tap),
        Mistake(
            "off by the padding: all zeros come after the image, but top and left ones belong before it",
            lambda x, W, b, s, p: (conv2d_forward(x, W, b, s, _moved(p)),),
        ),
        Mistake(
            "off by the padding: top and bottom, left and right are exchanged",
            lambda x, W, b, s, p: (conv2d_forward(x, W, b, s, turned(p)),),
        ),
        Mistake(
            "off by the padding: the zeros of rows and of columns are exchanged",
            lambda x, W, b, s, p: (conv2d_forward(x, W, b, s, (p[1], p[0])),),
        ),
        Mistake("the padding is ignored", lambda x, W, b, s, p: (conv2d_forward(x, W, b, s),)),
        Mistake("the stride is ignored", lambda x, W, b, s, p: (conv2d_forward(x, W, b, ONE, p),)),
        Mistake(
            "window oh begins at row oh, but must begin at row oh SH (columns likewise): the stride is forgotten",
            _steps_forgotten,
        ),
        Mistake(
            "SH and SW are exchanged: stride is (down, right)",
            lambda x, W, b, s, p: (conv2d_forward(x, W, b, (s[1], s[0]), p),),
        ),
        Mistake(
            "the mean over the window is taken, but the sum is wanted",
            lambda x, W, b, s, p: (conv2d_forward(x, W / W[0].size, b, s, p),),
        ),
    ),
)
