"""Watch a training: what flows forward and back through each layer, live in the terminal, then as a page.

Nothing is trained differently because of it. Test images are not looked at, and no run folder is written.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from nnscratch.cli import flags
from nnscratch.cli.console import Lines, Output
from nnscratch.cli.interrupt import interruptible
from nnscratch.errors import DivergedError, UsageError, printable
from nnscratch.files.atomic import make_parent
from nnscratch.models.zoo import MODELS, known_models
from nnscratch.ops.backend import backend, resolve_backend
from nnscratch.runs.experiment import Experiment, begin
from nnscratch.runs.settings import MLP_ONLY, Settings, describe
from nnscratch.study.watch.live import Live, can_show
from nnscratch.study.watch.page import write_record
from nnscratch.study.watch.watch import Watch
from nnscratch.training.trainer import Trainer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help=", ".join(MODELS))
    parser.add_argument(
        "--every", type=int, metavar="N", help="look before every N-th batch; default: 3 %% of the time"
    )
    flags.add_training(parser)
    flags.add_machine(parser)
    parser.add_argument("--out", metavar="FILE.html", help="the record; default: study/train-MODEL.html")
    parser.add_argument("--json", action="store_true", help="print the samples as JSON on stdout, the rest on stderr")


def run(args: argparse.Namespace) -> int:
    output = Output(as_json=args.json)
    known_models([args.model])
    path = flags.page_path(args.out, f"train-{args.model}")
    flags.use_machine(args)
    watch = Watch(every=args.every)
    settings = _settings(args)
    data = flags.read_data(args.data, **flags.data_options(args))
    make_parent(path)  # before anything is compiled or trained for it
    view = Live(args.model, watch, output.stream) if can_show(output.stream) else PlainLines(args.model, watch, output)
    experiment = begin(args.model, settings, data, Path(args.model), [watch, view])
    with interruptible() as interrupt:
        resolve_backend()
        output.say(f"settings {describe(experiment.settings.to_dict())}")
        try:
            with interrupt.stopping(experiment.trainer):
                experiment.trainer.run()
        except DivergedError as error:
            _write(path, watch, experiment)
            told = flags.in_flags(error)
            raise DivergedError(f"{args.model}: {told}; what was seen until then is in {path}") from None
        interrupted = interrupt.requested
    for finding in watch.findings():
        output.say(f"warning  {finding.text} ({finding.when(len(watch.samples))})")
    _write(path, watch, experiment)
    output.say(f"record   {printable(str(path))}")
    output.result(_record(path, watch, experiment))
    return 130 if interrupted else 0


def _settings(args: argparse.Namespace) -> Settings:
    """Return what the arguments ask for."""
    alone = [key for key in flags.given_settings(args) if key in MLP_ONLY]
    if alone and args.model != "mlp":
        raise UsageError(f"--{alone[0]} changes the mlp, and {args.model} was asked for: leave it out")
    return flags.training_settings(args, args.model)


class PlainLines(Lines):
    """A line for each epoch, and one for each thing that goes wrong, when it first does."""

    def __init__(self, name: str, watch: Watch, output: Output) -> None:
        super().__init__(name, output)
        self.watch, self.reported = watch, set[tuple[str, str]]()

    def on_epoch_end(self, trainer: Trainer) -> None:
        super().on_epoch_end(trainer)
        for finding in self.watch.findings():
            if (finding.kind, finding.layer) not in self.reported:
                self.reported.add((finding.kind, finding.layer))
                self.output.say(f"         warning: {finding.text}")


def _write(path: Path, watch: Watch, experiment: Experiment) -> None:
    facts = {
        "Settings": describe(experiment.settings.to_dict()),
        "Data": f"{experiment.dataset.name}, {len(experiment.train):,} images to train on and "
        f"{len(experiment.held_out):,} to validate on",
    }
    write_record(path, watch, f"Training of {experiment.name}", facts)


def _record(path: Path, watch: Watch, experiment: Experiment) -> dict[str, Any]:
    """Return the result for programs."""
    return {
        "model": experiment.name,
        "settings": experiment.settings.to_dict(),
        "backend": backend(),
        "record": str(path),
        "share_spent": watch.share_spent,
        "history": watch.history,
        "findings": [finding.text for finding in watch.findings()],
        "samples": [sample.to_dict() for sample in watch.samples],
    }
