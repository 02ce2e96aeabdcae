"""Search for settings: a grid or random draws, most of which are given up early (successive halving).

K. Jamieson, A. Talwalkar: Non-stochastic Best Arm Identification and Hyperparameter Optimization, AISTATS 2016: all
trials train for a few epochs, the best part of them for a few times as many, and so on to the full number. Each rung
trains from the start, since the schedule of the learning rate spans the epochs that a training has.

A trial is a function of its task alone, so where and in which order trials run changes nothing. Trials are
evaluated on validation images alone; the test images are never looked at.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from nnscratch.arrays import Stream
from nnscratch.data import Dataset
from nnscratch.data.source import open_dataset
from nnscratch.errors import ConvergenceWarning, DataError, DivergedError, UsageError, short_repr
from nnscratch.files.atomic import plain, read_json, write_json
from nnscratch.models.zoo import MODELS
from nnscratch.ops.backend import available_backends, set_backend
from nnscratch.runs.experiment import begin
from nnscratch.runs.folder import data_options
from nnscratch.runs.settings import FIELDS, Settings, checked

RANDOM_TRIALS = 20
MOST_TRIALS = 10_000


# ---- what is tried


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, drawn evenly, or evenly in their logarithm."""

    name: str
    low: float
    high: float
    log: bool

    def draw(self, rng: np.random.Generator) -> Any:
        """Return one: whole where the setting is."""
        low, high = (math.log(end) if self.log else end for end in (self.low, self.high))
        value = float(rng.uniform(low, high))
        value = math.exp(value) if self.log else value
        value = round(value) if FIELDS[self.name].metadata["kind"] is int else float(f"{value:.4g}")
        return min(max(value, self.low), self.high)


@dataclass(frozen=True)
class Choice:
    """Values to choose from."""

    name: str
    values: tuple[Any, ...]

    def draw(self, rng: np.random.Generator) -> Any:
        """Return one."""
        return self.values[int(rng.integers(len(self.values)))]


def parse(text: str) -> Range | Choice:
    """Return what ``"lr=0.001:0.01:log"``, ``"rotation=0:15"`` or ``"batch_size=64,128"`` means.

    Raises UsageError, naming the setting, for what means nothing or is out of range.
    """
    name, equals, values = text.partition("=")
    name = name.strip().replace("-", "_")
    where = f"--vary {text[:60]}"
    if not equals or not values.strip():
        raise UsageError(f"{where}: give NAME=VALUE,VALUE,... or NAME=LOW:HIGH, or NAME=LOW:HIGH:log")
    if name == "epochs":
        raise UsageError(f"{where}: epochs are what the trials are given more and more of: set --epochs instead")
    if ":" not in values:
        return Choice(name, tuple(dict.fromkeys(_value(name, value, where) for value in values.split(","))))
    low, high, *rest = values.split(":")
    ends = [_value(name, end, where) for end in (low, high)]
    if rest not in ([], ["log"]) or not all(type(end) in (int, float) for end in ends):
        raise UsageError(f"{where}: a range is LOW:HIGH or LOW:HIGH:log, of numbers")
    if not ends[0] < ends[1] or (rest and ends[0] <= 0):
        raise UsageError(f"{where}: a range goes up, and one in logarithms begins above 0")
    return Range(name, ends[0], ends[1], bool(rest))


def _value(name: str, text: str, where: str) -> Any:
    """Return one value with its setting's type."""
    kind = FIELDS[name].metadata["kind"] if name in FIELDS else str
    many = name in FIELDS and FIELDS[name].metadata["many"]
    try:
        value: Any = [int(part) for part in text.split("-")] if many else kind(text.strip())
    except ValueError:
        value = text.strip()
    if kind is bool:
        value = {"true": True, "false": False}.get(text.strip(), text.strip())
    return checked({name: value}, where)[name]


