"""Products of a dense layer with images that are mostly blank, for ``product.py``: zeros are left out.

Four in five pixels of MNIST are 0 and add nothing to W x or to dout xᵀ. With the weights of each input in one piece of
memory, the rows of Wᵀ (K, D), both products are sums of such rows: those of the pixels that have ink. Several rows are
added up at a time, and the innermost loop runs over the D units.

Gained (``benchmarks/speed/bench_kernels.py``): up to four tenths of the time, for 394 units and 64 images of MNIST. A
kernel cannot ask whether it is worth it, or a recording would depend on the batch it was made of: ``batches.py`` asks,
of all images at once.
"""

from functools import cache

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.compiled.jit import Kernel, kernel


def serves(x: Array, W: Array) -> bool:
    """Return whether each image of x (K, N) lies in one piece, as mostly blank ones do, and each input of W (D, K)."""
    by_image = x.T.flags.c_contiguous and not x.flags.c_contiguous
    by_input = W.T.flags.c_contiguous and not W.flags.c_contiguous
    return by_image and by_input


@cache
def forward(D: int, K: int, N: int, dtype: str) -> Kernel:
    """Return the kernel for out (D, N) = W x, given xᵀ (N, K) and Wᵀ (K, D)."""
    number = np.dtype(dtype).type

    @kernel
    def sparse_forward(xT: Array, WT: Array, out: Array) -> None:
        w = np.empty(K + 8, np.int64)  # where the weights of the pixels that have ink begin
        a = np.empty(K + 8, number)  # how much ink that is
        total = np.empty(D, number)
        for n in range(N):
            count = 0
            for k in range(K):
                w[count], a[count] = k * D, xT[n * K + k]
                count += xT[n * K + k] != 0
            for q in range(count, count + 8):  # filled up to a multiple of 8
                w[q], a[q] = 0, 0
            for d in range(D):
                total[d] = 0
            for q in range(0, count, 8):
                w0, w1, w2, w3 = w[q], w[q + 1], w[q + 2], w[q + 3]
                w4, w5, w6, w7 = w[q + 4], w[q + 5], w[q + 6], w[q + 7]
                a0, a1, a2, a3 = a[q], a[q + 1], a[q + 2], a[q + 3]
                a4, a5, a6, a7 = a[q + 4], a[q + 5], a[q + 6], a[q + 7]
                for d in range(D):
                    total[d] += a0 * WT[w0 + d] + a1 * WT[w1 + d] + a2 * WT[w2 + d] + a3 * WT[w3 + d]
                    total[d] += a4 * WT[w4 + d] + a5 * WT[w5 + d] + a6 * WT[w6 + d] + a7 * WT[w7 + d]
            for d in range(D):
                out[d * N + n] = total[d]

    return sparse_forward


@cache
def backward_weights(D: int, K: int, N: int, dtype: str) -> Kernel:
    """Return the kernel for dWᵀ (K, D) = x doutᵀ, given doutᵀ (N, D) and xᵀ (N, K)."""
    number = np.dtype(dtype).type

    @kernel
    def sparse_backward_weights(doutT: Array, xT: Array, dWT: Array) -> None:
        g = np.empty(N + 4, np.int64)  # where the gradients of the images that have ink at a pixel begin
        a = np.empty(N + 4, number)  # how much ink that is
        total = np.empty(D, number)
        for k in range(K):
            count = 0
            for n in range(N):
                g[count], a[count] = n * D, xT[n * K + k]
                count += xT[n * K + k] != 0
            for q in range(count, count + 4):  # filled up to a multiple of 4
                g[q], a[q] = 0, 0
            for d in range(D):
                total[d] = 0
            for q in range(0, count, 4):
                g0, g1, g2, g3 = g[q], g[q + 1], g[q + 2], g[q + 3]
                a0, a1, a2, a3 = a[q], a[q + 1], a[q + 2], a[q + 3]
                for d in range(D):
                    total[d] += a0 * doutT[g0 + d] + a1 * doutT[g1 + d] + a2 * doutT[g2 + d] + a3 * doutT[g3 + d]
            for d in range(D):
                dWT[k * D + d] = total[d]

    return sparse_backward_weights
