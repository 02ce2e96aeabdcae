"""Matrix products for ``dense.py``: a kernel of our own or BLAS's, by shape; neither where zeros can be left out.

All of them can be recorded, BLAS's by ``blas.py``. Measured on one Zen 4 core with float32, in GFLOP/s (a product of
1024 x 1024 matrices by BLAS: 104), own kernel / BLAS for ``units x inputs`` and N images:

    layer           N    W x          dout xᵀ      Wᵀ dout
    120 x 256      32    123 / 107     75 / 75      91 / 105
    394 x 784      64    112 / 100     98 / 97      91 / 99
    222 x 394      64     91 / 99      83 / 90     108 / 97
    10 x 222       64     55 / 70      15 / 23      47 / 61
    512 x 512      64    112 / 100     94 / 95     110 / 97
    1024 x 1024    32    105 / 92      69 / 78      75 / 76
    1024 x 1024    64    107 / 101    103 / 89     106 / 90
    1024 x 1024   128    113 / 103    107 / 102    110 / 98
    128 x 9216     64    112 / 96      62 / 78     105 / 83

So :func:`suits` takes our own for W x and Wᵀ dout, but for few rows and for inner sizes that it cannot add three or
four at a time; dout xᵀ, before which it would have to transpose x, is BLAS's. Where ``blas.py`` has no routine, our own
serves for few numbers, and NumPy, which cannot be recorded, for many.
"""

from functools import cache

import numpy as np

from nnscratch.arrays import Array, empty
from nnscratch.ops.compiled import blas, sparse
from nnscratch.ops.compiled.jit import Kernel, kernel, same_floats

FEW_ROWS = 32  # of A; with fewer, rows done once more and the call itself cost more than the kernel gains
FEW = 1 << 17  # numbers of A; with more, what NumPy's BLAS gains is more than what Python around it costs


def product(A: Array, B: Array) -> Array:
    """Return A B (M, R) for A (M, J) and B (J, R)."""
    if not (A.ndim == B.ndim == 2 and B.shape[1] > 1 and A.shape[1] == len(B) and same_floats(A, B)):
        return np.asarray(A @ B)  # a matrix times a vector; or NumPy says what is wrong
    return multiply(A, B)


def multiply(A: Array, B: Array) -> Array:
    """Do the same for what is known to fit: of one type, and not empty."""
    (M, J), R, in_rows = A.shape, B.shape[1], A.flags.c_contiguous
    out = empty((M, R), B.dtype)
    if R == 1 and in_rows:
        _vector(M, J, out.dtype.name)(A.ravel(), B.ravel(), out.ravel())
    elif sparse.serves(B, A):
        sparse.forward(M, J, R, B.dtype.name)(B.T.ravel(), A.T.ravel(), out.ravel())
    elif B.flags.c_contiguous and (in_rows or A.flags.f_contiguous) and suits(A):
        _product(M, J, R, in_rows, out.dtype.name)((A if in_rows else A.T).ravel(), B.ravel(), out.ravel())
    elif blas.serves(A, B):
        blas.product(A, B, out)
    elif has_kernel(A) and in_rows and B.T.flags.c_contiguous:
        _dots(M, J, R, B.dtype.name)(A.ravel(), B.T.ravel(), out.ravel())
    else:
        np.matmul(A, B, out=out)
    return out


def outer(dout: Array, x: Array, dW: Array | None) -> Array:
    """Return dout xᵀ (D, K), written to dW if that is given, for dout (D, N) and x (K, N) that are known to fit."""
    (D, N), K = dout.shape, len(x)
    dW = empty((D, K), dout.dtype) if dW is None else dW
    in_one_piece = dW.flags.carray or dW.T.flags.carray
    if not (in_one_piece and dW.dtype == x.dtype and dW.shape == (D, K)):
        return np.matmul(dout, x.T, out=dW)
    if sparse.serves(x, dW):
        sparse.backward_weights(D, K, N, x.dtype.name)(x.T.ravel(), _transposed(dout), dW.T.ravel())
    elif dW.flags.c_contiguous and blas.serves(dout, x.T):
        blas.product(dout, x.T, dW)
    elif dW.T.flags.c_contiguous and blas.serves(x, dout.T):
        blas.product(x, dout.T, dW.T)
    elif has_kernel(dW) and dW.flags.c_contiguous and (x.flags.c_contiguous or x.T.flags.c_contiguous):
        xT = x.T.ravel() if x.T.flags.c_contiguous else _transposed(x)
        _product(D, N, K, True, dW.dtype.name)(dout.ravel(), xT, dW.ravel())
    else:
        np.matmul(dout, x.T, out=dW)
    return dW


