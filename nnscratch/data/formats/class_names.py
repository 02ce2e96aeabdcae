"""The names of the classes of a data set whose labels are numbers.

In this order: a file ``classes.txt`` beside the data, a name a line; the list that EMNIST or Kuzushiji-MNIST is
published with; for Fashion-MNIST, Kuzushiji-MNIST and EMNIST without it, what such a list says.
"""

import csv
import hashlib
import re
import string
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.classes import DIGITS, MOST, checked_classes, numbered
from nnscratch.errors import DataError, UsageError
from nnscratch.files.unpack import unreadable

NAMES_FILE = "classes.txt"
FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
KMNIST = tuple("おきすつなはまやれを")
K49 = tuple("あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわゐゑをんゝ")
MERGED = DIGITS + tuple(string.ascii_uppercase) + tuple("abdefghnqrt")  # the other small letters look like the large
EMNIST = {
    "emnist-balanced": MERGED,
    "emnist-bymerge": MERGED,
    "emnist-byclass": DIGITS + tuple(string.ascii_letters[26:] + string.ascii_letters[:26]),
    "emnist-letters": tuple(string.ascii_uppercase),  # large and small are one class
}
KNOWN = {  # part of the data's name -> its classes
    r"fashion|fmnist": FASHION,
    r"kmnist|kuzushiji": KMNIST,
    r"k49": K49,
}
LABEL_FILES = {  # MD5 of the packed training labels, as they are published under MNIST's names
    "25c81989df183df01b3e8a0aad5dffbe": FASHION,
    "e144d726b3acfaa3e44228e80efcd344": KMNIST,
}
CLASS_MAPS = ("kmnist_classmap.csv", "k49_classmap.csv")
LONGEST = 1 << 20  # bytes of a file of names


def class_names(folder: Path, names: Iterable[str], labels_file: Path | None = None) -> tuple[str, ...] | None:
    """The names of the classes of a data set in this folder, whose folder or files have such ``names``, or None.

    Raises ``DataError`` for a file of names that cannot be read, or whose names are not 2 to 1,000 different texts.
    """
    if (folder / NAMES_FILE).is_file():
        lines = (line.strip() for line in _text(folder / NAMES_FILE).splitlines())
        return class_list([line for line in lines if line], folder / NAMES_FILE)
    names = [name.lower() for name in names]
    if word := next(filter(None, (re.match("emnist-[a-z]+", name) for name in names)), None):
        mapping = folder / f"{word[0]}-mapping.txt"
        return _mapped(mapping) if mapping.is_file() else EMNIST.get(word[0], DIGITS)
    for name in CLASS_MAPS:
        if (folder / name).is_file() and any(name.split("_")[0] in other for other in names):
            return _class_map(folder / name)
    for name in names:
        for part, classes in KNOWN.items():
            if re.search(rf"(?<![a-z])({part})(?![a-z])|({part}).?mnist", name):
                return classes
    return LABEL_FILES.get(_md5(labels_file)) if labels_file is not None else None


def class_list(names: list[str], path: Path) -> tuple[str, ...]:
    """The names, checked. Raises ``DataError`` that begins with the path."""
    try:
        return checked_classes(names)
    except UsageError as error:
        raise DataError(f"{path}: {error}") from None


def label_classes(path: Path, names: tuple[str, ...] | None, labels: list[Array]) -> tuple[tuple[str, ...], str]:
    """The classes: as they are named, else as many as the largest label says, at least ten; and a note on that."""
    low, high = min(int(part.min()) for part in labels), max(int(part.max()) for part in labels)
    most = len(names) - 1 if names else MOST - 1
    if low < 0 or high > most:
        wrong = low if low < 0 else high
        raise DataError(
            f"{path}: holds the label {wrong}, but the labels of its classes are 0 to {most}: leave out others"
        )
    if names:
        return names, ""
    if high < len(DIGITS):
        return DIGITS, ""
    counts = sum(np.bincount(part, minlength=high + 1) for part in labels)
    missing = [str(label) for label in np.flatnonzero(counts == 0)]
    none = f", of which {', '.join(missing[:5])}{', ...' * (len(missing) > 5)} have no images" if missing else ""
    return numbered(high + 1), f"the labels go up to {high}: {high + 1} classes{none}"


def _mapped(path: Path) -> tuple[str, ...]:
    """The classes of EMNIST's list: a class and its ASCII code a line; of two codes, large and small, the first."""
    try:
        rows = sorted(list(map(int, line.split())) for line in _text(path).splitlines() if line.strip())
        return class_list([chr(row[1]) for row in rows], path)
    except (IndexError, ValueError, OverflowError):
        raise DataError(f"{path}: is not EMNIST's list, a class and its ASCII code a line: download it again") from None


def _class_map(path: Path) -> tuple[str, ...]:
    """The classes of Kuzushiji-MNIST's list: index, codepoint and character, under a line of names."""
    rows = list(csv.DictReader(_text(path).splitlines()))
    if any(not row.get("char") for row in rows):
        raise DataError(f"{path}: lacks a column char, as the published list has it: download it again")
    return class_list([row["char"].strip() for row in rows], path)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST)
        return content.decode("utf-8-sig")
    except OSError as error:
        raise unreadable(path, error) from error
    except UnicodeDecodeError:
        raise DataError(f"{path}: is not text in UTF-8, but a name of a class a line is wanted") from None


def _md5(path: Path) -> str:
    """MD5 (hex) of a small packed file, "" of others."""
    if path.suffix != ".gz" or path.stat().st_size > LONGEST:
        return ""
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
