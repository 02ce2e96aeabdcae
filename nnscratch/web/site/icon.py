"""The page's icon for who installs it: a 7 as the library's brush draws it. Browsers cut it round, or as they like."""

import numpy as np

from nnscratch.arrays import Array
from nnscratch.pages.html import png
from nnscratch.pictures.drawing import render

SIDES = (192, 512)  # pixels, as browsers ask for
STROKE = [(11, 9.5), (21.5, 9.5), (14.5, 23.5)]  # in 32nds of the side, all within the round middle that is always seen
BRUSH = 4  # 32nds
PAPER, INK = np.array([31, 58, 95]), np.array([255, 255, 255])  # the colours of icon.svg


def icons() -> dict[str, bytes]:
    """Return the icons as PNG files, by name."""
    return {f"icon-{side}.png": png(icon(side)) for side in SIDES}


def icon(side: int) -> Array:
    """Return the icon (side, side, 3) uint8."""
    ink = render([np.array(STROKE) * side / 32], (side, side), BRUSH * side / 32)[..., None]
    return np.asarray(np.rint(PAPER + ink * (INK - PAPER)), np.uint8)
