"""Frameworks in processes of their own, which take turns: what benchmarks against others share.

``frameworks/protocol.py`` is the other side of the conversation. Whoever is not measured is stopped (SIGSTOP), because
idle pools of threads may spin; on Windows, which has no such signal, they wait for their next line.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import harness
from benchmarks.peers import peers

SCRIPTS = "benchmarks.peers.frameworks"
TIMEOUT = 300  # seconds until a framework that says nothing is given up
SETTLE = 0.5  # seconds from waking to working: all threads wake at once, and TensorFlow's first epoch would suffer
SLOW = 15  # seconds: whoever takes longer for a turn gets no other
PATIENCE = 60  # seconds: nor whoever takes longer to set up
POOLS = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS"),
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "NPROC"),  # TensorFlow's, and XLA's for JAX
)


@dataclass(frozen=True)
class Framework:
    """A framework in one of its modes: its name, the peer that it needs ("": none), its script and arguments.

    ``images`` is how many an epoch has, 0: all that the model has.
    """

    name: str
    mode: str
    peer: str
    script: str
    model: str
    batch: int
    threads: int
    images: int = 0

    @property
    def title(self) -> str:
        """The name for messages."""
        return f"{self.model}, batch {self.batch}: {self.name}, {self.mode}"

    def to_dict(self) -> dict[str, Any]:
        """Return what a row of results says of it."""
        names = {"model": self.model, "contender": self.name, "mode": self.mode}
        return {**names, "batch": self.batch, "threads": self.threads}

    def command(self) -> list[str]:
        """Return the command line. Raises LookupError when the peer is not installed."""
        python = peers.python_of(self.peer) if self.peer else Path(sys.executable)
        if python is None:
            raise LookupError(peers.skipped(self.peer))
        flags = {"model": self.model, "mode": self.mode, "batch": self.batch}
        flags |= {"threads": self.threads, "images": self.images}
        return [str(python), "-m", f"{SCRIPTS}.{self.script}", *(f"--{flag}={value}" for flag, value in flags.items())]


class Failure(Exception):
    """A framework does not run; the message says why."""


@dataclass
class Running:
    """A framework's process, stopped except during its turns, and all that it has told."""

    framework: Framework
    process: subprocess.Popen[str]
    errors: Any  # the file that takes its stderr
    ready: dict[str, Any] = field(default_factory=dict)
    turns: list[dict[str, Any]] = field(default_factory=list)
    lines: queue.Queue[str] = field(default_factory=queue.Queue)

    def start(self) -> None:
        """Wait until it has warmed up. Raises Failure."""
        threading.Thread(target=self._read, daemon=True).start()
        begin = time.perf_counter()
        self.ready = self._answer()
        self.ready["setup_seconds"] = time.perf_counter() - begin
        self._pause()

    def turn(self) -> None:
        """Let it run once. Raises Failure."""
        if hasattr(signal, "SIGCONT"):
            self.process.send_signal(signal.SIGCONT)
            time.sleep(SETTLE)
        assert self.process.stdin is not None
        with suppress(OSError):  # it has died; the wait for an answer will say of what
            self.process.stdin.write("go\n")
            self.process.stdin.flush()
        self.turns.append(self._answer())
        self._pause()

    def end(self) -> None:
        """Kill it, stopped or not, with what it may have started."""
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.kill()
        self.process.wait()
        self.errors.close()

    def _pause(self) -> None:
        if hasattr(signal, "SIGSTOP"):
            self.process.send_signal(signal.SIGSTOP)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):  # frameworks print, too
                self.lines.put(line)
        self.lines.put("")

    def _answer(self) -> dict[str, Any]:
        try:
            line = self.lines.get(timeout=TIMEOUT)
        except queue.Empty:
            raise Failure(f"no answer in {TIMEOUT} s") from None
        if not line:
            self.process.wait()
            self.errors.seek(0)
            said = self.errors.read().strip().splitlines()
            raise Failure(said[-1] if said else f"ended with exit code {self.process.returncode}")
        return dict(json.loads(line))


def take_turns(frameworks: Sequence[Framework], rounds: int) -> tuple[list[Running], list[str]]:
    """Start all, and let each run once in each round. Return those that ran, and what is to say of the others."""
    running: list[Running] = []
    skipped: list[str] = []
    with children() as started:
        for framework in frameworks:
            try:
                running.append(start(framework, started))
            except LookupError as error:
                skipped.append(str(error))
            except Failure as error:
                skipped.append(f"{framework.title}: {error}")
        for _ in range(rounds):
            for one in list(running):
                if one.turns and (one.turns[-1]["seconds"] > SLOW or one.ready["setup_seconds"] > PATIENCE):
                    continue
                try:
                    one.turn()
                except Failure as error:
                    skipped.append(f"{one.framework.title}: {error}")
                    running.remove(one)
    return running, list(dict.fromkeys(skipped))


@contextmanager
def children() -> Iterator[list[Running]]:
    """Within the block, a list for processes; all of them are killed at its end, whatever ends it."""
    started: list[Running] = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a killed benchmark cleans up, too
    try:
        yield started
    finally:
        for one in started:
            one.end()


def start(framework: Framework, started: list[Running]) -> Running:
    """Start a framework, note it in ``started``, and wait until it is ready. Raises LookupError, Failure."""
    command = framework.command()
    print(f"starting {framework.title}", file=sys.stderr)
    errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115, Running.end closes it
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        env=environment(framework.threads),
        process_group=0,  # Ctrl-C is for the benchmark, which kills its children
    )
    one = Running(framework, process, errors)
    started.append(one)
    if hasattr(os, "sched_setaffinity"):  # pools are made as large as the cores that are allowed
        os.sched_setaffinity(process.pid, sorted(os.sched_getaffinity(0))[: framework.threads])
    one.start()
    return one


def environment(threads: int) -> dict[str, str]:
    """Return the environment of a framework: nnscratch within reach, pools of so many threads, no chatter."""
    pools = {name: str(threads) for name in POOLS}
    return {**os.environ, **pools, "PYTHONPATH": str(harness.ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"}
