"""What a photo of writing on paper has that a drawing has not: uneven light, shadows, ruled lines, the paper's edge.

``flatten_illumination`` makes the paper one tone; ``remove_clutter`` leaves out what is no writing. Both return what
they were given where there is nothing to do, and leave pictures alone that are too small for such things.
"""

import numpy as np

from nnscratch.arrays import Array
from nnscratch.pictures.background import FIELD
from nnscratch.pictures.components import Component, connected_components
from nnscratch.pictures.neighborhoods import blocks, closed, edge, running
from nnscratch.pictures.ruled_lines import without_lines
from nnscratch.pictures.stroke_width import stroke_width

SMALLEST = 21  # pixels of the shorter side
LONGEST = 8  # times as long as high: no photo is longer
STROKE = 4  # strokes are thinner than the longer side divided by this
EVEN = 0.88  # darkest over brightest light, up to which paper is even

ONE_TONE = 0.4  # of the pixels

COARSE = 48  # pixels of the longer side, for the local median
NEAR = 17  # of them: its window, of which strokes cover less than half

DARK = 0.05  # light, where white is 1
NOISY = 300  # pixels of the shorter side: a mean of nine is finer than any pen
WINDOW = 4  # times the pen's width: what is wider is no ink
LEAST_WINDOW = 9  # pixels
DOUBT = 1.5  # times lighter than darker: ink is light, in a picture that is lit evenly
CHALK = 100  # and in one that is not; paper without ink reaches 56, for shadows and noise

MANY = 2_000  # pieces: a printed page or a halftone, and no writing by hand
SPECK = 0.03  # of the largest piece's pixels: what has fewer is a speck
SOFT = 2  # pixels of a piece's soft edge
LIKE = 1.6  # times as high or low as others: a digit still
OUTWEIGHED = 4  # times the ink inside: a piece at the edge with more is the digit
PALE = 0.5  # times the strength of the largest piece: what has less is no writing
CORNER = 0.06  # of a frame's sides: its corners have ink so near
MARGIN, ALONG = 0.15, 0.8  # a frame has so much of its ink in so wide a margin of its box


