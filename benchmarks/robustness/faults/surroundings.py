"""Faults of a training's surroundings: disk, folder, another run, clock."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.robustness.faults.subject import (
    TRAINING,
    check_files,
    outcome,
    resumed,
    told_by,
    uninterrupted,
    weights,
)
from nnscratch.runs.experiment import STATE_KIND, Experiment
from nnscratch.training.trainer import Trainer


@contextlib.contextmanager
def after_epochs(count: int, do: Callable[[], Any]) -> Iterator[None]:
    """Within the block, something happens before the state of a training is saved for the time after ``count``."""
    saved, seen = Experiment.save_state, [0]

    def save_state(self: Experiment) -> None:
        seen[0] += 1
        if seen[0] == count + 1:
            do()
        saved(self)

    with mock.patch.object(Experiment, "save_state", save_state):
        yield


def disk_full() -> dict[str, Any]:
    """Let a small file system run full (where it may be mounted; else fsync fails as on a full disk)."""
    folder = Path("small").resolve()
    folder.mkdir()
    size = mounted(folder, "tmpfs", "size=1m")
    try:
        if size:
            fill = mock.patch("nnscratch.runs.experiment.STATE_KIND", STATE_KIND)  # nothing changed
            filler = lambda: (folder / "other").write_bytes(bytes(free(folder) - 60_000))  # noqa: E731
        else:
            fill, filler = no_space()
        with fill, after_epochs(1, filler):
            code, lines = told_by(["train", *TRAINING, "--out", str(folder / "run"), "--quiet"])
        row = outcome(code, lines, folder / "run")
        (folder / "other").unlink(missing_ok=True)
        shutil.copytree(folder / "run", "moved")
        resumed(Path("moved"))
        return row | {"how": "a file system of 1 MB" if size else "an injected ENOSPC"}
    finally:
        unmounted(folder)


def no_space() -> tuple[Any, Callable[[], Any]]:
    """Return a patch of fsync, and what makes it fail from then on."""
    full = []

    def fsync(number: int) -> None:
        if full:
            raise OSError(28, "No space left on device")

    return mock.patch("nnscratch.files.atomic.os.fsync", fsync), lambda: full.append(1)


def free(folder: Path) -> int:
    """Return the bytes that are free there."""
    space = os.statvfs(folder)
    return space.f_bavail * space.f_frsize


def mounted(folder: Path, kind: str, options: str) -> bool:
    """Mount a file system, where that is allowed."""
    mount = shutil.which("mount")
    return mount is not None and subprocess.run(
        [mount, "-t", kind, "-o", options, kind, str(folder)], capture_output=True, check=False
    ).returncode == 0  # fmt: skip


def unmounted(folder: Path) -> None:
    """Unmount it, if it is."""
    if shutil.which("umount"):
        subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)


def folder_becomes_read_only() -> dict[str, Any]:
    """Let a model's folder be read only from the second epoch on."""
    folder = Path("locked").resolve()
    model = folder / "logistic"
    bind, lock = ["mount", "--bind", str(model), str(model)], ["mount", "-o", "remount,bind,ro", str(model)]

    how = []

    def do() -> None:
        if shutil.which("mount") and subprocess.run(bind, capture_output=True, check=False).returncode == 0:
            subprocess.run(lock, check=True)
            how.append("mounted read only")
        else:
            model.chmod(0o500)
            how.append("chmod")

    try:
        with after_epochs(1, do):
            code, lines = told_by(["train", *TRAINING, "--out", str(folder), "--quiet"])
        row = outcome(code, lines, folder) | {"how": how[0]}
    finally:
        unmounted(model)
        model.chmod(0o700)
    resumed(folder)
    return row


def folder_removed() -> dict[str, Any]:
    """Remove the run's folder in the middle of its training."""
    end_epoch = Trainer.end_epoch

    def remove(trainer: Trainer) -> None:
        if trainer.state.epoch == 1:
            shutil.rmtree("removed")
        end_epoch(trainer)

    with mock.patch.object(Trainer, "end_epoch", remove):
        code, lines = told_by(["train", *TRAINING, "--out", "removed", "--quiet"])
    assert not Path("removed/logistic/checkpoint.npz").exists()  # nothing is made anew that could not be resumed
    return outcome(code, lines, Path("removed")) | {"how": "rm -r"}


def two_runs_in_one_folder() -> dict[str, Any]:
    """Begin to resume a run that is still being written."""
    found: list[tuple[int, list[str]]] = []
    resume = ["train", "--resume", "twice", "--backend", "numpy", "--quiet"]
    with after_epochs(1, lambda: found.append(told_by(resume))):
        code, _ = told_by(["train", *TRAINING, "--out", "twice", "--quiet"])
    assert code == 0 and weights(Path("twice")) == weights(uninterrupted())
    return outcome(*found[0], Path("twice")) | {"how": "--resume meanwhile"}


def clock_goes_backwards() -> dict[str, Any]:
    """Let each look at the clock find an hour less than the one before."""
    now = [2e9]

    def earlier(*_: Any) -> float:
        now[0] -= 3600
        return now[0]

    with mock.patch("time.time", earlier):
        code, lines = told_by(["train", *TRAINING, "--out", "clock", "--quiet"])
    assert code == 0 and lines == [] and weights(Path("clock")) == weights(uninterrupted())
    check_files(Path("clock"))
    return {"code": 0, "told": "nothing: same weights, all files", "how": "an hour less at every look"}


FAULTS = [disk_full, folder_becomes_read_only, folder_removed, two_runs_in_one_folder, clock_goes_backwards]
