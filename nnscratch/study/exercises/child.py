"""Runs the reader's file, in a process of its own that imports nothing of the library.

    python -P child.py FILE NAME CALLS FOLDER SECONDS BYTES

CALLS is a pickle of a list of argument tuples. What came of calling the function NAME of FILE with each is written to
FOLDER: report.json, and the returned arrays in arrays.npz. Whatever the file does (raise, exit, print, loop, ask for
all memory, change its arguments) becomes a sentence in the report, or ends this process alone.
"""

from __future__ import annotations

import copy
import difflib
import faulthandler
import inspect
import io
import json
import os
import pickle
import sys
import threading
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

LARGEST = 1_000_000  # numbers of an array that is handed over; of a larger one only the shape is
KEPT = 200  # characters of what was printed
LONGEST = 300  # characters of an error's message


class Printed(io.TextIOBase):
    """Takes what is printed, and keeps its beginning."""

    def __init__(self) -> None:
        self.beginning, self.characters = "", 0

    def write(self, text: str) -> int:
        """Count, and keep the beginning."""
        self.beginning = (self.beginning + text[:KEPT])[:KEPT]
        self.characters += len(text)
        return len(text)


class Ended(Exception):
    """The file cannot be used; the message is a sentence for the reader."""


class Reader:
    """The reader's file, and the function in it."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name

    def function(self, arguments: int) -> Callable[..., Any]:
        """Run the file and return its function, which must take so many arguments. Raises Ended."""
        module = self._run()
        found = getattr(module, self.name, None)
        if found is None:
            own = [key for key, value in vars(module).items() if inspect.isfunction(value)]
            near = difflib.get_close_matches(self.name, own, 1)
            hint = f"; did you mean it by {near[0]}?" if near else ""
            raise Ended(f"{self.path.name} has no function {self.name}: define one of just that name{hint}")
        if not callable(found):
            raise Ended(f"{self.name} in {self.path.name} is no function, but of the type {type(found).__name__}")
        self._check_signature(found, arguments)
        return found  # type: ignore[no-any-return]

    def _run(self) -> types.ModuleType:
        module = types.ModuleType(self.path.stem)
        module.__file__ = str(self.path)
        sys.modules[self.path.stem] = module
        sys.path.insert(0, str(self.path.parent))
        try:
            exec(compile(self.path.read_bytes(), str(self.path), "exec"), module.__dict__)
        except SyntaxError as error:
            if error.filename != str(self.path):
                raise Ended(self.sentence(error)) from None
            raise Ended(f"{self.path.name} is not Python: {error.msg}, line {error.lineno}") from None
        except BaseException as error:
            raise Ended(self.sentence(error)) from None
        return module

    def _check_signature(self, function: Callable[..., Any], arguments: int) -> None:
        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError):  # not written in Python
            return
        try:
            signature.bind(*range(arguments))
        except TypeError:
            raise Ended(
                f"{self.name}{signature} does not take {arguments} arguments one after the other: the task says which"
            ) from None

    def sentence(self, error: BaseException) -> str:
        """Return what was raised, and in which line of the file."""
        if isinstance(error, SystemExit):
            return f"{self.path.name} ends Python by sys.exit{self._line(error)}: return a value instead"
        if isinstance(error, MemoryError):
            return f"there is not enough memory for what {self.path.name} asks for{self._line(error)}"
        if isinstance(error, NotImplementedError):
            return f"{self.name} is not written yet: NotImplementedError is raised{self._line(error)}"
        message = str(error)[:LONGEST].strip()
        return f"{type(error).__name__}{self._line(error)}{': ' if message else ''}{message}"

    def _line(self, error: BaseException) -> str:
        """Return " in line 3 (the code)" of the innermost line of the file that the error came through."""
        numbers = []
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == str(self.path):
                numbers.append(trace.tb_lineno)
            trace = trace.tb_next
        if not numbers:
            return ""
        lines = self.path.read_text("utf-8", "replace").splitlines()
        code = lines[numbers[-1] - 1].strip() if numbers[-1] <= len(lines) else ""
        return f" in line {numbers[-1]} ({code})"


def describe(value: Any, key: str, arrays: dict[str, Any]) -> dict[str, Any]:
    """Return what kind of thing was returned; put numbers into ``arrays`` under ``key``."""
    number = isinstance(value, (float, np.number)) or (isinstance(value, np.ndarray) and value.ndim == 0)
    if not number and not isinstance(value, np.ndarray):
        return {"type": type(value).__name__}
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        return {"type": f"array of {array.dtype}"}
    if array.size <= LARGEST:
        arrays[key] = array
    return {"key": key, "shape": array.shape, "dtype": str(array.dtype)}


def call(reader: Reader, function: Callable[..., Any], given: tuple[Any, ...], number: int, arrays: Any) -> Any:
    """Call the function; return what came of it: a failure's sentence, or the values and the changed arguments."""
    arguments = copy.deepcopy(given)
    try:
        result = function(*arguments)
    except Exception as error:
        return {"failure": reader.sentence(error)}
    except BaseException as error:
        raise Ended(reader.sentence(error)) from None
    several = isinstance(result, (tuple, list)) and any(isinstance(value, np.ndarray) for value in result)
    values = list(result) if several else [result]
    return {
        "count": len(values) if several else None,
        "values": [describe(value, f"{number}_{k}", arrays) for k, value in enumerate(values[:20])],
        "changed": [k for k, (a, b) in enumerate(zip(arguments, given, strict=True)) if changed(a, b)],
    }


