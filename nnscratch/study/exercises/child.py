"""Runs the reader's file, in a process of its own that imports nothing of the library.

    python -P child.py TASK

TASK is a pickle of a dictionary, which is removed: ``file``, the ``name`` of the function and of its
``parameters``, ``calls`` (a list of argument tuples), ``seconds``, ``memory`` in bytes; ``stranger``: the file is not
one's own, and is shut in, with copies of it and of what may stand ``beside`` it; ``readable``: the packages that it may
read then. What came of each call is written to stdout as JSON, with the arrays. Whatever the file does (raise, exit,
loop, ask for all memory) becomes a sentence there, or ends this process alone. No right answer is here.
"""

from __future__ import annotations

import base64
import copy
import difflib
import faulthandler
import inspect
import io
import json
import os
import pickle
import runpy
import sys
import threading
import traceback
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

LARGEST = 200_000  # numbers of an array that is handed over; of a larger one only the shape is
KEPT = 200  # characters of what was printed
LONGEST = 300  # characters of an error's message
LONGEST_CODE = 120  # and of the line in which it was raised


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
    """The file cannot be used; the message is a sentence for the reader, ``status`` a word or two."""

    def __init__(self, text: str, status: str = "no function") -> None:
        super().__init__(text)
        self.status = status


class Reader:
    """The reader's file, and the function in it."""

    def __init__(self, path: Path, name: str, parameters: tuple[str, ...]) -> None:
        self.path, self.name, self.parameters = path, name, parameters
        self.notes: list[str] = []

    def function(self) -> Callable[..., Any]:
        """Run the file and return its function, which must take so many arguments. Raises Ended."""
        module = self._run()
        found = getattr(module, self.name, None)
        if found is None:
            own = [key for key, value in vars(module).items() if inspect.isfunction(value)]
            near = difflib.get_close_matches(self.name, own, 1)
            hint = f"; did you mean it by {near[0]}? Rename that one" if near else ""
            raise Ended(f"{self.path.name} has no function {self.name}: define one of just that name{hint}")
        if not callable(found):
            raise Ended(f"{self.name} in {self.path.name} is no function, but of the type {type(found).__name__}")
        self._check_signature(found)
        return found  # type: ignore[no-any-return]

    def _run(self) -> types.ModuleType:
        module = types.ModuleType(self.path.stem)
        module.__file__ = str(self.path)
        sys.modules[self.path.stem] = module
        sys.path.insert(0, str(self.path.parent))
        try:
            exec(compile(self.path.read_bytes(), str(self.path), "exec"), module.__dict__)
        except SyntaxError as error:
            if error.filename not in (None, str(self.path)):
                raise Ended(self.sentence(error), status(error)) from None
            where = f", line {error.lineno}" if error.lineno else ""
            raise Ended(f"{self.path.name} is not Python: {error.msg}{where}", status(error)) from None
        except BaseException as error:
            raise Ended(self.sentence(error), status(error)) from None
        return module

    def _check_signature(self, function: Callable[..., Any]) -> None:
        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError):  # not written in Python
            return
        try:
            signature.bind(*self.parameters)
        except TypeError:
            number = len(self.parameters)
            text = f"{self.name}{signature} does not take {number} arguments, one after the other: see the task"
            raise Ended(text) from None
        own = tuple(signature.parameters)
        if own != self.parameters and sorted(own) == sorted(self.parameters):
            wanted = f"{self.name}({', '.join(self.parameters)})"
            self.notes.append(f"the arguments stand in another order in {self.name}{signature}: write def {wanted}")

    def sentence(self, error: BaseException) -> str:
        """Return what was raised, and in which line of the file."""
        if isinstance(error, SystemExit):
            return f"{self.path.name} ends Python by sys.exit{self._line(error)}: return a value instead"
        if isinstance(error, MemoryError):
            return f"there is not enough memory for what {self.path.name} asks for{self._line(error)}"
        if isinstance(error, NotImplementedError):
            other = self._neighbour(error)
            how = f"{other} is not written yet: it is called" if other else ""
            return f"{how or f'{self.name} is not written yet: NotImplementedError is raised'}{self._line(error)}"
        try:
            message = str(error)[:LONGEST].strip()
        except Exception:  # of the reader's own class
            message = ""
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and missing.isidentifier():
            message += f": if it is yours, name your file {missing}.py and put it beside {self.path.name}"
        return f"{type(error).__name__}{self._line(error)}{': ' if message else ''}{message}"

    def _neighbour(self, error: BaseException) -> str:
        """Return the name of the file beside this one in which an error was raised; none, where it was in this one."""
        files = [Path(frame.f_code.co_filename) for frame, _ in traceback.walk_tb(error.__traceback__)]
        inner = files[-1]
        return inner.name if inner != self.path and inner.parent == self.path.parent else ""

    def _line(self, error: BaseException) -> str:
        """Return " in line 3 (the code)" of the innermost line of the file that the error came through."""
        steps = traceback.walk_tb(error.__traceback__)
        numbers = [line for frame, line in steps if frame.f_code.co_filename == str(self.path)]
        if not numbers:
            return ""
        lines = self.path.read_text("utf-8", "replace").splitlines()
        code = lines[numbers[-1] - 1].strip() if numbers[-1] <= len(lines) else ""
        if len(code) > LONGEST_CODE:
            code = f"{code[:LONGEST_CODE].strip()} ..."
        return f" in line {numbers[-1]} ({code})"


