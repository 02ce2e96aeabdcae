"""A run of kernels, recorded once and played again on the same arrays in one call, without the interpreter between.

Between two kernels Python spends a few microseconds, in which it holds the lock that the other threads wait for; and
to wake another thread takes the system some fifty. A step of LeNet-5 is six dozen kernels of ten microseconds. So a
tape holds for each call the address of the machine code and those of the arrays; a *program* is tapes that threads play
side by side, phase after phase, and many steps in one call. Between two phases the threads meet in compiled code.
"""

import ctypes
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numba
import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.compiled.jit import CACHED, Recorded, atomic_add, atomic_load, call, recorder
from nnscratch.ops.replay import marks

MOST_ARRAYS = 8
PATIENCE = 20_000  # looks at whether the others have come, some 20 microseconds, before the core is offered to them
COUNT, ROUND = 0, 8  # places in an array of int64 that the threads meet at, in cache lines of their own
GIVEN_UP = -(2**62)  # a round: somebody will never come


class Tape:
    """Recorded calls of kernels; they keep their arrays, so what is put into those is what a program works on."""

    def __init__(self, recorded: Recorded) -> None:
        self.calls, self.constants, self.settings = recorded.calls, recorded.constants, recorded.settings
        self.marks = recorded.marks
        for _, arrays in self.calls:
            if len(arrays) > MOST_ARRAYS:
                raise ValueError(f"a kernel of {len(arrays)} arrays cannot be recorded: at most {MOST_ARRAYS}")

    def poison(self, keep: Sequence[Array]) -> list[tuple[Array, Array]]:
        """Fill every array but constants and those in ``keep`` with what no kernel would make.

        Returns these arrays, and what was in each.
        """
        poisoned = []
        for array in (array for _, arrays in self.calls for array in arrays):
            if not any(np.may_share_memory(array, kept) for kept in (*keep, *self.constants)):
                poisoned.append((array, array.copy()))
                array[...] = np.nan if array.dtype.kind == "f" else -1
        return poisoned


class Program:
    """Phases of tapes, to be played for up to ``steps`` steps, one after the other.

    ``varying`` are pairs of an array that was recorded and one that has, along its first axis, that of each step.
    """

    def __init__(
        self, phases: Sequence[Sequence[Tape]], varying: Sequence[tuple[Array, Array]] = (), steps: int = 1
    ) -> None:
        tapes = [tape for phase in phases for tape in phase]
        self.width = max(map(len, phases), default=0)  # threads that can play at the same time
        self.settings: list[tuple[Array, dict[str, int]]] = []
        replaced = [(array, of_steps) for array, of_steps in varying if array.nbytes]
        for array, of_step in (found for tape in tapes for found in tape.settings if found[1]):
            self.settings.append((np.tile(array, (steps, 1)), of_step))
            replaced.append((array, self.settings[-1][0]))
        self.kept = tapes, replaced  # the table has no more than addresses
        self.table = np.zeros((sum(len(tape.calls) for tape in tapes), 2 + 2 * MOST_ARRAYS), np.int64)
        calls = (found for tape in tapes for found in tape.calls)
        for row, (kernel, arrays) in zip(self.table, calls, strict=True):
            row[:2] = kernel.code(arrays), len(arrays)
            for k, array in enumerate(arrays):
                row[2 + k], row[2 + MOST_ARRAYS + k] = _place(array, replaced)
        self.tasks = np.cumsum([0, *(len(tape.calls) for tape in tapes)])  # where the calls of each tape begin
        self.phases = np.cumsum([0, *map(len, phases)])
        self.meeting = np.zeros(16, np.int64)

    def set(self, values: Mapping[str, Sequence[float]]) -> None:
        """Give the settings of the steps from the first on: a number for each, by name."""
        for of_steps, places in self.settings:
            for name, place in places.items():
                of_steps[: len(values[name]), place] = values[name]

    def play(self, team: Any, steps: int = 1) -> None:
        """Play the first ``steps`` steps on the threads of a team, as many of them as have something to do."""
        threads = max(min(self.width, team.size), 1)

        def part(thread: int) -> None:
            _play(self.table, self.tasks, self.phases, steps, thread, threads, self.meeting, OFFER)

        self._on(team, part, threads)

    def _on(self, team: Any, part: Callable[[int], None], threads: int) -> None:
        """Do each thread's part. One that never begins, as Ctrl-C came before, must not be waited for."""
        self.meeting[:] = 0

        def give_up() -> None:
            self.meeting[ROUND] = GIVEN_UP

        team.map(part, range(threads), give_up)

    def trace(self, team: Any, steps: int = 1) -> tuple[Array, Array]:
        """Play like :meth:`play`, with a look at the clock before and after each call.

        Returns the thread of each, and when it began and ended in seconds: (steps, calls) and (steps, calls, 2).
        """
        threads = max(min(self.width, team.size), 1)
        seen = np.zeros((steps, len(self.table), 3), np.int64)

        def part(thread: int) -> None:
            now = np.zeros(2, np.int64)
            which = now.ctypes.data if os.name == "nt" else time.CLOCK_MONOTONIC
            shared = self.table, self.tasks, self.phases, steps, thread, threads, self.meeting, OFFER
            _trace(*shared, seen, CLOCK, which, now, UNIT)

        self._on(team, part, threads)
        return seen[..., 0], (seen[..., 1:] - seen[..., 1].min(initial=2**62)) / 1e9


