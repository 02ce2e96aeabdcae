"""A timeline: which thread does what when, in one step. SVG, sharp at any size, light or dark as the page is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np

from nnscratch.study.profile.profile import Profile, Timing
from nnscratch.study.profile.trace import IMAGES, LOSS, UPDATE, Label, Piece

WIDTH, LEFT = 1000, 64  # units of the drawing, and of them the names of the threads
LANE, GAP, AXIS = 40.0, 10.0, 22.0
COLORS = 10  # of pages.css, .d0 to .d9
CHARACTER = 7.2  # units, about
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
    places = LEFT + (WIDTH - LEFT) * (spans - begin) / (end - begin)
    blocks, names = [], []
    order = np.lexsort((spans[:, 0], threads))  # lane by lane, from left to right
    for (lane, label), group in groupby(order, lambda k: (int(threads[k]), timing.median.pieces[k].label)):
        y, ks = lane * (LANE + GAP), list(group)
        for k in ks:
            told = about(timing.median.pieces[k], float(np.ptp(spans[k])))
            blocks.append(Block(float(places[k, 0]), y, float(np.ptp(places[k])), shown[label[0]], label[1], told))
        longest = max(ks, key=lambda k: np.ptp(places[k]))
        names += name_in(label, float(places[longest, 0]), float(places[longest, 1]), y + LANE / 2)
    lanes = [(f"thread {lane + 1}", lane * (LANE + GAP)) for lane in range(timing.threads)]
    return Timeline(blocks, names, lanes, ticks(end - begin), timing.threads * (LANE + GAP) + AXIS)


def name_in(label: Label, start: float, stop: float, y: float) -> list[Name]:
    """Return "conv1 + relu1 + pool1", or "conv1", or nothing, as there is room from ``start`` to ``stop``."""
    name, direction = label
    fit = [told for told in (name, name.split(" + ")[0]) if CHARACTER * len(told) + 4 < stop - start]
    return [Name((start + stop) / 2, y, fit[0], direction)] if fit else []


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