def changed(after: Any, before: Any) -> bool:
    """Return whether an argument is another one now."""
    if isinstance(before, np.ndarray):
        return after.shape != before.shape or not np.array_equal(after, before, equal_nan=True)
    return bool(after != before)


def limit(seconds: float, size: int) -> None:
    """Hold this process to so much memory and time, where the system can, even when its parent is gone."""
    try:
        import resource
    except ImportError:
        return
    for what, most in ((resource.RLIMIT_AS, size), (resource.RLIMIT_CPU, int(seconds) + 5), (resource.RLIMIT_CORE, 0)):
        try:
            _, hard = resource.getrlimit(what)
            resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
        except (ValueError, OSError):
            continue


def end_with_parent() -> None:
    """Wait for the end of stdin, which the parent holds open, and end."""
    os.read(0, 1)
    os._exit(1)


def work(reader: Reader, calls: list[tuple[Any, ...]], report: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Fill the report and the arrays."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            function = reader.function(len(calls[0]))
            for number, given in enumerate(calls):
                report["calls"].append(call(reader, function, given, number, arrays))
        except Ended as error:
            report["failure"] = str(error)
    report["warnings"] = [
        f"NumPy warns in line {each.lineno}: {each.message}"
        for each in caught
        if each.filename == str(reader.path) and issubclass(each.category, RuntimeWarning)
    ]


def main(file: str, name: str, calls: str, folder: str, seconds: str, size: str) -> None:
    """Do all of it."""
    limit(float(seconds), int(size))
    stuck = (Path(folder) / "stuck.txt").open("w")
    faulthandler.dump_traceback_later(float(seconds), exit=True, file=stuck)
    threading.Thread(target=end_with_parent, daemon=True).start()
    with Path(calls).open("rb") as stream:
        todo = pickle.load(stream)
    printed = Printed()
    sys.stdin, sys.stdout, sys.stderr = io.StringIO(), printed, printed
    report: dict[str, Any] = {"failure": None, "calls": []}
    arrays: dict[str, Any] = {}
    work(Reader(Path(file), name), todo, report, arrays)
    report |= {"printed": printed.beginning, "characters": printed.characters}
    np.savez(Path(folder) / "arrays.npz", **arrays)
    (Path(folder) / "report.json").write_text(json.dumps(report), "utf-8")
    os._exit(0)  # threads that the file left behind hold nothing up


if __name__ == "__main__":
    main(*sys.argv[1:])
