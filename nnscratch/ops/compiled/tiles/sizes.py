"""How large vectors and tiles are on this machine."""

import math
from functools import cache
from typing import Any

import numpy as np
from numba.core.registry import cpu_target

LEAST = 8  # sums, with fewer the next term of each is there before the last has been added
MOST = 12  # rows or columns


@cache
def registers() -> tuple[int, int]:
    """Return the bytes of a vector register of this machine, and how many it has."""
    features = cpu_target.target_context.codegen().magic_tuple()[2].split(",")
    return (64, 32) if "+avx512f" in features else (32, 16) if "+avx" in features else (16, 32)


def lanes_of(run: int, dtype: np.dtype[Any]) -> int:
    """Return how many numbers to take at once of ``run`` that lie side by side: a power of 2."""
    return 1 << (min(registers()[0] // dtype.itemsize, int(run)).bit_length() - 1)


@cache
def tile(rows: int, parts: tuple[tuple[int, int], ...]) -> tuple[int, int]:
    """Return the rows and columns of the tile that takes least time for tables of sums; the last may overlap.

    parts: of each table the columns, and how many terms a sum has.
    """

    def cost(size: tuple[int, int]) -> float:
        r, c = size
        tiles = sum(math.ceil(columns / c) * (terms + 1) for columns, terms in parts)
        return math.ceil(rows / r) * tiles * (max(r * c, LEAST) + (r + c) / 2)

    most = max(columns for columns, _ in parts)
    sizes = [(r, c) for r in range(1, min(rows, MOST) + 1) for c in range(1, min(most, MOST) + 1)]
    return min((size for size in sizes if math.prod(size) + min(size) + 2 < registers()[1]), key=cost)
