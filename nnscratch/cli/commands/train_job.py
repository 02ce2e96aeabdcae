"""What ``nnscratch train`` is asked for: a new run, one that begins with a network's weights, or one that goes on."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, replace
from pathlib import Path

from nnscratch.cli import flags
from nnscratch.cli.commands.predict import model_path
from nnscratch.data import Dataset
from nnscratch.errors import DataError, UsageError
from nnscratch.models.zoo import known_models
from nnscratch.ops.backend import resolve_backend
from nnscratch.parallel.mpi import Ranks
from nnscratch.runs import folder as runs
from nnscratch.runs.checkpoint import longer, read_config, write_longer
from nnscratch.runs.experiment import Experiment, begin
from nnscratch.runs.settings import MLP_ONLY, Settings, check_ranks, checked, for_ranks
from nnscratch.runs.start import Start, read_start, start_from


@dataclass
class Job:
    """What the arguments ask for."""

    folder: Path
    names: list[str]
    settings: dict[str, Settings]
    dataset: Dataset
    starts: dict[str, Start] = field(default_factory=dict)  # by the models' names

    def begin(self, name: str, folder: Path, *, to_run: bool = True) -> Experiment:
        """Return the new experiment of one of the models."""
        return begin(name, self.settings[name], self.dataset, folder, to_run=to_run, start=self.starts.get(name))

    def lengthen(self, *, write: bool) -> None:
        """Let the trainings of the folder go on to the epochs of these settings; not ``write``: only check that."""
        digest = self.dataset.digest
        folders = {name: self.folder / name for name in self.names}
        configs = {name: longer(folders[name], self.settings[name].epochs, digest) for name in self.names}
        for name, config in configs.items():
            if config is not None and write:
                write_longer(folders[name], config)


def read_job(args: argparse.Namespace, ranks: Ranks) -> Job:
    """Return the folder, the models, their settings and the data that the arguments ask for."""
    if args.resume is not None:
        return _resumed_job(args, ranks)
    names, starts, dataset = begun_with(args)
    settings = {name: settings_of(args, name, starts) for name in names}
    folder = flags.folder(args.out) if args.out is not None else ranks.broadcast(runs.new_folder())
    job = Job(folder, names, settings, dataset, starts)
    if args.distributed:
        for name, given in settings.items():
            check_ranks(given, ranks.size)
            settings[name] = for_ranks(given, ranks.size, job.begin(name, folder, to_run=False).model)
    return job


def settings_of(args: argparse.Namespace, name: str, starts: dict[str, Start]) -> Settings:
    """Return the settings of a model, without what the file of a network says."""
    settings = flags.training_settings(args, name)
    return replace(settings, hidden=None, activation=None, dropout=None) if name in starts else settings


def begun_with(args: argparse.Namespace) -> tuple[list[str], dict[str, Start], Dataset]:
    """Return the models, which of them begin with the weights of a file, and the data."""
    names = known_models(args.models)
    if args.start is None:
        names = names or list(flags.DEFAULT_MODELS)
        flags.check_mlp_settings(args, names)
        return names, {}, flags.read_data(args.data, **flags.data_options(args))
    own = [name for name in flags.given_settings(args) if name in MLP_ONLY]
    if own:
        raise UsageError(f"--start trains the network of {args.start}, which has its layers: leave --{own[0]} out")
    paths, dataset = _start_paths(args.start, names), flags.read_data(args.data, **flags.data_options(args))
    starts = dict(start_from(path, dataset.classes) for path in paths)
    for name in names:
        if name not in starts:
            raise UsageError(f"--start {args.start} trains what it holds, {', '.join(starts)}: leave {name} out")
    return list(starts), starts, dataset


def _start_paths(text: str, names: list[str]) -> list[Path]:
    """Return the files of the networks that --start names: all of a run's folder, or those of these models."""
    folder = flags.folder(text)
    if not folder.is_dir():
        return [model_path(text)]
    if not (folder / "run.json").is_file():
        return [folder / "model.npz"]
    models = runs.read_run(folder)["models"]
    for name in names:
        if name not in models:
            raise DataError(f"{folder} is a run of {', '.join(models)}, not of {name}: give another to --start")
    return [folder / name / "model.npz" for name in names or models]


def _resumed_job(args: argparse.Namespace, ranks: Ranks) -> Job:
    """Return the same for --resume: all from the folder, but for the number of epochs."""
    folder = flags.folder(args.resume)
    changed = flags.given_flags(args, ("recipe", "config", "out", "data", "add", "skip_bad", "start"), but=("epochs",))
    if changed:
        raise UsageError(
            f"--resume takes all settings from {folder}, and --epochs alone may change: leave {', '.join(changed)} out"
        )
    if not (folder / "run.json").is_file() and (folder / "config.json").is_file():
        folder = folder.resolve().parent  # a model's folder was given instead of its run's
    run = runs.read_run(folder)
    names = run["models"]
    for name in args.models:
        if name not in names:
            known_models([name])
            raise DataError(f"{folder} is a run of {', '.join(names)}, not of {name}: give its own folder to --resume")
    if resolve_backend() != run["backend"]:
        raise UsageError(f"{folder} was begun with --backend {run['backend']}: go on with the same one")
    epochs = checked({name: v for name, v in flags.given_settings(args).items() if name == "epochs"}, "--resume")
    settings, starts = dict[str, Settings](), dict[str, Start]()
    for name in list(dict.fromkeys(args.models)) or names:
        model, own = read_config(folder / name)
        if model != name:
            raise DataError(f"{folder / name} holds a training of {model}, not of {name}: the run cannot go on")
        check_ranks(own, ranks.size)  # and else goes on with the shards that it was begun with
        settings[name] = replace(own, **epochs)
        start = read_start(folder / name)
        starts |= {} if start is None else {name: start}
    return Job(folder, list(settings), settings, flags.read_data(run["data"], **runs.data_options(run)), starts)