def _is_no_photo(picture: Array) -> bool:
    """Return whether a picture is too small, far too long, or of MNIST's size."""
    return picture.shape == (FIELD, FIELD) or bool(min(picture.shape) < max(SMALLEST, max(picture.shape) // LONGEST))


# ---- light


def flatten_illumination(gray: Array) -> Array:
    """Return (H, W) float32 0..1 divided by the light that falls on it; as it is where that is even.

    The light at a pixel is the paper's brightness, seen through the ink: a morphological closing, the least of the
    largest values around it. A shadow wider than a stroke is part of it, with its edges; ink is not. Light is uneven
    when the picture's edge is darker somewhere than its brightest part. Light ink on dark ground is turned round
    before, and back again.
    """
    if _is_no_photo(gray):
        return gray
    if _is_plain(gray):
        return gray
    lighter, size = _lighter(gray), max(gray.shape) // STROKE
    paper = 1 - gray if lighter > DOUBT else gray
    light = closed(paper, size)
    if _is_even(light):
        return gray
    light_on_dark = lighter > CHALK
    if not light_on_dark and lighter > DOUBT:
        paper, light = gray, closed(gray, size)
    even = _lit_by(paper, light)
    width = _pen_width(1 - even)
    if WINDOW * width < max(gray.shape) // STROKE:  # a tip of a shadow is no ink, if it is wider than a pen
        even = _lit_by(paper, closed(paper, int(max(WINDOW * width, LEAST_WINDOW))))
    if min(gray.shape) >= NOISY:
        even = _smoothed(even)
    return 1 - even if light_on_dark else even


def _is_plain(gray: Array) -> bool:
    """Return whether this is a drawing or a scan, told in no time.

    Much of it has one tone exactly, as no photo has; or the edge is nearly the lightest or the darkest that there is.
    """
    around = edge(gray)
    if (np.abs(gray - np.median(around)) <= 2 / 255).mean() >= ONE_TONE:
        return True
    low, high = np.quantile(around, (0.05, 0.95))
    return bool(low >= EVEN * gray.max() or 1 - high >= EVEN * (1 - gray.min()))


def _is_even(light: Array) -> bool:
    """Return whether the edge is nowhere darker than the brightest part: a dark middle is a blot, no shadow."""
    return bool(np.quantile(edge(light), 0.05) >= EVEN * np.quantile(light[::4, ::4], 0.98))


def _smoothed(image: Array) -> Array:
    """Return (H, W) with the mean of each pixel and its eight neighbours: dividing by little light made noise loud."""
    wide = np.pad(image, 1, mode="edge")
    rows = wide[:-2] + wide[1:-1] + wide[2:]
    return np.asarray((rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / np.float32(9))


def _lit_by(paper: Array, light: Array) -> Array:
    """Return (H, W) divided by its light; paper where there is too little light to tell."""
    even = np.clip(paper / np.maximum(light, DARK), 0, 1)
    return np.where(light < DARK, np.float32(1), even).astype(np.float32)


def _pen_width(ink: Array) -> float:
    """Return the width in pixels of the strongest strokes of (H, W)."""
    top = float(np.quantile(ink, 0.999))
    return stroke_width(np.clip(ink - 0.2 * top, 0, 0.8 * top))


def _lighter(gray: Array) -> float:
    """Return how many times more ink is lighter than what lies around it than it is darker: than the local median.

    Cubes of the departures let ink count, and not the soft edge of a shadow.
    """
    squares = blocks(gray, COARSE)
    coarse = np.pad(squares.mean(axis=(1, 3)), NEAR // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(coarse, (NEAR, NEAR))
    departure = squares - np.median(windows, axis=(2, 3))[:, None, :, None]
    cubes = departure**3
    return float(cubes[cubes > 0].sum()) / max(-float(cubes[cubes < 0].sum()), 1e-9)


# ---- writing


def remove_clutter(ink: Array, *, several: bool = False) -> Array:
    """Return (H, W), light ink on 0, without ruled lines, specks, frames, and what comes in over the picture's edge.

    Of ``several`` digits, one at the edge stays: a piece about as high as those inside.
    If what is left still reaches the edge, or all was at it, a digit fills its picture, and all stays.
    """
    if _is_no_photo(ink):
        return ink
    bare = without_lines(ink)
    sides = _sides(_clear(ink))
    if not any(sides) and bare is ink:
        return _only_strokes(ink)
    for cleaned in ([bare] if bare is not ink else []) + ([ink] if several or not all(sides) else []):
        inner = _without_edge_pieces(cleaned, several)
        if inner.any() and (several or not any(_sides(_clear(inner)))):
            return _only_strokes(inner)
    return ink


def _clear(ink: Array) -> Array:
    return np.asarray(ink > ink.max() / 4)


def _sides(mask: Array) -> list[bool]:
    return [bool(line.any()) for line in (mask[0], mask[-1], mask[:, 0], mask[:, -1])]


def _without_edge_pieces(ink: Array, several: bool) -> Array:
    """Return (H, W) without the pieces at its edge, if those inside are not small beside them."""
    labels, found = connected_components(_clear(ink))
    H, W = ink.shape
    outer = [p for p in found if p.top == 0 or p.left == 0 or p.bottom == H or p.right == W]
    if several:
        usual = np.median([p.height for p in found if p not in outer] or [p.height for p in outer])
        outer = [p for p in outer if not (LIKE * p.height > usual > p.height / LIKE and p.width < LIKE * usual)]
        return _without(ink, labels, outer) if outer else ink
    inner = sum(p.area for p in found) - sum(p.area for p in outer)
    if not outer or max(p.area for p in outer) > OUTWEIGHED * inner:
        return ink
    return _without(ink, labels, outer)


def _only_strokes(ink: Array) -> Array:
    """Return (H, W) without specks, without what is pale beside the rest, and without frames.

    A frame lies along its own box, with other pieces inside.
    """
    labels, found = connected_components(_clear(ink))
    if len(found) == 1 or len(found) > MANY:
        return ink
    largest = max(found, key=lambda component: component.area)
    least = PALE * _strength(ink, labels, largest)
    writing = [p for p in found if p.area >= SPECK * largest.area and _strength(ink, labels, p) >= least]
    frames = [p for p in writing if _is_frame(labels, p) and any(_inside(other, p) for other in writing)]
    kept = {component.label for component in writing} - {component.label for component in frames}
    gone = [component for component in found if component.label not in kept]
    return _without(ink, labels, gone) if gone else ink


def _strength(ink: Array, labels: Array, component: Component) -> float:
    """Return how strong a piece's ink is: what nine tenths of it do not exceed."""
    return float(np.quantile(ink[component.box][labels[component.box] == component.label], 0.9))


def _inside(component: Component, other: Component) -> bool:
    rows = other.top < component.top and component.bottom < other.bottom
    return rows and other.left < component.left and component.right < other.right


def _is_frame(labels: Array, component: Component) -> bool:
    """Return whether a piece lies along its box, corners too, and leaves its middle free: a 0 has no corners."""
    mine = labels[component.box] == component.label
    near = [slice(None, max(1, int(CORNER * side))) for side in mine.shape]
    turned = (mine, mine[::-1], mine[:, ::-1], mine[::-1, ::-1])
    if not all(some[near[0], near[1]].any() for some in turned):
        return False
    down, across = (int(MARGIN * side) for side in mine.shape)
    return bool(mine[down : len(mine) - down, across : mine.shape[1] - across].sum() < (1 - ALONG) * component.area)


def _without(ink: Array, labels: Array, gone: list[Component]) -> Array:
    """Return (H, W) without these pieces and their soft edges."""
    mask = np.isin(labels, [component.label for component in gone])
    near = running(running(mask, 2 * SOFT + 1, 0, np.logical_or, False), 2 * SOFT + 1, 1, np.logical_or, False)
    return np.where(near & ((labels == 0) | mask), np.float32(0), ink)
