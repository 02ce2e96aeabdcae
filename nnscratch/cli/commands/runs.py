"""List past runs, or compare any of them: a table, and a report.html and report.md with their plots."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from nnscratch.cli import flags
from nnscratch.cli.console import Output
from nnscratch.cli.typed import typed
from nnscratch.errors import DataError, printable
from nnscratch.pages.blocks import Table, percent
from nnscratch.runs import folder as runs
from nnscratch.runs import report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="action", required=True, metavar="list|compare")
    listing = commands.add_parser("list", help="list the runs below runs/")
    compare = commands.add_parser("compare", help="compare the models of runs")
    compare.add_argument("folders", nargs="+", metavar="DIR", help="a run's folder, or a model's folder in it")
    compare.add_argument("--out", metavar="DIR", help="where to write the report; default: runs/compare_DATE_TIME")
    for command in (listing, compare):
        command.add_argument("--json", action="store_true", help="print the figures as JSON")


def run(args: argparse.Namespace) -> int:
    output = Output(as_json=args.json)
    return _list(output) if args.action == "list" else _compare(args, output)


def _list(output: Output) -> int:
    rows, records = [], []
    for folder in runs.all_runs():
        try:
            names = runs.read_run(folder)["models"]
            finished = runs.results(folder) if any(folder.glob("*/metrics.json")) else []
            done = {result.name: result.metrics for result in finished}
            cells = {name: percent(done[name]["test"]["accuracy"]) if name in done else "-" for name in names}
        except (DataError, KeyError, TypeError, ValueError):
            rows.append([str(folder), "", "damaged"])
            continue
        rows += [[str(folder), name, cell] for name, cell in cells.items()]
        records += [{"run": str(folder), "model": name, "metrics": done.get(name)} for name in names]
    if not rows:
        output.say(f"no runs below {runs.RUNS}/: '{typed('train')}' makes one")
    else:
        output.table(Table(["run", "model", "test accuracy"], rows))
    output.result(records)
    return 0


def _compare(args: argparse.Namespace, output: Output) -> int:
    results = [result for folder in args.folders for result in runs.results(flags.folder(folder))]
    if len({result.folder.resolve() for result in results}) < len(results):
        raise DataError("a training was given twice: name each run or model folder once")
    stamp = time.strftime("%Y-%m-%d_%H-%M-%S")
    folder = flags.folder(args.out) if args.out is not None else runs.RUNS / f"compare_{stamp}"
    runs.check_new(folder)
    write_comparison(results, folder, f"nnscratch: {len(results)} trainings compared", output)
    output.result({"report": str(folder), "models": [result.metrics for result in results]})
    return 0


def write_comparison(results: Sequence[runs.Result], folder: Path, title: str, output: Output) -> None:
    """Write the report on these trainings into ``folder``, and show the table of it."""
    with report.readable(results):
        compared = report.comparison(results)
        report.write_report(results, folder, title)
    output.table(compared)
    output.say(f"report   {printable(str(folder / 'report.html'))}")
