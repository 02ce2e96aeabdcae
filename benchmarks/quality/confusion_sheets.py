"""Contact sheets of what is misread in drawings: by kind of confusion, and by writer.

Each drawing occurs once in a row: as it was drawn, in MNIST's form where it was read so most confidently, what was
read, how sure, by whom it is, and in how many of the conditions it is read so. Of writers that choose and judge only
the choosing are shown: who looks at the others' errors has begun to choose with them.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.quality.by_writer import groups, split, without_prefix, worst_first
from benchmarks.quality.readings import Readings
from nnscratch.arrays import Array
from nnscratch.data.drawings import Drawing
from nnscratch.pictures.drawing import BRUSH, render
from nnscratch.pictures.preprocess import to_uint8

ROWS, CELLS = 10, 6  # kinds or writers, and drawings of each
SIDE, GAP, MARGIN, HEAD = 84, 22, 28, 190  # pixels: of a picture, between cells, around all, left of the cells
TOP, LINE, FOOT = 74, 17, 40  # pixels: above the rows, of a line of a caption, below the rows
INK, FAINT, ALARM, RULE = "#1c2733", "#66717d", "#c2410c", "#dfe4ea"

Draw = Callable[[Drawing, Any], "Array | None"]


@dataclass(frozen=True)
class Cell:
    """A drawing, the picture that was misread, and two lines; ``alarm`` where the error was called sure."""

    drawing: Drawing
    image: Array
    lines: tuple[str, str]
    alarm: bool


@dataclass(frozen=True)
class Row:
    """What its cells have in common: a name, and lines below it."""

    name: str
    lines: tuple[str, ...]
    cells: list[Cell]


class Errors:
    """The errors of one model in drawings, of which ``draw`` makes the picture in MNIST's form in a condition."""

    def __init__(self, drawings: Sequence[Drawing], readings: Readings, conditions: Sequence[Any], draw: Draw) -> None:
        groups_of = groups([drawing.writer for drawing in drawings])
        shown = np.flatnonzero(groups_of.get("choosing", groups_of["all"]))
        self.drawings = [drawings[k] for k in shown]
        self.readings, self.conditions, self.draw = readings.of(shown), conditions, draw
        self.labels = np.array([drawing.label for drawing in self.drawings])
        self.names = without_prefix([drawing.writer for drawing in self.drawings])
        self.known = "choosing" in groups_of

    def by_confusion(self) -> list[Row]:
        """Return a row for each of the largest kinds of confusion."""
        rows = []
        for (true, read), count in self.readings.confusions(self.labels).most_common(ROWS):
            hits = (self.readings.read == read) & (self.labels == true)
            found = np.flatnonzero(hits.any(axis=0))
            lines = (f"{count:,} times", f"in {counted(len(found), 'drawing')}", *self.by_whom(found))
            rows.append(Row(f"{true} as {called(read)}", lines, self.cells(hits)))
        return rows

    def by_writer(self) -> list[Row]:
        """Return a row for each of the writers that are read worst."""
        writers = [drawing.writer for drawing in self.drawings]
        rows = []
        for one in worst_first(self.readings, writers)[:ROWS]:
            own = np.array([name == one["writer"] for name in writers])
            hits = ~self.readings.right & own
            found = np.flatnonzero(hits.any(axis=0))
            lines = (f"{100 * one['accuracy']:.1f} % right", f"misread: {len(found)}", f"of {one['digits']} drawings")
            if len(found):
                rows.append(Row(self.names[int(own.argmax())], lines, self.cells(hits)))
        return rows

    def by_whom(self, found: Array) -> tuple[str, ...]:
        """Return a line that says by how many writers these drawings are, if that is known."""
        names = {self.names[k] for k in found} - {""}
        return (f"of {counted(len(names), 'writer')}",) if names else ()

    def cells(self, hits: Array) -> list[Cell]:
        """Return the drawings that are hit (C, N) in the most conditions, as many as fit into a row."""
        times, confidence = hits.sum(axis=0), np.where(hits, self.readings.confidence, -1)
        order = np.lexsort((-confidence.max(axis=0), -times))
        return [self.cell(int(k), int(times[k]), int(confidence[:, k].argmax())) for k in order[:CELLS] if times[k]]

    def cell(self, k: int, times: int, condition: int) -> Cell:
        """Return the k-th drawing as it is read in this condition."""
        drawing, readings = self.drawings[k], self.readings
        image = self.draw(drawing, self.conditions[condition])
        sure, refused = bool(readings.sure[condition, k]), bool(readings.refused[condition, k])
        verdict = "sure" if sure else "refused" if refused else "unsure"
        said = f"{called(int(readings.read[condition, k]))}, {100 * readings.confidence[condition, k]:.0f} %, {verdict}"
        often = f"{times} of {len(self.conditions)} times"
        below = f"a {drawing.label} by {self.names[k]}, {often}" if self.names[k] else f"a {drawing.label}, {often}"
        return Cell(drawing, np.zeros((28, 28), np.uint8) if image is None else image, (f"read {said}", below), sure)


