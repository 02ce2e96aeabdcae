"""Products of a dense layer with images that are mostly blank, for ``dense_numba.py``: zeros are left out.

Four in five pixels of MNIST are 0 and add nothing to W x or to dout xᵀ. With the weights of each input in one piece of
memory, the rows of Wᵀ (K, D), both products are sums of such rows: those of the pixels that have ink. Several rows are
added up at a time, and the innermost loop runs over the D units.

Gained (``benchmarks/bench_kernels.py``): up to four tenths of the time, for 394 units and 64 images of MNIST;
little while others keep the memory busy.
"""

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.jit_numba import jit


def worth_it(x: Array, W: Array) -> bool:
    """Return whether x (K, N) is mostly zeros, with each image in one piece, and W (D, K) has each input in one."""
    by_image = x.T.flags.c_contiguous and not x.flags.c_contiguous
    by_input = W.T.flags.c_contiguous and not W.flags.c_contiguous
    return bool(by_image and by_input and 4 * np.count_nonzero(x) <= x.size)


@jit
def forward(xT: Array, WT: Array, out: Array) -> None:
    """Set out (D, N) to W x, for xT (N, K) and WT (K, D)."""
    (N, K), D = xT.shape, WT.shape[1]
    ink = np.empty(K + 8, np.int64)  # the pixels of an image that have some, and how much
    a = np.empty(K + 8, xT.dtype)
    total = np.empty(D, xT.dtype)
    for n in range(N):
        count = 0
        for k in range(K):
            ink[count], a[count] = k, xT[n, k]
            count += xT[n, k] != 0
        for q in range(count, count + 8):  # filled up to a multiple of 8
            ink[q], a[q] = 0, 0
        for d in range(D):
            total[d] = 0
        for q in range(0, count, 8):
            w0, w1, w2, w3 = WT[ink[q]], WT[ink[q + 1]], WT[ink[q + 2]], WT[ink[q + 3]]
            w4, w5, w6, w7 = WT[ink[q + 4]], WT[ink[q + 5]], WT[ink[q + 6]], WT[ink[q + 7]]
            a0, a1, a2, a3, a4, a5, a6, a7 = a[q], a[q + 1], a[q + 2], a[q + 3], a[q + 4], a[q + 5], a[q + 6], a[q + 7]
            for d in range(D):
                total[d] += a0 * w0[d] + a1 * w1[d] + a2 * w2[d] + a3 * w3[d]
                total[d] += a4 * w4[d] + a5 * w5[d] + a6 * w6[d] + a7 * w7[d]
        for d in range(D):
            out[d, n] = total[d]


@jit
def backward_weights(dout: Array, xT: Array, dWT: Array) -> None:
    """Set dWT (K, D) to x doutᵀ, for dout (D, N) and xT (N, K)."""
    (N, K), D = xT.shape, dWT.shape[1]
    doutT = np.empty((N, D), dout.dtype)
    for d in range(D):
        for n in range(N):
            doutT[n, d] = dout[d, n]
    inked = np.empty(N + 4, np.int64)  # the images that have ink at a pixel, and how much
    a = np.empty(N + 4, xT.dtype)
    for k in range(K):
        count = 0
        for n in range(N):
            inked[count], a[count] = n, xT[n, k]
            count += xT[n, k] != 0
        for q in range(count, count + 4):  # filled up to a multiple of 4
            inked[q], a[q] = 0, 0
        row = dWT[k]
        for d in range(D):
            row[d] = 0
        for q in range(0, count, 4):
            g0, g1, g2, g3 = doutT[inked[q]], doutT[inked[q + 1]], doutT[inked[q + 2]], doutT[inked[q + 3]]
            a0, a1, a2, a3 = a[q], a[q + 1], a[q + 2], a[q + 3]
            for d in range(D):
                row[d] += a0 * g0[d] + a1 * g1[d] + a2 * g2[d] + a3 * g3[d]
