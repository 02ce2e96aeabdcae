"""Train models, evaluate them on the test images once, and write a folder with weights, figures, plots and a report."""

from __future__ import annotations

import argparse
import shlex
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from nnscratch.cli import flags
from nnscratch.cli.commands import train_simple
from nnscratch.cli.commands.runs import write_comparison
from nnscratch.cli.commands.train_job import Job, read_job
from nnscratch.cli.console import Output
from nnscratch.cli.interrupt import Interrupt, interruptible
from nnscratch.data import Dataset
from nnscratch.data.classes import listed
from nnscratch.errors import DataError, DivergedError, printable
from nnscratch.files.atomic import locked, write_json
from nnscratch.models.zoo import MODELS, known_models
from nnscratch.ops.backend import available_backends, backend, resolve_backend
from nnscratch.parallel.mpi import Ranks
from nnscratch.parallel.threads import threads
from nnscratch.runs import folder as runs
from nnscratch.runs.examples import count_examples
from nnscratch.runs.experiment import Experiment, resume
from nnscratch.runs.settings import describe
from nnscratch.runs.speedup import advice
from nnscratch.runs.start import sentence
from nnscratch.training.callbacks import Callback
from nnscratch.training.trainer import Trainer
from nnscratch.version import __version__


def add_arguments(parser: argparse.ArgumentParser) -> None:
    known = ", ".join(MODELS)
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help=f"{known}; default: {' '.join(flags.DEFAULT_MODELS)}"
    )
    flags.add_training(parser)
    flags.add_machine(parser)
    shared = "share the training among processes: mpi, started by mpiexec -n 4 python ..."
    parser.add_argument("--distributed", metavar="KIND", help=shared)
    parser.add_argument("--out", metavar="DIR", help="the run's folder; default: runs/DATE_TIME")
    parser.add_argument(
        "--resume", metavar="DIR", help="continue the run of this folder; with --epochs, to another number of epochs"
    )
    start = (
        "begin with the weights of this network: a model.npz or .safetensors file, a run's folder, or a model's name"
    )
    parser.add_argument("--start", metavar="FILE|DIR|NAME", help=start)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON on stdout, the rest on stderr")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors (and JSON)")
    parser.add_argument("--simple", action="store_true", help="the textbook's loop and NumPy alone, to step through")
    parser.add_argument("--dry-run", action="store_true", help="show what would be trained, and write nothing")


def run(args: argparse.Namespace) -> int:
    if args.simple:
        return train_simple.run(args, known_models(args.models or flags.DEFAULT_MODELS))
    flags.use_machine(args)
    ranks = flags.join_ranks(args)
    with ranks.abort_together():
        return _run(args, ranks)


def _run(args: argparse.Namespace, ranks: Ranks) -> int:
    """Do it as one of ``ranks``, of which the first alone prints and writes."""
    first = ranks.rank == 0
    output = Output(as_json=args.json and first, quiet=args.quiet or not first)
    with interruptible() as interrupt:
        job = read_job(args, ranks)
        folder, dataset = job.folder, job.dataset
        vars(dataset)["digest"] = ranks.broadcast(dataset.digest if first else "")  # it goes through all images: once
        _show_start(output, dataset, args, ranks)
        if args.resume and first:
            job.lengthen(write=False)
        if args.dry_run:
            _dry_run(output, job)
            return 0
        new = first and not args.resume
        if new:
            runs.check_new(folder)
            configs = {name: job.begin(name, folder / name, to_run=False).config() for name in job.names}
        with locked(folder) if first else nullcontext():
            if new:
                _write_start(job, configs, args)
            elif first:
                job.lengthen(write=True)
            ranks.any(False)  # the others wait until it is written
            return _train_all(folder, job.names, dataset, output, interrupt, args.prog, ranks)


