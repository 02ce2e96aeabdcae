"""Pictures of several digits, and what they say: boxes, grids, columns, pages; of MNIST's training digits or printed.

``picture(kind, rng)`` returns (H, W, 3) uint8 and its digits in reading order, as text; ``KINDS`` are the kinds.
"""

from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from nnscratch.data import load_mnist

CELL = 84  # pixels
PAPER, INK = (250, 249, 244), (25, 25, 35)


@dataclass(frozen=True)
class Kind:
    """How a picture is made; a share of its cells is empty."""

    rows: int = 1
    columns: int = 6
    empty: float = 0.0
    printed: bool = False
    walls: str = "ruled"  # "ruled", "apart", "by hand", "sudoku", "none", "frame"
    width: tuple[int, int] = (2, 4)
    color: tuple[int, int, int] = (20, 20, 20)
    turned: float = 0.0  # degrees, at most
    perspective: float = 0.0  # of the sides, at most
    light: float = 0.0  # share that falls off
    touching: bool = False
    page: bool = False  # a sheet with margins on a table
    mark: str = ""  # beside the digits: "bracket", "bar"


ROW, GRID = Kind(), Kind(rows=4, columns=5, empty=0.4)
SUDOKU = Kind(rows=9, columns=9, empty=0.6, printed=True, walls="sudoku", width=(1, 3))
KINDS = {
    "joined boxes": ROW,
    "boxes apart": replace(ROW, walls="apart"),
    "column of boxes": replace(ROW, rows=6, columns=1),
    "boxes by hand": replace(ROW, walls="by hand"),
    "grid": GRID,
    "grid by hand": replace(GRID, walls="by hand"),
    "printed grid": replace(GRID, printed=True),
    "sudoku": SUDOKU,
    "thick lines": replace(GRID, width=(7, 11)),
    "thin lines": replace(GRID, width=(1, 1)),
    "blue lines": replace(GRID, color=(70, 110, 200)),
    "pale lines": replace(GRID, color=(190, 190, 190)),
    "turned boxes": replace(ROW, turned=5),
    "turned grid": replace(GRID, turned=5),
    "turned sudoku": replace(SUDOKU, turned=5),
    "perspective": replace(GRID, turned=3, perspective=0.12),
    "uneven light": replace(GRID, light=0.5),
    "digits at walls": replace(ROW, touching=True),
    "grid on a page": replace(GRID, light=0.3, turned=3, page=True),
    "boxes on a page": replace(ROW, light=0.3, turned=3, page=True),
    "sudoku on a page": replace(SUDOKU, light=0.3, turned=3, perspective=0.08, page=True),
    "frame around": replace(ROW, walls="frame"),
    "column": replace(ROW, rows=5, columns=1, walls="none"),
    "lines of digits": replace(ROW, rows=3, columns=5, walls="none"),
    "turned lines": replace(ROW, rows=3, columns=5, walls="none", turned=5),
    "bracket": replace(ROW, rows=4, columns=2, walls="none", mark="bracket"),
    "bar": replace(ROW, rows=4, columns=2, walls="none", mark="bar"),
}


@cache
def _mnist():
    data = load_mnist()
    return data.train_images, data.train_labels


@cache
def _fonts():
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return [ImageFont.truetype(folder / f"{name}.ttf", 52) for name in ("DejaVuSans", "DejaVuSerif", "DejaVuSansMono")]


def picture(kind, rng):
    """Return a picture of a kind, (H, W, 3) uint8, and its digits as text."""
    kind = KINDS[kind]
    sheet, digits = _sheet(kind, rng)
    if kind.page:
        ground = Image.new("RGB", (sheet.width + 160, sheet.height + 160), (96, 72, 52))
        ground.paste(sheet, (80, 80))
        sheet = ground
    sheet = _seen(sheet, kind, rng)
    return _lit(np.asarray(sheet, np.float32) / 255, kind, rng), digits


def _sheet(kind, rng):
    margin = 110 if kind.page else 60
    gap = 26 if kind.walls == "apart" else 0
    size = [2 * margin + count * (CELL + gap) for count in (kind.columns, kind.rows)]
    sheet = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(sheet)
    _walls(pen, kind, margin, gap, rng)
    digits, font = "", _fonts()[rng.integers(len(_fonts()))]
    for row in range(kind.rows):
        for column in range(kind.columns):
            if rng.random() < kind.empty and row + column:
                continue
            corner = margin + column * (CELL + gap), margin + row * (CELL + gap)
            label = _printed(pen, corner, font, rng) if kind.printed else _handwritten(sheet, corner, kind, rng)
            digits += str(label)
    if kind.mark:
        low, high, x = margin - 20, size[1] - margin + 20, margin - 25
        points = (
            [(x + 14, low), (x, low), (x, high), (x + 14, high)] if kind.mark == "bracket" else [(x, low), (x, high)]
        )
        pen.line(points, INK, 5)
    return sheet, digits


