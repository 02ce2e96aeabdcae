"""Valid files to begin with: a small run, made once; the sweep beside it is written, not run."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path

import nnscratch as nn
from benchmarks.robustness.fuzzing.guard import command
from nnscratch.ops.backend import set_backend
from nnscratch.parallel.threads import set_threads
from nnscratch.runs.settings import Settings
from nnscratch.runs.sweep import Choice, Range, Sweep, draw_trials, rungs

_kept: list[tempfile.TemporaryDirectory[str]] = []


@cache
def seeds() -> Path:
    """Return a folder with what all cases begin with; it is removed at the end of the process."""
    set_backend("numpy")  # so that no case waits for a compiler
    set_threads(1)
    _kept.append(tempfile.TemporaryDirectory(prefix="fuzz"))
    folder = Path(_kept[0].name).resolve()
    arguments = ["--limit", "300", "--epochs", "2", "--recipe", "original", "--quiet", "--backend", "numpy"]
    command("train", "logistic", *arguments, "--out", folder / "run")
    _write_sweep(folder / "sweep")
    return folder


def _write_sweep(folder: Path) -> None:
    """Write a finished sweep, with figures that nobody has measured."""
    space = [Choice("batch_size", (32, 64)), Range("lr", 0.001, 0.1, True)]
    base = Settings(epochs=4, limit=300)
    search = Sweep(folder, "logistic", base, draw_trials(space, 6, 0), 2, None, nn.load_mnist().digest)
    search.write()
    (folder / "trials").mkdir()
    for count, epochs in rungs(6, base.epochs, 2):
        for number in range(count):
            told = {"trial": number, "epochs": epochs, "settings": search._settings(number, epochs).to_dict()}
            told |= {"accuracy": 0.9 - 0.01 * number, "loss": 0.3, "seconds": 1.0}
            (folder / "trials" / f"{number:04d}-{epochs}.json").write_text(json.dumps(told))
