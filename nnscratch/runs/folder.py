"""The folder of a run, and what can be read from it later.

runs/2026-01-31_12-00-00/        a run
    run.json                     its models, command, data
    report.html  report.md       the comparison of its models, with robustness.png
    lenet5/                      a model's part
        config.json  history.csv  metrics.json  model.npz  checkpoint.npz
        curves.png  confusion.png  reliability.png  mistakes.png
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnscratch.data.classes import DIGITS, checked_classes
from nnscratch.errors import DataError, UsageError
from nnscratch.files.atomic import LOCK, read_json

RUNS = Path("runs")
NAME = re.compile("[a-z0-9-]{1,40}")  # of a model, and so of its folder, which must not lead elsewhere
CONFIG = {"model", "settings", "data", "images", "backend", "threads", "versions"}
METRICS = {"model", "data", "parameters", "epochs", "best_epoch", "seconds", "seconds_per_epoch"}
METRICS |= {"train", "validation", "test"}


@dataclass(frozen=True)
class Result:
    """A trained model's part of a run: its folder, config.json and metrics.json."""

    folder: Path
    config: dict[str, Any]
    metrics: dict[str, Any]

    @property
    def name(self) -> str:
        """The model's name."""
        return str(self.metrics["model"])

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes. Raises DataError when the file's are none."""
        return classes_of(self.config, str(self.folder / "config.json"))

    @property
    def run(self) -> str:
        """The run's name."""
        return self.folder.resolve().parent.name


def classes_of(config: Any, where: str) -> tuple[str, ...]:
    """Return the names of the classes in a config.json, else the digits. Raises DataError when they are none."""
    try:
        return checked_classes(config["data"].get("classes", DIGITS))
    except (LookupError, TypeError, AttributeError, UsageError) as error:
        raise DataError(f"{where} does not describe a training: {error}") from None


def new_folder() -> Path:
    """Return a path below ``runs/`` that is named by the time and not taken."""
    stamp = time.strftime("%Y-%m-%d_%H-%M-%S")
    folder, count = RUNS / stamp, 1
    while folder.exists():
        count += 1
        folder = RUNS / f"{stamp}-{count}"
    return folder


def check_new(folder: Path) -> None:
    """Raise DataError unless ``folder`` is empty, or does not exist yet: nothing is ever written over."""
    try:
        if (folder / "run.json").exists():
            raise DataError(f"{folder} holds a run already: give another --out, or continue it with --resume {folder}")
        if folder.exists() and not folder.is_dir():
            raise DataError(f"{folder} is a file, but a folder is wanted: give another --out")
        if folder.exists() and any(path.name != LOCK for path in folder.iterdir()):
            raise DataError(f"{folder} holds files already: give a new or an empty folder to --out")
    except OSError as error:
        raise DataError(f"{folder} cannot be used ({error.strerror}): give another --out") from None


def read_run(folder: Path) -> dict[str, Any]:
    """Return what run.json holds. Raises DataError when the folder holds no run."""
    if not (folder / "run.json").is_file():
        raise DataError(f"{folder} holds no run: give the folder that train.py made")
    run = read_json(folder / "run.json")
    names = run.get("models") if isinstance(run, dict) else None
    named = isinstance(names, list) and names and all(isinstance(name, str) and NAME.fullmatch(name) for name in names)
    if not named or not isinstance(run.get("data"), str | None) or not isinstance(run.get("backend"), str):
        raise DataError(f"{folder / 'run.json'} does not describe a run: it is damaged, or of another version")
    return dict(run)


def data_options(record: dict[str, Any]) -> dict[str, Any]:
    """Return what a run or a sweep kept of the flags --add and --skip-bad."""
    kept = {"add": str(record["add"])} if "add" in record else {}
    return kept | ({"skip_bad": True} if record.get("skip_bad") is True else {})


def read_result(folder: Path) -> Result:
    """Return what a model's folder holds. Raises DataError when its training is not finished or a file is damaged."""
    if not (folder / "metrics.json").is_file():
        raise DataError(f"{folder} holds no finished training: it has no metrics.json")
    result = Result(folder, read_json(folder / "config.json"), read_json(folder / "metrics.json"))
    for name, content, wanted in (("config", result.config, CONFIG), ("metrics", result.metrics, METRICS)):
        lacking = sorted(wanted - content.keys()) if isinstance(content, dict) else sorted(wanted)
        if lacking:
            raise DataError(f"{folder / name}.json is damaged: it has no {lacking[0]}")
    return result


def results(path: Path) -> list[Result]:
    """Return the finished trainings of a run's folder, in its order, or the one of a model's folder.

    Raises DataError when there is none.
    """
    if (path / "run.json").is_file():
        folders = [path / str(name) for name in read_run(path)["models"]]
        found = [read_result(folder) for folder in folders if (folder / "metrics.json").is_file()]
        if found:
            return found
        raise DataError(f"{path} has no finished training yet: continue it with --resume {path}")
    return [read_result(path)]


def all_runs() -> list[Path]:
    """Return the folders of the runs below ``runs/``, the oldest first."""
    return sorted((path.parent for path in RUNS.glob("*/run.json")), key=lambda folder: folder.name)


def newest_model(name: str) -> Path | None:
    """Return the newest model.npz of that name below ``runs/``, or None when there is none."""
    found = list(RUNS.glob(f"*/{name}/model.npz"))
    return max(found, key=lambda path: (path.stat().st_mtime, str(path)), default=None)
