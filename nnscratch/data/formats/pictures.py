"""Folders of pictures, sorted by hand into one sub-folder for each class: ``0/ ... 9/``, or ``cat/``, ``dog/``, ..."""

from pathlib import Path

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.classes import DIGITS
from nnscratch.data.dataset import Examples
from nnscratch.data.form import FIRST, joined, picture_in_form, skipped
from nnscratch.errors import DataError
from nnscratch.files.unpack import list_folder, unreadable

OTHERS = (".tif", ".tiff", ".heic", ".heif", ".avif", ".jp2", ".pgm", ".ppm", ".svg", ".ico", ".psd")


def read_pictures(folder: Path, classes: tuple[str, ...] | None = None, skip_bad: bool = False) -> Examples:
    """Read the pictures of a folder for each class: images (n, 28, 28) uint8 and labels (n,), the classes' numbers.

    The classes are by default those of :func:`class_folders`.
    Order: by class, then by file name. Hidden files and what is no picture are left alone; a class may be missing. Of
    digits, a picture of exactly 28 x 28 is taken as it is, but turned to light ink on dark, and ``notes`` says how
    many were; any other is brought into MNIST's form by ``nnscratch.pictures.preprocess.to_mnist``. Those of other
    classes are brought to 28 x 28 by ``to_square``.

    Raises ``DataError`` that names all pictures that cannot be read, or show no ink of a digit, unless ``skip_bad``,
    and when there are no pictures.
    """
    classes = class_folders(folder) if classes is None else classes
    paths, others, bad = picture_files(folder, classes)
    images, labels, turned = [], [], 0
    for path, label in paths:
        try:
            image, was_turned = _read(path, classes == DIGITS)
        except DataError as error:
            bad.append((_inside(path), str(error).removeprefix(f"{_inside(path)} ").split(":")[0].rstrip(".")))
            continue
        images.append(image)
        labels.append(label)
        turned += was_turned
    if not paths and not bad:
        came = "its sub-folders 0 to 9" if classes == DIGITS else "the sub-folders of its classes"
        raise DataError(f"{folder}: holds no pictures: put some into {came}")
    told = skipped(str(folder), bad, len(images) + len(bad), skip_bad)
    notes = f"{turned:,} of {len(images):,} pictures, 28 x 28 and not light on black, were made so"
    labels_read = np.array(labels, dtype=np.uint8 if len(classes) <= 256 else np.int64)
    return Examples(np.stack(images), labels_read, joined(notes if turned else "", _left_alone(others), told))


def sub_folders(folder: Path) -> list[Path]:
    """The folders directly inside a folder, sorted by name, without hidden ones. Raises ``DataError``."""
    return [entry for entry in list_folder(folder) if entry.is_dir() and not entry.name.startswith("__")]


def class_folders(folder: Path) -> tuple[str, ...]:
    """The names of the sub-folders that hold anything, by number where all are numbers: the classes.

    They are the ten digits, too, where all are digits. An empty one is none, unless all are empty.
    """
    folders = sub_folders(folder)
    names = [entry.name for entry in folders if list_folder(entry)] or [entry.name for entry in folders]
    if set(names) <= set(DIGITS):
        return DIGITS if names else ()
    whole = all(name.isascii() and name.isdigit() for name in names)
    return tuple(sorted(names, key=lambda name: (int(name) if whole else 0, name)))


def picture_files(
    folder: Path, classes: tuple[str, ...]
) -> tuple[list[tuple[Path, int]], list[str], list[tuple[str, str]]]:
    """The pictures with their labels, the names of files that are none, and what folders lie among them."""
    paths, others, inside = [], [], []
    there = {entry.name: entry for entry in sub_folders(folder)}
    for label, name in enumerate(classes):
        for path in list_folder(there[name]) if name in there else []:
            if path.is_dir():
                inside.append(path)
            elif _is_picture(path):
                paths.append((path, label))
            else:
                others.append(path.name)
    more = f" (and {len(inside) - 1:,} more)" if len(inside) > 1 else ""
    return paths, others, [(_inside(inside[0]), f"is a folder where a picture was wanted{more}")] if inside else []


def _is_picture(path: Path) -> bool:
    """Whether a file is a picture, by its content, or says so by its name."""
    from nnscratch.pictures.reading import READERS, SUFFIXES

    if path.suffix.lower() in SUFFIXES + OTHERS or not path.is_file():
        return True
    try:
        with path.open("rb") as file:
            start = file.read(12)
    except OSError as error:
        raise unreadable(path, error) from error
    return any(start.startswith(magic) for magic, _ in READERS.values())


def _read(path: Path, digits: bool) -> tuple[Array, bool]:
    """One picture as (28, 28) uint8, and whether it is a digit that was taken as it is, but turned."""
    from nnscratch.pictures.preprocess import is_field, light_on_dark, to_uint8
    from nnscratch.pictures.reading import read_image  # here, for Pillow takes its time to import

    gray = read_image(path, name=_inside(path))
    as_it_is = to_uint8(gray) if digits and is_field(gray) else None
    image = picture_in_form(gray, digits) if as_it_is is None else light_on_dark(as_it_is)
    if image is None or (digits and image.min() == image.max()):
        raise DataError(f"{_inside(path)} shows no ink")
    return image, as_it_is is not None and image is not as_it_is


def _inside(path: Path) -> str:
    """What a picture is called: its class and name."""
    return f"{path.parent.name}/{path.name}"


def _left_alone(names: list[str]) -> str:
    different = sorted(set(names))
    more = ", ..." if len(different) > FIRST else ""
    what = "1 file that is no picture was" if len(names) == 1 else f"{len(names):,} files that are no pictures were"
    return f"{what} left alone ({', '.join(different[:FIRST])}{more})" if names else ""