def _place(array: Array, replaced: Sequence[tuple[Array, Array]]) -> tuple[int, int]:
    """Return the address of the array, or of what replaces it in the first step, and the bytes from step to step."""
    address = array.ctypes.data
    for old, new in replaced:
        offset = address - old.ctypes.data
        if 0 <= offset < old.nbytes:
            return new.ctypes.data + offset, new.strides[0]
    return address, 0


@contextmanager
def recording() -> Iterator[Recorded]:
    """Within the block, note the kernels that this thread calls."""
    found = recorder.into = Recorded()
    marks.note = found.mark
    try:
        yield found
    finally:
        recorder.into = marks.note = None


def _offer() -> int:
    """Return the address of the system's function that lets another thread have the core."""
    if os.name == "nt":
        return ctypes.cast(ctypes.windll.kernel32.SwitchToThread, ctypes.c_void_p).value or 0  # type: ignore[attr-defined]
    return ctypes.cast(ctypes.CDLL(None).sched_yield, ctypes.c_void_p).value or 0


def _clock() -> tuple[int, int]:
    """Return the address of the system's function for the time, and how many nanoseconds its first number counts."""
    if os.name == "nt":
        windows = ctypes.windll.kernel32  # type: ignore[attr-defined]
        frequency = ctypes.c_int64()
        windows.QueryPerformanceFrequency(ctypes.byref(frequency))
        address = ctypes.cast(windows.QueryPerformanceCounter, ctypes.c_void_p)
        return address.value or 0, 1_000_000_000 // frequency.value
    return ctypes.cast(ctypes.CDLL(None).clock_gettime, ctypes.c_void_p).value or 0, 1_000_000_000


OFFER = _offer()
CLOCK, UNIT = _clock()


@numba.njit(nogil=True, cache=CACHED)
def _play(table: Any, tasks: Any, phases: Any, steps: int, thread: int, threads: int, meeting: Any, offer: int) -> None:
    for step in range(steps):
        for phase in range(len(phases) - 1):
            for task in range(phases[phase] + thread, phases[phase + 1], threads):
                for k in range(tasks[task], tasks[task + 1]):
                    _play_call(table, k, step)
            if threads > 1 and not _meet(meeting, threads, offer):
                return


@numba.njit(nogil=True, cache=CACHED)
def _trace(
    table: Any,
    tasks: Any,
    phases: Any,
    steps: int,
    thread: int,
    threads: int,
    meeting: Any,
    offer: int,
    seen: Any,
    clock: int,
    which: int,
    now: Any,
    unit: int,
) -> None:
    """Do what ``_play`` does, and note in ``seen`` (steps, calls, 3) the thread of each call, its begin and end."""
    for step in range(steps):
        for phase in range(len(phases) - 1):
            call(clock, (which, now))
            then = now[0] * unit + now[1]
            for task in range(phases[phase] + thread, phases[phase + 1], threads):
                for k in range(tasks[task], tasks[task + 1]):
                    _play_call(table, k, step)
                    call(clock, (which, now))
                    seen[step, k, 0], seen[step, k, 1] = thread, then
                    then = now[0] * unit + now[1]
                    seen[step, k, 2] = then
            if threads > 1 and not _meet(meeting, threads, offer):
                return


@numba.njit(nogil=True, cache=CACHED)
def _play_call(table: Any, k: int, step: int) -> None:
    code, count = table[k, 0], table[k, 1]
    a, b = table[k, 2] + step * table[k, 10], table[k, 3] + step * table[k, 11]
    c, d = table[k, 4] + step * table[k, 12], table[k, 5] + step * table[k, 13]
    e, f = table[k, 6] + step * table[k, 14], table[k, 7] + step * table[k, 15]
    if count <= 2:
        call(code, (a, b))
    elif count == 3:
        call(code, (a, b, c))
    elif count == 4:
        call(code, (a, b, c, d))
    elif count == 5:
        call(code, (a, b, c, d, e))
    elif count == 6:
        call(code, (a, b, c, d, e, f))
    else:
        g, h = table[k, 8] + step * table[k, 16], table[k, 9] + step * table[k, 17]
        call(code, (a, b, c, d, e, f, g, h))


@numba.njit(nogil=True, cache=CACHED)
def _meet(meeting: Any, threads: int, offer: int) -> bool:
    """Return when all threads have come here: the last one opens the next round. False: one will never come."""
    now = atomic_load(meeting, ROUND)
    if atomic_add(meeting, COUNT, 1) == threads - 1:
        atomic_add(meeting, COUNT, -threads)
        atomic_add(meeting, ROUND, 1)
        return True
    looks = 0
    while now >= 0 and atomic_load(meeting, ROUND) == now:
        looks += 1
        if looks > PATIENCE:
            call(offer, ())
    return bool(atomic_load(meeting, ROUND) >= 0)