def suits(A: Array) -> bool:
    """Return whether our own kernel is the one for A (M, J) times a matrix in rows: see the measurements above."""
    if not blas.serves(A):
        return has_kernel(A)
    M, J = A.shape
    return M >= FEW_ROWS and _terms(J) > 2


def has_kernel(A: Array) -> bool:
    """Return whether, where BLAS has none, the product of A (M, J) with another matrix is a kernel's."""
    return len(A) >= 4 and A.size <= FEW


def _terms(J: int) -> int:
    """Return how many of J terms are added before a number of the result is stored."""
    return max(p for p in (1, 2, 3, 4) if J % p == 0)


@cache
def _product(M: int, J: int, R: int, in_rows: bool, dtype: str) -> Kernel:
    """Return the kernel for out (M, R) = A B, with A (M, J) ``in_rows`` in memory, or else in columns.

    Four rows of the result are added up together, so each number of B that is loaded is used four times.
    """
    down, right = (J, 1) if in_rows else (1, M)
    terms, number = _terms(J), np.dtype(dtype).type

    @kernel
    def product(a: Array, b: Array, out: Array) -> None:
        rows = np.empty(4 * R, number)
        for quad in range(0, M, 4):
            m = min(quad, M - 4)  # the last rows are done with those before them, once more
            for r in range(4 * R):
                rows[r] = number(0)
            for j in range(0, J, terms):
                for r in range(R):
                    s0, s1, s2, s3 = rows[r], rows[R + r], rows[2 * R + r], rows[3 * R + r]
                    for p in range(terms):
                        value = b[(j + p) * R + r]
                        s0 += a[m * down + (j + p) * right] * value
                        s1 += a[(m + 1) * down + (j + p) * right] * value
                        s2 += a[(m + 2) * down + (j + p) * right] * value
                        s3 += a[(m + 3) * down + (j + p) * right] * value
                    rows[r], rows[R + r], rows[2 * R + r], rows[3 * R + r] = s0, s1, s2, s3
            for r in range(4 * R):
                out[m * R + r] = rows[r]

    return product


@cache
def _vector(M: int, J: int, dtype: str) -> Kernel:
    """Return the kernel for out (M, 1) = A B, with A (M, J) in rows and B a single column."""
    number = np.dtype(dtype).type

    @kernel
    def vector(a: Array, b: Array, out: Array) -> None:
        for m in range(M):
            total = number(0)
            for j in range(J):
                total += a[m * J + j] * b[j]
            out[m] = total

    return vector


@cache
def _dots(M: int, J: int, R: int, dtype: str) -> Kernel:
    """Return the kernel for out (M, R) = A B where both A (M, J) and Bᵀ (R, J) are in rows."""
    number = np.dtype(dtype).type

    @kernel
    def dots(a: Array, bT: Array, out: Array) -> None:
        for m_pair in range(0, M, 2):
            m = min(m_pair, M - 2)
            for r_pair in range(0, R, 2):
                r = min(r_pair, R - 2)
                s00 = s01 = s10 = s11 = number(0)
                for j in range(J):
                    s00 += a[m * J + j] * bT[r * J + j]
                    s01 += a[m * J + j] * bT[(r + 1) * J + j]
                    s10 += a[(m + 1) * J + j] * bT[r * J + j]
                    s11 += a[(m + 1) * J + j] * bT[(r + 1) * J + j]
                out[m * R + r], out[m * R + r + 1] = s00, s01
                out[(m + 1) * R + r], out[(m + 1) * R + r + 1] = s10, s11

    return dots


def _transposed(x: Array) -> Array:
    """Return the numbers of xᵀ, for x (K, N), in one piece."""
    xT = empty(x.size, x.dtype)
    _transpose(*x.shape)(x.ravel(), xT)
    return xT


@cache
def _transpose(K: int, N: int) -> Kernel:
    @kernel
    def transpose(x: Array, xT: Array) -> None:
        for n in range(N):
            for k in range(K):
                xT[n * K + k] = x[k * N + n]

    return transpose