def _train_all(
    folder: Path, names: list[str], dataset: Dataset, output: Output, interrupt: Interrupt, prog: str, ranks: Ranks
) -> int:
    """Train one model after the other, and write the report; rank 0 alone says and writes. Return the exit code."""
    first = ranks.rank == 0
    output.say(f"run      {printable(str(folder))}")
    for name in names:
        try:
            done = _train_one(name, folder, dataset, output, interrupt, ranks)
        except KeyboardInterrupt:
            if not first:
                raise
            ranks.abort(130)  # the others may be in the midst of something
            done = False
        else:
            done = not ranks.any(not done or interrupt.requested)
        if not done:
            if first:
                _say_interrupted(prog, folder, ranks)
            return 130
    return _finish(folder, output) if first else 0


def _write_start(job: Job, configs: dict[str, dict[str, Any]], args: argparse.Namespace) -> None:
    """Write each model's config.json, and run.json last: from then on the folder can be resumed."""
    folder = job.folder
    for name, config in configs.items():
        if name in job.starts:
            job.starts[name].copy_to(folder / name)
        write_json(folder / name / "config.json", config)
    about = {"models": list(configs), "data": flags.data_path(args), "backend": backend(), "version": __version__}
    write_json(folder / "run.json", about | flags.data_options(args))


def _show_start(output: Output, dataset: Dataset, args: argparse.Namespace, ranks: Ranks) -> None:
    train, test = len(dataset.train_labels), len(dataset.test_labels)
    output.say(f"data     {dataset.name} from {printable(dataset.source)}: {train:,} training and {test:,} test images")
    output.say(f"         SHA-256 {dataset.digest}")
    if dataset.notes:
        output.say(f"         {dataset.notes}")
    if not dataset.is_digits:
        output.say(f"classes  {listed(dataset.classes)}: what is made of digits (other forms, and none) is left out")
    note = "" if "numba" in available_backends() else " (Numba is not installed, so training is slower)"
    output.say(f"backend  {resolve_backend()}, {threads()} threads{note}")
    if args.distributed:
        hint = "" if ranks.size > 1 else " (nobody to share the work with: start it with mpiexec -n 4)"
        output.say(f"ranks    {ranks.size} over MPI{hint}")


