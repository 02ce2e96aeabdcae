"""Folders of IDX files, as MNIST, Fashion-MNIST, Kuzushiji-MNIST, EMNIST and QMNIST are published.

A data set is four files, ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte`` and the same for ``t10k`` or
``test``; a dot may stand before ``idx``, and each may be packed (``.gz``). EMNIST and QMNIST have a word before: EMNIST
six, for its six splits, whose images are stored with rows and columns exchanged (Cohen et al.: EMNIST, 2017).
QMNIST's labels are a table, ``labels-idx2-int``, whose first column is the digit (Yadav, Bottou, 2019).
"""

import re
from pathlib import Path

import numpy as np

from nnscratch.data.dataset import Examples
from nnscratch.data.formats.idx import read_idx_labels
from nnscratch.data.mapped import map_idx_images
from nnscratch.errors import DataError
from nnscratch.files.unpack import list_folder

MNIST = ""  # the word before the names of MNIST, and of all that are called as it is
EMNIST = "emnist-(?:balanced|byclass|bymerge|digits|letters|mnist)"
NAME = re.compile(
    rf"((?:{EMNIST}|qmnist)?)-?"
    r"(train|t10k|test)-(images|labels)[-.]idx\d-(?:ubyte|int)(?:\.gz)?"
)
ROLES = [(part, what) for part in ("train", "test") for what in ("images", "labels")]
Files = dict[tuple[str, str], Path]  # of one data set, by role


def idx_files(folder: Path) -> dict[str, Files]:
    """The data sets of a folder, by the word before their names; of several files for one role, MNIST's own name."""
    found: dict[str, Files] = {}
    matches = [(NAME.fullmatch(path.name), path) for path in list_folder(folder) if path.is_file()]
    for match, path in sorted(matches, key=lambda pair: (".idx" in pair[1].name, pair[1].suffix == ".gz")):
        if match is not None:
            word, part, what = match.groups()
            found.setdefault(word, {}).setdefault(("train" if part == "train" else "test", what), path)
    return found


def chosen_set(folder: Path, sets: dict[str, Files]) -> str:
    """The one data set of a folder, or MNIST's four. Raises ``DataError`` where there are several others."""
    if len(sets) > 1 and len(sets.get(MNIST, ())) < len(ROLES):
        names = ", ".join(word or "MNIST" for word in sorted(sets))
        example = min(sets[max(sets)].values())
        raise DataError(
            f"{folder}: holds several data sets ({names}): give the path of a file of one, such as {example}"
        )
    return MNIST if len(sets) > 1 else next(iter(sets))


def read_idx_files(folder: Path, word: str, files: Files) -> tuple[Examples, Examples]:
    """The training and the test examples; images of MNIST's size that are not packed are mapped: see ``mapped.py``.

    EMNIST's images are turned upright, and the labels of its letters, 1 to 26, become 0 to 25. Raises ``DataError``
    when a file is missing, broken or swapped with another, or when images and labels differ in number.
    """
    missing = " and ".join(_published_name(word, *role) for role in ROLES if role not in files)
    if missing:
        name = word.split("-")[0].upper() or "MNIST"
        raise DataError(f"{folder}: lacks {missing} (or with .gz): put all four {name} files into the folder")
    train, test = (_read_part(word, files[part, "images"], files[part, "labels"]) for part in ("train", "test"))
    return train, test


def _read_part(word: str, images_path: Path, labels_path: Path) -> Examples:
    images, labels = map_idx_images(images_path), read_idx_labels(labels_path)
    if len(images) != len(labels):
        raise DataError(
            f"{images_path}: holds {len(images):,} images, but {labels_path.name} holds {len(labels):,} "
            "labels: take both from the same data set"
        )
    if not len(images):
        raise DataError(f"{images_path}: holds no images, but at least one is wanted")
    return upright(word, Examples(images, labels), labels_path)


def emnist_word(name: str) -> str:
    """The word before EMNIST's names, which its CSV files have, too; "" for other names."""
    match = re.match(EMNIST, name)
    return match[0] if match else ""


def upright(word: str, examples: Examples, where: Path) -> Examples:
    """EMNIST's examples with their images upright, and the letters' labels from 0; those of others as they are."""
    if not word.startswith("emnist"):
        return examples
    images, labels, notes = examples
    if word == "emnist-letters":
        if labels.min() < 1:
            raise DataError(f"{where}: holds the label {labels.min()}, but EMNIST's letters are 1 to 26")
        labels = labels - labels.dtype.type(1)
    return Examples(np.ascontiguousarray(images.swapaxes(1, 2)), labels, notes)


def _published_name(word: str, part: str, what: str) -> str:
    part = "t10k" if part == "test" and word == MNIST else part
    kind = {"images": "idx3-ubyte", "labels": "idx2-int" if word == "qmnist" else "idx1-ubyte"}[what]
    return "-".join(filter(None, [word, part, what, kind]))
