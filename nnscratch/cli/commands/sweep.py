"""Search for settings of a model: --vary lr=0.0005:0.01:log batch_size=64,128. Only validation images decide."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Any

from nnscratch.cli import flags
from nnscratch.cli.console import Output
from nnscratch.cli.interrupt import interruptible
from nnscratch.cli.typed import typed
from nnscratch.errors import DataError, UsageError
from nnscratch.files.atomic import LOCK, locked, write_bytes, write_text
from nnscratch.models.zoo import MODELS, known_models
from nnscratch.ops.backend import set_backend
from nnscratch.pages import plots
from nnscratch.pages.blocks import Table
from nnscratch.parallel.dask import Cluster, lost_workers
from nnscratch.parallel.processes import Processes
from nnscratch.parallel.threads import threads
from nnscratch.runs import sweep
from nnscratch.runs.settings import MLP_ONLY, Settings, checked

SWEEPS = Path("sweeps")
ATTEMPTS = 3  # to run what lost processes had
SHOWN = 20  # rows of the table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", nargs="?", metavar="MODEL", help=", ".join(MODELS))
    parser.add_argument(
        "--vary",
        nargs="+",
        action="extend",
        metavar="NAME=VALUES",
        help="a setting and what to try: 64,128 or 0:15 or 0.001:0.01:log",
    )
    parser.add_argument(
        "--trials", type=int, metavar="N", help="random draws; default: the whole grid, 20 where a range is given"
    )
    parser.add_argument(
        "--halving",
        type=int,
        metavar="N",
        help="keep one trial in N from rung to rung, for N times the epochs; 1: train all to the end; default: 3",
    )
    flags.add_training(parser, recipe="where all begin")
    parser.add_argument("--workers", type=int, metavar="N", help="trainings at a time; default: one for each core")
    parser.add_argument("--backend", metavar="NAME", help="which functions compute: numba or numpy")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="send the trainings to a Dask cluster: tcp://host:8786")
    parser.add_argument("--out", metavar="DIR", help="the sweep's folder; default: sweeps/DATE_TIME")
    parser.add_argument("--resume", metavar="DIR", help="go on with the sweep of this folder")
    parser.add_argument("--json", action="store_true", help="print all results as JSON on stdout")
    parser.add_argument("--dry-run", action="store_true", help="show the trials, and train nothing")


def run(args: argparse.Namespace) -> int:
    output = Output(as_json=args.json)
    workers = threads() if args.workers is None else args.workers
    if workers < 1:
        raise UsageError(f"--workers is {workers}: give at least 1")
    if args.backend is not None:
        set_backend(args.backend)  # which says what there is; the trials are told in their tasks
    if args.scheduler is not None and args.workers is not None:
        raise UsageError("--workers are this machine's, and --scheduler has its own: leave one of the two out")
    search = _resumed(args) if args.resume is not None else _new(args)
    plan = sweep.rungs(len(search.trials), search.base.epochs, search.factor)
    rungs = ", then ".join(f"{count} for {epochs} epoch{'s' * (epochs > 1)}" for count, epochs in plan)
    if args.resume is None and not args.dry_run:
        _check_new(search.folder)
    if args.scheduler is not None and not args.dry_run:
        cluster = Cluster(args.scheduler)
        cluster.watch(output.say)
        workers = cluster.threads
    output.say(f"{search.model}: {len(search.trials)} trials: {rungs}; {workers} at a time")
    if args.dry_run:
        rows = [[str(number), *_cells(trial)] for number, trial in enumerate(search.trials)]
        output.table(Table(["trial", *sweep.varied(search.trials)], rows))
        return 0
    with locked(search.folder):
        executor = partial(Processes, workers) if args.scheduler is None else lambda: cluster
        return _search(search, executor, output, args)


def _search(
    search: sweep.Sweep, executor: Callable[[], Processes | Cluster], output: Output, args: argparse.Namespace
) -> int:
    if args.resume is None:
        search.write()
    try:
        results = _run_persistently(search, executor, output)
    except Exception as error:
        if lost_workers(error):
            raise DataError(
                f"the Dask cluster was lost, or a training's workers again and again: see to it, and go on with "
                f"--resume {search.folder} --scheduler {args.scheduler}"
            ) from None
        if not isinstance(error, BrokenProcessPool):
            raise
        raise DataError(
            f"a training was ended from outside {ATTEMPTS} times, perhaps for want of memory: go on with "
            f"--resume {search.folder}, and fewer --workers"
        ) from None
    except KeyboardInterrupt:
        command = f"{args.prog} --resume {shlex.quote(str(search.folder))}"
        print(f"interrupted; finished trials are kept; to go on: {command}", file=sys.stderr)
        return 130
    _finish(search, results, output)
    return 0


def _new(args: argparse.Namespace) -> sweep.Sweep:
    if args.model is None:
        raise UsageError(f"no model was given: choose from {', '.join(MODELS)}")
    known_models([args.model])
    if args.trials is not None and args.trials < 1:
        raise UsageError(f"--trials is {args.trials}: give at least 1")
    factor = 3 if args.halving is None else args.halving
    if factor < 1:
        raise UsageError(f"--halving is {factor}: give 1, or how many times fewer trials each rung has")
    base = flags.training_settings(args, args.model)
    space = [sweep.parse(text) for text in args.vary or ()]
    alone = [part.name for part in space if part.name in MLP_ONLY and args.model != "mlp"]
    if alone:
        raise UsageError(f"--vary {alone[0]} changes the mlp, and {args.model} is swept: leave it out")
    trials = sweep.draw_trials(space, args.trials, base.seed)
    folder = flags.folder(args.out) if args.out is not None else SWEEPS / time.strftime("%Y-%m-%d_%H-%M-%S")
    options = flags.data_options(args)
    digest, path = flags.read_data(args.data, **options).digest, flags.data_path(args)
    search = sweep.Sweep(folder, args.model, base, trials, factor, path, digest, options, args.backend)
    search.check()
    return search


def _resumed(args: argparse.Namespace) -> sweep.Sweep:
    fixed = ("vary", "trials", "halving", "recipe", "config", "out", "data", "add", "skip_bad", "backend")
    changed = flags.given_flags(args, fixed)
    if changed or args.model is not None:
        raise UsageError(f"--resume takes all from {args.resume}: leave {', '.join(changed) or 'the model'} out")
    search = sweep.read_sweep(flags.folder(args.resume))
    if flags.read_data(search.data, **search.options).digest != search.digest:
        raise DataError(f"{search.data} is not what the sweep began with: put it back, or begin another sweep")
    return search


def _check_new(folder: Path) -> None:
    try:
        if folder.exists() and (not folder.is_dir() or any(path.name != LOCK for path in folder.iterdir())):
            raise DataError(
                f"{folder} is not an empty folder: give a new one to --out, or go on with a sweep by --resume"
            )
    except OSError as error:
        raise DataError(f"{folder} cannot be used ({error.strerror}): give another --out") from None


def _run_persistently(
    search: sweep.Sweep, executor: Callable[[], Processes | Cluster], output: Output
) -> list[dict[str, Any]]:
    """Run all trials. What a lost process here had is done again, by a new crew; a cluster sees to its own."""
    for _ in range(ATTEMPTS - 1):
        try:
            return _run(search, executor(), output)
        except BrokenProcessPool:
            output.say("lost     a process was ended from outside: what it had is done again")
    return _run(search, executor(), output)


def _run(search: sweep.Sweep, executor: Processes | Cluster, output: Output) -> list[dict[str, Any]]:
    def finished(result: dict[str, Any]) -> None:
        changed = ", ".join(f"{k} {_cell(v)}" for k, v in search.trials[result["trial"]].items())
        how = "failed" if "failed" in result else f"validation {100 * result['accuracy']:.2f} %"
        output.say(f"trial {result['trial']:>3}  {result['epochs']:>3} epochs  {how}  {changed}")

    with interruptible() as interrupt:
        try:
            return search.run(executor.executor if isinstance(executor, Cluster) else executor, finished)
        except Exception:
            if interrupt.requested:  # in the midst of something that made another error of it
                raise KeyboardInterrupt from None
            raise
        finally:
            executor.end_now()


def _finish(search: sweep.Sweep, results: Sequence[dict[str, Any]], output: Output) -> None:
    """Write sweep.csv, sweep.png and best.toml, and show the table."""
    names = list(sweep.varied(search.trials))
    header = ["trial", "epochs", "validation", "loss", "seconds", *names]
    rows = [_row(result, search, _shown) for result in results]
    plain = [_row(result, search, _plain) for result in results]
    write_text(search.folder / "sweep.csv", "".join(",".join(row) + "\n" for row in (header, *plain)))
    points = [(search.trials[result["trial"]], result) for result in results if "failed" not in result]
    plot = plots.sweep(points, names, f"{search.model}: {len(search.trials)} trials")
    write_bytes(search.folder / "sweep.png", plot)
    best = search.folder / "best.toml"
    if points:
        write_text(best, best_toml(search.model, results[0]))
    output.say()
    output.table(Table(header, rows[:SHOWN]))
    if len(rows) > SHOWN:
        output.say(f"{len(rows) - SHOWN} more in {search.folder / 'sweep.csv'}")
    output.say(f"plot     {search.folder / 'sweep.png'}")
    if points:
        words = [search.model, "--config", str(best), *_common_words(search)]
        output.say(f"best     {typed('train')} {shlex.join(words)}")
    else:
        output.say(f"best     none: every trial failed: the files in {search.folder / 'trials'} say why")
    output.result({"sweep": str(search.folder), "results": list(results)})


def _common_words(search: sweep.Sweep) -> list[str]:
    """Return the flags that all trials had in common, besides the settings."""
    given = {"--data": search.data, "--add": search.options.get("add"), "--backend": search.backend}
    words = [word for flag, value in given.items() if value is not None for word in (flag, value)]
    return [*words, *(["--skip-bad"] if search.options.get("skip_bad") else [])]


def best_toml(model: str, result: dict[str, Any]) -> str:
    """Return the settings of a result as a file for --config."""
    settings = Settings(**checked(result["settings"], "a trial's result"))
    lines = [f"# the best of a sweep: {100 * result['accuracy']:.2f} % of the validation images", f"[{model}]"]
    for name, value in settings.to_dict().items():  # all, since the recipe that the file will beat has other values
        if name not in ("limit", "val_size"):
            lines.append(f"{name} = {json.dumps(value)}")
    return "\n".join(lines) + "\n"


def _row(result: dict[str, Any], search: sweep.Sweep, write: Callable[[dict[str, Any]], list[str]]) -> list[str]:
    return [str(result["trial"]), str(result["epochs"]), *write(result), *_cells(search.trials[result["trial"]])]


def _shown(result: dict[str, Any]) -> list[str]:
    loss = "-" if result["loss"] is None else f"{result['loss']:.4g}"
    accuracy = "failed" if "failed" in result else f"{100 * result['accuracy']:.2f} %"
    return [accuracy, loss, f"{result['seconds']:.1f}"]


def _plain(result: dict[str, Any]) -> list[str]:
    """Return the same for programs: nothing where a trial failed."""
    figures = [None if "failed" in result else result["accuracy"], result["loss"], round(result["seconds"], 2)]
    return ["" if value is None else str(value) for value in figures]


def _cells(trial: dict[str, Any]) -> list[str]:
    return [_cell(value) for value in trial.values()]


def _cell(value: Any) -> str:
    return "-".join(map(str, value)) if isinstance(value, (list, tuple)) else f"{value}"
