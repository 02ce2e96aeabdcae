"""The guard of a case: what it may do, how long, and with how much memory; and how a command is run inside."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

from nnscratch.cli.main import main
from nnscratch.errors import NNScratchError, printable

LONGEST = 2.0  # seconds of processor time
MOST_MB = 500
LONGEST_MESSAGE = 620  # characters: one sentence, cut by then
SILENT = (DeprecationWarning, PendingDeprecationWarning, ResourceWarning, ImportWarning)  # Python does not show these
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGING = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"}
FORBIDDEN = {"pickle.find_class", "subprocess.Popen", "os.system", "os.exec", "os.fork", "os.spawn", "socket.connect"}
QUIET_LINES = ("using ", "boxes in ", "stages in ")


class Refused(Exception):
    """The input was refused by a command or a server: what was said."""


class Wrong(Exception):
    """Something that must not happen was seen by the target itself."""


class Watch:
    """Notes what a case does to files outside its folder. An audit hook sees it before it happens."""

    def __init__(self) -> None:
        self.folder: str | None = None
        self.seen: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if self.folder is None:
            return
        if event in FORBIDDEN:
            self.seen.append(f"{event} {str(args)[:100]}")
        elif event == "open" and isinstance(args[2], int) and args[2] & WRITING:
            self._check(event, args[0])
        elif event in CHANGING:
            for path in args[:2] if event in ("os.rename", "os.link") else args[1:2] if event == "os.symlink" else args:
                if isinstance(path, str | bytes | os.PathLike):
                    self._check(event, path)

    def _check(self, event: str, path: Any) -> None:
        if isinstance(path, str | bytes | os.PathLike) and self.folder is not None:
            real = os.path.realpath(os.fsdecode(path))
            if real not in (os.devnull, self.folder) and not real.startswith(self.folder + os.sep):
                self.seen.append(f"{event} of {real}, outside its folder")


_watch: list[Watch] = []


def watch() -> Watch:
    """Return this process's watch; an audit hook cannot be taken away again."""
    if not _watch:
        _watch.append(Watch())
    return _watch[0]


@dataclass
class Outcome:
    """What came of a case: the message if it was refused, what was wrong, processor seconds and memory's peak."""

    target: str
    number: int
    accepted: bool
    message: str
    wrong: list[str]
    seconds: float
    megabytes: int


Attack = Callable[[], object]


def tried(target: str, make: Callable[[Random, Path], Attack], number: int, seed: int, room: Path) -> Outcome:
    """Make a case in a new folder of ``room``, and do it. The folder stays, for whoever wants to look."""
    folder = room / f"{target}-{number}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rng = Random(f"{seed} {target} {number}")
    attack = make(rng, folder)
    guard = watch()
    guard.seen.clear()
    message, wrong, accepted = "", [], False
    with contextlib.chdir(folder), warnings.catch_warnings(record=True) as warned, quiet_streams() as streams:
        warnings.simplefilter("always")
        forget_peak()
        start, guard.folder = time.process_time(), os.path.realpath(folder)
        try:
            attack()
            accepted = True
        except NNScratchError as error:
            message = printable(str(error))
        except Refused as error:
            message = str(error)
        except Wrong as error:
            wrong.append(str(error))
        except (Exception, SystemExit) as error:  # a traceback, for the user
            where = traceback.extract_tb(error.__traceback__)[-1]
            wrong.append(f"{type(error).__name__}: {str(error)[:200]} ({Path(where.filename).name}:{where.lineno})")
        finally:
            guard.folder = None
        seconds, peak = time.process_time() - start, megabytes("VmHWM")
    wrong += guard.seen + [f"printed {text[:200]!r}" for text in streams if text]
    wrong += [f"warned {one.category.__name__}: {one.message}" for one in warned if one.category not in SILENT]
    wrong += faults(message, seconds, peak)
    if not accepted and not message and not wrong:
        wrong.append("refused without a word")
    return Outcome(target, number, accepted, message.replace(str(room), ""), wrong, seconds, peak)


def faults(message: str, seconds: float, peak: int) -> list[str]:
    """Return what is wrong with a message, or with the processor seconds and the megabytes that a case took."""
    wrong = []
    if "Traceback" in message or "\n" in message:
        wrong.append(f"said {message[:200]!r}")
    if len(message.replace("\\", "")) > 2 * LONGEST_MESSAGE:  # escaped it may be longer
        wrong.append(f"said {len(message):,} characters: {message[:100]}...")
    if seconds > LONGEST:
        wrong.append(f"took {seconds:.1f} s")
    if peak > MOST_MB:
        wrong.append(f"needed {peak} MB")
    return wrong


@contextlib.contextmanager
def quiet_streams() -> Iterator[list[str]]:
    """Give a list that holds, after the block, what was printed within it on stdout and stderr."""
    streams, told = [io.StringIO(), io.StringIO()], list[str]()
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
        yield told
    told += [stream.getvalue() for stream in streams]


def forget_peak() -> None:
    """Let the peak of this process's memory begin anew, where the system allows that."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:  # noqa: PTH123
        file.write("5")


def megabytes(key: str, process: int | str = "self") -> int:
    """Return a process's memory: VmHWM, its peak, or VmRSS, what it has now; 0 where that is not told."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1]) // 1024
    return 0


def command(*arguments: object, stdin: bytes = b"", lines: int | None = 1) -> str:
    """Run a command in this process; return its stdout. Raises Refused, or Wrong for what no user should see.

    ``lines``: how many lines may be on stderr when it ends with 1 or 2; None: any number.
    """
    streams = [io.TextIOWrapper(io.BytesIO(content), "utf-8") for content in (stdin, b"", b"")]
    with contextlib.ExitStack() as stack:
        for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
            stack.enter_context(mock.patch.object(sys, name, stream))
        stack.enter_context(mock.patch.object(sys, "argv", ["nnscratch"]))
        try:
            code: Any = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
    for stream in streams[1:]:
        stream.flush()
    out, err = (stream.buffer.getvalue().decode() for stream in streams[1:])  # type: ignore[attr-defined]
    told = [line for line in err.splitlines() if not line.startswith(QUIET_LINES)]
    if code not in (0, 1, 2) or "Traceback" in out + err:
        raise Wrong(f"{arguments[0]} ended with {code}: {err[:300]}")
    if any(not (character.isprintable() or character == "\n") for character in out + err):
        raise Wrong(f"{arguments[0]} printed control characters: {(out + err)[:300]!r}")
    if "--json" in arguments and code and not told:
        told = ["(told in the JSON)"]
    if code and lines is not None and len(told) != lines:
        raise Wrong(f"{arguments[0]} ended with {code} and {len(told)} lines: {err[:300]!r}")
    if code:
        raise Refused(told[0] if told else "")
    return out
