"""From any picture of a digit to the form that MNIST's digits have.

That form (LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document Recognition, 1998):
white ink on black, scaled with its proportions kept until the longer side of its box is 20 pixels, then
placed in a 28 x 28 field by its centre of mass. A network that has seen nothing else reads nothing else well.
A picture of 28 x 28 whose digit has that size and place already stays as it is, but for its polarity and its ground.

``stages`` is the whole path, one line a step; ``to_mnist`` is its last value.
"""

from functools import lru_cache

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import DataError
from nnscratch.pictures.background import without_ground
from nnscratch.pictures.page_crop import on_sheet
from nnscratch.pictures.photo import flatten_illumination, remove_clutter
from nnscratch.pictures.stroke_width import FINE, TIE, above, even_width

FIELD = 28  # side of the finished picture
BOX = 20  # longer side of the digit in it
CENTER = 14.0  # index of the centre of mass, measured on the 60,000 training digits (mean 14.00, sd 0.29)
SLACK = 2  # pixels, by which size and place of a digit in that form may differ
MIN_CONTRAST = 0.1  # what differs less than this from the background is no ink
WHITE = 0.95  # strong ink that counts as white: that of all but 0.3 % of MNIST's digits


def to_mnist(picture: Array) -> Array | None:
    """The digit of ``picture``, (H, W) uint8 or float 0..1, as (28, 28) uint8, or None when there is no ink.

    Ink may be dark on light or light on dark, of any size, at any place; what has MNIST's form already is not scaled or
    moved: see :func:`light_on_dark`. Raises DataError for another shape or type, for an empty array and for values
    outside 0..1.
    """
    return stages(picture).get("mnist")


