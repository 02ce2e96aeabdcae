"""Files of drawings: JSON lists of digits as strokes, with canvas, brush, label and writer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnscratch.errors import DataError, is_whole
from nnscratch.files.atomic import read_json
from nnscratch.pictures.drawing import CANVAS, MOST_PIXELS, Strokes, checked_strokes, is_coordinate, short_json


@dataclass(frozen=True)
class Drawing:
    """One digit: its strokes, the canvas (width, height) it was drawn on; where known, label, writer and brush."""

    strokes: Strokes
    box: tuple[int, int] = (CANVAS, CANVAS)
    label: int | None = None
    writer: str = ""
    brush: float | None = None  # pixels of that canvas


def read_drawings(path: str | Path) -> list[Drawing]:
    """Return the drawings of a JSON file: [{"strokes": [[[x, y], ...], ...], "box", "label", "writer", "brush"}, ...].

    All but the strokes may be missing; the file may be packed (.gz). Raises DataError, naming the drawing and the key,
    for everything else.
    """
    content = read_json(Path(path), finite=False)
    if not isinstance(content, list) or not content:
        raise DataError(f'{path} holds no list of drawings: give [{{"strokes": [[[x, y], ...], ...]}}, ...]')
    return [drawing(entry, f"{path}, drawing {number}") for number, entry in enumerate(content)]


def drawing(entry: Any, where: str) -> Drawing:
    """Return one drawing out of its JSON object. Raises DataError that begins with ``where``."""
    if not isinstance(entry, dict) or "strokes" not in entry:
        raise DataError(f'{where}: "strokes" is missing: give {{"strokes": [[[x, y], ...], ...]}}')
    box, label, writer = entry.get("box", [CANVAS, CANVAS]), entry.get("label"), entry.get("writer", "")
    brush = entry.get("brush")
    if not (isinstance(box, list) and len(box) == 2 and all(is_whole(side, 1, 10_000) for side in box)):
        raise DataError(f'{where}: "box" is {short_json(box)}: give [width, height] in pixels, 1 to 10000')
    if box[0] * box[1] > MOST_PIXELS:
        raise DataError(f'{where}: "box" is {short_json(box)}: give one of at most {MOST_PIXELS:,} pixels')
    if label is not None and not is_whole(label, 0, 9):
        raise DataError(f'{where}: "label" is {short_json(label)}: give a digit, 0 to 9, or leave it out')
    if not isinstance(writer, str):
        raise DataError(f'{where}: "writer" is {short_json(writer)}: give a name, or leave it out')
    if brush is not None and not (is_coordinate(brush) and 1 <= brush <= max(box)):
        raise DataError(f'{where}: "brush" is {short_json(brush)}: give its width in pixels, 1 to {max(box)}')
    return Drawing(checked_strokes(entry["strokes"], where), (box[0], box[1]), label, writer, brush)
