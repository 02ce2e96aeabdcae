"""What several test files share: data away from kinks, geometries for hypothesis, gradients against quotients.

With NUMBA_DISABLE_JIT=1 the kernels are plain Python, a thousand times slower, so that coverage can see inside: tests
then do fewer things of the same kind, and the few that ask for machine code are left out.
"""

import os
import time
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import strategies as st

from nnscratch.training.numerical_gradient import check_array

SMOOTH = 1e-7  # the largest relative error of a gradient in float64
COMPILED = os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")
needs_compiler = pytest.mark.skipif(not COMPILED, reason="the kernels are plain Python: NUMBA_DISABLE_JIT is set")


def fewer(number, interpreted):
    """``number``, or without a compiler ``interpreted`` instead."""
    return number if COMPILED else interpreted


def some(values, everyday):
    """``values``, of which those after the first ``everyday`` are thorough: each is compiled, which takes seconds."""
    return [*values[:everyday], *(pytest.param(value, marks=pytest.mark.thorough) for value in values[everyday:])]


def wait_until(condition):
    """Wait for what another process or thread does, however busy the machine is."""
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def separated(rng, shape):
    """Numbers at least 0.1 apart and 0.05 from zero, in random order: no kink of ReLU or tie of a maximum is near."""
    size = int(np.prod(shape))
    return 0.1 * (rng.permutation(size) - size // 2 + 0.5).reshape(shape)


def whole(rng, shape):
    """Small whole numbers, whose sums and products are exact in floating point."""
    return rng.integers(-4, 5, shape).astype(float)


def assert_gradients(forward, dout, gradients, tolerance=SMOOTH):
    """Each (array, analytic) of ``gradients`` is the derivative of sum(dout * forward()) by the array."""
    rng = np.random.default_rng(0)
    for name, (array, analytic) in gradients.items():
        assert analytic.shape == array.shape, name
        row = check_array(name, array, analytic, lambda: float((dout * forward()).sum()), samples=25, rng=rng)
        assert row.worst <= tolerance, (name, row)


class Geometry(NamedTuple):
    """A stack of images and a window that slides over it."""

    C: int
    F: int
    N: int
    image: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]
    rng: np.random.Generator


@st.composite
def geometries(draw, most_padding=2):
    """Geometries in which the window fits at least once; padding may differ on all four sides."""
    few, zeros = st.integers(1, 3), st.integers(0, most_padding)
    kernel, stride = draw(st.tuples(few, few)), draw(st.tuples(few, few))
    padding = draw(st.tuples(st.tuples(zeros, zeros), st.tuples(zeros, zeros)))
    image = tuple(draw(st.integers(max(1, k - sum(sides)), k + 4)) for k, sides in zip(kernel, padding, strict=True))
    C, F, N = draw(st.tuples(few, few, few))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return Geometry(C, F, N, image, kernel, stride, padding, rng)


seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)
