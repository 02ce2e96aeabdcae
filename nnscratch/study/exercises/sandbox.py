"""Calls a function of the reader's file in another process, within limits of time and memory, and reads what came."""

from __future__ import annotations

import base64
import json
import math
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import DataError, is_whole
from nnscratch.files.atomic import check_regular

MEMORY = 2 << 30  # bytes, of addresses
GRACE = 10.0  # seconds for Python to start and to end, beyond the reader's
LONGEST_FILE = 1_000_000  # bytes of a Python file
LONGEST = 1000  # characters of a sentence
STATUSES = ("error", "syntax error", "no function", "not written", "ended", "memory")
LONGEST_REPORT = 64 << 20  # bytes of what came back
LONGEST_TRACE = 1 << 16  # bytes of the end of what was written to stderr
MOST_VALUES = 20  # of one call, of which the arrays come back
DTYPES = {str(order): order for code in "?bhilqBHILQefdg" for order in (np.dtype(code), np.dtype(code).newbyteorder())}
CHILD = Path(__file__).with_name("child.py")
NUMPY = Path(np.__file__).parent
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB")}
TO_START = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")  # what Python may need of the environment


@dataclass(frozen=True)
class Limits:
    """What the file may have. ``stranger``: it is none of one's own, and is shut in besides (see fence.py)."""

    seconds: float = 10.0  # for all calls
    memory: int = MEMORY
    stranger: bool = False
    beside: tuple[Path, ...] = ()  # a stranger's other files, which this one may import


@dataclass(frozen=True)
class Value:
    """Something that was returned. ``array``: its numbers, of a list too; None where there are none, or too many."""

    type: str
    shape: tuple[int, ...] = ()
    dtype: str = ""
    array: Array | None = None


@dataclass(frozen=True)
class Call:
    """What came of one call. ``count``: how many values were returned, None for a single one."""

    failure: str | None = None
    count: int | None = None
    values: tuple[Value, ...] = ()
    changed: tuple[int, ...] = ()
    status: str = ""


@dataclass
class Report:
    """What came of all calls; ``failure``: why there were none, or no more; ``status``: the same in a word or two.

    ``beyond``: what was out of the file's reach, of "network", "processes" and "files".
    """

    failure: str | None = None
    calls: list[Call] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    status: str = ""
    seconds: float = 0.0
    beyond: tuple[str, ...] = ()


def call_all(
    file: Path,
    name: str,
    calls: list[tuple[Any, ...]],
    limits: Limits,
    stop: threading.Event | None = None,
    longest: int = LONGEST_REPORT,
    parameters: tuple[str, ...] = (),
) -> Report:
    """Call the function ``name`` of ``file`` with each of the argument tuples, within the limits, or until ``stop``.

    ``parameters`` are the names in the task: that a function has them in another order is noted.
    What comes back may have ``longest`` bytes: to read it takes 30 times the memory. Raises DataError when
    the file cannot be read.
    """
    source = read_source(file)
    with TemporaryDirectory(prefix="exercise-") as folder, TemporaryFile() as output, TemporaryFile() as trace:
        path = Path(folder).resolve() / file.name if limits.stranger else file.absolute()
        task = {**vars(limits), "file": str(path), "name": name, "calls": calls}
        task["parameters"] = parameters or ("",) * len(calls[0])
        task["beside"] = {each.name: read_source(each) for each in limits.beside} | {file.name: source}
        task["readable"] = [str(NUMPY), str(NUMPY.with_name("numpy.libs"))]
        place = Path(folder).resolve() / "task.pickle"
        place.write_bytes(pickle.dumps(task))
        begun = time.monotonic()
        code = _run(place, limits, output, trace, stop or threading.Event())
        last, taken = _end_of(trace, LONGEST_TRACE), time.monotonic() - begun
        with suppress(ValueError):  # said by the process that waited, after all others had ended
            said = float(last.rsplit("\n", 1)[-1])
            taken = said if 0 <= said < taken else taken
        if code == 0 and os.fstat(output.fileno()).st_size > longest:
            report = Report(f"{name} returned far larger arrays than are wanted", status="wrong")
        elif code == 0:
            report = _read(_end_of(output, longest), calls)
        elif code is None or taken >= limits.seconds or "Timeout (" in last:
            report = Report(_too_slow(path, name, last, limits), status="timed out")
        else:
            report = Report(_why(file, name, code), status="crashed" if code < 0 or code > 128 else "ended")
    report.seconds = taken
    return report