def _dry_run(output: Output, job: Job) -> None:
    """Show models, settings and steps."""
    plans = []
    for name in job.names:
        experiment = job.begin(name, Path(name), to_run=False)
        _say_what(output, name, experiment)
        settings = experiment.settings
        count = count_examples(job.dataset.train_labels[experiment.train], settings)
        steps = settings.epochs * -(-count // settings.batch_size)
        output.say(f"steps    {steps:,} of {settings.batch_size} images")
        if settings.teachers:
            each = steps // settings.epochs * (settings.teacher_epochs or settings.epochs)
            output.say(f"before   {settings.teachers} teachers, {each:,} steps each")
        plans.append({"model": name, "settings": settings.to_dict(), "steps": steps})
    output.say("\nnothing was trained or written (--dry-run)")
    output.result({"models": plans})


def _say_what(output: Output, name: str, experiment: Experiment) -> None:
    """Show what is trained, how, and on how many images."""
    output.say()
    output.network(name, experiment.model)
    output.say(f"settings {describe(experiment.settings.to_dict())}")
    output.say(f"images   {len(experiment.train):,} to train on, {len(experiment.held_out):,} to validate on")
    if experiment.start is not None:
        output.say(f"start    {sentence(experiment.start.to_dict())}")


def _say_shards(output: Output, cut: int, ranks: int) -> None:
    idle = f": {ranks - cut} of them have nothing to do" if cut < ranks else ""
    output.say(f"shards   {cut} of each batch, shared by {ranks} ranks{idle}")
    output.say("         when a rank dies, the job ends at once, and --resume goes on, with any number of ranks")


def _say_epochs_changed(output: Output, experiment: Experiment) -> None:
    trainer, settings = experiment.trainer, experiment.settings
    if experiment.epochs_changed:
        anew = (
            ""
            if settings.schedule == "constant" and not settings.warmup
            else (
                f"; the schedule ({settings.schedule}) is computed anew for them, and goes on at the learning rate "
                f"{trainer.learning_rate:.3g}"
            )
        )
        output.say(f"epochs   {settings.epochs} instead of {experiment.epochs_changed[-1]['from']}{anew}")
    if trainer.finished and trainer.state.epoch < settings.epochs:
        output.say(f"         patience had run out after epoch {trainer.state.epoch}: there is nothing more to train")


class SaveEachEpoch(Callback):
    """Writes the training's state after each epoch."""

    experiment: Experiment

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Write it. Raises DataError when the folder was removed: a new one could not be gone on with."""
        folder = self.experiment.folder
        if not ((folder.parent / "run.json").is_file() and (folder / "config.json").is_file()):
            raise DataError(f"{folder} or its run.json was removed during the training: begin again")
        self.experiment.save_state()


def _train_one(
    name: str, run_folder: Path, dataset: Dataset, output: Output, interrupt: Interrupt, ranks: Ranks
) -> bool:
    """Train a model from where its folder is, and evaluate it. Return False when it was interrupted."""
    folder = run_folder / name
    if ranks.broadcast((folder / "metrics.json").is_file()):
        output.say(f"\n{name} is finished already: to train it on, give --epochs with more than it has")
        return True
    saver, watch = SaveEachEpoch(), output.watch(name)
    callbacks = [saver, watch] if ranks.rank == 0 else []
    saver.experiment = experiment = resume(folder, dataset, callbacks, ranks=ranks, watch=output.watch)
    _say_what(output, name, experiment)
    if ranks.size > 1:
        cut = -(-experiment.settings.batch_size // experiment.trainer.shards.gradients.size)
        _say_shards(output, cut, ranks.size)
    state = experiment.trainer.state
    if state.step:
        output.say(f"resumed  after {state.epoch} epochs and {state.position:,} images")
    _say_epochs_changed(output, experiment)
    output.say(f"compiled {experiment.trainer.compile():.1f} s")
    slower = advice(experiment.trainer) if ranks.size > 1 and not experiment.trainer.finished else ""
    if slower:
        output.say(f"slower   {slower}")
    try:
        with interrupt.stopping(experiment.trainer):
            experiment.trainer.run()
    except DivergedError as error:
        kept = f"the state after epoch {state.epoch} is kept in {folder}" if state.epoch else "nothing was kept"
        raise DivergedError(f"{name}: {flags.in_flags(error)}; {kept}") from None
    if ranks.rank:
        return experiment.trainer.finished
    if not experiment.trainer.finished:
        experiment.save_state()
        return False
    _say_figures(output, name, experiment.finish())
    return True


def _say_figures(output: Output, name: str, figures: dict[str, Any]) -> None:
    """Show how a trained model does on the test images, and which weights it has."""
    test, low_high = figures["test"], figures["test"]["accuracy_interval"]
    output.say(
        f"{name}: epoch {figures['best_epoch']} kept, test accuracy {100 * test['accuracy']:.2f} % "
        f"({100 * low_high[0]:.2f} to {100 * low_high[1]:.2f}), test loss {test['loss']:.4f}"
    )
    output.say(f"weights  SHA-256 {figures['weights_sha256']}")


def _finish(folder: Path, output: Output) -> int:
    """Write the report and show the comparison."""
    results = runs.results(folder)
    output.say()
    write_comparison(results, folder, f"nnscratch: {', '.join(result.name for result in results)}", output)
    output.result({"run": str(folder), "models": [result.metrics for result in results]})
    return 0


def _say_interrupted(prog: str, folder: Path, ranks: Ranks) -> None:
    command = f"{prog} --resume {shlex.quote(str(folder))}"
    if ranks.size > 1:
        command = f"mpiexec -n {ranks.size} {command} --distributed mpi"
    print(f"interrupted; to go on: {command}", file=sys.stderr)
