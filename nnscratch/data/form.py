"""Images of any size and scale as all networks here see them: 28 x 28 uint8.

Of digits, what has another size is brought into MNIST's form; pictures of other classes only get the size.
"""

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.dataset import Examples
from nnscratch.errors import DataError

FIELD = 28  # side of the finished images
DIM = 100  # no data set of levels 0 to 255 has only pixels up to this
FIRST = 10  # of many faults, so many are named


def has_size(images: Array) -> bool:
    """Whether images (n, h, w) have MNIST's size."""
    return bool(images.shape[1:] == (FIELD, FIELD))


def levels(images: Array, where: str) -> tuple[float, float]:
    """The values of black and white in images (n, h, w), told by the smallest and the largest of their pixels.

    0 and 255 of uint8; else -1 and 1, 0 and 1, 0 and 16 (of 8 x 8 pixels, or where 16 is the largest), or 0 and 255.
    Raises ``DataError`` where it could be none of these, or several.
    """
    if images.dtype == np.uint8 and has_size(images):
        return 0, 255
    low, high = float(images.min()), float(images.max())
    if low < 0 and low >= -1 and high <= 1:
        return -1, 1
    if low >= 0 and high <= 1:
        return 0, 1
    if low >= 0 and (high == 16 or (high < 16 and images.shape[1:] == (8, 8))):
        return 0, 16
    if low >= 0 and high <= 255 and (high > DIM or images.dtype == np.uint8):
        return 0, 255
    raise DataError(
        f"{where}: its pixels go from {low:.4g} to {high:.4g}, but known are 0 or -1 to 1, 0 to 16 (of 8 x 8) "
        "or 0 to 255: convert them to 0..255"
    )


def in_form(examples: Examples, scale: tuple[float, float], digits: bool, where: str, skip_bad: bool) -> Examples:
    """The examples with images (n, 28, 28) uint8; ``scale`` are the values of black and white.

    Images of 28 x 28 pixels are taken as they are. Of others ``notes`` says what was done. Raises ``DataError`` for
    digits that show no ink, unless ``skip_bad``, and for pixels outside the scale.
    """
    images, labels, notes = examples
    if images.dtype == np.uint8 and has_size(images) and scale == (0, 255):
        return examples
    black, white = scale
    gray = (images.astype(np.float32) - np.float32(black)) / np.float32(white - black)
    if not (gray.min() >= 0 and gray.max() <= 1):  # NaN too
        raise DataError(f"{where}: holds pixels outside {black:g} to {white:g}, the range of its training images")
    if has_size(images):
        return Examples(np.rint(255 * gray).astype(np.uint8), labels, notes)
    times = -(-FIELD // max(gray.shape[1:])) if digits else 1  # single pixels of a small digit would look like specks
    made = [picture_in_form(picture.repeat(times, axis=0).repeat(times, axis=1), digits) for picture in gray]
    bad = [(f"image {number:,}", "shows no ink") for number, image in enumerate(made) if image is None]
    told = skipped(where, bad, len(made), skip_bad)
    kept = [image for image in made if image is not None]
    labels = labels[[image is not None for image in made]]
    done = "brought into MNIST's form" if digits else f"resized to {FIELD} x {FIELD}"
    note = f"{len(kept):,} images of {images.shape[1]} x {images.shape[2]} pixels were {done}"
    return Examples(np.stack(kept), labels, joined(notes, note, told))


def picture_in_form(gray: Array, digits: bool) -> Array | None:
    """A grey picture (h, w) as (28, 28) uint8, None for a digit without ink; see :func:`in_form`."""
    from nnscratch.pictures.preprocess import to_mnist, to_square  # here, for most data sets need neither

    image = to_mnist(gray) if digits else to_square(gray)
    return None if image is None or (digits and image.min() == image.max()) else image


def skipped(where: str, bad: list[tuple[str, str]], count: int, skip_bad: bool) -> str:
    """A note on the faulty ones among ``count`` pictures: names and what each is or does.

    Raises ``DataError`` that says the same, unless ``skip_bad``, and where none is left.
    """
    if not bad:
        return ""
    by_fault: dict[str, list[str]] = {}
    for name, fault in bad[:FIRST]:
        by_fault.setdefault(fault, []).append(name)
    named = "; ".join(f"{', '.join(names)} {fault}" for fault, names in by_fault.items())
    named += f"; and {len(bad) - FIRST:,} more" if len(bad) > FIRST else ""
    if len(bad) == count or not skip_bad:
        remedy = (
            "none is left" if skip_bad else "remove or mend them, or leave them out with --skip-bad (skip_bad=True)"
        )
        raise DataError(f"{where}: {len(bad):,} of {count:,} pictures cannot be used ({named}): {remedy}")
    return f"{len(bad):,} of {count:,} pictures cannot be used and were left out ({named})"


def joined(*notes: str) -> str:
    """Notes in one text, without those that are empty."""
    return "; ".join(filter(None, notes))
