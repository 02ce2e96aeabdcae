"""Which of the formats a data set of one's own has, told by the names of its files, and what is read of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from nnscratch.data.classes import DIGITS
from nnscratch.data.dataset import Examples
from nnscratch.data.formats import arrays, drawn, idx_files, pictures, table
from nnscratch.data.formats.class_names import class_list, class_names
from nnscratch.errors import DataError, printable
from nnscratch.files.unpack import list_folder, unreadable

_FORMS = (
    "give (1) a folder with the IDX files of MNIST, EMNIST or QMNIST, (2) a folder of pictures in a sub-folder for "
    "each class (0 to 9, or names), or in train/CLASS and test/CLASS, (3) a .csv or .csv.gz file with rows of a label "
    "and the pixels of a square, or a folder with one for train and one for test, (4) a NumPy archive (.npz), or (5) a "
    "file of drawings (.json)"
)
_ROOTS = ("MNIST", "FashionMNIST", "KMNIST", "EMNIST", "QMNIST")  # folders that torchvision makes
_INSIDE = ("raw", "gzip")  # where their files are


@dataclass(frozen=True)
class Source:
    """What was read: training examples, test examples where the source has some, and the classes it names."""

    train: Examples
    test: Examples | None
    classes: tuple[str, ...] | None = None
    notes: str = ""


def read_source(path: Path, skip_bad: bool) -> Source:
    """Return what a path holds, of any form. Raises ``DataError`` where it is of none, or damaged."""
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
        return Source(drawn.read_drawn(path, skip_bad), None, DIGITS)
    raise DataError(f"{path}: this file is no data set: {_FORMS}")


def _read_folder(path: Path, skip_bad: bool) -> Source:
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


def _read_idx(folder: Path, word: str) -> Source:
    files = idx_files.idx_files(folder)[word]
    train, test = idx_files.read_idx_files(folder, word, files)
    labels_file = files["train", "labels"]
    names = _folder_names(folder, labels_file.name)
    return Source(train, test, class_names(folder, names, labels_file))


def _read_halves(folder: Path, word: str) -> Source:
    train, test = arrays.read_halves(arrays.halves(list_folder(folder))[word], word, folder)
    return Source(train, test, class_names(folder, _folder_names(folder, word)))


def _read_archive(path: Path) -> Source:
    train, test = arrays.read_archive(path)
    return Source(train, test, class_names(path.parent, [path.name]))


def _read_tables(folder: Path, train: Path, test: Path | None) -> Source:
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
    return Source(parts[0], parts[1] if len(parts) > 1 else None, classes, note)


def _read_pictures(path: Path, skip_bad: bool) -> Source:
    names = {entry.name for entry in pictures.sub_folders(path)}
    if names == {"train", "test"}:
        classes = _classes_of_folder(path / "train")
        strange = set(pictures.class_folders(path / "test")) - set(classes)
        if strange:
            raise DataError(
                f"{path / 'test' / min(strange)}: is a class that {path / 'train'} has not: rename or move it"
            )
        train, test = _read_both(path, classes, skip_bad)
        return Source(train, test, classes)
    if "train" in names or "test" in names:
        came = ", ".join(sorted(names))
        raise DataError(f"{path}: has sub-folders {came}, but train and test go together, alone: {_FORMS}")
    if not names:
        raise DataError(f"{path}: this folder holds no data set: {_FORMS}")
    classes = _classes_of_folder(path)
    return Source(pictures.read_pictures(path, classes, skip_bad), None, classes)


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
