"""Digits that touch are cut where the parts read best.

Ink is cut at several places, most of them wrong ones, each part between two cuts is read, and the cuts whose parts
read best are kept (Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-Based Learning Applied to Document Recognition,
1998, section V: heuristic over-segmentation).
"""

from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np

from nnscratch.arrays import Array
from nnscratch.pictures.resampling import area_resize
from nnscratch.pictures.several.segment import Legibility, Segment

WIDE = 0.8  # times its height: narrower ink is one digit
TOO_WIDE = 1.4  # times its height: digits that touch
USUAL = 0.65  # of its height: the width of one of them
FEWEST = 12  # pixels high: what is lower has too few to be cut
CLEAR = 0.999  # what reads so well is one digit
FEWER = 0.99  # times as good is a way with one part more
WELL = 0.9  # what reads so well is never cut, and what reads worse is no part
ACROSS = 4  # strokes that most rows cross, for each height that the ink is wide: more are hatching
STROKE = 0.4  # times its length: the width of one stroke, that of nearly all ones and of few other digits

COARSE = 56  # pixels high: what is higher is made smaller before cuts are looked for
CUTS = 5  # for each height that the ink is wide
APART = 0.12  # of the height: how far cuts are apart, and from the ends
ASIDE = 0.05  # ink that a step aside costs
LEAST, MOST = 0.15, 1.3  # times the height of the ink: the width of a part
WIDTHS = 1.3, 1.7  # times its height: so wide are 99 of 100 digits at most, and none


def seams(ink: Array) -> list[Array]:
    """Return the cuts through ink (h, w) 0..1: for each, (h,) the first column to its right in each row.

    A cut goes from the top to the bottom, at most a column aside in a row, where there is least ink. Of all that
    cross the middle row those are kept that neighbours do not better.
    """
    coarse = min(1.0, COARSE / len(ink))
    height, width = (max(1, round(coarse * side)) for side in ink.shape)
    small = area_resize(ink, height, width)
    middle = height // 2
    above, up = _ways(small[: middle + 1])
    below, down = _ways(small[middle:][::-1])
    cost = above + below
    far = max(1, round(APART * height))
    kept: dict[int, Array] = {}
    for column in (np.argsort(cost[far : width - far], kind="stable") + far).tolist():
        if len(kept) < CUTS * width / height and all(abs(column - other) >= far for other in kept):
            way = np.concatenate([_back(up, column)[:-1], _back(down, column)[::-1]])
            before = np.arange(width) < way[:, None]
            if small[before].sum() and small[~before].sum():
                kept[column] = way
    rows = (np.arange(len(ink)) * height) // len(ink)
    return [((kept[m][rows] + 0.5) * (ink.shape[1] / width)).astype(np.int64) for m in sorted(kept)]


def _ways(ink: Array) -> tuple[Array, Array]:
    """Return the ink on the way from the first row to each pixel of the last, (w,), and the steps to each, -1, 0, 1."""
    cost = ink[0].astype(np.float64)
    steps, columns = np.zeros(ink.shape, np.int8), np.arange(len(cost))
    for number, row in enumerate(ink[1:], 1):
        wide = np.pad(cost, 1, constant_values=np.inf)
        choices = np.stack([wide[:-2] + ASIDE, cost, wide[2:] + ASIDE])
        best = choices.argmin(axis=0)
        steps[number] = best - 1
        cost = choices[best, columns] + row
    return cost, steps


def _back(steps: Array, column: int) -> Array:
    """Return the columns (h,) of the way that ends at a column of the last row."""
    columns = np.empty(len(steps), np.int64)
    for row in range(len(steps) - 1, -1, -1):
        columns[row] = column
        column += int(steps[row, column])
    return columns


def is_wide(segment: Segment, share: float = WIDE) -> bool:
    """Return whether ink may be several digits that touch, by its size in pixels."""
    return segment.height >= FEWEST and segment.width > share * segment.height


def cut_by_reading(wholes: Sequence[Segment], score: Legibility) -> list[list[Segment]]:
    """Return for each of ``wholes`` the digits in it: itself, or those that touch.

    What reads well is never cut: where its parts read well too, it is unclear. What reads worse is cut where the part
    that reads worst reads well; what is too wide for one digit and reads worse whole and cut is unclear.
    """
    wholes = [whole.as_unclear() if is_wide(whole) and _is_hatching(whole) else whole for whole in wholes]
    wide = [whole for whole in wholes if is_wide(whole) and not whole.unclear]
    doubtful = [whole for whole, own in zip(wide, _scores(wide, score), strict=True) if own < CLEAR]
    parts = {whole: _parts(whole) for whole in doubtful}
    score([part for some, _ in parts.values() for part in some.values()])
    return [_chosen(whole, *parts[whole], score) if whole in parts else [whole] for whole in wholes]


