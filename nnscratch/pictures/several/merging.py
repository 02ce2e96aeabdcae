"""Pieces of ink that make one digit: a 5 and its bar, the two strokes of a 4, a stroke that broke."""

from collections.abc import Sequence

from nnscratch.pictures.several.reading_order import Box
from nnscratch.pictures.several.segment import Group, Legibility, Pieces, Segment, box_of

LOW = 0.3  # of the tallest digit's height: what is lower is a dot, a dash or a blot
LONG = 1.2  # times the taller one's height: what is longer is a line under or over digits, and no part of one
OVER = 0.5  # of the narrower one's width: pieces that lie so much above one another, and near, are one digit
NEAR = 0.3  # of the taller one's height: how near
PART = 0.5  # of the taller one's height: what is higher may be a digit of its own
CLOSE = 0.1  # of the taller one's height: so near it is none, where nobody reads
ASIDE = 0.15  # of the taller one's height: how near pieces are that are asked about
UNLIKE = 0.75  # times the taller one's height: digits side by side are mostly more alike


def merged(groups: list[Group], *, alone: bool) -> list[Group]:
    """Return the groups, with those that make one digit put together; ``alone``: nobody will be asked about others."""
    done: list[tuple[Group, Box]] = []
    for group in groups:
        box = box_of(group)
        while (
            match := next((k for k, (_, other) in enumerate(done) if _one_digit(box, other, alone)), None)
        ) is not None:
            group = done.pop(match)[0] + group
            box = box_of(group)
        done.append((group, box))
    return [group for group, _ in done]


def _one_digit(a: Box, b: Box, alone: bool) -> bool:
    shared = min(a[2], b[2]) - max(a[0], b[0])
    gap = max(a[1], b[1]) - min(a[3], b[3])
    lower, taller = sorted((a[3] - a[1], b[3] - b[1]))
    narrower, wider = sorted((a[2] - a[0], b[2] - b[0]))
    if shared < OVER * narrower or gap > NEAR * taller or wider > LONG * taller:
        return False
    return lower < PART * taller or gap < 0 or (alone and gap <= CLOSE * taller)


def merged_by_reading(places: Sequence[Sequence[Group]], writing: Pieces, score: Legibility) -> list[Group]:
    """Return the groups of all places, with those of a place together that read better so than the worse does alone.

    They are asked about in rounds, each of one batch, for as long as some are put together.
    """
    groups = [(place, group) for place, inside in enumerate(places) for group in inside]
    while pairs := _better_together(groups, writing, score):
        gone: set[int] = set()
        for a, b in pairs:
            if a not in gone and b not in gone:
                groups.append((groups[a][0], groups[a][1] + groups[b][1]))
                gone |= {a, b}
        groups = [group for k, group in enumerate(groups) if k not in gone]
    return [group for _, group in groups]


def _better_together(groups: list[tuple[int, Group]], writing: Pieces, score: Legibility) -> list[tuple[int, int]]:
    """Return the pairs that are better put together, the best first."""
    boxes = [box_of(group) for _, group in groups]
    tallest: dict[int, int] = {}
    for (place, _), box in zip(groups, boxes, strict=True):
        tallest[place] = max(tallest.get(place, 0), box[3] - box[1])
    asked: dict[tuple[int, int], list[Segment]] = {}
    for b, (place, second) in enumerate(groups):
        for a, (other, first) in enumerate(groups[:b]):
            if place == other and _may_be_one(boxes[a], boxes[b]):
                apart = [k for k in (a, b) if boxes[k][3] - boxes[k][1] >= LOW * tallest[place]]
                asked[a, b] = [writing.segment(first + second), *(writing.segment(groups[k][1]) for k in apart)]
    score([segment for segments in asked.values() for segment in segments])
    better = {}
    for pair, segments in asked.items():
        together, *single = score(segments)
        if together >= min(single, default=0.0):
            better[pair] = together
    return sorted(better, key=lambda pair: -better[pair])


def _may_be_one(a: Box, b: Box) -> bool:
    across, down = max(a[0], b[0]) - min(a[2], b[2]), max(a[1], b[1]) - min(a[3], b[3])
    lower, taller = sorted((a[3] - a[1], b[3] - b[1]))
    if across < 0:
        return down <= NEAR * taller
    return max(across, down) <= ASIDE * taller and lower < UNLIKE * taller
