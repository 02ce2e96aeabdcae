"""A timeline: which thread does what when, in one step. SVG, sharp at any size, light or dark as the page is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from nnscratch.study.profile.profile import Profile, Timing
from nnscratch.study.profile.trace import IMAGES, LOSS, UPDATE, Piece

WIDTH, LEFT = 1000, 64  # units of the drawing, and of them the names of the threads
LANE, GAP, AXIS = 40.0, 10.0, 22.0
COLORS = 10  # of pages.css, .d0 to .d9
CHARACTER = 6.6  # units, about
TICKS = 8  # at most, about


@dataclass(frozen=True)
class Block:
    """A kernel in a lane."""

    x: float
    y: float
    width: float
    color: str
    direction: str
    about: str


@dataclass(frozen=True)
class Name:
    """A layer's name in its blocks, where they have the room for it."""

    x: float
    y: float
    text: str
    direction: str


@dataclass(frozen=True)
class Timeline:
    """What is drawn: blocks, their names, the lanes' (name, y), the axis' (x, label)."""

    blocks: list[Block]
    names: list[Name]
    lanes: list[tuple[str, float]]
    ticks: list[tuple[float, str]]
    height: float
    lane: float = LANE
    left: float = LEFT
    width: float = WIDTH


def colors(profile: Profile) -> dict[str, str]:
    """Return the class of the colour of each part of the step."""
    timed = {piece.label[0] for timing in profile.timings for piece in timing.median.pieces}
    names = [IMAGES[0], *profile.layers, LOSS[0], UPDATE[0]]
    return {name: f"d{k % COLORS}" for k, name in enumerate(name for name in names if name in timed)}


def timeline(timing: Timing, shown: dict[str, str]) -> Timeline:
    """Return the median step of a number of threads; ``shown`` are the parts' colours."""
    (threads,), (spans,), ((begin, end),) = timing.median.threads, timing.median.spans, timing.median.bounds
    scale = (WIDTH - LEFT) / (end - begin)
    blocks, names = [], []
    for lane in range(timing.threads):
        y = lane * (LANE + GAP)
        own = [
            (piece, *span)
            for piece, thread, span in zip(timing.median.pieces, threads, spans, strict=True)
            if thread == lane
        ]
        own.sort(key=lambda found: found[1])
        for piece, start, stop in own:
            x, width = LEFT + scale * (start - begin), scale * (stop - start)
            blocks.append(Block(x, y, width, shown[piece.label[0]], piece.label[1], about(piece, stop - start)))
        for label, group in groupby(own, key=lambda found: found[0].label):
            spans_of = list(group)
            x, stop = (LEFT + scale * (moment - begin) for moment in (spans_of[0][1], spans_of[-1][2]))
            told = next((told for told in ways_to_say(label[0]) if CHARACTER * len(told) + 4 < stop - x), None)
            if told:
                names.append(Name((x + stop) / 2, y + LANE / 2, told, label[1]))
    height = timing.threads * (LANE + GAP) + AXIS
    lanes = [(f"thread {lane + 1}", lane * (LANE + GAP)) for lane in range(timing.threads)]
    return Timeline(blocks, names, lanes, ticks(end - begin), height)


def ways_to_say(name: str) -> list[str]:
    """Return "conv1 + relu1 + pool1", and "conv1" where that is too long."""
    return [name, name.split(" + ")[0]]


def about(piece: Piece, seconds: float) -> str:
    """Return what a block says where the mouse is."""
    kernel = f", {piece.kernel}" if piece.kernel else ""
    return f"{' '.join(piece.label).strip()}{kernel}: {1e6 * seconds:,.1f} µs"


def ticks(seconds: float) -> list[tuple[float, str]]:
    """Return round times with their places."""
    micro = 1e6 * seconds
    step = next(
        s for power in range(-1, 12) for s in (10.0**power, 2 * 10.0**power, 5 * 10.0**power) if micro / s <= TICKS
    )
    return [(LEFT + (WIDTH - LEFT) * k * step / micro, f"{k * step:,.6g}") for k in range(int(micro / step) + 1)]
