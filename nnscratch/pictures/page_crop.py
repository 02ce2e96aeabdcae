"""The sheet that a digit stands on: a page on a table, a cell between ruled lines, the axes of a figure.

What is around the sheet is not looked at, be it a table, a line that was cut with the cell, the next cell beyond it,
or a white margin around light ink on dark ground. Sheets may be light or dark.
"""

from collections.abc import Iterator

import numpy as np

from nnscratch.arrays import Array
from nnscratch.pictures.background import FIELD
from nnscratch.pictures.components import connected_components
from nnscratch.pictures.neighborhoods import closed, edge
from nnscratch.pictures.stroke_width import dilate, erode

COARSE = 128  # pixels of the longer side, in which the sheet is looked for
CONTRAST = 0.15  # between ink and sheet, at least
LIKE = 0.3  # of that contrast: what departs from the sheet's tone by less is sheet
MIDDLE = 4  # the sheet is looked for in the picture without a fourth of it at each side
SIDES = 0.45  # of the picture's height and width, that the sheet has at least
COVERED = 0.4  # of the sheet, that is bare and not ink
STRAIGHT = 0.75  # of the sheet's sides, that the bare sheet reaches: a digit may touch the rest
TILTS = np.linspace(-0.12, 0.12, 25)  # rows for each column, of the sheet's sides: up to 7 degrees
FULL = 0.8  # of an edge of the picture: a sheet that has so much goes on beyond it
FILLED, SURROUNDED = 0.98, 0.75  # of the middle: a digit that touches a line leaves a gap in none of it
APART, CLEAR = 0.35, 0.99  # of the middle, where so much along its sides is bare: nothing crosses them
STROKE = 4  # strokes and lines are thinner than the longer side divided by this
SOFT = 2  # pixels of a line's soft edge
ENDS, DEEP = 6, 3  # pixels beside the sheet's sides, and at the picture's edge: there lines may end
LEAST_INK = 0.002  # of the sheet
LEAST, LONGEST = 21, 8  # pixels of the shorter side, and times as long as high
SAMPLES, WIDE, RIM = 64, 0.3, 0.6  # of a mask's sides; of a row that a sheet covers; of a sheet's outermost rows
SQUARE = 0.4  # of its longer side: the shorter side of a sheet in a wide margin
MARGIN = 3  # pixels of a wider margin, that are looked at
EVEN = 2 / 255  # a drawing's margin has one tone
SAME, PLAIN = 1.5 / 255, 0.4  # of the pixels: no photo has one tone so exactly in so many, the darkest neither
UNBROKEN = 0.9  # of the sheet's side, that a drawn line beside it covers: the bar of a 2 does not


