"""The middle lines of strokes, one pixel wide, of which strokes of any width can be drawn again.

T. Y. Zhang, C. Y. Suen: A Fast Parallel Algorithm for Thinning Digital Patterns, Communications of the ACM 27, 1984.
"""

from __future__ import annotations

import numpy as np

from nnscratch.arrays import Array

AROUND = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))  # clockwise, from the one above
ALL_AROUND = 255
NORTH, EAST, SOUTH, WEST = 1, 4, 16, 64  # bits of the four beside, in the order of AROUND
SIDES = NORTH + EAST + SOUTH + WEST


def skeletons(ink: Array) -> Array:
    """Return the skeletons of the ink in (n, H, W) bool, as such; what lies on the outermost rows and columns goes."""
    left = np.zeros(ink.shape, np.uint8)
    left[:, 1:-1, 1:-1] = ink[:, 1:-1, 1:-1]
    before = -1
    while (now := int(left.sum())) != before:
        before = now
        for stays in STAYS:
            left &= stays[neighbors(left)]
    return left.astype(bool)


def eroded(ink: Array, steps: int) -> Array:
    """Return the ink in (n, H, W) bool that lies more than so many pixels from all that is none."""
    left = ink.astype(np.uint8)
    for _ in range(steps):
        left &= neighbors(left) == ALL_AROUND
    return left.astype(bool)


def neighbors(ink: Array) -> Array:
    """Return which of the eight around each pixel of (n, H, W) uint8, 0 or 1, are ink: the bits of a uint8."""
    code = np.zeros_like(ink)
    height, width = ink.shape[1:]
    for bit, (down, right) in enumerate(AROUND):
        rows, columns = slice(1 + down, height - 1 + down), slice(1 + right, width - 1 + right)
        code[:, 1:-1, 1:-1] |= ink[:, rows, columns] << np.uint8(bit)
    return code


def _stays(first: bool) -> Array:
    """Return for each code whether its pixel stays, (256,) uint8, 0 or 1, in the first or the second half of a step.

    A pixel goes from the outline when two to six around it are ink, all in one run, so that nothing falls apart.
    """
    codes = np.arange(256)
    bits = codes[:, None] >> np.arange(8) & 1
    count, runs = bits.sum(axis=1), ((bits == 0) & (np.roll(bits, -1, axis=1) == 1)).sum(axis=1)
    threes = (SIDES - WEST, SIDES - NORTH) if first else (SIDES - SOUTH, SIDES - EAST)  # not all of either may be ink
    open_sides = np.all([codes & three != three for three in threes], axis=0)
    goes = (count >= 2) & (count <= 6) & (runs == 1) & open_sides
    return np.asarray(~goes, np.uint8)


STAYS = (_stays(True), _stays(False))
