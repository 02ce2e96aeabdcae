"""Loading a data set of one's own: the meaning of ``--data``."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from nnscratch.arrays import Array
from nnscratch.data.dataset import Dataset, Examples, stratified_split
from nnscratch.data.folder import DIGITS, read_pictures, sub_folders
from nnscratch.data.mnist import has_mnist_files, read_mnist_folder
from nnscratch.data.table import label_column, read_csv
from nnscratch.errors import DataError, printable
from nnscratch.files.paths import as_path
from nnscratch.files.unpack import list_folder, unreadable

_HELD_OUT_SEED = 7  # never the training seed: every training run is tested on the same images
_FORMS = (
    "give (1) a folder with MNIST's four IDX files, (2) a folder of pictures in sub-folders 0 to 9, or in "
    "train/0.. and test/0.., or (3) a .csv or .csv.gz file with rows of a label and 784 pixels, or a folder "
    "with one such file for train and one for test"
)


def load_dataset(path: str | Path) -> Dataset:
    """Load the user's own digits; see ``Dataset``. Three forms are accepted, told apart by the file names:

    1. a folder with the four files of MNIST, each with or without ``.gz``, such as Fashion-MNIST;
    2. a folder of pictures in sub-folders ``0`` to ``9``, or in ``train/0`` ... and ``test/0`` ...;
    3. a CSV file, label and 784 pixels a row, the label first or where a header names it, or a folder with
       one ``*train*.csv`` and one ``*test*.csv``; each may be packed (``.csv.gz``).

    When the source has no test set, a seventh is held out, stratified, the same at every call; ``notes``
    says so, and warns of labels that are all the same. Raises ``DataError`` for everything that is not one
    of these or is damaged, ``UsageError`` for what is no path.
    """
    path = as_path(path)
    try:
        path.stat()
        if path.is_dir():
            return _load_folder(path)
    except OSError as error:
        raise unreadable(path, error) from error
    if not _is_csv(path):
        raise DataError(f"{path}: this file is no data set: {_FORMS}")
    return _hold_out(path, read_csv(path))


def _load_folder(path: Path) -> Dataset:
    if has_mnist_files(path):
        train_images, train_labels, test_images, test_labels = read_mnist_folder(path)
        return _dataset(path, Examples(train_images, train_labels), Examples(test_images, test_labels), [])
    tables = [entry for entry in list_folder(path) if _is_csv(entry)]
    if any(part in table.name.lower() for table in tables for part in ("train", "test")):
        train, test = _the_one(tables, "train", path), _the_one(tables, "test", path)
        return _load_pair(path, partial(read_csv, label=label_column(train)), train, test)
    names = {entry.name for entry in sub_folders(path)}
    strange = names - DIGITS - {"train", "test"}
    if strange:
        raise DataError(f"{path / min(strange)}: is not named by a digit, 0 to 9: {_FORMS}")
    if names == {"train", "test"}:
        return _load_pair(path, read_pictures, path / "train", path / "test")
    if "train" in names or "test" in names:
        came = ", ".join(sorted(names))
        raise DataError(f"{path}: has sub-folders {came}, but train and test go together, alone: {_FORMS}")
    if not names:
        raise DataError(f"{path}: this folder holds no data set: {_FORMS}")
    return _hold_out(path, read_pictures(path))


def _load_pair(path: Path, read: Callable[[Path], Examples], train: Path, test: Path) -> Dataset:
    parts = read(train), read(test)
    named = zip(("training", "test"), parts, strict=True)
    return _dataset(path, *parts, [f"{name}: {part.notes}" for name, part in named if part.notes])


def _hold_out(path: Path, examples: Examples) -> Dataset:
    """A seventh for testing, as MNIST has 10,000 of 70,000."""
    images, labels, notes = examples
    n = len(labels)
    if n < 2:
        raise DataError(f"{path}: holds 1 image, but at least 2 are wanted, one of them to test with")
    train, test = stratified_split(labels, max(n // 7, 1), seed=_HELD_OUT_SEED)
    held_out = f"{len(test):,} of its {n:,} images"
    note = f"the source has no test set: {held_out} are held out for it, stratified, by a fixed seed"
    kept, apart = (Examples(images[rows], labels[rows]) for rows in (train, test))
    return _dataset(path, kept, apart, [notes, note])


def _dataset(path: Path, train: Examples, test: Examples, notes: list[str]) -> Dataset:
    """The data set, with these notes and a warning of labels that are all the same."""
    notes = [*notes, _one_class(train.labels, "training")]
    if len(test.labels) > 1:
        notes.append(_one_class(test.labels, "test"))
    note = "; ".join(filter(None, notes))
    return Dataset(train.images, train.labels, test.images, test.labels, _name(path), str(path), note)


def _one_class(labels: Array, which: str) -> str:
    """A warning when all labels are the same: a column that is none looks so. Empty when they differ."""
    return f"warning: every {which} image is labelled {labels[0]}" if labels.min() == labels.max() else ""


def _is_csv(path: Path) -> bool:
    return path.name.lower().endswith((".csv", ".csv.gz"))


def _the_one(tables: list[Path], part: str, folder: Path) -> Path:
    matching = [table for table in tables if part in table.name.lower()]
    if len(matching) != 1:
        names = ", ".join(table.name for table in matching) or "none"
        raise DataError(
            f"{folder}: exactly one CSV file with {part!r} in its name is wanted, but there is {names}: "
            "add, rename or remove files, or give the path of one CSV file"
        )
    return matching[0]


def _name(path: Path) -> str:
    """The folder's or file's own name, without the endings of a CSV file."""
    name = printable(path.resolve().name.encode(errors="replace").decode())  # names need not be UTF-8, nor one line
    return name.removesuffix(".gz").removesuffix(".csv") if path.is_file() else name
