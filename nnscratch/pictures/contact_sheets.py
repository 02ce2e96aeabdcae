"""Sheets of small pictures, as PNG files: contact sheets of digits, and the stages from a picture to MNIST's form."""

import io
from collections.abc import Callable, Sequence

import numpy as np

from nnscratch.arrays import Array
from nnscratch.pictures.preprocess import to_uint8

SIDE = 10  # digits in a row and in a column of a block
SCALE, GAP = 2, 12  # pixels
CELL, LINE = (78, 100), 14  # pixels: an error with its text; a third line of that
MOST_MISTAKES = 1_000
SHORT = 4  # characters of two names that fit into one line above an error
SHOWN = 600  # pixels that the longer side of a picture with boxes has at least
GOOD, DOUBTFUL = "#1b6e3c", "#c2410c"
TILE, TITLE = 168, 22  # pixels: side of a stage's picture, height of the line above it


def blocks_sheet(blocks: Sequence[Array]) -> bytes:
    """Return blocks side by side, each up to 100 images (N, 28, 28) uint8, ten in a row."""
    tiles = [block(images) for images in blocks]
    gap = np.full((len(tiles[0]), GAP), 255, np.uint8)
    sheet = np.concatenate([part for tile in tiles for part in (tile, gap)][:-1], axis=1)
    return _png(np.kron(sheet, np.ones((SCALE, SCALE), np.uint8)))


def block(images: Array) -> Array:
    """Return up to 100 images (N, 28, 28) as one, black where there are fewer."""
    full = np.zeros((SIDE * SIDE, 28, 28), np.uint8)
    full[: len(images)] = images[: SIDE * SIDE]
    return full.reshape(SIDE, SIDE, 28, 28).transpose(0, 2, 1, 3).reshape(SIDE * 28, SIDE * 28)


def stages_sheet(stages: dict[str, Array]) -> bytes:
    """Return what ``preprocess.stages`` returns as a row of pictures, each with its name and size above it."""
    from PIL import Image, ImageDraw

    width = len(stages) * (TILE + GAP) + GAP
    sheet = Image.new("L", (width, TILE + TITLE + 2 * GAP), 255)
    pen = ImageDraw.Draw(sheet)
    for number, (name, picture) in enumerate(stages.items()):
        left = GAP + number * (TILE + GAP)
        height, wide = picture.shape
        pen.text((left, GAP - 2), f"{name}  {wide} x {height}", fill=0)
        factor = TILE / max(height, wide)
        size = (max(1, round(wide * factor)), max(1, round(height * factor)))
        way = Image.Resampling.NEAREST if factor > 1 else Image.Resampling.BOX
        sheet.paste(Image.fromarray(to_uint8(picture)).resize(size, way), (left, GAP + TITLE))
        pen.rectangle((left - 1, GAP + TITLE - 1, left + size[0], GAP + TITLE + size[1]), outline=160)
    return _png(np.asarray(sheet))


def mistakes_sheet(
    images: Array,
    labels: Array,
    predicted: Array,
    confidence: Array,
    title: str,
    names: Sequence[str] | None = None,
) -> bytes:
    """Return all errors, the most confident first: images (N, 28, 28) uint8, labels, predicted and confidence (N,).

    Of more than 1,000 the most confident 1,000 are shown. ``names`` are those of classes that are no digits: their
    images are drawn as they are, not as dark ink on white.
    """
    from PIL import Image, ImageDraw, ImageFont

    wrong = np.flatnonzero(labels != predicted)
    shown = wrong[np.argsort(-confidence[wrong], kind="stable")][:MOST_MISTAKES]
    columns = 12 if len(shown) <= 240 else 24
    rows = max(-(-len(shown) // columns), 1)
    small, large = ImageFont.load_default(11), ImageFont.load_default(14)
    called = [str(k) for k in range(int(max(labels.max(), predicted.max())) + 1)] if names is None else names
    captions = [
        _caption(called[labels[k]], called[predicted[k]], confidence[k], k, lambda t: small.getlength(t) <= CELL[0] - 6)
        for k in shown
    ]
    height = CELL[1] + LINE * (max((caption.count("\n") for caption in captions), default=1) - 1)
    sheet = Image.new("L", (columns * CELL[0] + 2 * GAP, rows * height + 4 * GAP), 255)
    pen = ImageDraw.Draw(sheet)
    which = f"all {len(wrong):,}" if len(shown) == len(wrong) else f"{len(shown):,} of {len(wrong):,}"
    pen.text((GAP, GAP), f"{title}: {which} errors, the most confident first", fill=0, font=large)
    for place, (k, caption) in enumerate(zip(shown, captions, strict=True)):
        left, top = GAP + CELL[0] * (place % columns), 3 * GAP + height * (place // columns)
        pen.multiline_text((left + 2, top), caption, fill=0, font=small, spacing=1)
        digit = np.kron(255 - images[k] if names is None else images[k], np.ones((SCALE, SCALE), np.uint8))
        sheet.paste(Image.fromarray(digit), (left + 2, top + height - 64))
    return _png(np.asarray(sheet))


def _caption(true: str, said: str, confidence: float, number: int, fits: Callable[[str], bool]) -> str:
    """Return what an error was taken for, how sure, and its image's number: two lines, or three where names are long.

    Lines of which ``fits`` is false are cut.
    """
    sure = f"{100 * confidence:.0f}%"
    if len(true) + len(said) <= SHORT:
        return f"{true} as {said}  {sure}\nno. {number}"
    names = [true, f"as {said}"]
    for place, name in enumerate(names):
        while not fits(names[place]):
            name = name[:-1]
            names[place] = f"{name}…"
    return "\n".join([*names, f"no. {number}  {sure}"])


def boxes_sheet(
    gray: Array, boxes: Sequence[tuple[int, int, int, int]], captions: Sequence[str], sure: Sequence[bool]
) -> bytes:
    """Return a picture (H, W), 0..1 or uint8, with (left, top, width, height) boxes and their texts above them.

    Boxes of what is not ``sure`` are thicker, and of another colour.
    """
    from PIL import Image, ImageDraw, ImageFont

    factor = max(1, -(-SHOWN // max(gray.shape)))
    sheet = Image.fromarray(np.kron(to_uint8(gray), np.ones((factor, factor), np.uint8))).convert("RGB")
    pen = ImageDraw.Draw(sheet)
    size = max(14, min(sheet.size) // 25)
    font = ImageFont.load_default(size)
    for (left, top, width, height), text, good in zip(boxes, captions, sure, strict=True):
        corners = [factor * (left - 3), factor * (top - 3), factor * (left + width + 3), factor * (top + height + 3)]
        color = GOOD if good else DOUBTFUL
        pen.rectangle(corners, outline=color, width=2 if good else 4)
        above = max(corners[1] - size - 4, 0)
        pen.rectangle(pen.textbbox((corners[0] + 2, above), text, font=font), fill="white")
        pen.text((corners[0] + 2, above), text, fill=color, font=font)
    return _png(np.asarray(sheet))


def _png(pixels: Array) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()