def to_square(picture: Array) -> Array:
    """The whole of ``picture``, (H, W) uint8 or float 0..1, as (28, 28) uint8: for classes that are no digits.

    What is not square lies in the middle of a square whose rest has the median grey of the picture's border; nothing is
    cropped, centred or turned to light on dark. Raises DataError as ``to_mnist``.
    """
    gray = check_gray(picture)
    side, tone = max(gray.shape), np.median(border(gray))
    weights, starts = area_weights(side, FIELD), [(side - length) // 2 for length in gray.shape]
    rows, columns = (weights[:, at : at + length] for at, length in zip(starts, gray.shape, strict=True))
    return to_uint8(tone + rows @ (gray - tone) @ columns.T)  # what the square has more is of that tone


def stages(picture: Array) -> dict[str, Array]:
    """Every step from ``picture`` to MNIST's form, by name, in order; without ink the last one is "writing".

    "grey" (H, W) float32; "sheet", all else blank; "even", in even light; "ink", light on 0; "writing", without lines
    and specks; then those of :func:`normalize_digit`, or of 28 x 28 pixels "mnist" alone. Errors as for ``to_mnist``.
    """
    return with_form(ink_stages(picture))


def with_form(steps: dict[str, Array]) -> dict[str, Array]:
    """The steps of :func:`ink_stages`, and where there is ink those to MNIST's form."""
    place = ink_box(steps["writing"])
    if place is None:
        return steps
    if is_field(steps["grey"]) and has_form(steps["writing"], place):
        return steps | {"mnist": light_on_dark(to_uint8(steps["grey"]))}
    return steps | normalize_digit(steps["writing"][place])


def has_form(ink: Array, box: tuple[slice, slice]) -> bool:
    """Whether the ink in this box of a 28 x 28 picture has the size of MNIST's digits, and stands where theirs does."""
    longer = max(part.stop - part.start for part in box)
    profiles = (ink.sum(axis=1 - axis) for axis in (0, 1))
    middles = [float(np.arange(FIELD) @ profile / profile.sum()) for profile in profiles]
    return abs(longer - BOX) <= SLACK and all(abs(middle - CENTER) <= SLACK for middle in middles)


def is_field(picture: Array) -> bool:
    """Whether a picture has MNIST's 28 x 28 pixels, and so is one digit."""
    return bool(picture.shape == (FIELD, FIELD))


def light_on_dark(image: Array) -> Array:
    """A picture of 28 x 28 uint8 as networks see it: itself where its ink is light, ``255 - image`` where it is dark.

    A ground that is not black is made so: see ``without_ground``.

    Pictures to train with and pictures to read take this one way.
    """
    gray = check_gray(image)
    middle = (gray.min() + gray.max()) / 2  # most of a picture with dark ink is light, and so is its border
    is_light = bool(min(np.median(border(gray)), gray.mean()) > middle)
    return without_ground(np.asarray(255 - image) if is_light and is_dark(departure(gray)) else image)


def ink_stages(picture: Array, *, several: bool = False) -> dict[str, Array]:
    """The steps of the whole picture: "grey", "sheet", "even", "ink", "writing"; of one digit, or of ``several``."""
    steps = {"grey": check_gray(picture)}
    steps["sheet"] = on_sheet(steps["grey"], several=several)
    steps["even"] = flatten_illumination(steps["sheet"])
    steps["ink"] = light_ink(steps["even"])
    steps["writing"] = remove_clutter(steps["ink"], several=several) if has_ink(steps["ink"]) else steps["ink"]
    return steps


def normalize_digit(ink: Array) -> dict[str, Array]:
    """The steps of one digit, from its box (h, w) of light ink on 0.

    "cropped" (h, w), that box; "strokes" (h, w), of a thickness that MNIST knows; "scaled" (h, w), longer side 20,
    strong ink at 1; "mnist" (28, 28) uint8.
    """
    steps = {"cropped": ink, "strokes": even_strokes(ink)}
    steps["scaled"] = stretch_contrast(scale(steps["strokes"]))
    steps["mnist"] = to_uint8(center(steps["scaled"]))
    return steps


def check_gray(picture: Array) -> Array:
    """``picture`` as (H, W) float32 in 0..1: uint8 is divided by 255, float is taken as it is.

    Raises DataError for everything else, since a wrong range would pass all later steps unseen.
    """
    if picture.ndim != 2 or picture.size == 0:
        raise DataError(f"A picture must be grey, (H, W) with at least one pixel; this one is {picture.shape}.")
    if picture.dtype == np.uint8:
        return picture.astype(np.float32) / np.float32(255)
    if not np.issubdtype(picture.dtype, np.floating):
        raise DataError(f"A picture must be uint8 0..255 or float 0..1; this one is {picture.dtype}.")
    low, high = picture.min(), picture.max()
    if not (low >= 0 and high <= 1):  # so written that NaN is refused too
        raise DataError(f"A float picture must lie in 0..1; this one goes from {low:.4g} to {high:.4g}.")
    return picture.astype(np.float32)


def light_ink(gray: Array) -> Array:
    """Light ink on a background of 0, from (H, W) float32 with ink of either polarity.

    Ink is what departs from the background, to the side that :func:`is_dark` tells. The border's lower quartile tells
    what else lies there: near the median noise, of which twice the distance is cut off; far from it the background.
    """
    ink = departure(gray)
    if is_dark(ink):
        np.negative(ink, out=ink)
    spread = -np.quantile(border(ink), 0.25).astype(ink.dtype)
    ink -= 2 * spread if spread < ink.max() / 16 else -spread
    np.maximum(ink, 0, out=ink)
    return ink


def departure(gray: Array) -> Array:
    """How much lighter each pixel of (H, W) is than the background: what most of the border is, its median."""
    return np.asarray(gray - np.median(border(gray)))


def is_dark(ink: Array) -> bool:
    """Whether ink is dark, by what departs from the background: to the side of the larger departures.

    They are squared, so that strokes decide and not faint noise or shade. What departs to both sides alike is not dark.
    """
    return bool(np.vdot(ink, np.abs(ink)) < 0)


def border(image: Array) -> Array:
    """The pixels of the outermost rows and columns of (H, W), as one vector."""
    return np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]])


def ink_box(ink: Array) -> tuple[slice, slice] | None:
    """Rows and columns of the ink's box in (H, W), or None when there is no ink but noise and shade at most.

    Clear ink has a quarter of the strongest ink's strength or more; JPEG's artefacts and paper have less. The
    box takes one pixel more at each end, where there is any: the soft edge that anti-aliasing gives a stroke.
    """
    if not has_ink(ink):
        return None
    return box(connected(above(ink, 1 / 4)), np.asarray(ink > TIE))


def has_ink(ink: Array) -> bool:
    """Whether there is more in (H, W) than noise and shade."""
    peak = float(ink.max())
    return peak >= MIN_CONTRAST and has_strokes(ink) and has_edges(ink, peak)


def has_strokes(ink: Array) -> bool:
    """Whether three in four pixels of strong ink in (H, W) have a strong neighbour: those of strokes do."""
    strong = above(ink, 1 / 2)
    return bool(4 * connected(strong).sum() >= 3 * strong.sum())


