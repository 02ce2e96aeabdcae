"""All fuzz targets by name, and how often each is tried in 10,000 cases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

from benchmarks.robustness.fuzzing.archives import npz, safetensors_files, state
from benchmarks.robustness.fuzzing.guard import Attack
from benchmarks.robustness.fuzzing.pictures import pictures
from benchmarks.robustness.fuzzing.tables import csv, folders, idx
from benchmarks.robustness.fuzzing.texts import configs, drawings, run_files, spaces, sweep_files
from benchmarks.robustness.fuzzing.web import http, sockets

Target = Callable[[Random, Path], Attack]
TARGETS: dict[str, tuple[Target, int]] = {
    "pictures": (pictures, 2400),
    "idx": (idx, 900),
    "csv": (csv, 700),
    "folders": (folders, 600),
    "npz": (npz, 1200),
    "training": (state, 500),
    "safetensors": (safetensors_files, 700),
    "toml": (configs, 800),
    "spaces": (spaces, 400),
    "runs": (run_files, 500),
    "sweeps": (sweep_files, 300),
    "drawings": (drawings, 600),
    "http": (http, 900),
    "sockets": (sockets, 200),
}


def counts(cases: int, names: list[str]) -> dict[str, int]:
    """Return how many cases each target gets, of at least so many in all."""
    whole = sum(TARGETS[name][1] for name in names)
    return {name: -(-TARGETS[name][1] * cases // whole) for name in names}