def status(error: BaseException) -> str:
    """Return in a word or two what an exception means."""
    known = {
        SyntaxError: "syntax error",
        SystemExit: "ended",
        MemoryError: "memory",
        NotImplementedError: "not written",
    }
    return next((text for kind, text in known.items() if isinstance(error, kind)), "error")


def is_number(value: Any) -> bool:
    """Return whether it is one number, be it an array without axes."""
    return isinstance(value, (int, float, np.number)) or (isinstance(value, np.ndarray) and value.ndim == 0)


def describe(value: Any) -> dict[str, Any]:
    """Return what kind of thing was returned, and its numbers; also those of a list that has nothing else."""
    row = isinstance(value, list) and len(value) <= LARGEST and all(is_number(each) for each in value)
    number = is_number(value) and not isinstance(value, int)
    if not number and not row and not isinstance(value, np.ndarray):
        return {"type": type(value).__name__}
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        return {"type": f"array of {array.dtype}"}
    data = base64.b64encode(array.tobytes()).decode() if array.size <= LARGEST else None
    return {"type": "list" if row else "array", "shape": array.shape, "dtype": str(array.dtype), "data": data}


def call(reader: Reader, function: Callable[..., Any], given: tuple[Any, ...]) -> dict[str, Any]:
    """Call the function; return what came of it: a failure's sentence, or the values and the changed arguments."""
    arguments = copy.deepcopy(given)
    try:
        result = function(*arguments)
    except Exception as error:
        return {"failure": reader.sentence(error), "status": status(error)}
    except BaseException as error:
        raise Ended(reader.sentence(error), status(error)) from None
    arrays = isinstance(result, list) and any(isinstance(value, np.ndarray) for value in result)
    several = isinstance(result, tuple) or arrays
    values = list(result) if several else [result]
    return {
        "count": len(values) if several else None,
        "values": [describe(value) for value in values[:20]],
        "changed": [k for k, (a, b) in enumerate(zip(arguments, given, strict=True)) if changed(a, b)],
    }


def changed(after: Any, before: Any) -> bool:
    """Return whether an argument is another one now."""
    if isinstance(before, np.ndarray):
        return after.shape != before.shape or not np.array_equal(after, before, equal_nan=True)
    return bool(after != before)


def limit(**most: int) -> None:
    """Hold this process to so much of what RLIMIT_... names, where the system can; there is no way back."""
    try:
        import resource
    except ImportError:
        return
    for name, value in most.items():
        try:
            what = getattr(resource, f"RLIMIT_{name}")
            _, hard = resource.getrlimit(what)
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(what, (value, value))
        except (ValueError, OSError):
            continue


def end_with_parent() -> None:
    """Wait for the end of stdin, which the parent holds open, and end."""
    os.read(0, 1)
    os._exit(1)


def call_all(reader: Reader, calls: list[tuple[Any, ...]]) -> dict[str, Any]:
    """Return what came of all calls."""
    report: dict[str, Any] = {"failure": None, "calls": []}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            function = reader.function()
            for given in calls:
                report["calls"].append(call(reader, function, given))
        except Ended as error:
            report |= {"failure": str(error), "status": error.status}
    report["warnings"] = reader.notes + [
        f"NumPy warns in line {each.lineno}: {each.message}"
        for each in caught
        if each.filename == str(reader.path) and issubclass(each.category, RuntimeWarning)
    ]
    return report


def work(task: dict[str, Any], shut_in: Callable[..., list[str]]) -> None:
    """Do all of it, and end the process."""
    output, trace, null = os.dup(1), os.dup(2), os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2) if threading.active_count() > 1 else (0, 1, 2):  # a thread reads 0
        os.dup2(null, stream)
    limit(AS=task["memory"], CPU=int(task["seconds"]) + 5, CORE=0)
    path, beyond = Path(task["file"]), []
    imports = runpy.run_path(str(Path(__file__).with_name("imports.py")))  # while it may be read
    if task["stranger"]:
        os.chdir(path.parent)
        for name, source in task["beside"].items():
            Path(name).write_bytes(source)
        beyond = shut_in(limit)
        os.environ.clear()
    faulthandler.dump_traceback_later(task["seconds"], exit=True, file=trace)  # by a thread, which is shut in, too
    sys.meta_path.insert(0, imports["Imports"](path.parent, task["stranger"]))
    imports["keep_closed"](f"{Path(__file__).resolve().parents[2]}{os.sep}", f"{path}")
    printed = Printed()
    sys.stdin, sys.stdout, sys.stderr = io.StringIO(), printed, printed
    own = os.getpid()
    report = call_all(Reader(path, task["name"], task["parameters"]), task["calls"])
    if os.getpid() != own:
        os._exit(0)  # the file has doubled itself
    report |= {"printed": printed.beginning, "characters": printed.characters, "beyond": beyond}
    with os.fdopen(output, "w", encoding="utf-8") as file:
        json.dump(report, file)
    os._exit(0)  # threads that the file left behind hold nothing up


def main(place: Path) -> None:
    """Do the task that is kept there, below a process that waits for the end, where there can be one."""
    task = pickle.loads(place.read_bytes())
    place.unlink()
    if sys.platform != "linux":
        threading.Thread(target=end_with_parent, daemon=True).start()
        work(task, lambda limit: [])
    fence = runpy.run_path(str(Path(__file__).with_name("fence.py")))
    folder, readable, unique = str(place.parent), fence["python_files"](*task["readable"]), os.getpid()
    namespaces = task["stranger"] and fence["own_namespaces"](folder, len(task["beside"]))
    fence["supervise"](
        lambda: work(task, lambda limit: fence["shut_in"](limit, folder, readable, namespaces, unique)),
        task["seconds"] + 1,
        namespaces,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
