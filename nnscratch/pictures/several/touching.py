"""Digits that touch are cut where the parts read best.

Ink is cut at several places, most of them wrong ones, each part between two cuts is read, and the cuts whose parts
read best are kept (Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-Based Learning Applied to Document Recognition,
1998, section V: heuristic over-segmentation).
"""

from itertools import combinations

import numpy as np

from nnscratch.arrays import Array
from nnscratch.pictures.preprocess import area_resize
from nnscratch.pictures.several.segment import Reader, Segment, cropped, legibility

WIDE = 0.8  # times its height: narrower ink is one digit
TOO_WIDE = 1.4  # times its height: digits that touch
FEWEST = 12  # pixels high: what is lower has too few to be cut
CLEAR = 0.999  # what reads so well is one digit
CUT = 0.9  # parts that read worse are no reason to cut
FEWER = 0.99  # times as good is a way with one part more
READ = 0.5  # what reads worse is not read

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


def is_wide(width: int, height: int, share: float = WIDE) -> bool:
    """Return whether ink may be several digits that touch, by its size in pixels."""
    return height >= FEWEST and width > share * height


def cut(ink: Array, left: int, top: int, read: Reader) -> list[Segment]:
    """Return the digits in ink (h, w), whose corner lies there in the picture: one, or those that touch.

    It is cut where the part that reads worst reads well, and better than the whole. Of what is too wide for one
    digit and reads badly whole and cut, the whole comes back as unclear.
    """
    whole = cropped(ink, left, top)
    if whole is None:
        return []
    (score,) = _scores([whole], read)
    if score >= CLEAR:
        return [whole]
    parts, count = _parts(ink, left, top)
    scores = dict(zip(parts, _scores(list(parts.values()), read), strict=True))
    worst, path = _best(scores, count)
    if worst > max(score, CUT):
        return [parts[pair] for pair in path]
    return [whole.as_unclear() if score < READ and is_wide(whole.width, whole.height, TOO_WIDE) else whole]


def _scores(segments: list[Segment], read: Reader) -> list[float]:
    """Return how well each reads, less where it is wider than digits are."""
    usual, never = WIDTHS
    shares = [(never - segment.width / segment.height) / (never - usual) for segment in segments]
    return [score * min(max(share, 0.0), 1.0) for score, share in zip(legibility(segments, read), shares, strict=True)]


def _parts(ink: Array, left: int, top: int) -> tuple[dict[tuple[int, int], Segment], int]:
    """Return what lies between two cuts, or ends, by their numbers, where it is as wide as a digit; and their count."""
    ends = [np.zeros(len(ink), np.int64), *seams(ink / ink.max()), np.full(len(ink), ink.shape[1])]
    columns = np.arange(ink.shape[1])
    parts = {}
    for start, stop in combinations(range(len(ends)), 2):
        width = (ends[stop] - ends[start]).mean()
        if LEAST * len(ink) <= width <= MOST * len(ink) and stop - start < len(ends) - 1:
            inside = (columns >= ends[start][:, None]) & (columns < ends[stop][:, None])
            part = cropped(np.where(inside, ink, np.float32(0)), left, top)
            if part is not None:
                parts[start, stop] = part
    return parts, len(ends)


def _best(scores: dict[tuple[int, int], float], count: int) -> tuple[float, list[tuple[int, int]]]:
    """Return the way from the first of ``count`` ends to the last whose worst part is best, and that part's score."""
    ways: list[tuple[float, list[tuple[int, int]]]] = [(1.0, [])]
    for stop in range(1, count):
        choices = [
            (FEWER * min(ways[start][0], scores[start, stop]), [*ways[start][1], (start, stop)])
            for start in range(stop)
            if (start, stop) in scores
        ]
        ways.append(max(choices, key=lambda way: (way[0], -len(way[1])), default=(-1.0, [])))
    return ways[-1]
