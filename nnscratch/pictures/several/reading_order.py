"""The order in which what stands on a page is read: line by line, each from left to right."""

from collections.abc import Sequence

import numpy as np

Box = tuple[int, int, int, int]  # left, top, right, bottom

OVER = 0.5  # of the lower one's height: boxes that share so much of it stand in one line


def reading_order(boxes: Sequence[Box]) -> list[int]:
    """Return the places of ``boxes`` in the order of reading.

    A box goes on the line whose last box shares at least half of its height; so lines may slant. What shares less with
    each is a new line. Lines go down the page, by how far each is below the slant that all have.
    """
    if len(boxes) <= 1:
        return list(range(len(boxes)))
    lines: list[list[int]] = []
    for place in sorted(range(len(boxes)), key=lambda place: boxes[place][0]):
        shares = [_shared(boxes[line[-1]], boxes[place]) for line in lines]
        if shares and max(shares) >= OVER:
            lines[int(np.argmax(shares))].append(place)
        else:
            lines.append([place])
    slant = _slant(boxes, lines)
    return [place for line in sorted(lines, key=lambda line: _height(boxes, line, slant)) for place in line]


def _shared(a: Box, b: Box) -> float:
    return (min(a[3], b[3]) - max(a[1], b[1])) / min(a[3] - a[1], b[3] - b[1])


def _middle(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _slant(boxes: Sequence[Box], lines: list[list[int]]) -> float:
    """Return how far lines fall for each pixel to the right: the longest one's."""
    longest = max(lines, key=len)
    (x0, y0), (x1, y1) = _middle(boxes[longest[0]]), _middle(boxes[longest[-1]])
    return (y1 - y0) / (x1 - x0) if len(longest) > 2 and x1 > x0 else 0.0


def _height(boxes: Sequence[Box], line: list[int], slant: float) -> float:
    middles = [_middle(boxes[place]) for place in line]
    return float(np.mean([y - slant * x for x, y in middles]))
