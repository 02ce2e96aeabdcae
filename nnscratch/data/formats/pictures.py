"""Folders of pictures, sorted by hand into one sub-folder for each digit: ``0/ ... 9/``."""

from pathlib import Path

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.dataset import Examples
from nnscratch.errors import DataError
from nnscratch.files.unpack import list_folder

DIGITS = frozenset("0123456789")


def read_pictures(folder: Path) -> Examples:
    """Read the pictures of ``folder/0`` to ``folder/9``: images (n, 28, 28) uint8 and labels (n,) uint8.

    Order: by digit, then by file name. Hidden files and files beside the sub-folders are left alone; a digit
    may be missing. A picture of exactly 28 x 28 is taken as it is, but turned to light ink on dark, and ``notes``
    says how many were; any other is brought into MNIST's form by ``nnscratch.pictures.preprocess.to_mnist``.

    Raises ``DataError`` for a sub-folder not named by a digit, a picture that cannot be read or shows no ink,
    and when there are no pictures.
    """
    images, labels, turned = [], [], 0
    for sub_folder in sub_folders(folder):
        if sub_folder.name not in DIGITS:
            raise DataError(f"{sub_folder}: is not named by a digit, 0 to 9: rename or move this folder")
        for path in list_folder(sub_folder):
            image, was_turned = _read_digit(path)
            images.append(image)
            labels.append(int(sub_folder.name))
            turned += was_turned
    if not images:
        raise DataError(f"{folder}: holds no pictures: put some into its sub-folders 0 to 9")
    notes = f"{turned:,} of {len(images):,} pictures, 28 x 28 and dark on light, were turned to light on dark"
    return Examples(np.stack(images), np.array(labels, dtype=np.uint8), notes if turned else "")


def sub_folders(folder: Path) -> list[Path]:
    """The folders directly inside a folder, sorted by name, without hidden ones. Raises ``DataError``."""
    return [entry for entry in list_folder(folder) if entry.is_dir()]


def _read_digit(path: Path) -> tuple[Array, bool]:
    """One picture in MNIST's form, (28, 28) uint8, and whether it was taken as it is, but turned."""
    from nnscratch.pictures.preprocess import is_field, light_on_dark, to_mnist, to_uint8
    from nnscratch.pictures.reading import read_image  # here, for Pillow takes its time to import

    if path.is_dir():
        raise DataError(f"{path}: is a folder where a picture was wanted: move it or its pictures")
    gray = read_image(path)
    as_it_is = to_uint8(gray) if is_field(gray) else None
    digit = to_mnist(gray) if as_it_is is None else light_on_dark(as_it_is)
    if digit is None or digit.min() == digit.max():
        raise DataError(f"{path}: shows no ink: remove the picture from the training data")
    return digit, as_it_is is not None and digit is not as_it_is
