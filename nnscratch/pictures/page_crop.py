"""A sheet of paper that lies on something darker: what is around it is not looked at."""

import numpy as np

from nnscratch.arrays import Array
from nnscratch.pictures.components import connected_components
from nnscratch.pictures.neighborhoods import blocks, edge
from nnscratch.pictures.stroke_width import erode

COARSE = 64  # pixels of the longer side, in which the sheet is looked for
BRIGHTER = 0.15  # than the middle of the picture's edge: the sheet is
SIDES = 0.45  # of the picture's height and width, that the sheet has at least
STRAIGHT = 0.86  # of its box, that the sheet fills: a 0 or an 8 with its holes filled has 0.8 at most
COVERED = 0.75  # of the sheet, that is paper and not ink


def on_sheet(gray: Array) -> Array:
    """Return (H, W) float32 with the sheet's own tone around the sheet; as it is where no such sheet is seen.

    The sheet is a bright piece with straight sides, large, mostly paper, and with something darker on it.
    """
    squares = blocks(gray, COARSE)
    H, step, W, _ = squares.shape
    coarse = squares.mean(axis=(1, 3))
    bright = np.asarray(coarse > np.median(edge(coarse)) + BRIGHTER)
    wide = (bright.sum(axis=1) >= SIDES * STRAIGHT * COVERED * W).sum()
    if wide < SIDES * STRAIGHT * COVERED * H:  # mere strokes: told in no time
        return gray
    labels, found = connected_components(bright)
    sheet = max(found, key=lambda component: component.area)
    filled = _filled(np.asarray(labels == sheet.label))
    straight = filled.sum() >= STRAIGHT * sheet.height * sheet.width
    if sheet.height < SIDES * H or sheet.width < SIDES * W or not straight or sheet.area < COVERED * filled.sum():
        return gray
    inside = np.zeros(gray.shape, bool)
    shrunk = erode(filled, square=False)  # at its border the sheet ends within a pixel
    inside[: H * step, : W * step] = np.kron(shrunk, np.ones((step, step), bool))
    if not inside.any():
        return gray
    darkest, tone = np.quantile(gray[inside], (0.001, 0.5))
    return np.where(inside, gray, tone).astype(np.float32) if darkest < tone - BRIGHTER else gray


def _filled(mask: Array) -> Array:
    """Return the mask (H, W) with what lies between two of its pixels, along its row and along its column."""
    between = [
        np.logical_or.accumulate(mask, axis) & np.flip(np.logical_or.accumulate(np.flip(mask, axis), axis), axis)
        for axis in (0, 1)
    ]
    return np.asarray(between[0] & between[1])
