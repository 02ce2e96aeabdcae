"""Calls a function of the reader's file in another process, within limits of time and memory, and reads what came."""

from __future__ import annotations

import json
import os
import pickle
import re
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import DataError
from nnscratch.files.atomic import check_regular

MEMORY = 2 << 30  # bytes, of addresses
GRACE = 3.0  # seconds for Python to start, beyond the reader's
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB")}


@dataclass(frozen=True)
class Value:
    """Something that was returned. ``array`` is None for what holds no numbers, or too many."""

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


@dataclass
class Report:
    """What came of all calls; ``failure``: why there were none, or no more."""

    failure: str | None = None
    calls: list[Call] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def call_all(file: Path, name: str, calls: list[tuple[Any, ...]], seconds: float) -> Report:
    """Call the function ``name`` of ``file`` with each of the argument tuples, for at most so many seconds.

    Raises DataError when the file cannot be read.
    """
    check_regular(file)
    if not file.is_file():
        raise DataError(f"{file} is no file: give the Python file in which your function is")
    if not os.access(file, os.R_OK):
        raise DataError(f"{file} cannot be read: check its permissions")
    with TemporaryDirectory(prefix="exercise-") as folder:
        (Path(folder) / "calls.pickle").write_bytes(pickle.dumps(calls))
        code = _run(file.absolute(), name, Path(folder), seconds)
        return _read(Path(folder)) if code == 0 else Report(_why(file.absolute(), name, Path(folder), code, seconds))


def _run(file: Path, name: str, folder: Path, seconds: float) -> int | None:
    """Return the exit code of the process, None when it took too long. No process is left, even by Ctrl-C."""
    child = Path(__file__).with_name("child.py")
    paths = [str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")]
    process = subprocess.Popen(
        [sys.executable, "-P", child, file, name, folder / "calls.pickle", folder, str(seconds), str(MEMORY)],
        stdin=subprocess.PIPE,  # held open: its end tells the process that this one is gone
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )
    try:
        return process.wait(seconds + GRACE)
    except subprocess.TimeoutExpired:
        return None
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it started."""
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.communicate()


def _why(file: Path, name: str, folder: Path, code: int | None, seconds: float) -> str:
    """Return why there is no report."""
    stuck = folder / "stuck.txt"
    trace = stuck.read_text("utf-8", "replace") if stuck.exists() else ""
    if code is None or trace:
        written = re.escape(str(file).encode("ascii", "backslashreplace").decode())
        line = re.search(rf'File "{written}", line (\d+)', trace)
        where = f", in line {line[1]}" if line else ""
        return f"{name} was not done after {seconds:g} seconds, and was stopped{where}: does a loop never end?"
    if code < 0:
        return f"{file.name} crashed Python (signal {signal.Signals(-code).name})"
    return f"{file.name} ended Python (exit code {code}) before {name} had returned"


def _read(folder: Path) -> Report:
    """Return what the process has written."""
    try:
        record = json.loads((folder / "report.json").read_text("utf-8"))
        with np.load(folder / "arrays.npz", allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
    except (OSError, ValueError):
        return Report("the file ended Python before its function had returned")
    report = Report(record["failure"], [_call(each, arrays) for each in record["calls"]], record["warnings"][:3])
    if record["characters"]:
        beginning = " ".join(record["printed"].split())
        more = " ..." if record["characters"] > len(record["printed"]) else ""
        report.notes.append(f"it printed {record['characters']} characters, which count for nothing: {beginning}{more}")
    return report


def _call(record: dict[str, Any], arrays: dict[str, Array]) -> Call:
    if "failure" in record:
        return Call(failure=record["failure"])
    values = (
        Value("array", tuple(each["shape"]), each["dtype"], arrays.get(each["key"]))
        if "key" in each
        else Value(each["type"])
        for each in record["values"]
    )
    return Call(None, record["count"], tuple(values), tuple(record["changed"]))
