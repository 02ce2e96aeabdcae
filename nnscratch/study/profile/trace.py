"""When each piece of work of a training step began and ended, and on which thread.

What is recorded (``ops/replay.py``) is played with a look at the clock before and after each kernel. What cannot be,
such as a layer of somebody's own, or all of a step without compiled kernels, is done in Python as ever, and the clock
is read at its marks (``training/step.py``), where another layer begins.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
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


def gradient_pieces(replay: Replay) -> list[Piece]:
    """Return the pieces of a recorded gradient: one for each call of a kernel."""
    found: list[Piece] = []
    now = dict.fromkeys(range(max(map(len, replay.phases))), IMAGES)  # of each shard: a tape goes on where it met
    for phase in replay.phases:
        for shard, tape in enumerate(phase):
            begins = dict(tape.marks)
            for place, (kernel, _) in enumerate(tape.calls):
                now[shard] = begins.pop(place, now[shard])
                found.append(Piece(now[shard], name_of(kernel)))
            now[shard] = [now[shard], *begins.values()][-1]  # marks after the last call
    return found


def update_pieces(replay: Replay) -> list[Piece]:
    """Return the pieces of a recorded update."""
    calls = [call for phase in replay.phases for tape in phase for call in tape.calls]
    return [Piece(UPDATE, name_of(kernel)) for kernel, _ in calls]


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

Seen = tuple[Piece, int, float, float]  # what was done, by which thread, from when to when


class ClockedTeam:
    """A team whose work is noted in ``seen``: when it begins, reaches a mark, and ends."""

    def __init__(self, team: Team, label: Label, seen: list[Seen]) -> None:
        self.team, self.size, self.label, self.seen = team, team.size, label, seen
        self.last: dict[int, Label] = {}  # of each item, what it was at when it ended: it goes on there

    def map(
        self, function: Callable[[Any], Any], items: Sequence[Any], give_up: Callable[[], None] = lambda: None
    ) -> list[Any]:
        """Return [function(item), ...] in order."""
        noted: list[list[Seen]] = [[] for _ in items]

        def timed(place: int) -> Any:
            label, start = self.last.get(place, self.label), time.perf_counter()

            def note(part: str, direction: str) -> None:
                nonlocal label, start
                self.last[place], now = label, time.perf_counter()
                noted[place].append((Piece(label), threading.get_ident(), start, now))
                label, start = (part, direction), now

            marks.note = note
            try:
                return function(items[place])
            finally:
                note("", "")
                marks.note = None

        results = self.team.map(timed, range(len(items)), give_up)
        self.seen += [found for of_item in noted for found in of_item]
        return results


class TracedProgram:
    """A program whose calls are noted in ``seen`` as it is played; its last one ends when all has ended."""

    def __init__(self, program: Any, pieces: list[Piece], team: Team, seen: list[Seen]) -> None:
        self.program, self.pieces, self.team, self.seen = program, pieces, team, seen
        self.set = program.set

    def play(self, team: Any) -> None:
        """Play a step, on a team that notes nothing."""
        (threads,), (spans,) = self.program.trace(self.team)
        spans += time.perf_counter() - spans.max(initial=0)
        self.seen += zip(self.pieces, threads.tolist(), *spans.T.tolist(), strict=True)


def clocked(trainer: Trainer, batch: Array, steps: int, size: int) -> Trace:
    """Do steps of a batch, indices (n,), on ``size`` threads. Of these, the gradient or the update may be recorded."""
    shards, state, team = trainer.shards, trainer.state, Team(size)
    gradients, update = shards.gradients, shards.blocks.update
    seen: list[list[Seen]] = []
    bounds = []
    with ExitStack() as undone:
        undone.callback(team.close)
        for owner in (shards, gradients):
            undone.callback(setattr, owner, "team", owner.team)
        for replay in (gradients.replay, update.replay):
            if replay is not None:
                undone.callback(setattr, replay, "program", replay.program)
        for _ in range(steps):
            seen.append([])
            for replay, pieces in ((gradients.replay, gradient_pieces), (update.replay, update_pieces)):
                if replay is not None and replay.trusted:
                    program = getattr(replay.program, "program", replay.program)
                    replay.program = TracedProgram(program, pieces(replay), team, seen[-1])
            gradients.team = ClockedTeam(team, IMAGES, seen[-1])  # type: ignore[assignment]
            shards.team = ClockedTeam(team, UPDATE, seen[-1])  # type: ignore[assignment]
            start = time.perf_counter()
            shards.gradient(trainer.images, trainer.labels, batch, epoch=state.epoch, step=state.step)
            shards.update(trainer.learning_rate, state.step + 1, state.vectors.get("average"))
            bounds.append((start, time.perf_counter()))
    threads = np.array([list(numbered(step)) for step in seen])
    spans = np.array([[found[2:] for found in step] for step in seen])
    return Trace([piece for piece, *_ in seen[0]], threads, spans, np.array(bounds))


def numbered(step: Sequence[Seen]) -> Iterator[int]:
    """Yield the thread of each piece, counted from 0, which is the one that calls; programs count so already."""
    known = {threading.get_ident(): 0}
    for piece, thread, *_ in step:
        yield thread if piece.kernel else known.setdefault(thread, len(known))
