"""Ruled and squared paper: straight thin lines over most of a picture, taken out where no writing crosses them."""

import numpy as np

from nnscratch.arrays import Array
from nnscratch.pictures.neighborhoods import blocks, running

FAINT = 7  # times fainter than the strongest ink: lines may be
THIN = 50  # lines are thinner than their own length divided by this
SPANS = 0.75  # share of the picture's width or height over which a line is seen
COARSE = 250  # pixels of the longer side, in which lines are looked for
TILTS = np.linspace(-0.12, 0.12, 25)  # rows for each column, of ruled lines: up to 7 degrees
MOST_LINES = 60
SOFT = 2  # pixels of a line's soft edge


def without_lines(ink: Array) -> Array:
    """Return (H, W) without lines from side to side and from top to bottom, where nothing crosses them."""
    mask = np.asarray(ink > ink.max() / FAINT)
    lines = _level_lines(mask) | _level_lines(mask.T).T
    if not lines.any():
        return ink
    above, beside = (running(lines, 2 * SOFT + 1, axis, np.logical_or, False) for axis in (0, 1))
    return np.where((above | beside) & (lines | ~mask), np.float32(0), ink)


def _level_lines(mask: Array) -> Array:
    """Return the part of the mask (H, W) that is thin lines over most of its width."""
    lines = np.zeros(mask.shape, bool)
    if not (mask[:, 0].any() and mask[:, -1].any()):
        return lines
    reach = max(mask.shape[1] // THIN, 2)
    offsets = np.arange(-reach - 1, reach + 2)[:, None]
    columns = np.arange(mask.shape[1])
    for middle, slope in _find_lines(mask):
        rows = np.rint(middle + slope * (columns - mask.shape[1] / 2)).astype(int) + offsets
        there = (rows >= 0) & (rows < mask.shape[0])
        rows = rows.clip(0, mask.shape[0] - 1)
        band = mask[rows, columns] & there
        from_above = np.logical_and.accumulate(band, axis=0)
        from_below = np.logical_and.accumulate(band[::-1], axis=0)[::-1]
        thin = band & ~from_above & ~from_below  # what crosses the band is writing
        thickness = thin.sum(axis=0)
        usual = np.median(thickness[thickness > 0]) if thickness.any() else 0
        thin &= thickness <= 1.5 * usual + 1
        lines[rows, columns] |= thin
    return lines


def _find_lines(mask: Array) -> list[tuple[float, float]]:
    """Return (row at the middle, slope) of the straight lines that ink follows over most of the mask's width.

    Each slope and row is tried, on a smaller mask: a Hough transform (P. Hough, US patent 3,069,654, 1962).
    """
    squares = blocks(mask, COARSE)
    H, step, W, _ = squares.shape
    small = np.asarray(squares.any(axis=(1, 3)))
    small[1:] |= small[:-1].copy()  # lines are not quite straight
    small[:-1] |= small[1:].copy()
    rise = int(np.ceil(TILTS[-1] * W / 2)) + 1
    tall = np.pad(small, ((rise, rise), (0, 0)))
    columns, rows = np.arange(W), np.arange(H)[:, None] + rise
    shares = np.stack([tall[rows + np.rint(t * (columns - W / 2)).astype(int), columns].mean(axis=1) for t in TILTS])
    found: list[tuple[float, float]] = []
    while len(found) < MOST_LINES and shares.max() >= SPANS:
        tilt, row = np.unravel_index(shares.argmax(), shares.shape)
        found.append(((row + 0.5) * step, float(TILTS[tilt])))
        shares[:, max(0, row - 3) : row + 4] = 0
    return found