def on_sheet(gray: Array, *, several: bool = False) -> Array:
    """Return (H, W) float32 with the sheet's own tone around the sheet; as it is where no such sheet is seen.

    The sheet is a large piece of one tone, lit evenly or from a side, whose sides are straight, and which has something
    of another tone on it. With ``several`` digits there must be something around it at all four sides: a 1 at one side
    of a row is no line.
    """
    if gray.shape == (FIELD, FIELD) or min(gray.shape) < max(LEAST, max(gray.shape) // LONGEST):
        return gray
    around = edge(gray)
    low, high = around.min(), around.max()
    if high - low > EVEN:
        return _search(gray, several)
    other = np.abs(gray - low) > CONTRAST
    place = tuple(_extent(other.any(axis=axis)) for axis in (1, 0))
    if not _has_corners(other[place]):  # mere strokes: told in no time
        return gray
    crop = gray[place]
    inner = _search(crop, several)
    if inner is crop or np.abs(inner[0] - low).min() < CONTRAST:  # its tone is the margin's: no sheet lies there
        return gray
    return np.pad(inner, [(part.start, side - part.stop) for part, side in zip(place, gray.shape, strict=True)], "edge")


def _extent(some: Array) -> slice:
    """Return from the first to the last true, with a margin."""
    found = np.flatnonzero(some)
    if not len(found):
        return slice(0, 0)
    return slice(max(int(found[0]) - MARGIN, 0), min(int(found[-1]) + 1 + MARGIN, len(some)))


def _has_corners(other: Array) -> bool:
    """Return whether what is wide and high in a mask (H, W) lies along all sides of its box, as strokes do not.

    Nor is the box narrow, as a 1 is.
    """
    if not other.size or min(other.shape) < SQUARE * max(other.shape):
        return False
    down, across = (max(1, side // SAMPLES) for side in other.shape)
    some = other[::down, ::across]
    rows, columns = (np.flatnonzero(some.mean(axis=axis) >= WIDE) for axis in (1, 0))
    if min(len(rows) / len(some), len(columns) / some.shape[1]) < SIDES or min(len(rows), len(columns)) < 3:
        return False
    box = some[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return bool(min(line.mean() for line in (box[1], box[-2], box[:, 1], box[:, -2])) >= RIM)


def _search(gray: Array, several: bool) -> Array:
    """Return the same for a picture whose margin, if it has one, is narrow; the same object where there is no sheet."""
    coarse, step = _coarse(gray)
    for grounds in (_grounds, _shaded_ground):
        tries = ((tone, bare, piece) for tone, bare in grounds(coarse) for piece in _pieces(bare))
        found = [(*ground, _with_straight_sides(ground[-1])) for ground in tries]
        found.sort(key=lambda one: -one[2].sum() / max(one[3].sum(), 1))  # the ground is barer than a digit is full
        for tone, bare, piece, sheet in found:
            if sheet.all():
                return gray
            if not _is_sheet(sheet, bare, piece, several) or not _has_ink(sheet, bare):
                continue
            if not _is_plain(gray) or _has_full_lines(sheet, ~bare):
                return _painted(gray, sheet, tone, step)
    return gray


def _coarse(gray: Array) -> tuple[Array, int]:
    """Return the means (h, w) of squares, and their side in pixels; those at the edge have its pixels more often."""
    step = -(-max(gray.shape) // COARSE)
    if step == 1:
        return gray, 1
    wide = np.pad(gray, [(0, -side % step) for side in gray.shape], mode="edge")
    h, w = (side // step for side in wide.shape)
    return wide.reshape(h, step, w, step).mean(axis=(1, 3)), step


def _grounds(coarse: Array) -> Iterator[tuple[Array, Array]]:
    """Yield the tones (h, w) that the sheet may have, and the mask of what has that tone.

    Tones are planes, for light comes from a side, fitted to what is nearer to one or the other end of the tones in the
    picture's middle.
    """
    h, w = coarse.shape
    middle = np.zeros(coarse.shape, bool)
    middle[h // MIDDLE : h - h // MIDDLE, w // MIDDLE : w - w // MIDDLE] = True
    low, high = np.quantile(coarse[middle], (0.01, 0.99))
    if high - low < CONTRAST:
        return
    light = coarse > (low + high) / 2
    classes = [light & middle, ~light & middle]
    tones = [float(np.median(coarse[mask])) for mask in classes]
    contrast = abs(tones[0] - tones[1])
    for mask, tone in zip(classes, tones, strict=True):
        plane = _plane(coarse, mask & (np.abs(coarse - tone) < 2 * LIKE * contrast))
        plane = _plane(coarse, np.abs(coarse - plane) < LIKE * contrast)
        yield plane, np.asarray(np.abs(coarse - plane) < LIKE * contrast)


def _shaded_ground(coarse: Array) -> Iterator[tuple[Array, Array]]:
    """Yield the same for paper in a shadow, whose tone is no plane: the light that is seen through the ink."""
    light = closed(coarse, max(coarse.shape) // STROKE)
    ink = 1 - coarse / np.maximum(light, CONTRAST)
    h, w = coarse.shape
    contrast = np.quantile(ink[h // MIDDLE : h - h // MIDDLE, w // MIDDLE : w - w // MIDDLE], 0.99)
    if contrast >= CONTRAST:
        yield light, np.asarray(ink < LIKE * contrast)


def _plane(coarse: Array, mask: Array) -> Array:
    """Return the plane (h, w) that comes nearest to the pixels of a mask."""
    y, x = (line.astype(np.float32) for line in np.nonzero(mask))
    if len(y) < 3:
        return np.full(coarse.shape, np.inf, np.float32)
    table = np.stack([np.ones_like(x), y, x], axis=1)
    at, down, across = np.linalg.lstsq(table, coarse[mask], rcond=None)[0]
    h, w = coarse.shape
    return np.asarray(at + down * np.arange(h, dtype=np.float32)[:, None] + across * np.arange(w, dtype=np.float32))


def _pieces(bare: Array) -> Iterator[Array]:
    """Yield the pieces of the bare sheet that reach the picture's middle, as one mask, and then all of them.

    A digit may cut the sheet in two; what is behind a line does not reach the middle. A bridge of one pixel over a line
    is none.
    """
    solid = erode(np.pad(bare, 1, mode="edge"), square=False)[1:-1, 1:-1]
    labels, found = connected_components(solid)
    h, w = bare.shape
    inner = np.unique(labels[h // MIDDLE : h - h // MIDDLE, w // MIDDLE : w - w // MIDDLE])
    kept = np.zeros(len(found) + 1, bool)
    kept[inner] = True
    kept[0] = False
    yield kept[labels]
    if kept.sum() < len(found):
        yield solid


def _with_straight_sides(piece: Array) -> Array:
    """Return the least mask (h, w) with four sides as straight as TILTS are, that holds a piece."""
    rows, columns = (_between(some) for some in (piece.T, piece))
    return np.asarray(rows.T & columns)


def _between(piece: Array) -> Array:
    """Return the mask (h, w) of what is right of all straight lines left of a piece, and left of those right of it."""
    h, w = piece.shape
    filled = piece.any(axis=1)
    y = np.arange(h)
    if not filled.any():
        return np.zeros(piece.shape, bool)
    first, last = piece.argmax(axis=1)[filled], w - 1 - piece[:, ::-1].argmax(axis=1)[filled]
    slant = TILTS[:, None] * y[filled]  # (tilts, rows)
    left = ((first - slant).min(axis=1)[:, None] + TILTS[:, None] * y).max(axis=0)
    right = ((last - slant).max(axis=1)[:, None] + TILTS[:, None] * y).min(axis=0)
    x = np.arange(w)
    return np.asarray((x >= np.floor(left)[:, None]) & (x <= np.ceil(right)[:, None]))


def _is_sheet(sheet: Array, bare: Array, piece: Array, several: bool) -> bool:
    """Return whether a mask is large, mostly bare, and bare along most of its sides inside the picture.

    It holds the picture's middle, lest a shadow's edge be a sheet's; or most of it, with something else at all sides;
    or some, where nothing crosses its sides: what is on it is whole then, be it a sheet or what a shadow leaves.
    """
    h, w = sheet.shape
    rows, columns = sheet.any(axis=1), sheet.any(axis=0)
    if rows.sum() < SIDES * h or columns.sum() < SIDES * w or piece.sum() < COVERED * sheet.sum():
        return False
    cut = sum(not reached for pair in _goes_on(sheet) for reached in pair)
    middle = sheet[h // MIDDLE : h - h // MIDDLE, w // MIDDLE : w - w // MIDDLE]
    if (several and cut < 4) or middle.mean() < APART:
        return False
    inner = _shrunk(sheet, 2)
    border = sheet & ~inner
    if _fills_picture(~bare, _shrunk(sheet, ENDS), border):
        return False
    near = dilate(dilate(piece, square=True), square=True)
    if middle.mean() < (FILLED if cut < 4 else SURROUNDED):
        inside = _shrunk(sheet, SOFT + 1) & ~_shrunk(sheet, SOFT + 3)
        if (bare & inside).sum() < CLEAR * inside.sum():
            return False
    return bool((near & border).sum() >= STRAIGHT * border.sum())


def _is_plain(gray: Array) -> bool:
    """Return whether much of a picture has one tone exactly, that of most of its edge or of its middle: no photo."""
    inner = gray[tuple(slice(side // MIDDLE, side - side // MIDDLE) for side in gray.shape)]
    return any((np.abs(gray - np.median(part)) <= SAME).mean() >= PLAIN for part in (edge(gray), inner))


def _has_full_lines(sheet: Array, other: Array) -> bool:
    """Return whether beside each side of a sheet inside the picture a row or column of something else goes unbroken.

    What is drawn or copied from a screen is not turned. A digit's stroke at the picture's edge leaves some of it free.
    """
    rows, columns = sheet.any(axis=1), sheet.any(axis=0)
    for goes_on, filled, lines in zip(
        _goes_on(sheet), (rows, columns), (other[:, columns], other[rows].T), strict=True
    ):
        start, stop = np.flatnonzero(filled)[[0, -1]]
        full = lines.mean(axis=1) >= UNBROKEN
        beside = full[: start + SOFT], full[stop + 1 - SOFT :]
        if not all(more or line.any() for more, line in zip(goes_on, beside, strict=True)):
            return False
    return True


def _fills_picture(ink: Array, inner: Array, border: Array) -> bool:
    """Return whether ink goes from the picture's edge to the sheet's border: the bar of a 7 is no line above it.

    What is at the edge alone is the end of a line, or the sheet's corner.
    """
    return bool(edge((ink & inner)[DEEP:-DEEP, DEEP:-DEEP]).any() and (ink & border).any())


def _goes_on(sheet: Array) -> list[list[bool]]:
    """Return whether a sheet fills the first and the last row of the picture, and the first and last column."""
    sides = sheet[:, sheet.any(axis=0)], sheet[sheet.any(axis=1)].T
    return [[bool(line[at].mean() >= FULL) for at in (0, -1)] for line in sides]


def _shrunk(sheet: Array, by: int) -> Array:
    """Return a sheet (h, w) without its outermost pixels, but with those at an edge of the picture that it fills."""
    mask = np.pad(sheet, by)
    for (first, last), turned in zip(_goes_on(sheet), (mask, mask.T), strict=True):
        turned[:by] = turned[by] & first
        turned[-by:] = turned[-by - 1] & last
    for _ in range(by):
        mask = erode(mask, square=True)
    return mask[by:-by, by:-by]


def _has_ink(sheet: Array, bare: Array) -> bool:
    """Return whether something stands on a sheet, and not at its sides alone."""
    inner = _shrunk(sheet, 3)
    return bool((inner & ~bare).sum() > LEAST_INK * inner.sum())


def _painted(gray: Array, sheet: Array, tone: Array, step: int) -> Array:
    """Return (H, W) with the sheet's tone around it, and over the soft edge of what is there."""
    H, W = gray.shape
    inside, around = (
        np.kron(some, np.ones((step, step), some.dtype))[:H, :W]
        for some in (_shrunk(sheet, -(-SOFT // step)), tone.astype(np.float32))
    )
    return np.where(inside, gray, around.clip(0, 1)).astype(np.float32)
