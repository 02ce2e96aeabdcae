"""See where the time of a training goes: each layer forward and backward, the update, and waiting.

A copy of the network is trained for a moment, on one thread and on all, and thrown away. GFLOP/s count the
multiplications with weights; the peak is that of a matrix product by NumPy, measured in between.

  nnscratch profile lenet5                          with the recipe's settings
  nnscratch profile mlp --hidden 300,100 --batch-size 32 --html mlp.html
  nnscratch profile model.npz --recipe original     a network of your own
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from nnscratch.cli import flags
from nnscratch.cli.commands.train_job import begun_with, settings_of
from nnscratch.cli.console import Output
from nnscratch.errors import UsageError, printable
from nnscratch.files.atomic import make_parent, write_text
from nnscratch.models.zoo import MODELS
from nnscratch.ops.backend import resolve_backend
from nnscratch.runs.experiment import begin
from nnscratch.runs.settings import FIELDS, describe
from nnscratch.study.profile import text
from nnscratch.study.profile.page import profile_page
from nnscratch.study.profile.profile import profile

# settings that play no part in the time of a step
WITHOUT = (
    *("epochs", "schedule", "warmup", "patience", "keep", "min_delta", "val_size"),
    *("forms", "outliers", "teachers", "teacher_epochs"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL|FILE", help=f"{', '.join(MODELS)}, or the file of a network")
    flags.add_training(parser, names=[name for name in FIELDS if name not in WITHOUT])
    flags.add_machine(parser)
    parser.add_argument("--html", metavar="FILE.html", help="a page too: bars, a timeline, kernels")
    parser.add_argument("--json", action="store_true", help="print the times as JSON on stdout")


def run(args: argparse.Namespace) -> int:
    output = Output(as_json=args.json)
    path = None if args.html is None else flags.page_path(args.html, "", "--html")
    flags.use_machine(args)
    is_file = bool(args.model) and args.model not in MODELS and ("." in args.model or Path(args.model).exists())
    args.models, args.start = ([], args.model) if is_file else ([args.model], None)
    names, starts, dataset = begun_with(args)
    if len(names) > 1:
        raise UsageError(f"{args.model} holds {', '.join(names)}: give the file of one of them")
    (name,) = names
    settings = replace(settings_of(args, name, starts), forms=0.0, outliers=0.0, teachers=0)
    if path is not None:
        make_parent(path)
    resolve_backend()
    trainer = begin(name, settings, dataset, Path(name), start=starts.get(name)).trainer
    told = {key: value for key, value in settings.to_dict().items() if key not in WITHOUT}
    output.say(f"settings {describe(told)}")
    found = profile(trainer.network, trainer.images, trainer.labels, trainer.plan)
    output.say(f"machine  {text.machine(found)}")
    output.say(f"timed    {text.how(found)}")
    for timing in found.timings:
        output.say(f"\n{text.count(timing.threads)}: {text.speed(found, timing)}")
        output.table(text.table(found, timing))
    if len(found.timings) > 1:
        output.say(text.gain(*found.timings))
    if path is not None:
        write_text(path, profile_page(found, name, {"Settings": describe(told), "Data": dataset.name}))
        output.say(f"page     {printable(str(path))}")
    output.result({"model": name, "settings": told, "page": args.html, **text.as_dict(found)})
    return 0
