"""BLAS's matrix product as a kernel, so that it can be recorded: NumPy's own OpenBLAS, called at its address.

The machine code is the same for every geometry, which is in an array, and with it the address of ``cblas_sgemm`` or
``cblas_dgemm``, since machine code outlives the process on disk. It is the routine that ``np.matmul`` calls, and leaves
the same bits. :func:`serves` says no where NumPy has another BLAS (Accelerate, MKL) or the kernels are interpreted.

Gained: networks with wide layers are recorded; the products themselves are compared in ``product.py``.
"""

import ctypes
import os
from functools import cache

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.compiled.cache import INTERPRETED
from nnscratch.ops.compiled.intrinsics import call_c
from nnscratch.ops.compiled.jit import Kernel, constant, kernel

ROW_MAJOR, NO_TRANS, TRANS = 101, 111, 112  # of CBLAS
PREFIXES, SUFFIXES = ("", "scipy_"), ("", "64_", "_64")  # of the symbols' names in the various builds


def serves(*matrices: Array) -> bool:
    """Return whether there is such a kernel for these matrices, float32 or float64, as they lie in memory."""
    if INTERPRETED or not _routine(matrices[0].dtype.name)[0]:
        return False
    return all(matrix.flags.forc for matrix in matrices)


def product(A: Array, B: Array, out: Array) -> None:
    """Write A B to out (M, R), which lies in rows, for A (M, J) and B (J, R) that it :func:`serves`."""
    (M, J), R, name = A.shape, B.shape[1], out.dtype.name
    a_in_rows, b_in_rows = A.flags.c_contiguous, B.flags.c_contiguous
    a, b = A if a_in_rows else A.T, B if b_in_rows else B.T
    how = constant(_how(M, J, R, a_in_rows, b_in_rows, name))
    _gemm(name, _routine(name)[1])(how, a.ravel(), b.ravel(), out.ravel())


@cache
def _how(M: int, J: int, R: int, a_in_rows: bool, b_in_rows: bool, dtype: str) -> Array:
    """Return the routine's address and its integers: how A and B lie, the sizes, and the steps from row to row."""
    trans = [NO_TRANS if in_rows else TRANS for in_rows in (a_in_rows, b_in_rows)]
    return np.array([_routine(dtype)[0], *trans, M, R, J, J if a_in_rows else M, R if b_in_rows else J], np.int64)


@cache
def _gemm(dtype: str, bits: int) -> Kernel:
    """Return the kernel for out = A B by CBLAS with integers of so many bits."""
    number, integer = np.dtype(dtype).type, np.dtype(f"i{bits // 8}").type
    one, zero, row_major = number(1), number(0), np.int32(ROW_MAJOR)

    @kernel
    def gemm(how: Array, a: Array, b: Array, out: Array) -> None:
        trans_a, trans_b = np.int32(how[1]), np.int32(how[2])
        M, R, J, lda, ldb = integer(how[3]), integer(how[4]), integer(how[5]), integer(how[6]), integer(how[7])
        call_c(how[0], (row_major, trans_a, trans_b, M, R, J, one, a, lda, b, ldb, zero, out, R))

    return gemm


@cache
def _routine(dtype: str) -> tuple[int, int]:
    """Return the address of the loaded OpenBLAS's product of matrices of this type, and the bits of its integers.

    (0, 0) where there is none.
    """
    from threadpoolctl import ThreadpoolController

    found = [one["filepath"] for one in ThreadpoolController().info() if one["internal_api"] == "openblas"]
    letter = {"float32": "s", "float64": "d"}[dtype]
    for path in sorted(found, key=lambda path: "numpy" not in path):  # not that of another library
        library = ctypes.CDLL(path, mode=getattr(os, "RTLD_NOLOAD", ctypes.DEFAULT_MODE))
        for prefix, suffix in ((prefix, suffix) for prefix in PREFIXES for suffix in SUFFIXES):
            routine = getattr(library, f"{prefix}cblas_{letter}gemm{suffix}", None)
            config = getattr(library, f"{prefix}openblas_get_config{suffix}", None)
            if routine is not None and config is not None:
                config.restype = ctypes.c_char_p
                bits = 64 if b"USE64BITINT" in config() else 32
                return ctypes.cast(routine, ctypes.c_void_p).value or 0, bits
    return 0, 0
