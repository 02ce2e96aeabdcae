"""When each piece of work of a training step began and ended, and on which thread.

A step that is recorded (``ops/replay.py``) is played with a look at the clock before and after each kernel. One that
cannot be, with a layer of somebody's own or without compiled kernels, is done in Python as ever, and the clock is read
at its marks (``training/step.py``), where another layer begins.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.replay import Replay, marks
from nnscratch.parallel.threads import Team
from nnscratch.training.trainer import Trainer

Label = tuple[str, str]  # a layer, and forward or backward; or one of these, and nothing
IMAGES, LOSS, UPDATE = ("images", ""), ("loss", ""), ("update", "")


@dataclass(frozen=True)
class Piece:
    """Work that is timed: what it belongs to, and the kernel that does it; "" where Python does."""

    label: Label
    kernel: str = ""


@dataclass(frozen=True)
class Trace:
    """Steps of n pieces each: threads (steps, n), from 0; spans (steps, n, 2), begin and end, and bounds (steps, 2).

    Times are seconds; ``bounds`` are the begin and the end of each step.
    """

    pieces: list[Piece]
    threads: Array
    spans: Array
    bounds: Array

    @property
    def seconds(self) -> Array:
        """How long each step took, (steps,)."""
        return np.asarray(self.bounds[:, 1] - self.bounds[:, 0])


def joined(traces: Sequence[Trace]) -> Trace:
    """Return the steps of all of them."""
    kinds = zip(*((trace.threads, trace.spans, trace.bounds) for trace in traces), strict=True)
    return Trace(traces[0].pieces, *(np.concatenate(kind) for kind in kinds))


# ---- recorded


def recorded_pieces(gradient: Replay, update: Replay) -> list[Piece]:
    """Return the pieces of the program of these two recordings: one for each call of a kernel."""
    found: list[Piece] = []
    now = dict.fromkeys(range(max(map(len, gradient.phases))), IMAGES)  # of each shard: a tape goes on where it met
    for phase in gradient.phases:
        for shard, tape in enumerate(phase):
            begins = dict(tape.marks)
            for place, (kernel, _) in enumerate(tape.calls):
                now[shard] = begins.pop(place, now[shard])
                found.append(Piece(now[shard], name_of(kernel)))
            now[shard] = [now[shard], *begins.values()][-1]  # marks after the last call
    update_calls = [call for phase in update.phases for tape in phase for call in tape.calls]
    return found + [Piece(UPDATE, name_of(kernel)) for kernel, _ in update_calls]


def name_of(kernel: Any) -> str:
    """Return what a kernel is called: its function, or the factory that made it for one geometry."""
    parts = [part for part in kernel.function.__qualname__.split(".") if part != "<locals>"]
    return str(parts[0]).strip("_")


def play(program: Any, pieces: list[Piece], team: Team, steps: int) -> Trace:
    """Play steps of a program (``ops/compiled/tape.py``) on a team."""
    threads, spans = program.trace(team, steps)
    begins = spans[..., 0].min(axis=1)
    ends = np.append(begins[1:], spans[-1].max())
    return Trace(pieces, threads, spans, np.stack([begins, ends], axis=1))


# ---- by the clock


class ClockedTeam(Team):
    """A team that notes when what it does begins, reaches a mark, and ends."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.begin()

    def begin(self) -> None:
        """Forget what was noted: another step begins."""
        self.begun: Label = IMAGES
        self.last: dict[int, Label] = {}  # of each item: what it was at when it ended
        self.seen: list[tuple[Label, int, float, float]] = []

    def turn(self, label: Label) -> None:
        """From here on, work begins with what this names."""
        self.begun, self.last = label, {}

    def map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        """Return [function(item), ...] in order."""
        noted: list[list[tuple[Label, int, float, float]]] = [[] for _ in items]

        def timed(place: int) -> Any:
            label, start = self.last.get(place, self.begun), time.perf_counter()

            def note(part: str, direction: str) -> None:
                nonlocal label, start
                now = time.perf_counter()
                noted[place].append((label, threading.get_ident(), start, now))
                label, start = (part, direction), now

            marks.note = note
            try:
                return function(items[place])
            finally:
                note("", "")
                marks.note = None
                self.last[place] = noted[place][-1][0]

        results = super().map(timed, range(len(items)))
        self.seen += [span for spans in noted for span in spans]
        return results


def clocked(trainer: Trainer, batch: Array, size: int, steps: int) -> Trace:
    """Do steps of a batch, indices (n,), in Python on ``size`` threads."""
    shards, state = trainer.shards, trainer.state
    before = shards.team, shards.gradients.team
    team = shards.team = shards.gradients.team = ClockedTeam(size)
    seen, bounds = [], []
    try:
        for _ in range(steps):
            team.begin()
            start = time.perf_counter()
            shards.gradient(trainer.images, trainer.labels, batch, epoch=state.epoch, step=state.step)
            team.turn(UPDATE)
            shards.update(trainer.learning_rate, state.step + 1, state.vectors.get("average"))
            bounds.append((start, time.perf_counter()))
            seen.append(team.seen)
    finally:
        team.close()
        shards.team, shards.gradients.team = before
    pieces = [Piece(label) for label, _, _, _ in seen[0]]
    threads = np.array([list(numbered(step)) for step in seen])
    return Trace(pieces, threads, np.array([[span[2:] for span in step] for step in seen]), np.array(bounds))


def numbered(step: Sequence[tuple[Label, int, float, float]]) -> Iterator[int]:
    """Yield the thread of each piece, counted from 0, which is the one that calls."""
    known = {threading.get_ident(): 0}
    for _, thread, _, _ in step:
        yield known.setdefault(thread, len(known))
