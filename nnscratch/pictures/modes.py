"""An image of any of Pillow's modes as grey values: colours, transparency, 1 to 16 bits and floats."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from nnscratch.arrays import Array
from nnscratch.errors import DataError
from nnscratch.pictures.neighborhoods import edge

WORKING_SIDE = 1000  # larger pictures are reduced: a digit ends at 20 pixels
LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601
MORE = 1.25  # times the luminance's spread: a band with more is taken instead


def to_gray(image: Image.Image) -> Array:
    """(H, W) float32 0..1 from an image of any mode, reduced and laid on a background."""
    transparent = "transparency" in image.info
    if image.mode.startswith("I"):  # 16 bits: convert("L") would clip them
        gray = _reduced(image, "I") / _white(image)
        return _on_background(gray, _opaque(image)) if transparent else gray
    if image.mode == "F":
        return _of_floats(_reduced(image, "F"))
    if not transparent and image.mode not in ("LA", "PA", "La", "RGBA", "RGBa"):
        return _reduced(image, "L") / 255 if image.mode in ("1", "L") else _of_color(image)
    gray_alpha = _reduced(image, "RGBA", "LA") / 255
    return _on_background(gray_alpha[..., 0], gray_alpha[..., 1])


def _white(image: Image.Image) -> int:
    """The value of white in 16 bits: 4095 where nothing is above, as cameras and scanners of 12 bits write it."""
    highest = image.getextrema()[1]
    return 4095 if isinstance(highest, int | float) and 255 < highest <= 4095 else 65535


def _of_floats(values: Array) -> Array:
    """(H, W) float32 0..1 of a picture of floats, whose scale is 0 to 1, or 0 to 255 or 65535 where that is needed."""
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 65535:
        raise DataError("The picture's pixels are floats outside 0 to 1: save it as PNG with 8 bits.")
    white = next(white for white in (1, 255, 65535) if values.max() <= white)
    return np.asarray(values / np.float32(white))


def _of_color(image: Image.Image) -> Array:
    """(H, W) float32 0..1: the luminance, or the one of red, green and blue that varies clearly more."""
    bands = _reduced(image, "RGB") / 255
    luminance = np.asarray(bands @ np.array(LUMINANCE, np.float32))
    spreads = bands.std(axis=(0, 1), dtype=np.float64)
    strongest = int(spreads.argmax())
    if spreads[strongest] > MORE * luminance.std(dtype=np.float64):
        return np.ascontiguousarray(bands[..., strongest])
    return luminance


def _reduced(image: Image.Image, mode: str, then: str | None = None) -> Array:
    """The image in a mode, as float32, its longer side at most 1,000 pixels, each the mean of a block.

    ``then`` is the mode of the result, if it is another one.
    """
    factor = -(-max(image.size) // WORKING_SIDE)
    parts = (part.convert(mode) for part in _strips(image, factor))
    small = [part.reduce(factor) if factor > 1 else part for part in parts]
    return np.concatenate([np.asarray(part.convert(then) if then else part, dtype=np.float32) for part in small])


def _opaque(image: Image.Image) -> Array:
    """(H, W) float32 0..1, reduced: the share of each block that has not the one transparent grey value of 16 bits."""
    factor = -(-max(image.size) // WORKING_SIDE)
    shares = []
    for part in _strips(image, factor):
        mask = Image.fromarray(np.uint8(255) * (np.asarray(part) != image.info["transparency"]))
        shares.append(np.asarray(mask.reduce(factor) if factor > 1 else mask, dtype=np.float32) / 255)
    return np.concatenate(shares)


def _strips(image: Image.Image, factor: int) -> Iterator[Image.Image]:
    """The image in strips of whole blocks' height: a large one is not held twice, in two modes."""
    width, height = image.size
    step = height if factor == 1 else 100 * factor
    for top in range(0, height, step):
        yield image.crop((0, top, width, min(top + step, height)))


def _on_background(gray: Array, alpha: Array) -> Array:
    """Grey values laid on the background that shows the ink; ``gray`` and ``alpha`` are (H, W) float32 0..1.

    White under dark ink, black under light ink. Where most of the border is opaque the picture is a sheet with
    holes, rounded corners say, and these take the sheet's own tone.
    """
    sheet = bool(np.median(edge(alpha)) > 0.5)
    tone = _mean(edge(gray), edge(alpha)) if sheet else float(_mean(gray, alpha) < 0.5)
    return np.asarray(gray * alpha + tone * (1 - alpha), dtype=np.float32)


def _mean(gray: Array, alpha: Array) -> float:
    """The mean grey value, weighted by opacity; 0 when nothing is opaque."""
    return float((gray * alpha).sum() / max(float(alpha.sum()), 1e-6))