def _chosen(whole: Segment, parts: dict[tuple[int, int], Segment], count: int, score: Legibility) -> list[Segment]:
    """Return the parts of a whole that are its digits, or the whole."""
    (own,) = _scores([whole], score)
    scores = dict(zip(parts, _scores(list(parts.values()), score), strict=True))
    strokes = {pair for pair, part in parts.items() if _is_stroke(part)}
    worst, path = _best(scores, strokes, count)
    if worst >= WELL:
        return [parts[pair] for pair in path] if own < WELL else [whole.as_unclear()]
    return [whole.as_unclear() if score([whole])[0] < WELL and is_wide(whole, TOO_WIDE) else whole]


def _scores(segments: Sequence[Segment], score: Legibility) -> list[float]:
    """Return how well each reads, less where it is wider than digits are."""
    usual, never = WIDTHS
    shares = [(never - segment.width / segment.height) / (never - usual) for segment in segments]
    return [own * min(max(share, 0.0), 1.0) for own, share in zip(score(segments), shares, strict=True)]


def _parts(whole: Segment) -> tuple[dict[tuple[int, int], Segment], int]:
    """Return what lies between two cuts, or ends, by their numbers, where it is as wide as a digit; and their count."""
    ink = whole.ink
    ends = [np.zeros(len(ink), np.int64), *seams(ink / ink.max()), np.full(len(ink), ink.shape[1])]
    columns = np.arange(ink.shape[1])
    parts = {}
    for start, stop in combinations(range(len(ends)), 2):
        width = (ends[stop] - ends[start]).mean()
        if LEAST * len(ink) <= width <= MOST * len(ink) and stop - start < len(ends) - 1:
            inside = (columns >= ends[start][:, None]) & (columns < ends[stop][:, None])
            part = whole.part(inside)
            if part is not None:
                parts[start, stop] = part
    return parts, len(ends)


Way = tuple[float, list[tuple[int, int]]]  # its worst part's score, and its parts
NO_WAY: Way = (-1.0, [])


def _best(scores: dict[tuple[int, int], float], strokes: set[tuple[int, int]], count: int) -> Way:
    """Return the way from the first of ``count`` ends to the last whose worst part is best, and that part's score.

    No two single strokes stand side by side, as those of waves and hatching do.
    """
    ways: dict[tuple[int, bool], Way] = {(0, False): (1.0, [])}  # to each end, with a stroke at last or not
    for stop in range(1, count):
        for start in range(stop):
            pair = start, stop
            for before in (False, True):
                if pair in scores and (start, before) in ways and not (before and pair in strokes):
                    worst, way = ways[start, before]
                    new = FEWER * min(worst, scores[pair]), [*way, pair]
                    ways[stop, pair in strokes] = max(ways.get((stop, pair in strokes), NO_WAY), new, key=_rank)
    return max((ways.get((count - 1, stroke), NO_WAY) for stroke in (False, True)), key=_rank)


def _is_hatching(whole: Segment) -> bool:
    """Return whether a row crosses more strokes than digits of that width have: many parallel ones."""
    clear = np.pad(whole.ink > whole.ink.max() / 4, ((0, 0), (1, 0)))
    strokes = np.median((clear[:, 1:] & ~clear[:, :-1]).sum(axis=1))
    return bool(strokes > ACROSS * max(1.0, whole.width / whole.height))


def _is_stroke(part: Segment) -> bool:
    """Return whether a part is one straight stroke, by the principal axes of its ink."""
    points = np.stack(np.nonzero(part.ink > part.ink.max() / 2)).astype(np.float64)
    points -= points.mean(axis=1, keepdims=True)
    least, most = np.linalg.eigvalsh(points @ points.T)
    return bool(least < STROKE**2 * most)


def _rank(way: Way) -> tuple[float, int]:
    return way[0], -len(way[1])


def cut_by_width(whole: Segment) -> list[Segment]:
    """Return a whole, or where it is too wide the digits that its width makes likely: what is done without a reader."""
    if not is_wide(whole, TOO_WIDE):
        return [whole]
    columns, ends = np.arange(whole.ink.shape[1]), _columns(whole.ink)
    parts = [whole.part((columns >= start) & (columns < stop)) for start, stop in pairwise(ends)]
    return [part for part in parts if part is not None]


def _columns(ink: Array) -> list[int]:
    """Return the columns at which wide ink (h, w) is cut: those with least of it near where equal parts would end."""
    height, width = ink.shape
    count = max(2, round(width / (USUAL * height)))
    part = width / count
    ends = [0]
    for number in range(1, count):
        start = int((number - 0.3) * part)
        stop = int((number + 0.3) * part) + 1
        ends.append(start + int(ink[:, start:stop].sum(axis=0).argmin()))
    return sorted({*ends, width})