def has_edges(ink: Array, peak: float) -> bool:
    """Whether the ink in (H, W) changes sharply, by a quarter of its range in 1/28 of the picture: shade does not.

    Of a large picture some of the rows and columns are enough, for strokes cross several.
    """
    step = max(1, max(ink.shape) // FIELD)
    some = max(1, step // 4)
    down, across = ink[:, ::some], ink[::some].T
    return any(np.abs(line[step:] - line[:-step]).max(initial=0) > peak / 4 for line in (down, across))


def connected(mask: Array) -> Array:
    """The pixels of the mask (H, W) that have one of their eight neighbours in it: specks of one pixel go."""
    near = np.zeros((mask.shape[0] + 2, mask.shape[1] + 2), dtype=bool)
    near[1:-1, 1:-1] = mask
    rows = near[:, :-2] | near[:, 2:]  # left or right neighbour
    triple = rows | near[:, 1:-1]
    return mask & (rows[1:-1] | triple[:-2] | triple[2:])


def box(clear: Array, some: Array) -> tuple[slice, slice]:
    """The :func:`span` of the rows and that of the columns of two masks (H, W)."""
    rows, columns = (span(np.asarray(clear.any(axis=axis)), np.asarray(some.any(axis=axis))) for axis in (1, 0))
    return rows, columns


def span(clear: Array, some: Array) -> slice:
    """From the first to the last true of ``clear``, and one more at each end where ``some`` is true."""
    first, last = np.flatnonzero(clear)[[0, -1]]
    first -= first > 0 and some[first - 1]
    last += last + 1 < len(some) and some[last + 1]
    return slice(int(first), int(last) + 1)


def even_strokes(ink: Array) -> Array:
    """(H, W) with strokes neither thicker nor thinner than most of MNIST's, when it is twice as large or more.

    What is smaller has the form already, or too few pixels to tell.
    """
    longer = max(ink.shape)
    if longer < 2 * BOX:
        return ink
    height, width = (max(1, round(FINE * BOX * side / longer)) for side in ink.shape)
    before = area_resize(ink, height, width)
    fine = even_width(before, FINE)
    if fine is before:
        return ink
    return np.asarray(fine[box(above(fine, 1 / 4), np.asarray(fine > TIE))])


def scale(ink: Array) -> Array:
    """(H, W) with its longer side scaled to 20 pixels, the shorter in proportion: rounded, at least 1."""
    longer = max(ink.shape)
    height, width = (max(1, round(BOX * side / longer)) for side in ink.shape)
    return area_resize(ink, height, width)


def area_resize(image: Array, height: int, width: int) -> Array:
    """(H, W) as (height, width) float32: each new pixel is the mean of the area of the old ones it covers.

    Nothing between two samples is skipped, so thin strokes stay. Separable: rows first, then columns.
    The same size gives the same picture; a larger one repeats pixels, and blends where their edges do not meet.
    """
    rows = area_weights(image.shape[0], height)  # (height, H)
    columns = area_weights(image.shape[1], width)  # (width, W)
    return np.asarray(rows @ image.astype(np.float32) @ columns.T)


@lru_cache(maxsize=64)
def area_weights(old: int, new: int) -> Array:
    """(new, old) float32, not to be changed: the share of new pixel i, [i, i + 1) * old / new, over old pixel j."""
    edges = np.arange(new + 1) * (old / new)
    start, stop = edges[:-1, None], edges[1:, None]
    pixel = np.arange(old)
    overlap = np.minimum(stop, pixel + 1) - np.maximum(start, pixel)
    weights = np.asarray(np.maximum(overlap, 0) * (new / old), dtype=np.float32)
    weights.flags.writeable = False
    return weights


def stretch_contrast(ink: Array) -> Array:
    """(h, w) with its strong ink at 1, as in MNIST, for pale and thin pens; what is white already stays.

    Strong is what nine tenths of the clear ink do not exceed: one blot does not hold the strokes back.
    """
    strong = np.quantile(ink[above(ink, 1 / 4)], 0.9)
    return ink if strong > WHITE else np.asarray(np.minimum(ink / strong, 1), dtype=ink.dtype)


def center(ink: Array) -> Array:
    """(h, w), at most 28 each, in a field of (28, 28) zeros with its centre of mass at index 14.0, 14.0.

    Whole pixels, rounded half up, so that nothing is blurred; ink is never pushed out of the field.
    """
    field = np.zeros((FIELD, FIELD), dtype=ink.dtype)
    top, left = (offset(ink.sum(axis=1 - axis)) for axis in (0, 1))
    field[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return field


def offset(profile: Array) -> int:
    """Where in the field a line of masses (n,) must start for its centre of mass to fall on index 14.0."""
    mass = profile.astype(np.float64)
    shift = CENTER - mass @ np.arange(len(mass)) / mass.sum()
    return int(np.clip(np.floor(shift + 0.5 + TIE), 0, FIELD - len(mass)))


def to_uint8(image: Array) -> Array:
    """0..1 as uint8 0..255, rounded to the nearest level, what is outside cut off; uint8 as it is."""
    return image if image.dtype == np.uint8 else np.rint(255 * image.clip(0, 1)).astype(np.uint8)