def draw_trials(space: Sequence[Range | Choice], count: int | None, seed: int) -> list[dict[str, Any]]:
    """Return the settings of each trial: the whole grid of the choices, or ``count`` random draws, no two the same."""
    if not space:
        raise UsageError("nothing is varied: give --vary NAME=VALUES")
    names = [part.name for part in space]
    if len(set(names)) < len(names):
        raise UsageError("--vary names a setting twice: give all its values at once")
    choices = [part for part in space if isinstance(part, Choice)]
    whole = math.prod(len(part.values) for part in choices) if len(choices) == len(space) else None
    if max(count or 0, whole or 0) > MOST_TRIALS and (count is None or count > MOST_TRIALS):
        raise UsageError(f"{count or whole:,} trials are more than {MOST_TRIALS:,}: vary less, or give --trials")
    if whole is not None and (count is None or count >= whole):
        return [dict(zip(names, values, strict=True)) for values in itertools.product(*(c.values for c in choices))]
    rng, drawn = np.random.default_rng((seed, Stream.SWEEP)), dict[str, dict[str, Any]]()
    wanted = RANDOM_TRIALS if count is None else count
    for _ in range(20 * wanted):
        trial = {part.name: part.draw(rng) for part in space}
        drawn.setdefault(repr(trial), trial)
        if len(drawn) == wanted:
            break
    return list(drawn.values())


