"""Pictures of equal size laid out in rows, with gaps that let the page's own colour through."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnscratch.arrays import Array
from nnscratch.pages.html import Image, png

GAP = 2  # pixels


def enlarged(pixels: Array, factor: int) -> Array:
    """Return (H, W) or (H, W, 3) with each pixel ``factor`` times as high and wide."""
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def image_grid(tiles: Sequence[Array], columns: int, gap: int = GAP) -> Array:
    """Return tiles (H, W) or (H, W, 3) uint8 in rows of ``columns``, as (rows, width, 2) or (rows, width, 4) uint8.

    The last channel is opacity: 255 on tiles, 0 between them and where the last row is short.
    """
    depth = tiles[0].shape[2] if tiles[0].ndim == 3 else 1
    H, W = tiles[0].shape[:2]
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    sheet = np.zeros((rows * (H + gap) - gap, columns * (W + gap) - gap, depth + 1), np.uint8)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        place = sheet[row * (H + gap) :, column * (W + gap) :][:H, :W]
        place[..., :-1], place[..., -1] = tile.reshape(H, W, depth), 255
    return sheet


def img(pixels: Array, alt: str) -> Image:
    """Return uint8 pixels as an image, one CSS pixel for each: grey (H, W), with opacity (H, W, 2), or 3, 4 deep."""
    tiled = pixels.ndim == 3 and pixels.shape[2] in (2, 4)
    return Image(png(pixels), alt, "numbers tiled" if tiled else "numbers", (pixels.shape[1], pixels.shape[0]))
