"""Flags that several commands share, and those made from the table of settings."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nnscratch.data import Dataset
from nnscratch.data.classes import check_same
from nnscratch.data.source import open_dataset
from nnscratch.errors import DivergedError, UsageError
from nnscratch.ops.backend import set_backend
from nnscratch.parallel.mpi import Ranks, join
from nnscratch.parallel.threads import set_threads, threads
from nnscratch.runs.settings import FIELDS, MLP_ONLY, Settings, recipes, resolve

DEFAULT_MODELS = ("lenet5", "mlp", "logistic")


def add_settings(parser: argparse.ArgumentParser, names: Sequence[str] = tuple(FIELDS)) -> None:
    """Add a flag for each of these settings; those that are not given are left out of the result."""
    group = parser.add_argument_group("settings", "others come from --config or the recipe: see train --dry-run")
    for name, field in ((name, FIELDS[name]) for name in names):
        rules = field.metadata
        choices = f" ({', '.join(rules['choices'])})" if rules["choices"] else ""
        help_text = rules["help"].replace("%", "%%") + choices
        if rules["kind"] is bool:
            flag = f"--{name.replace('_', '-')}"
            group.add_argument(flag, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=help_text)
            continue
        convert: Callable[[str], Any] = rules["kind"]
        if rules["many"]:
            convert = whole_numbers
        group.add_argument(
            f"--{name.replace('_', '-')}",
            type=convert,
            default=argparse.SUPPRESS,
            metavar="NAME" if choices else "N,N,..." if rules["many"] else "N" if rules["kind"] is int else "X",
            help=help_text,
        )


def whole_numbers(text: str) -> tuple[int, ...]:
    """Return "394,222" as (394, 222)."""
    return tuple(int(part) for part in text.split(","))


whole_numbers.__name__ = "list of whole numbers, such as 394,222"  # argparse names it in its error


def add_training(
    parser: argparse.ArgumentParser, recipe: str = "settings to start from", names: Sequence[str] = tuple(FIELDS)
) -> None:
    """Add the flags that say what is trained, and on which data: --recipe, --config, these settings, --data."""
    parser.add_argument("--recipe", metavar="NAME", help=f"{recipe}: {', '.join(recipes())}; default: best")
    parser.add_argument("--config", metavar="FILE.toml", help="settings that beat the recipe's; flags beat both")
    add_settings(parser, names)
    add_data(parser)
    parser.add_argument("--add", metavar="PATH", help="more data of the same classes, to train with; not to test")


def training_settings(args: argparse.Namespace, model: str) -> Settings:
    """Return the settings for a model that the flags of :func:`add_training` give."""
    given, digits = given_settings(args), args.data is None
    return resolve(model, recipe=args.recipe or "best", config=args.config, flags=given, digits=digits)


def check_mlp_settings(args: argparse.Namespace, names: Sequence[str]) -> None:
    """Raise UsageError for a setting that only the mlp has, where that is not among the models."""
    alone = [key for key in given_settings(args) if key in MLP_ONLY]
    if alone and "mlp" not in names:
        raise UsageError(f"--{alone[0]} changes the mlp, which is not among the models: {', '.join(names)}")


def in_flags(error: DivergedError) -> str:
    """Return the message of an error with the flags, rather than the arguments of the library, to try."""
    rate = error.learning_rate
    return str(error) if rate is None else f"{error.what}, try --lr {rate / 10:g} or --clip 1"


def given_flags(args: argparse.Namespace, names: Sequence[str], but: Sequence[str] = ()) -> list[str]:
    """Return those settings that were given, except for ``but``, and those of the named flags, as they are typed."""
    given = [name for name in given_settings(args) if name not in but]
    given += [name for name in names if getattr(args, name) is not None and getattr(args, name) is not False]
    return [f"--{name.replace('_', '-')}" for name in given]


def given_settings(args: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that were given as flags."""
    return {name: getattr(args, name) for name in FIELDS if hasattr(args, name)}


def add_machine(parser: argparse.ArgumentParser) -> None:
    """Add --threads and --backend."""
    parser.add_argument("--threads", type=int, metavar="N", help="threads to use; default: all cores")
    parser.add_argument("--backend", metavar="NAME", help="which functions compute: numba or numpy")


def use_machine(args: argparse.Namespace) -> None:
    """Obey --threads and --backend. Raises UsageError for what is not available."""
    if args.threads is not None:
        set_threads(args.threads)
    if args.backend is not None:
        set_backend(args.backend)


def join_ranks(args: argparse.Namespace) -> Ranks:
    """Return the processes of --distributed; unless --threads says otherwise, those of a machine share its cores."""
    ranks, neighbours = join(args.distributed)
    if args.threads is None and neighbours > 1:
        set_threads(max(1, threads() // neighbours))
    return ranks


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add --data and --skip-bad."""
    parser.add_argument(
        "--data",
        metavar="PATH",
        help="other data: IDX files as MNIST, EMNIST and QMNIST have them, a folder of pictures in a sub-folder for "
        "each class, a CSV file with label and pixels, or a NumPy archive: see docs/use/your-data.md",
    )
    parser.add_argument("--skip-bad", action="store_true", help="leave out pictures that cannot be used, and say so")


def read_data(
    path: str | None, classes: Sequence[str] | None = None, *, add: str | None = None, skip_bad: bool = False
) -> Dataset:
    """Return the data of --data, or MNIST, read with the options of :func:`data_options`.

    Raises DataError when a model's ``classes`` are others than theirs.
    """
    dataset = open_dataset(None if path is None else folder(path), add=add, skip_bad=skip_bad)
    if classes is not None:
        check_same("the model", classes, dataset.name, dataset.classes)
    return dataset


def data_path(args: argparse.Namespace) -> str | None:
    """Return the path of --data, whole, to be kept; None for MNIST."""
    return None if args.data is None else str(Path(args.data).resolve())


def data_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return what was given of --add and --skip-bad, to be kept."""
    add = getattr(args, "add", None)
    given = {} if add is None else {"add": str(folder(add).resolve())}
    return given | ({"skip_bad": True} if args.skip_bad else {})


def page_path(out: str | None, name: str, flag: str = "--out") -> Path:
    """Return where a flag puts a page, study/NAME.html by default. Raises UsageError for another kind of file."""
    path = Path("study") / f"{name}.html" if out is None else Path(out)
    if path.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{flag} is {out!r}: give the name of an HTML file")
    return path


def folder(text: str) -> Path:
    """Return a path that is not empty."""
    if not text.strip():
        raise UsageError("an empty path came: give the path of a folder")
    return Path(text)
