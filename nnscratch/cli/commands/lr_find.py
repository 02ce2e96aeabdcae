"""Find a learning rate: train with one that rises from step to step, and see where the loss falls (Smith, WACV 2017).

A new network is trained for some hundred steps and thrown away; a plot is all that is written.

  nnscratch lr-find lenet5                          with the recipe's other settings
  nnscratch lr-find mlp --hidden 300,100 --optimizer sgd --batch-size 32
  nnscratch lr-find --start model.npz --data FOLDER  before a network is trained on other data
"""

from __future__ import annotations

import argparse
from pathlib import Path

from nnscratch.cli import flags
from nnscratch.cli.commands.train_job import begun_with, settings_of
from nnscratch.cli.console import Output
from nnscratch.errors import UsageError, printable
from nnscratch.files.atomic import make_parent, write_bytes
from nnscratch.models.zoo import MODELS
from nnscratch.ops.backend import resolve_backend
from nnscratch.pages import plots
from nnscratch.runs.experiment import begin
from nnscratch.runs.settings import FIELDS, describe
from nnscratch.training.lr_find import HIGH, LOW, STEPS, RangeTest, check_range, range_test

WITHOUT = ("epochs", "lr", "schedule", "warmup", "ema", "patience", "keep", "min_delta")  # settings that play no part


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="?", metavar="MODEL", help=", ".join(MODELS))
    parser.add_argument("--start", metavar="FILE|DIR|NAME", help="the network that train --start would begin with")
    parser.add_argument("--low", type=float, default=LOW, metavar="X", help="the first rate (%(default)g)")
    parser.add_argument("--high", type=float, default=HIGH, metavar="X", help="the last rate (%(default)g)")
    parser.add_argument("--steps", type=int, default=STEPS, metavar="N", help="batches to train on (%(default)s)")
    flags.add_training(parser, names=[name for name in FIELDS if name not in WITHOUT])
    flags.add_machine(parser)
    parser.add_argument("--out", metavar="FILE.png", help="the plot; default: study/lr-find-MODEL.png")
    parser.add_argument("--json", action="store_true", help="print rates and losses as JSON on stdout")


def run(args: argparse.Namespace) -> int:
    output = Output(as_json=args.json)
    if args.models is None and args.start is None:
        raise UsageError(f"no model was given: choose from {', '.join(MODELS)}, or give --start")
    if args.out is not None and not args.out.lower().endswith(".png"):
        raise UsageError(f"--out is {args.out!r}: give the name of a PNG file")
    check_range(args.low, args.high, args.steps)  # before anything is compiled
    flags.use_machine(args)
    args.models = [] if args.models is None else [args.models]
    names, starts, dataset = begun_with(args)
    if len(names) > 1:
        raise UsageError(f"{args.start} holds {', '.join(names)}: say which of them, before --start")
    (name,) = names
    settings = settings_of(args, name, starts)
    path = Path(args.out) if args.out is not None else Path("study") / f"lr-find-{name}.png"
    make_parent(path)  # before anything is trained for it
    trainer = begin(name, settings, dataset, Path(name), start=starts.get(name)).trainer
    resolve_backend()
    told = {key: value for key, value in settings.to_dict().items() if key not in WITHOUT}
    output.say(f"settings {describe(told)}")
    found = range_test(
        trainer.network, trainer.images, trainer.labels, trainer.plan, low=args.low, high=args.high, steps=args.steps
    )
    marks = {"lowest": found.lowest, "suggestion": found.suggestion, "highest": found.highest}
    title = f"{name} on {dataset.name}, {settings.optimizer}: loss by learning rate"
    write_bytes(path, plots.lr_range(found.rates, found.losses, found.smoothed, title, **marks))
    for line in in_words(found, args.high):
        output.say(line)
    output.say(f"plot     {printable(str(path))}")
    curves = {key: getattr(found, key).tolist() for key in ("rates", "losses", "smoothed")}
    output.result({"model": name, "settings": told, "plot": str(path), **marks, **curves})
    return 0


def in_words(found: RangeTest, high: float) -> list[str]:
    """Return what a range test found, as lines."""
    ended = "ended there, where the loss had grown" if found.ended_early else "went to the end"
    lines = [f"rates    {found.rates[0]:.2g} to {found.rates[-1]:.2g} in {len(found.rates)} steps; {ended}"]
    if found.suggestion is None:
        return [*lines, "suggest  nothing: no rate made the loss fall by more than it differs from batch to batch"]
    lines.append(f"range    the loss fell from {found.lowest:.2g} on, and was least at {found.highest:.2g}")
    lines.append(f"suggest  --lr {found.suggestion:.2g}, where it fell most steeply")
    if found.highest == found.rates[-1]:
        lines.append(f"         it still fell at the last rate: try a --high above {high:g}")
    return lines
