"""Check gradients: what backward returns against the numerical gradient of what forward returns, in float64.

Each array's entries are compared one by one (some of them, drawn at random), and all together along a random direction.

  nnscratch gradcheck                                    the three models
  nnscratch gradcheck lenet5 --layer conv2               one layer of one
  nnscratch gradcheck runs/.../model.npz                 a network that was saved
  nnscratch gradcheck mine.py:Swish --input-shape 4,6,6  a layer class of your own
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from nnscratch.cli.console import Output
from nnscratch.cli.flags import DEFAULT_MODELS, whole_numbers
from nnscratch.data import load_mnist
from nnscratch.errors import DataError, UsageError, printable, unknown
from nnscratch.layers import Layer
from nnscratch.models.saving import load
from nnscratch.models.sequential import Sequential
from nnscratch.models.zoo import MODELS, build
from nnscratch.pages.blocks import Table
from nnscratch.parallel.processes import Processes
from nnscratch.training.gradcheck import GradcheckReport, check_layer, gradcheck
from nnscratch.training.numerical_gradient import MEASURE

IMAGES = 4
MOST_SAMPLES = 10_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    known, three = ", ".join(MODELS), ", ".join(DEFAULT_MODELS)
    target = f"a fresh model by name ({known}), a model.npz, or FILE.py:CLASS; default: {three}"
    parser.add_argument("targets", nargs="*", default=DEFAULT_MODELS, metavar="MODEL|FILE", help=target)
    parser.add_argument("--layer", metavar="NAME", help="only the arrays of this layer, such as conv2")
    parser.add_argument("--samples", type=int, default=20, metavar="N", help="entries of each array (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of weights, entries and direction")
    parser.add_argument(
        "--input-shape", type=whole_numbers, metavar="C,H,W", help="of FILE.py:CLASS, without the batch (3,6,6)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON list")


def run(args: argparse.Namespace) -> int:
    """Do it; return the exit code: 1 when a gradient is wrong."""
    if args.seed < 0:
        raise UsageError(f"--seed is {args.seed}: give a whole number of at least 0")
    if not 1 <= args.samples <= MOST_SAMPLES:
        raise UsageError(f"--samples is {args.samples}: give 1 to {MOST_SAMPLES:,}")
    output = Output(as_json=args.json)
    checks = []
    for target in args.targets:
        report = _check(target, args)
        checks.append({"target": target, "ok": report.ok, "error": _finite(report.error), "arrays": _rows(report)})
        verdict = "pass" if report.ok else "FAIL"
        output.say(f"{printable(target)}: {verdict}, largest error {report.error:.1e} "
                   f"(tolerance {report.tolerance:.0e})")  # fmt: skip
        output.table(_table(report))
    output.say(MEASURE)
    output.result(checks)
    return 0 if all(one["ok"] for one in checks) else 1


def _check(target: str, args: argparse.Namespace) -> GradcheckReport:
    if ".py:" in target:
        if args.layer is not None:
            raise UsageError(f"--layer chooses a layer of a network, and {target} is one layer: leave it out")
        with Processes(1) as process:  # the file is run there, and may end it
            try:
                return process.submit(_check_class, target, args.samples, args.seed, args.input_shape).result()
            except BrokenProcessPool:
                raise DataError(
                    f"{target} ended the process that checked it: let it define the layer, and no more"
                ) from None
    if target.endswith(".py"):
        raise UsageError(f"{target} may hold several layers: give {target}:CLASS")
    if args.input_shape is not None:
        raise UsageError(f"--input-shape is for FILE.py:CLASS, and {target} has its own: leave it out")
    network = _network(target, args.seed)
    if network.input_shape != (1, 28, 28):
        raise DataError(f"{target} takes {network.input_shape}, but it is checked with MNIST's (1, 28, 28)")
    mnist = load_mnist()
    images, labels = mnist.train_images[:IMAGES], mnist.train_labels[:IMAGES] % network.shapes[-1][0]
    return gradcheck(network, images, labels, samples=args.samples, seed=args.seed, layer=args.layer)


def _network(target: str, seed: int) -> Sequential:
    if target in MODELS:
        return build(target, seed=seed)
    if target.endswith((".npz", ".safetensors")) or Path(target).is_file():
        return load(target)
    raise unknown("the model", target, MODELS, ", or give a model.npz or FILE.py:CLASS")


def _check_class(target: str, samples: int, seed: int, input_shape: tuple[int, ...] | None) -> GradcheckReport:
    """Check a layer class out of a file of the user's, which is run for that."""
    path, _, name = target.rpartition(":")
    layer = _made(path, name)
    shape = input_shape or (3, 6, 6)
    try:
        return check_layer(layer, shape, samples=samples, seed=seed)
    except (UsageError, DataError):
        raise
    except Exception as error:  # whatever the user's code raises
        raise DataError(f"{path}: {name} failed on an input of shape {shape}: {_described(error)}") from None


def _made(path: str, name: str) -> Layer:
    """Return an instance of the class. Raises DataError for a file that cannot be run, or holds no such layer."""
    spec = importlib.util.spec_from_file_location("layer_of_the_user", path)
    if not Path(path).is_file() or spec is None or spec.loader is None:
        raise DataError(f"{path} is no file: give FILE.py:CLASS")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise DataError(f"{path} cannot be run: {_described(error)}") from None
    found = getattr(module, name, None)
    if not (isinstance(found, type) and issubclass(found, Layer)):
        known = [key for key, value in vars(module).items() if isinstance(value, type) and issubclass(value, Layer)]
        own = ", ".join(key for key in known if getattr(module, key).__module__ == spec.name) or "none"
        raise DataError(f"{path} has no layer class {name!r} (a subclass of nnscratch.Layer): it has {own}")
    try:
        return found()
    except Exception as error:
        raise DataError(f"{path}: {name}() failed: {_described(error)}: give every setting a default") from None


def _described(error: BaseException) -> str:
    return printable(f"{type(error).__name__}: {error}".replace("\n", " "))[:200]


def _table(report: GradcheckReport) -> Table:
    header = ["array", "verdict", "error", "direction", "shape", "checked", "at", "analytic", "numeric"]
    rows = []
    for row in report.rows:
        verdict = "pass" if row.worst <= report.tolerance else "FAIL"
        errors = [f"{error:.1e}" for error in (row.error, row.direction_error)]
        values = [f"{value:.3e}" for value in row.pair]
        rows.append([row.name, verdict, *errors, str(row.shape), str(row.checked), str(row.where), *values])
    return Table(header, rows)


def _rows(report: GradcheckReport) -> list[dict[str, Any]]:
    return [
        {
            "name": row.name,
            "shape": list(row.shape),
            "checked": row.checked,
            "at": list(row.where),
            "analytic": _finite(row.pair[0]),
            "numeric": _finite(row.pair[1]),
            "error": _finite(row.error),
            "direction_error": _finite(row.direction_error),
            "ok": row.worst <= report.tolerance,
        }
        for row in report.rows
    ]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None  # JSON has no other numbers