def write_sheets(folder: Path, errors: Errors, model: str, file: str) -> None:
    """Write drawings-by-confusion.png and, where writers are known, drawings-by-writer.png into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    whose = f"{len(set(errors.names))} choosing writers" if errors.known else file
    many = f"{len(errors.drawings):,} digits, {whose}, each at {len(errors.conditions)} sizes and places"
    foot = split()["credit"] if errors.known else file
    sheets = {"confusion": ("What is misread most often", errors.by_confusion())}
    if any(errors.names):
        sheets["writer"] = ("The writers that are read worst", errors.by_writer())
    for name, (title, rows) in sheets.items():
        (folder / f"drawings-by-{name}.png").write_bytes(sheet(title, f"{model}; {many}", rows, foot))


def sheet(title: str, below: str, rows: Sequence[Row], foot: str) -> bytes:
    """Return the rows as a picture with a title, a line below it, and one at its foot, as PNG."""
    cell = (2 * SIDE + 4 + GAP, SIDE + 2 * LINE + GAP)
    size = (2 * MARGIN + HEAD + CELLS * cell[0] - GAP, TOP + MARGIN + max(len(rows), 1) * cell[1] + FOOT)
    picture = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(picture)
    write(pen, (MARGIN, MARGIN - 6), title, 22)
    write(pen, (MARGIN, MARGIN + 24), f"{below}. Left: as drawn; right: as the network sees it.", 13, FAINT)
    for number, row in enumerate(rows):
        top = TOP + MARGIN + number * cell[1]
        pen.line((MARGIN, top - GAP // 2, size[0] - MARGIN, top - GAP // 2), fill=RULE)
        write(pen, (MARGIN, top - 2), row.name, 20)
        for place, line in enumerate(row.lines):
            write(pen, (MARGIN, top + 28 + LINE * place), line, 13, FAINT)
        for place, each in enumerate(row.cells):
            put(picture, pen, each, MARGIN + HEAD + place * cell[0], top)
    if not rows:
        write(pen, (MARGIN, TOP + MARGIN), "Nothing is misread.", 16)
    write(pen, (MARGIN, size[1] - FOOT + 8), f"Drawings: {foot}", 12, FAINT)
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def put(picture: Image.Image, pen: ImageDraw.ImageDraw, cell: Cell, left: int, top: int) -> None:
    """Draw a cell with its top left corner there."""
    way = Image.Resampling
    picture.paste(Image.fromarray(as_drawn(cell.drawing)).resize((SIDE, SIDE), way.BOX), (left, top))
    pen.rectangle((left, top, left + SIDE - 1, top + SIDE - 1), outline=RULE)
    picture.paste(Image.fromarray(cell.image).resize((SIDE, SIDE), way.NEAREST), (left + SIDE + 4, top))
    write(pen, (left, top + SIDE + 3), cell.lines[0], 13, ALARM if cell.alarm else INK)
    write(pen, (left, top + SIDE + 3 + LINE), cell.lines[1], 12, FAINT)


def as_drawn(drawing: Drawing) -> Array:
    """Return the drawing as large as it was drawn, in dark ink, (side, side) uint8, with little paper around it."""
    points = np.concatenate(drawing.strokes)
    low, extent = points.min(axis=0), np.ptp(points, axis=0)
    side = int(extent.max() + 3 * BRUSH)
    moved = [stroke - low + (side - extent) / 2 for stroke in drawing.strokes]
    return 255 - to_uint8(render(moved, (side, side)))


def write(pen: ImageDraw.ImageDraw, place: tuple[int, int], text: str, size: int, color: str = INK) -> None:
    """Write text of so many pixels' height with its top left corner there."""
    pen.text(place, text, fill=color, font=ImageFont.load_default(size))


def called(read: int) -> str:
    """Return the name of what was read."""
    return "nothing" if read < 0 else str(read)


def counted(count: int, what: str) -> str:
    """Return "1 drawing", "2 drawings"."""
    return f"{count} {what}{'' if count == 1 else 's'}"
