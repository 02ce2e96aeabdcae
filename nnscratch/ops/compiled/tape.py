"""A run of kernels, recorded once and played again on the same arrays in one call, without the interpreter between.

Between two kernels Python spends a few microseconds, in which it holds the lock that the other threads wait for; with
two dozen kernels for a shard of half a millisecond that cost a third of what a second thread can gain. A tape holds for
each call the address of the machine code and those of the arrays.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numba
import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.compiled.jit import CACHED, Recorded, call, recorder

MOST_ARRAYS = 5


class Tape:
    """Recorded calls of kernels; they keep their arrays, so what is put into those is what :meth:`play` works on."""

    def __init__(self, recorded: Recorded) -> None:
        calls, self.constants = recorded
        self.calls = calls
        self.table = np.zeros((len(calls), 2 + MOST_ARRAYS), np.int64)  # address of the code, number of arrays, theirs
        for row, (kernel, arrays) in zip(self.table, calls, strict=True):
            row[0], row[1] = kernel.code(arrays), len(arrays)
            row[2 : 2 + len(arrays)] = [array.ctypes.data for array in arrays]

    def poison(self, keep: Sequence[Array]) -> None:
        """Fill every array but constants and those in ``keep`` with what no kernel would make."""
        for array in (array for _, arrays in self.calls for array in arrays):
            if not any(np.may_share_memory(array, kept) for kept in (*keep, *self.constants)):
                array[...] = np.nan if array.dtype.kind == "f" else -1

    def play(self) -> None:
        """Run the kernels in order."""
        _play(self.table)


@contextmanager
def recording() -> Iterator[Recorded]:
    """Within the block, note the kernels that this thread calls."""
    recorder.calls, recorder.constants = [], []
    try:
        yield recorder.calls, recorder.constants
    finally:
        recorder.calls = None


@numba.njit(nogil=True, cache=CACHED)
def _play(table: Any) -> None:
    for k in range(len(table)):
        code, count = table[k, 0], table[k, 1]
        a, b, c, d, e = table[k, 2], table[k, 3], table[k, 4], table[k, 5], table[k, 6]
        if count == 2:
            call(code, (a, b))
        elif count == 3:
            call(code, (a, b, c))
        elif count == 4:
            call(code, (a, b, c, d))
        else:
            call(code, (a, b, c, d, e))
