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
from nnscratch.ops.windows import Pair


def serves(x: Array, W: Array) -> bool:
    """Return whether each image of x (K, N) lies in one piece, as mostly blank ones do, and each input of W (D, K).

    A single image does, and no other kernel reads such a W for it.
    """
    by_image = x.T.flags.c_contiguous and (not x.flags.c_contiguous or x.shape[1] == 1)
    by_input = W.T.flags.c_contiguous and not W.flags.c_contiguous
    return by_image and by_input


def forward(D: int, K: int, N: int, dtype: str) -> Kernel:
    """Return the kernel for out (D, N) = W x, given xᵀ (N, K) and Wᵀ (K, D)."""
    return _sum_rows(D, K, N, (K, 1), (1, N), 8, dtype)


def backward_weights(D: int, K: int, N: int, dtype: str) -> Kernel:
    """Return the kernel for dWᵀ (K, D) = x doutᵀ, given xᵀ (N, K) and doutᵀ (N, D)."""
    return _sum_rows(D, N, K, (1, K), (D, 1), 4, dtype)


@cache
def _sum_rows(D: int, R: int, M: int, ink: Pair, place: Pair, terms: int, dtype: str) -> Kernel:
    """Return the kernel for M sums of R rows (R, D), each row times its ink, ``terms`` (4 or 8) of them at a time.

    ``ink`` and ``place`` are the steps in memory from sum to sum and from row to row of the ink; from sum to sum and
    from number to number of what comes out.
    """
    number = np.dtype(dtype).type
    (ink_sum, ink_row), (out_sum, out_number) = ink, place

    @kernel
    def sum_rows(x: Array, rows: Array, out: Array) -> None:
        begin = np.empty(R + terms, np.int64)  # where the rows that have ink begin
        a = np.empty(R + terms, number)  # how much ink that is
        total = np.empty(D, number)
        for m in range(M):
            count = 0
            for r in range(R):
                begin[count], a[count] = r * D, x[m * ink_sum + r * ink_row]
                count += x[m * ink_sum + r * ink_row] != 0
            for q in range(count, count + terms):  # filled up to a multiple of ``terms``
                begin[q], a[q] = 0, 0
            for d in range(D):
                total[d] = 0
            for q in range(0, count, terms):
                r0, r1, r2, r3 = begin[q], begin[q + 1], begin[q + 2], begin[q + 3]
                a0, a1, a2, a3 = a[q], a[q + 1], a[q + 2], a[q + 3]
                if terms == 8:
                    r4, r5, r6, r7 = begin[q + 4], begin[q + 5], begin[q + 6], begin[q + 7]
                    a4, a5, a6, a7 = a[q + 4], a[q + 5], a[q + 6], a[q + 7]
                for d in range(D):
                    total[d] += a0 * rows[r0 + d] + a1 * rows[r1 + d] + a2 * rows[r2 + d] + a3 * rows[r3 + d]
                    if terms == 8:
                        total[d] += a4 * rows[r4 + d] + a5 * rows[r5 + d] + a6 * rows[r6 + d] + a7 * rows[r7 + d]
            for d in range(D):
                out[m * out_sum + d * out_number] = total[d]

    return sum_rows