def rungs(trials: int, epochs: int, factor: int) -> list[tuple[int, int]]:
    """Return (trials, epochs) of each rung: ``factor`` times fewer for as many times more epochs; 1: one rung."""
    steps = 0 if factor < 2 else min(_floor_log(trials, factor), _floor_log(epochs, factor))
    return [(-(-trials // factor**step), max(1, epochs // factor ** (steps - step))) for step in range(steps + 1)]


def _floor_log(value: int, base: int) -> int:
    power = 0
    while value >= base:
        value, power = value // base, power + 1
    return power


# ---- one trial


@dataclass(frozen=True)
class Task:
    """One training: all that its result depends on."""

    number: int
    model: str
    settings: Settings
    data: str | None
    options: dict[str, Any] = field(default_factory=dict)  # with which the data is read
    backend: str | None = None  # None: what this process takes


def run_task(task: Task) -> dict[str, Any]:
    """Train it, and return its figures on the validation images; "failed" tells why there are none."""
    record: dict[str, Any] = {"trial": task.number, "epochs": task.settings.epochs, "settings": task.settings.to_dict()}
    try:
        if task.backend is not None:
            set_backend(task.backend)
        with np.errstate(all="ignore"), warnings.catch_warnings():  # what diverges says so itself
            warnings.simplefilter("ignore", ConvergenceWarning)  # its accuracy says so
            experiment = begin(task.model, task.settings, _dataset(task.data, **task.options), Path(task.model))
            history = experiment.trainer.run()
    except (DivergedError, UsageError, MemoryError) as error:
        why = getattr(error, "what", str(error)) or "there is not enough memory for it"
        return record | {"accuracy": 0.0, "loss": None, "seconds": 0.0, "failed": why}
    kept = history[experiment.trainer.state.best_epoch - 1]
    figures = {"accuracy": kept["validation_accuracy"], "loss": kept["validation_loss"]}
    return record | figures | {"seconds": sum(row["seconds"] for row in history)}


@cache
def _dataset(path: str | None, **options: Any) -> Dataset:
    return open_dataset(path, **options)


# ---- the whole search


@dataclass(frozen=True)
class Sweep:
    """A search in its folder, where each finished trial has a file: begun again, it goes on from there."""

    folder: Path
    model: str
    base: Settings
    trials: list[dict[str, Any]]
    factor: int
    data: str | None
    digest: str = ""  # of the data
    options: dict[str, Any] = field(default_factory=dict)  # with which the data is read: add, skip_bad
    backend: str | None = None  # of all trials; None: what each process takes

    def check(self) -> None:
        """Raise UsageError, before anything runs, when a trial's settings exclude each other."""
        for number in range(len(self.trials)):
            self._settings(number, self.base.epochs).plan()

    def run(self, executor: Executor, finished: Callable[[dict[str, Any]], None]) -> list[dict[str, Any]]:
        """Run all rungs; return every result, the best first. ``finished`` is called with each as it comes."""
        results: list[dict[str, Any]] = []
        chosen = list(range(len(self.trials)))
        for count, epochs in rungs(len(self.trials), self.base.epochs, self.factor):
            rung = self._run_rung(chosen[:count], epochs, executor, finished)
            rung.sort(key=_merit)
            chosen = [result["trial"] for result in rung]
            results = rung + results
        return sorted(results, key=lambda result: (-result["epochs"], *_merit(result)))

    def _run_rung(
        self, chosen: list[int], epochs: int, executor: Executor, finished: Callable[[dict[str, Any]], None]
    ) -> list[dict[str, Any]]:
        results, waiting = [], dict[Future[dict[str, Any]], Path]()
        for number in chosen:
            path = self.folder / "trials" / f"{number:04d}-{epochs}.json"
            if path.exists():
                results.append(_read_result(path, number, self._settings(number, epochs)))
            else:
                settings = self._settings(number, epochs)
                task = Task(number, self.model, settings, self.data, self.options, self.backend)
                waiting[executor.submit(run_task, task)] = path
        for future in as_completed(waiting):
            result = future.result()
            write_json(waiting[future], result)
            finished(result)
            results.append(result)
        return results

    def _settings(self, number: int, epochs: int) -> Settings:
        return replace(self.base, **{**self.trials[number], "epochs": epochs})

    def write(self) -> None:
        """Write sweep.json, from which :func:`read_sweep` goes on. Raises DataError when it cannot be written."""
        base = self.base.to_dict()
        record = {"model": self.model, "base": base, "trials": self.trials, "factor": self.factor}
        record |= {"data": self.data, "digest": self.digest, "backend": self.backend, **self.options}
        write_json(self.folder / "sweep.json", record)


def _merit(result: dict[str, Any]) -> tuple[float, float, int]:
    loss = result["loss"]
    return -result["accuracy"], math.inf if loss is None else loss, result["trial"]


def _read_result(path: Path, number: int, settings: Settings) -> dict[str, Any]:
    """Return a trial's result. Raises DataError unless it is one, and of this trial."""
    wrong = DataError(f"{path} is not that trial's result: delete it, and the trial runs again")
    wanted = {"trial": number, "epochs": settings.epochs, "settings": plain(settings.to_dict())}
    try:
        result = read_json(path)
        same = {name: result[name] for name in wanted} == wanted
        figures = [result["accuracy"], result["seconds"], 0 if result["loss"] is None else result["loss"]]
    except (DataError, KeyError, TypeError):
        raise wrong from None
    numbers = all(type(value) in (int, float) and math.isfinite(value) for value in figures)
    if not (same and numbers and 0 <= result["accuracy"] <= 1):
        raise wrong
    return dict(result)


def read_sweep(folder: Path) -> Sweep:
    """Return the search of a folder. Raises DataError when there is none, or its file is damaged."""
    path = folder / "sweep.json"
    if not path.is_file():
        raise DataError(f"{folder} holds no sweep: give the folder that nnscratch sweep made")
    record = read_json(path)
    try:
        base = Settings(**checked(record["base"], str(path)))
        trials = [checked(trial, str(path)) for trial in record["trials"]]
        if not 1 <= len(trials) <= MOST_TRIALS or any(trial.keys() != trials[0].keys() for trial in trials):
            raise ValueError("its trials are none, too many, or not of the same settings")
        if record["model"] not in MODELS or not isinstance(record["data"], str | None) or int(record["factor"]) < 1:
            raise ValueError("its model, data or factor is not one")
        if (backend := record.get("backend")) not in (None, *available_backends()):
            raise ValueError(f"its backend {short_repr(backend)} is not available here")
        data = record["data"], str(record["digest"]), data_options(record)
        search = Sweep(folder, record["model"], base, trials, int(record["factor"]), *data, backend)
        search.check()
        return search
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path} does not describe a sweep: {error}") from None


def varied(trials: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield the names of the settings that the trials give, in order."""
    yield from dict.fromkeys(name for trial in trials for name in trial)
