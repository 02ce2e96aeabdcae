"""Measure what a user waits for before the work begins, and how much memory the commands need.

    python -m benchmarks.speed.bench_startup

Every figure is of fresh processes, which take turns; files are on disk and in the disk's cache, as for a user who tries
again. The commands are run as a user types them, in a temporary folder. The first batch of ``train.py`` is noticed by a
driver of a few lines, which runs train.py itself and gives the library's ``Callback.on_batch_end``, a method that does
nothing, one that prints the time and ends the process. Results go to benchmarks/results/startup.json.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import harness

# what the project has set itself
IMPORT_TARGET = 0.15  # seconds over NumPy's own import
COMPILE_TARGET = 12.0  # seconds, with an empty cache
FIRST_BATCH_TARGET = 2.0  # seconds from the start of the command, with a warm cache
PREDICT_TARGET = 0.6  # seconds
MEMORY_TARGET = 400.0  # MB
GROWTH_TARGET = 10.0  # MB from one epoch to five: what two runs of the same command differ by
MEGABYTE = 1e6
GROWTH = "growth of it with the epochs"

PYTHON = sys.executable
TRAIN, PREDICT = str(harness.ROOT / "train.py"), str(harness.ROOT / "predict.py")
DRIVER = f"""
import json, os, runpy, sys, time
import nnscratch as nn

def first_batch(self, trainer):
    print(json.dumps({{"time": time.time(), "compiled": trainer.compiled}}), flush=True)
    os._exit(0)

nn.Callback.on_batch_end = first_batch
sys.argv = [{TRAIN!r}, "lenet5", "--epochs", "1"]
runpy.run_path({TRAIN!r}, run_name="__main__")
"""
DIGIT = """
import nnscratch as nn
from PIL import Image

image = 255 - nn.load_mnist().test_images[0]
Image.fromarray(image).resize((280, 280)).save("digit.png")
"""

Values = dict[str, list[float]]


def main() -> None:
    """Parse the arguments, measure, write, print."""
    args = harness.parser(__doc__).parse_args()
    harness.finish(args, "startup", measure(args.quick), table)


def measure(quick: bool) -> dict[str, Any]:
    """Measure everything in a temporary folder."""
    environment = harness.environment(threads=harness.cores())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        values = imports(folder, repeats=3 if quick else 15)
        values |= first_batches(folder, cold=1 if quick else 3, warm=2 if quick else 9)
        values |= predictions(folder, repeats=3 if quick else 15)
        values |= memory(folder, epochs=(1, 2) if quick else (1, 5), repeats=1 if quick else 5)
    return {"rows": rows(values), "environment": environment}


def imports(folder: Path, repeats: int) -> Values:
    """Seconds of processes that import something and end."""
    names = ("numpy", "nnscratch", "numba")
    values: Values = {f"import {name}": [] for name in names}
    for repeat in range(repeats + 1):
        for name in names:
            seconds = harness.run([PYTHON, "-c", f"import {name}"], cwd=folder).seconds
            if repeat:  # the first time, files may come from the disk
                values[f"import {name}"].append(seconds)
    pairs = zip(values["import nnscratch"], values["import numpy"], strict=True)
    values["import nnscratch, over NumPy"] = [whole - numpy for whole, numpy in pairs]
    return values


def first_batches(folder: Path, cold: int, warm: int) -> Values:
    """Seconds from the start of ``train.py lenet5 --epochs 1`` to the end of its first batch, and of compiling."""
    values: Values = {}
    for state, repeats in (("empty", cold), ("warm", warm)):
        for repeat in range(repeats):
            # the last of the empty caches is the warm one
            cache = folder / f"cache-{repeat if state == 'empty' else cold - 1}"
            seconds, compiled = first_batch(folder, cache)
            values.setdefault(f"first batch, {state} cache", []).append(seconds)
            values.setdefault(f"compiling, {state} cache", []).append(compiled)
    return values


def first_batch(folder: Path, cache: Path) -> tuple[float, float]:
    """Return the seconds until the first batch has ended, and those that the command says it compiled for."""
    start = time.time()
    ended = harness.run([PYTHON, "-c", DRIVER], cwd=folder, env={"NUMBA_CACHE_DIR": str(cache)})
    told = json.loads(ended.stdout.splitlines()[-1])
    return told["time"] - start, told["compiled"]


def predictions(folder: Path, repeats: int) -> Values:
    """Seconds of ``predict.py digit.png``, and megabytes."""
    harness.run([PYTHON, TRAIN, "lenet5", "--epochs", "1", "--limit", "2000"], cwd=folder)
    harness.run([PYTHON, "-c", DIGIT], cwd=folder)
    values: Values = {"predict.py digit.png": [], "memory of predict.py": []}
    for repeat in range(repeats + 1):
        ended = harness.run([PYTHON, PREDICT, "digit.png"], cwd=folder)
        if repeat:
            values["predict.py digit.png"].append(ended.seconds)
            values["memory of predict.py"].append(ended.peak_bytes / MEGABYTE)
    return values


def memory(folder: Path, epochs: tuple[int, int], repeats: int) -> Values:
    """Megabytes of ``train.py lenet5`` when it has to compile, when it has not, and with more epochs."""
    few, many = epochs
    name = "memory of train.py lenet5"
    values: Values = {
        f"{name}, {few} epoch, empty cache": [],
        f"{name}, {few} epoch": [],
        f"{name}, {many} epochs": [],
        GROWTH: [],
    }
    for repeat in range(repeats):
        cache = folder / f"memory-{repeat}"
        compiling, short, long = (peak_of_training(folder, number, cache) for number in (few, few, many))
        for figures, megabytes in zip(values.values(), (compiling, short, long, long - short), strict=True):
            figures.append(megabytes)
    return values


def peak_of_training(folder: Path, epochs: int, cache: Path) -> float:
    """Return the megabytes of a training."""
    command = [PYTHON, TRAIN, "lenet5", "--epochs", str(epochs)]
    return harness.run(command, cwd=folder, env={"NUMBA_CACHE_DIR": str(cache)}).peak_bytes / MEGABYTE


def rows(values: Values) -> list[harness.Row]:
    """Return a row for each figure, with its unit and its target, if it has one."""
    targets = {
        "import nnscratch, over NumPy": IMPORT_TARGET,
        "compiling, empty cache": COMPILE_TARGET,
        "first batch, warm cache": FIRST_BATCH_TARGET,
        "predict.py digit.png": PREDICT_TARGET,
        GROWTH: GROWTH_TARGET,
    }
    made = []
    for name, numbers in values.items():
        megabytes = name.startswith("memory") or name == GROWTH
        target = targets.get(name, MEMORY_TARGET if megabytes else None)
        row = {"figure": name, "unit": "MB" if megabytes else "s", "target": target, **harness.spread(numbers)}
        made.append(row | {"met": None if target is None else row["median"] <= target})
    return made


def table(results: dict[str, Any]) -> str:
    """Return the rows as Markdown."""
    lines = []
    for row in results["rows"]:
        unit, digits = row["unit"], 0 if row["unit"] == "MB" else 2
        target = "" if row["target"] is None else f"at most {row['target']:g} {unit}"
        met = {None: "", True: "yes", False: "**no**"}[row["met"]]
        spread = f"{row['least']:.{digits}f} to {row['most']:.{digits}f}"
        lines.append([row["figure"], f"{row['median']:.{digits}f} {unit}", spread, str(row["n"]), target, met])
    return harness.markdown(("figure", "median", "least to most", "runs", "target", "met"), lines)


if __name__ == "__main__":
    main()