def read_source(file: Path) -> bytes:
    """Return what is in a Python file. Raises DataError when it cannot be read, or is far too large for one."""
    check_regular(file)
    if not file.is_file():
        raise DataError(f"{file} is no file: give the Python file in which your function is")
    try:
        if file.stat().st_size > LONGEST_FILE:
            raise DataError(f"{file} has more than {LONGEST_FILE:,} bytes: give a Python file")
        return file.read_bytes()
    except OSError:
        raise DataError(f"{file} cannot be read: check its permissions") from None


def _run(task: Path, limits: Limits, output: IO[bytes], trace: IO[bytes], stop: threading.Event) -> int | None:
    """Return the exit code of the process, None when it took too long. No process is left, even by Ctrl-C."""
    paths = [str(NUMPY.parent), "" if limits.stranger else os.environ.get("PYTHONPATH", "")]
    kept = {name: os.environ[name] for name in TO_START if name in os.environ} if limits.stranger else os.environ
    process = subprocess.Popen(
        [sys.executable, "-P", CHILD, task],
        stdin=subprocess.PIPE,  # held open: its end tells the process that this one is gone
        stdout=output,
        stderr=trace,
        start_new_session=True,
        cwd=task.parent if limits.stranger else None,
        env={**kept, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )
    end = time.monotonic() + limits.seconds + GRACE
    try:
        while time.monotonic() < end and not stop.is_set():
            with suppress(subprocess.TimeoutExpired):
                return process.wait(0.1)
        return None
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it started."""
    assert process.stdin is not None
    process.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(5)
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _end_of(file: IO[bytes], most: int) -> str:
    """Return what a process has written last, which may be anything."""
    file.seek(max(0, os.fstat(file.fileno()).st_size - most))
    return file.read(most).decode("utf-8", "replace")


def _too_slow(file: Path, name: str, trace: str, limits: Limits) -> str:
    written = re.escape(str(file).encode("ascii", "backslashreplace").decode())
    line = re.search(rf'File "{written}", line (\d+)', trace)
    where = f", in line {line[1]}" if line else ""
    return f"{name} was not done after {limits.seconds:g} seconds, and was stopped{where}: a loop may never end"


def _why(file: Path, name: str, code: int) -> str:
    """Return why there is no report."""
    number = -code if code < 0 else code - 128
    if number in set(signal.Signals):
        return f"{file.name} crashed Python (signal {signal.Signals(number).name})"
    return f"{file.name} ended Python (exit code {code}) before {name} had returned"


def _read(text: str, given: list[tuple[Any, ...]]) -> Report:
    """Return what the process has written about calls with these arguments; a stranger's file may write anything."""
    try:
        record = json.loads(text)
        calls = [_call(each, range(len(given[0]))) for each in record["calls"]]
        notes = [str(note)[:LONGEST] for note in record["warnings"][:3]]
        if characters := _size(record["characters"]):
            beginning = " ".join(record["printed"][:LONGEST].split())
            more = " ..." if characters > len(record["printed"]) else ""
            notes.append(f"it printed {characters} characters, which count for nothing: {beginning}{more}")
        failure, beyond = record["failure"] and str(record["failure"])[:LONGEST], tuple(map(str, record["beyond"]))
        if not failure and len(calls) != len(given):
            raise ValueError(len(calls))
        return Report(failure or None, calls, notes, _status(record) if failure else "", beyond=beyond)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, MemoryError):
        return Report("the file ended Python before its function had returned", status="ended")


def _status(record: dict[str, Any]) -> str:
    return next((each for each in STATUSES if each == record["status"]), "error")


def _size(value: object) -> int:
    """Return a number of things. Raises ValueError for what is none."""
    if not is_whole(value, 0, 1 << 62):
        raise ValueError(value)
    return int(value)  # type: ignore[call-overload,no-any-return]


def _call(record: dict[str, Any], places: range) -> Call:
    if "failure" in record:
        return Call(failure=str(record["failure"])[:LONGEST], status=_status(record))
    count = None if record["count"] is None else _size(record["count"])
    if len(record["values"]) != min(1 if count is None else count, MOST_VALUES):
        raise ValueError(count)
    return Call(None, count, tuple(map(_value, record["values"])), tuple(k for k in places if k in record["changed"]))


def _value(record: dict[str, Any]) -> Value:
    kind = str(record["type"])[:LONGEST]
    if kind != "array" and "shape" not in record:  # a list of numbers comes as an array, too
        return Value(kind)
    shape, array, dtype = tuple(map(_size, record["shape"])), None, DTYPES[record["dtype"]]
    if len(shape) > 64:
        raise ValueError(len(shape))
    if record["data"] is not None:
        array = np.frombuffer(base64.b64decode(record["data"]), dtype)
        if array.size != math.prod(shape):
            raise ValueError(shape)
        array = array.reshape(shape)
    return Value(kind, shape, str(dtype), array)
