"""The runs that faults are injected into: how they are begun, and how one sees that nothing of them is lost."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

import nnscratch as nn
from nnscratch.cli.main import main as command
from nnscratch.files import npz
from nnscratch.runs.experiment import STATE_KIND

TRAINING = ["logistic", "mlp", "--hidden", "16", "--limit", "1200", "--epochs", "4", "--backend", "numpy"]
MODELS = ("logistic", "mlp")
LONGEST = 300  # seconds of a life


def uninterrupted() -> Path:
    """Return the folder of a run that nobody disturbed."""
    if not Path("whole").exists():
        assert life(["train", *TRAINING, "--out", "whole"], None) == 0
    return Path("whole")


def life(
    arguments: list[str],
    seconds: float | None,
    before: Callable[[], Any] = lambda: None,
    since: Callable[[], bool] = lambda: True,
) -> int | None:
    """Return a command's exit code, done in a forked process; None when it was killed so many seconds after ``since``.

    With None for the seconds it may take its time. Raises AssertionError when it hangs.
    """
    child = os.fork()
    if child == 0:
        code = 70
        try:
            with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):  # noqa: PTH123
                os.dup2(nothing.fileno(), 2)
                before()
                code = command(arguments)
        finally:
            os._exit(code)
    start, end = time.monotonic(), None
    while end is None or time.monotonic() < end:
        assert time.monotonic() < start + LONGEST, f"{arguments} hangs"
        if end is None and seconds is not None and since():
            end = time.monotonic() + seconds
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def trained(folder: Path) -> bool:
    """Return whether all that a run lacks is its report."""
    return all((folder / model / "metrics.json").is_file() for model in MODELS)


def told_by(arguments: list[str], before: Callable[[], Any] = lambda: None) -> tuple[int, list[str]]:
    """Return exit code and stderr's lines of a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        before()
        try:
            code = command(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
    return code, err.getvalue().splitlines()


def outcome(code: int, lines: list[str], folder: Path | None) -> dict[str, Any]:
    """Return a row, after checking that one sentence came and that what is on disk is good."""
    assert code == 1 and len(lines) == 1, (code, lines)
    if folder is not None:
        check_files(folder)
    return {"code": code, "told": lines[0].replace(str(Path.cwd()), ".")}


def resumed(folder: Path) -> None:
    """Check that a run goes on to the weights of the undisturbed one."""
    code, lines = told_by(["train", "--resume", str(folder), "--backend", "numpy", "--quiet"])
    assert code == 0 and weights(folder) == weights(uninterrupted()), lines


def check_files(folder: Path) -> None:
    """Raise AssertionError unless every file loads; what is hidden is half written, and nobody reads it."""
    for path in (path for path in folder.rglob("[!.]*") if path.is_file()):
        try:
            READERS[path.suffix](path)
        except Exception as error:
            raise AssertionError(f"{path} does not load: {error}") from error


def read_npz(path: Path) -> None:
    """Load a model or a training's state."""
    if path.name == "model.npz":
        nn.load(path)
    else:
        npz.read(path, STATE_KIND)


def read_page(path: Path) -> None:
    """Check that a page is whole."""
    assert path.read_text().endswith("</html>\n")


READERS: dict[str, Callable[[Path], Any]] = {
    ".json": lambda path: json.loads(path.read_text()),
    ".npz": read_npz,
    ".png": lambda path: Image.open(path).load(),
    ".csv": lambda path: [float(cell) for line in path.read_text().splitlines()[1:] for cell in line.split(",")],
    ".html": read_page,
    ".md": lambda path: path.read_text().index("# "),
}


def weights(folder: Path) -> list[str]:
    """Return the digests of a finished run's weights."""
    return [json.loads((folder / model / "metrics.json").read_text())["weights_sha256"] for model in MODELS]