def _printed(pen, corner, font, rng):
    label = int(rng.integers(10))
    pen.text((corner[0] + CELL / 2, corner[1] + CELL / 2), str(label), INK, font, anchor="mm")
    return label


def _handwritten(sheet, corner, kind, rng):
    images, labels = _mnist()
    place = int(rng.integers(len(images)))
    side = int(rng.integers(64, 78))
    ink = Image.fromarray(images[place]).resize((side, side), Image.Resampling.BICUBIC)
    left, top, right, bottom = ink.point(lambda value: 255 * (value > 100)).getbbox()
    free = [(CELL - side) // 2 + int(rng.integers(-3, 4)) for _ in range(2)]
    if kind.touching and rng.random() < 0.4:
        free = [(-left, free[1]), (free[0], -top), (CELL - right, free[1]), (free[0], CELL - bottom)][rng.integers(4)]
    sheet.paste(INK, (corner[0] + int(free[0]), corner[1] + int(free[1])), ink)
    return int(labels[place])


def _walls(pen, kind, margin, gap, rng):
    if kind.walls == "none":
        return
    width = int(rng.integers(kind.width[0], kind.width[1] + 1))
    right, bottom = (margin + count * (CELL + gap) - gap for count in (kind.columns, kind.rows))
    if kind.walls == "apart" or (kind.walls == "by hand" and kind.rows == 1):
        for k in range(kind.columns):
            x = margin + k * (CELL + gap)
            _wall(
                pen, [(x, margin), (x + CELL, margin), (x + CELL, bottom), (x, bottom), (x, margin)], width, kind, rng
            )
        return
    if kind.walls == "frame":
        far = 30
        ends = [(margin - far, margin - far), (right + far, margin - far), (right + far, bottom + far)]
        _wall(pen, [*ends, (margin - far, bottom + far), ends[0]], width, kind, rng)
        return
    for k in range(kind.columns + 1):
        x, thick = margin + k * CELL, width + 3 * (kind.walls == "sudoku" and k % 3 == 0)
        _wall(pen, [(x, margin), (x, bottom)], thick, kind, rng)
    for k in range(kind.rows + 1):
        y, thick = margin + k * CELL, width + 3 * (kind.walls == "sudoku" and k % 3 == 0)
        _wall(pen, [(margin - width // 2, y), (right + width // 2, y)], thick, kind, rng)


def _wall(pen, points, width, kind, rng):
    """A line through some points: straight, or as a hand draws it, which wavers and goes on past its end."""
    if kind.walls != "by hand":
        pen.line(points, kind.color, width)
        return
    for (x0, y0), (x1, y1) in pairwise(points):
        t = np.linspace(-0.01, 1.01, 24)
        wave = rng.uniform(1, 3) * np.sin(t * rng.uniform(2, 7) + rng.uniform(0, 6)) + rng.normal(0, 1)
        level = abs(x1 - x0) > abs(y1 - y0)
        x, y = x0 + t * (x1 - x0) + wave * (not level), y0 + t * (y1 - y0) + wave * level
        pen.line([*zip(x, y, strict=True)], kind.color, width + 1, joint="curve")


def _seen(sheet, kind, rng):
    """Return the sheet turned, and as it looks from one side."""
    if not kind.turned and not kind.perspective:
        return sheet
    width, height = sheet.size
    angle = np.deg2rad(rng.uniform(-kind.turned, kind.turned))
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
    middle = corners.mean(axis=0)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    seen = (corners - middle) @ turn
    pull = 1 - kind.perspective * rng.random(4)
    seen = seen * pull[:, None] + middle
    rows = []
    for (x, y), (u, v) in zip(seen, corners, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    way = np.linalg.solve(np.array(rows), corners.ravel())
    fill = (96, 72, 52) if kind.page else PAPER
    return sheet.transform(
        sheet.size, Image.Transform.PERSPECTIVE, tuple(way), Image.Resampling.BICUBIC, fillcolor=fill
    )


def _lit(sheet, kind, rng):
    """Return the sheet under light that falls off to one side, with a camera's noise."""
    if not kind.light:
        return np.rint(255 * sheet).astype(np.uint8)
    H, W, _ = sheet.shape
    y, x = np.mgrid[:H, :W]
    angle = rng.uniform(0, 2 * np.pi)
    across = np.cos(angle) * (x / W - 0.5) + np.sin(angle) * (y / H - 0.5)
    fall = 1 - kind.light * (across + 0.5).clip(0, 1)
    return np.rint(255 * np.clip(sheet * fall[..., None] + rng.normal(0, 0.015, sheet.shape), 0, 1)).astype(np.uint8)
