"""Pictures of equal size laid out in rows, with gaps that let the page's own colour through."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np

from nnscratch.arrays import Array
from nnscratch.pages.html import escaped, png

GAP = 2  # pixels


def enlarged(pixels: Array, factor: int) -> Array:
    """Return (H, W) or (H, W, 3) with each pixel ``factor`` times as high and wide."""
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def mosaic(tiles: Sequence[Array], columns: int, gap: int = GAP) -> Array:
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


def img(pixels: Array, alt: str) -> str:
    """Return an <img> of uint8 pixels, one CSS pixel for each: grey (H, W), with opacity (H, W, 2), or 3, 4 deep."""
    url = base64.b64encode(png(pixels)).decode()
    kind = "numbers tiled" if pixels.ndim == 3 and pixels.shape[2] in (2, 4) else "numbers"
    size = f'width="{pixels.shape[1]}" height="{pixels.shape[0]}"'
    return f'<img class="{kind}" {size} alt="{escaped(alt)}" src="data:image/png;base64,{url}">'


def figure(picture: str, caption: str, kind: str = "") -> str:
    """Return a <figure>; picture and caption are HTML, ``kind`` is its class."""
    return f'<figure class="{kind}">{picture}<figcaption>{caption}</figcaption></figure>'
