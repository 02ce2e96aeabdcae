"""What can be said of an image's shape without a network: its place, its size, and the holes in its ink."""

import numpy as np


def has_mnists_form(image):
    """Whether the longer side is 20 pixels, or one more or less, and the centre of mass at index 14."""
    rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
    mass = image / image.sum()
    middles = [mass.sum(axis=1 - axis) @ np.arange(28) for axis in (0, 1)]
    sides = np.ptp(rows) + 1, np.ptp(columns) + 1
    return max(sides) in (19, 20, 21) and all(abs(middle - 14) < 0.6 for middle in middles)


def holes(image):
    """How many parts of the background the ink encloses: 0 of a 1, 1 of a 0, 2 of an 8.

    Ink is what has half of the strongest ink; two pixels of background are neighbours when they share a side.
    """
    empty = np.pad(np.asarray(image) <= np.max(image) / 2, 1, constant_values=True)
    count = 0
    while empty.any():
        part = np.zeros_like(empty)
        part[tuple(np.argwhere(empty)[0])] = True
        while True:
            grown = part.copy()
            grown[1:] |= part[:-1]
            grown[:-1] |= part[1:]
            grown[:, 1:] |= part[:, :-1]
            grown[:, :-1] |= part[:, 1:]
            grown &= empty
            if (grown == part).all():
                break
            part = grown
        empty &= ~part
        count += 1
    return count - 1
