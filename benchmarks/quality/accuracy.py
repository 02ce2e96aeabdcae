"""Train the models of a recipe with several seeds, and print every seed's figures as a Markdown table.

    python -m benchmarks.quality.accuracy --recipe original --seeds 0 1 2
    python -m benchmarks.quality.accuracy --recipe best --models logistic --deskew    # any setting, as in train.py

For each seed: a new split, new first weights, a new order; the epoch that the recipe keeps; the test images once, at
the end, with the temperature that suits the validation images. Results go to benchmarks/results/accuracy-RECIPE.json
(accuracy-RECIPE-deskew.json: with the names of the settings that were given) with machine, versions, commit and date.
``--add`` keeps the rows that the file has of other models and seeds: a long recipe may be run piece by piece.
``--table`` prints the table of that file again without training; ``--quick`` trains on 2,000 images for 2 epochs and
writes nothing. The seconds are those of training alone, but with that of teachers.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import nnscratch as nn
from benchmarks import harness
from nnscratch.cli import flags
from nnscratch.ops.backend import resolve_backend
from nnscratch.runs.experiment import begin
from nnscratch.runs.settings import FIELDS, resolve

MODELS = ("lenet5", "mlp", "logistic")


def main() -> None:
    """Parse the arguments, train, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="original")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--add", action="store_true", help="keep what the results file has of other models and seeds")
    parser.add_argument("--table", action="store_true", help="print the table of the results file")
    flags.add_settings(parser, [name for name in FIELDS if name != "seed"])
    args = parser.parse_args()
    given = flags.given_settings(args)
    name = "-".join(["accuracy", args.recipe, *given])
    path = harness.RESULTS / f"{name}.json"
    if args.table:
        results = json.loads(path.read_text())
    else:
        results = measure(args, name, given)
        if args.add and path.is_file():
            results["rows"] = merged(json.loads(path.read_text())["rows"], results["rows"])
        if not args.quick:
            path.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results) if args.json else table(results))


def measure(args: argparse.Namespace, benchmark: str, given: dict[str, Any]) -> dict[str, Any]:
    """Train every model with every seed, with the settings that were ``given``."""
    mnist = nn.load_mnist()
    told = harness.environment(nn.threads())  # the commit that runs, whatever happens to the files meanwhile
    rows = []
    for name in args.models:
        for seed in args.seeds:
            settings = resolve(name, recipe=args.recipe, flags=given | {"seed": seed})
            if args.quick:
                settings = replace(settings, limit=2000, epochs=2)
            with tempfile.TemporaryDirectory() as folder:
                experiment = begin(name, settings, mnist, Path(folder))
                start = time.perf_counter()
                experiment.trainer.run()
                seconds = time.perf_counter() - start
                figures = experiment.finish()
            keep = ("model", "seed", "parameters", "epochs", "best_epoch", "weights_sha256")
            row = {key: figures[key] for key in keep} | {"seconds": seconds}
            row |= {"calibration_error": figures["test"]["calibration_error"], **figures["calibration"]}
            for part in ("train", "validation", "test"):
                row |= {f"{part}_accuracy": figures[part]["accuracy"], f"{part}_loss": figures[part]["loss"]}
            rows.append(row)
    return {
        "benchmark": benchmark,
        "command": harness.command(),
        "rows": rows,
        "backend": resolve_backend(),
        "environment": told,
    }


def merged(before: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows by model and seed, new ones in the place of those before."""
    rows = {(row["model"], row["seed"]): row for row in [*before, *new]}
    order = {model: place for place, model in enumerate(dict.fromkeys(model for model, _ in rows))}
    return [rows[key] for key in sorted(rows, key=lambda key: (order[key[0]], key[1]))]


def table(results: dict[str, Any]) -> str:
    """Return the rows as Markdown, with a row of means for each model."""
    lines = [
        "| model | seed | test accuracy | test loss | calibration error | validation accuracy | training accuracy "
        "| epoch kept | s |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name in dict.fromkeys(row["model"] for row in results["rows"]):
        rows = [row for row in results["rows"] if row["model"] == name]
        lines += [_line(name, str(row["seed"]), row) for row in rows]
        numbers = [key for key in rows[0] if isinstance(rows[0][key], (int, float))]
        mean = {key: float(np.mean([row[key] for row in rows])) for key in numbers}
        lines.append(_line(f"**{name}**", "**mean**", mean))
    return "\n".join(lines)


def _line(name: str, seed: str, row: dict[str, Any]) -> str:
    shares = [f"{100 * row[f'{part}_accuracy']:.2f} %" for part in ("test", "validation", "train")]
    cells = [name, seed, shares[0], f"{row['test_loss']:.4f}", f"{100 * row['calibration_error']:.2f} %"]
    cells += [shares[1], shares[2], f"{row['best_epoch']:.3g}", f"{row['seconds']:.1f}"]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
