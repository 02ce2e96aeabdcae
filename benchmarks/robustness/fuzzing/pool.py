"""Processes that try cases, and who watches them: a case that hangs, eats memory or ends its process is found out."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import time
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from benchmarks.robustness.fuzzing.guard import LONGEST, Outcome, forget_peak, megabytes, quiet_streams, tried
from benchmarks.robustness.fuzzing.targets import TARGETS

LONGEST_WALL = 60.0  # seconds: the machine may be busy with something else
MOST_ALIVE = 3000  # MB: who needs more is ended at once
ADDRESS_SPACE = 16 << 30  # bytes

Case = tuple[str, int]


def work(pipe: Connection, seed: int, room: Path) -> None:
    """Try the cases that come by the pipe, until None comes."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with (room / f"stderr{os.getpid()}").open("wb") as file:
        os.dup2(file.fileno(), 2)  # what libraries in C print
    while (case := pipe.recv()) is not None:
        pipe.send(tried(case[0], TARGETS[case[0]][0], case[1], seed, room))


class Worker:
    """A forked process, so that nothing is imported twice, with the case that it is at."""

    def __init__(self, seed: int, room: Path) -> None:
        context = get_context("fork")
        self.pipe, theirs = context.Pipe()
        self.process: Any = context.Process(target=work, args=(theirs, seed, room), daemon=True)
        self.process.start()
        theirs.close()
        self.case: Case | None = None
        self.began = self.processor = 0.0

    def give(self, case: Case | None) -> None:
        """Begin a case; None: end."""
        self.case, self.began, self.processor = case, time.monotonic(), self.seconds()
        with contextlib.suppress(OSError):
            self.pipe.send(case)

    def seconds(self) -> float:
        """Return the processor seconds that the process has used."""
        with contextlib.suppress(OSError):
            told = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")
        return 0.0

    def overdue(self) -> str | None:
        """Return why the process must be ended."""
        used = self.seconds() - self.processor
        if used > 3 * LONGEST:
            return f"hangs: ended after {used:.1f} s of the processor"
        if time.monotonic() - self.began > LONGEST_WALL:
            return f"hangs: ended after {time.monotonic() - self.began:.0f} s"
        alive = megabytes("VmRSS", self.process.pid)
        return f"needed {alive} MB: ended" if alive > MOST_ALIVE else None

    def end(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


def all_tried(cases: list[Case], seed: int, room: Path, count: int) -> Iterator[Outcome]:
    """Yield the outcome of every case, as they come."""
    room.mkdir(parents=True, exist_ok=True)
    todo, workers = iter(cases), [Worker(seed, room) for _ in range(count)]
    try:
        for worker in workers:
            worker.give(next(todo, None))
        while any(worker.case for worker in workers):
            ready = wait([worker.pipe for worker in workers if worker.case], timeout=0.1)
            for place, worker in enumerate(workers):
                if worker.case is None:
                    continue
                why = None
                if worker.pipe in ready:
                    try:
                        yield worker.pipe.recv()
                        worker.give(next(todo, None))
                        continue
                    except (EOFError, OSError):
                        worker.process.join()
                        why = f"ended its process ({worker.process.exitcode})"
                why = why or worker.overdue()
                if why is not None:
                    yield Outcome(*worker.case, False, "", [why], worker.seconds() - worker.processor, 0)
                    worker.end()
                    workers[place] = Worker(seed, room)
                    workers[place].give(next(todo, None))
    finally:
        for worker in workers:
            worker.end()


def warm() -> None:
    """Import and read, before anything is forked, what cases would wait for."""
    import matplotlib.pyplot

    from nnscratch.cli.commands import evaluate, export, predict, runs, sweep, train
    from nnscratch.pages import plots

    assert matplotlib.pyplot and plots and (evaluate, export, predict, runs, sweep, train)
    forget_peak()
    with quiet_streams():
        for name, (target, _) in TARGETS.items():
            if name != "sockets":
                room = Path.cwd() / "warm"
                for number in range(3):
                    tried(name, target, number, 0, room)
