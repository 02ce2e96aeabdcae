"""BLAS's products as kernels: the bits of NumPy's, which calls the same routine, recorded, and from every thread."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest

from nnscratch.ops.replay import Alone
from nnscratch.parallel.threads import one_blas_thread
from tests.tools.checks import needs_compiler

pytest.importorskip("numba")

from nnscratch.ops.compiled import blas, tape
from nnscratch.ops.compiled.product import multiply, outer

SHAPES = [(1, 1, 2), (3, 5, 7), (10, 84, 32), (50, 131, 64), (520, 256, 8)]


@pytest.fixture
def needs_routine():
    if not blas.serves(np.zeros((1, 1))):
        pytest.skip("NumPy has another BLAS")


def matrices(shape, orders, number):
    rng, (M, J, R) = np.random.default_rng(3), shape
    A, B = rng.standard_normal((M, J)), rng.standard_normal((J, R))
    return A.astype(number, order=orders[0]), B.astype(number, order=orders[1])


@needs_compiler
@pytest.mark.usefixtures("needs_routine")
@pytest.mark.parametrize("number", [np.float32, np.float64])
@pytest.mark.parametrize("orders", ["".join(pair) for pair in product("CF", repeat=2)])
def test_the_bits_are_those_of_numpy(orders, number):
    for shape in SHAPES:
        A, B = matrices(shape, orders, number)
        out = np.full((shape[0], shape[2]), np.nan, number)
        with one_blas_thread():
            blas.product(A, B, out)
            assert out.tobytes() == (A @ B).tobytes()


@needs_compiler
@pytest.mark.usefixtures("needs_routine")
def test_a_recording_reads_the_arrays_anew():
    A, B = matrices((10, 84, 32), "CF", np.float32)
    with one_blas_thread():
        with tape.recording() as recorded:
            out = multiply(A, B)
        played = tape.Tape(recorded)
        played.poison(keep=[A, B])
        assert np.isnan(out).all()
        A *= 2
        tape.Program([[played]]).play(Alone())
        assert out.tobytes() == (A @ B).tobytes()


@needs_compiler
@pytest.mark.usefixtures("needs_routine")
def test_threads_side_by_side_have_the_same_bits():
    A, B = matrices((520, 256, 8), "CF", np.float32)
    with one_blas_thread(), ThreadPoolExecutor(4) as team:
        found = {out.tobytes() for out in team.map(lambda _: outer(A, B.T, None), range(40))}
    assert len(found) == 1


@pytest.mark.parametrize("shape", SHAPES)
def test_another_blas_leaves_products_to_our_own_kernels_and_numpy(shape, monkeypatch):
    monkeypatch.setattr(blas, "_routine", lambda dtype: (0, 0))
    for orders in ("CC", "CF", "FC", "FF"):
        A, B = matrices(shape, orders, np.float64)
        assert np.allclose(multiply(A, B), A @ B, atol=1e-12)
        assert np.allclose(outer(A, B.T, None), A @ B, atol=1e-12)


def test_what_lies_in_pieces_is_not_served():
    assert not blas.serves(np.zeros((4, 6))[:, ::2])
