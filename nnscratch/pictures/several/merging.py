"""Pieces of ink that make one digit: a 5 and its bar, the two strokes of a 4, a stroke that broke."""

from nnscratch.arrays import Array
from nnscratch.pictures.several.reading_order import Box
from nnscratch.pictures.several.segment import Group, Reader, Segment, box_of, cropped, legibility, own_ink

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


def merged_by_reading(ink: Array, labels: Array, groups: list[Group], read: Reader) -> list[Group]:
    """Return the groups, with those together that are near and read better so than the worse of them does alone."""
    boxes = [box_of(group) for group in groups]
    tallest = max((box[3] - box[1] for box in boxes), default=0)
    pairs = [(a, b) for b in range(len(groups)) for a in range(b) if _may_be_one(boxes[a], boxes[b])]
    gone: set[int] = set()
    for a, b in pairs:
        if a in gone or b in gone:
            continue
        apart = [k for k in (a, b) if boxes[k][3] - boxes[k][1] >= LOW * tallest]
        candidates = [groups[k] for k in apart] + [groups[a] + groups[b]]
        *single, together = legibility([_segment(ink, labels, group) for group in candidates], read)
        if together >= min(single, default=0.0):
            groups[b], boxes[b] = candidates[-1], box_of(candidates[-1])
            gone.add(a)
    return [group for k, group in enumerate(groups) if k not in gone]


def _segment(ink: Array, labels: Array, group: Group) -> Segment:
    segment = cropped(*own_ink(ink, labels, group))
    assert segment is not None  # its pieces are ink
    return segment


def _may_be_one(a: Box, b: Box) -> bool:
    across, down = max(a[0], b[0]) - min(a[2], b[2]), max(a[1], b[1]) - min(a[3], b[3])
    lower, taller = sorted((a[3] - a[1], b[3] - b[1]))
    if across < 0:
        return down <= NEAR * taller
    return max(across, down) <= ASIDE * taller and lower < UNLIKE * taller
