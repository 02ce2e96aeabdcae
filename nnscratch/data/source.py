"""Loading a data set of one's own: the meaning of ``--data``."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.classes import DIGITS, listed
from nnscratch.data.dataset import Dataset, Examples, stratified_split
from nnscratch.data.form import in_form, joined, levels
from nnscratch.data.formats import arrays, drawn, idx_files, pictures, table
from nnscratch.data.formats.class_names import class_list, class_names, label_classes
from nnscratch.data.mnist import load_mnist
from nnscratch.data.orientation import orientation_warning
from nnscratch.errors import DataError, printable
from nnscratch.files.paths import as_path
from nnscratch.files.unpack import list_folder, unreadable

_HELD_OUT_SEED = 7  # never the training seed: every training run is tested on the same images
_FORMS = (
    "give (1) a folder with the IDX files of MNIST, EMNIST or QMNIST, (2) a folder of pictures in a sub-folder for "
    "each class (0 to 9, or names), or in train/CLASS and test/CLASS, (3) a .csv or .csv.gz file with rows of a label "
    "and the pixels of a square, or a folder with one for train and one for test, (4) a NumPy archive (.npz), or (5) a "
    "file of drawings (.json)"
)
_ROOTS = ("MNIST", "FashionMNIST", "KMNIST", "EMNIST", "QMNIST")  # folders that torchvision makes
_INSIDE = ("raw", "gzip")  # where their files are


@dataclass(frozen=True)
class _Source:
    """What was read: training examples, test examples where the source has some, and the classes it names."""

    train: Examples
    test: Examples | None
    classes: tuple[str, ...] | None = None
    notes: str = ""


def load_dataset(path: str | Path, *, skip_bad: bool = False) -> Dataset:
    """Load the user's own data set; see ``Dataset``. Five forms are accepted, told apart by the files' names:

    1. a folder of IDX files named as MNIST's, EMNIST's or QMNIST's, or a folder that torchvision made of them;
       of several data sets, the one that the path of one of its files names;
    2. a folder of pictures in a sub-folder for each class, or in ``train/CLASS`` and ``test/CLASS``;
    3. a CSV file, label and pixels a row, or a folder with one ``*train*.csv`` and one ``*test*.csv``, or UCI's
       ``.tra`` and ``.tes``; each may be packed (``.csv.gz``);
    4. a NumPy archive, or Kuzushiji-MNIST's four;
    5. a file of drawings (``.json``): digits as strokes, with labels, such as the drawing page's corrections.

    The classes are the ten digits unless the source says otherwise: by the names of folders, by words as labels, by a
    file ``classes.txt`` beside the data (a name a line), by labels above 9. Digits of another size than 28 x 28 are
    brought into MNIST's form; pictures of other classes are resized as a whole. When the source has no test set, a
    seventh is held out, stratified, the same at every call. ``notes`` says all that, and warns of labels that are all
    the same, and of digits that seem to lie or to be dark on light. ``skip_bad`` leaves out pictures that cannot
    be used. Raises ``DataError`` for everything that is not one of these or is damaged.
    """
    path = as_path(path)
    read = _formed(path, _read(path, skip_bad), skip_bad)
    return _hold_out(path, read) if read.test is None else _dataset(path, read, read.test)


def open_dataset(path: str | Path | None, *, add: str | None = None, skip_bad: bool = False) -> Dataset:
    """Return the data set of the flags ``--data`` (MNIST where there is none), ``--add`` and ``--skip-bad``."""
    dataset = load_mnist() if path is None else load_dataset(path, skip_bad=skip_bad)
    return dataset if add is None else add_examples(dataset, add, skip_bad=skip_bad)


def add_examples(dataset: Dataset, path: str | Path, *, skip_bad: bool = False) -> Dataset:
    """Return a data set with the training examples of another source after its own: all where that has no test set.

    The test images stay those of ``dataset``, and so do those that a run validates on. Raises ``DataError`` as
    :func:`load_dataset`, and unless both have the same classes.
    """
    path = as_path(path)
    read = _formed(path, _read(path, skip_bad), skip_bad)
    if read.classes != dataset.classes:
        raise DataError(
            f"{path}: has {listed(read.classes or ())}, but {dataset.source} has {listed(dataset.classes)}: "
            "add data of the same classes, in the same order"
        )
    images, labels, notes = read.train
    told = joined(f"{len(labels):,} training images are added from {path}", read.notes, notes)
    return replace(
        dataset,
        train_images=np.concatenate([dataset.train_images, images]),
        train_labels=np.concatenate([dataset.train_labels, labels.astype(np.int64)]),
        source=f"{dataset.source} + {path}",
        notes=joined(dataset.notes, told),
        added=dataset.added + len(labels),
    )


# ---- which form it is


def _read(path: Path, skip_bad: bool) -> _Source:
    try:
        path.stat()
        if path.is_dir():
            return _read_folder(path, skip_bad)
    except OSError as error:
        raise unreadable(path, error) from error
    if _is_csv(path):
        return _read_tables(path.parent, path, None)
    if match := idx_files.NAME.fullmatch(path.name):
        return _read_idx(path.parent, match[1])
    if match := arrays.HALF.fullmatch(path.name):
        return _read_halves(path.parent, match[1])
    if path.name.lower().endswith(".npz"):
        return _read_archive(path)
    if drawn.is_drawings(path):
        return _Source(drawn.read_drawn(path, skip_bad), None, DIGITS)
    raise DataError(f"{path}: this file is no data set: {_FORMS}")


def _read_folder(path: Path, skip_bad: bool) -> _Source:
    if sets := idx_files.idx_files(path):
        return _read_idx(path, idx_files.chosen_set(path, sets))
    entries = list_folder(path)
    tables = [entry for entry in entries if _is_csv(entry)]
    if any(_part(entry) for entry in tables):
        return _read_tables(path, _the_one(tables, "train", path), _the_one(tables, "test", path))
    if words := arrays.halves(entries):
        return _read_halves(path, _only(path, words, f"{path}/{max(words)}-train-imgs.npz"))
    if archives := {str(entry): entry for entry in entries if entry.name.lower().endswith(".npz")}:
        return _read_archive(Path(_only(path, archives, max(archives))))
    roots = [path / inside for inside in _INSIDE] + [path / root / inside for root in _ROOTS for inside in _INSIDE]
    if inside := {str(root): root for root in roots if root.is_dir() and idx_files.idx_files(root)}:
        return _read_folder(Path(_only(path, inside, max(inside))), skip_bad)
    return _read_pictures(path, skip_bad)


def _only(path: Path, found: Collection[str], example: str) -> str:
    """The one name. Raises ``DataError`` where there are several."""
    if len(found) > 1:
        raise DataError(
            f"{path}: holds several data sets ({', '.join(sorted(found))}): give the path of one, such as {example}"
        )
    return next(iter(found))


def _is_csv(path: Path) -> bool:
    return path.name.lower().endswith((".csv", ".csv.gz", ".tra", ".tes"))


def _part(path: Path) -> str:
    """Which part a CSV file holds, by its name; "" when it does not say."""
    name = path.name.lower()
    ending = {".tra": "train", ".tes": "test"}.get(path.suffix.lower(), "")
    return ending or next((part for part in ("train", "test") if part in name), "")


def _the_one(tables: list[Path], part: str, folder: Path) -> Path:
    matching = [table for table in tables if _part(table) == part or (part in table.name.lower())]
    if len(matching) != 1:
        names = ", ".join(table.name for table in matching) or "none"
        raise DataError(
            f"{folder}: exactly one CSV file with {part!r} in its name is wanted, but there is {names}: "
            "add, rename or remove files, or give the path of one CSV file"
        )
    return matching[0]


# ---- each form


def _read_idx(folder: Path, word: str) -> _Source:
    files = idx_files.idx_files(folder)[word]
    train, test = idx_files.read_idx_files(folder, word, files)
    labels_file = files["train", "labels"]
    names = _folder_names(folder, labels_file.name)
    return _Source(train, test, class_names(folder, names, labels_file))


def _read_halves(folder: Path, word: str) -> _Source:
    train, test = arrays.read_halves(arrays.halves(list_folder(folder))[word], word, folder)
    return _Source(train, test, class_names(folder, _folder_names(folder, word)))


def _read_archive(path: Path) -> _Source:
    train, test = arrays.read_archive(path)
    return _Source(train, test, class_names(path.parent, [path.name]))


def _read_tables(folder: Path, train: Path, test: Path | None) -> _Source:
    layout = table.find_layout(train)
    paths, note = [train], ""
    if test is not None and table.lacks_labels(test, layout):
        note = f"{test.name} has no labels and is left alone"
    elif test is not None:
        paths.append(test)
    layouts = [layout, *(table.find_layout(path, layout) for path in paths[1:])]
    word = idx_files.emnist_word(train.name)
    parts = [
        idx_files.upright(word, table.read_csv(path, each), path) for path, each in zip(paths, layouts, strict=True)
    ]
    classes = layout.words or class_names(folder, [train.name])
    return _Source(parts[0], parts[1] if len(parts) > 1 else None, classes, note)


def _read_pictures(path: Path, skip_bad: bool) -> _Source:
    names = {entry.name for entry in pictures.sub_folders(path)}
    if names == {"train", "test"}:
        classes = _classes_of_folder(path / "train")
        strange = set(pictures.class_folders(path / "test")) - set(classes)
        if strange:
            raise DataError(
                f"{path / 'test' / min(strange)}: is a class that {path / 'train'} has not: rename or move it"
            )
        train, test = _read_both(path, classes, skip_bad)
        return _Source(train, test, classes)
    if "train" in names or "test" in names:
        came = ", ".join(sorted(names))
        raise DataError(f"{path}: has sub-folders {came}, but train and test go together, alone: {_FORMS}")
    if not names:
        raise DataError(f"{path}: this folder holds no data set: {_FORMS}")
    classes = _classes_of_folder(path)
    return _Source(pictures.read_pictures(path, classes, skip_bad), None, classes)


def _read_both(path: Path, classes: tuple[str, ...], skip_bad: bool) -> tuple[Examples, Examples]:
    """The pictures below train and below test. Raises ``DataError`` that tells of the bad ones in both."""
    parts, errors = [], []
    for part in ("train", "test"):
        try:
            parts.append(pictures.read_pictures(path / part, classes, skip_bad))
        except DataError as error:
            errors.append(str(error))
    if errors:
        raise DataError("; and ".join(errors))
    return parts[0], parts[1]


def _classes_of_folder(path: Path) -> tuple[str, ...]:
    names = pictures.class_folders(path)
    if len(names) == 1:
        raise DataError(f"{path}: has a sub-folder for one class alone, {printable(names[0])}: two or more are wanted")
    return names if names == DIGITS else class_list(list(names), path)


def _folder_names(folder: Path, name: str) -> list[str]:
    """What a data set in this folder may be called by."""
    folder = folder.resolve()
    return [name, folder.parent.name if folder.name in _INSIDE else folder.name]


# ---- what all forms have in common


def _formed(path: Path, read: _Source, skip_bad: bool) -> _Source:
    """What was read, with images (n, 28, 28) uint8 and names for its classes."""
    parts = [part for part in (read.train, read.test) if part is not None]
    classes, note = label_classes(path, read.classes, [part.labels for part in parts])
    scale = levels(read.train.images, str(path))
    parts = [in_form(part, scale, classes == DIGITS, str(path), skip_bad) for part in parts]
    if len(parts) > 1:
        told = [f"{name}: {part.notes}" for name, part in zip(("training", "test"), parts, strict=True) if part.notes]
    else:
        told = [parts[0].notes]
    warning = orientation_warning(parts[0].images, parts[0].labels) if classes == DIGITS else ""
    notes = joined(read.notes, *told, note, warning)
    parts = [part._replace(notes="") for part in parts]
    return _Source(parts[0], parts[1] if len(parts) > 1 else None, classes, notes)


def _hold_out(path: Path, read: _Source) -> Dataset:
    """A seventh for testing, as MNIST has 10,000 of 70,000."""
    images, labels, _ = read.train
    n = len(labels)
    if n < 2:
        raise DataError(f"{path}: holds 1 image, but at least 2 are wanted, one of them to test with")
    train, test = stratified_split(labels, max(n // 7, 1), seed=_HELD_OUT_SEED)
    held_out = f"{len(test):,} of its {n:,} images"
    note = f"the source has no test set: {held_out} are held out for it, stratified, by a fixed seed"
    kept, apart = (Examples(images[rows], labels[rows]) for rows in (train, test))
    return _dataset(path, replace(read, train=kept, notes=joined(read.notes, note)), apart)


def _dataset(path: Path, read: _Source, test: Examples) -> Dataset:
    """The data set, with a warning of labels that are all the same."""
    notes = joined(read.notes, _one_class(read.train.labels, "training"))
    if len(test.labels) > 1:
        notes = joined(notes, _one_class(test.labels, "test"))
    parts = read.train.images, read.train.labels, test.images, test.labels
    return Dataset(*parts, _name(path), str(path), notes, read.classes or DIGITS)


def _one_class(labels: Array, which: str) -> str:
    """A warning when all labels are the same: a column that is none looks so. Empty when they differ."""
    return f"warning: every {which} image is labelled {labels[0]}" if labels.min() == labels.max() else ""


def _name(path: Path) -> str:
    """The folder's or file's own name, without the endings of a file."""
    name = printable(path.resolve().name.encode(errors="replace").decode())  # names need not be UTF-8, nor one line
    if path.is_file():
        name = name.removesuffix(".gz")
        for ending in (".csv", ".npz", ".tra", ".tes"):
            name = name.removesuffix(ending)
    return name
