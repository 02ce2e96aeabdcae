"""NumPy's archives: Keras's ``mnist.npz``, Kuzushiji-MNIST's ``kmnist-train-imgs.npz`` and its labels, and their like.

Nothing in them is unpickled, and nothing is unpacked that is far larger than its file: they come from strangers.
"""

import math
import re
import zipfile
import zlib
from pathlib import Path

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.dataset import Examples
from nnscratch.errors import DataError, short_repr
from nnscratch.files.unpack import ENOUGH, LARGEST_RATIO, unreadable

HEADER = re.compile(  # how an .npy file of numbers begins; NumPy would read the header as Python
    rb"\x93NUMPY(?:\x01\x00..|[\x02\x03]\x00....)\{'descr': '([<>|](?:[iu][1248]|f[248]|b1))', "
    rb"'fortran_order': (True|False), 'shape': \(([\d, ]{0,99})\), \} *\n",
    re.DOTALL,
)
LARGEST = 4 << 30  # bytes, unpacked
PAIRS = ["x y", "images labels", "imgs labels", "data target", "data labels", "arr_0 arr_1"]
HALF = re.compile(r"(.+)-(train|test)-(imgs|images|labels)\.npz")  # of files that hold images or labels alone
_WANTED = "give arrays x_train, y_train, x_test and y_test, or images and labels"


def read_archive(path: Path) -> tuple[Examples, Examples | None]:
    """The training and, where there are any, the test examples of an archive.

    Images are (n, h, w), (n, h, w, 1), (n, 1, h, w) or (n, h * w) of a square; labels (n,) or (n, 1). Their names are
    those of ``PAIRS``, large or small, for two parts with ``train`` and ``test`` before or after. Raises ``DataError``
    for an archive that is damaged, holds objects or other arrays, or whose images and labels differ in number.
    """
    names = {name.removesuffix(".npy").lower(): name for name in entries_of(path)}
    train = pair_of(names, "train") or pair_of(names, None)
    test = pair_of(names, "test")
    if train is None:
        came = ", ".join(sorted(names)[:10]) or "nothing"
        raise DataError(f"{path}: holds {short_repr(came)}: {_WANTED}")
    read = arrays_of(path, [*train, *(test or ())])
    examples = _examples(path, read[train[0]], read[train[1]])
    return examples, _examples(path, read[test[0]], read[test[1]]) if test else None


def halves(folder: list[Path]) -> dict[str, dict[tuple[str, str], Path]]:
    """Files of images or labels alone, by the word before their names, then by part and content."""
    found: dict[str, dict[tuple[str, str], Path]] = {}
    for path in folder:
        if match := HALF.fullmatch(path.name):
            word, part, what = match.groups()
            found.setdefault(word, {})[part, "labels" if what == "labels" else "images"] = path
    return found


def read_halves(files: dict[tuple[str, str], Path], word: str, folder: Path) -> tuple[Examples, Examples | None]:
    """The examples of such files; there may be no test files. Raises ``DataError`` as :func:`read_archive`."""
    parts = {part for part, _ in files} | {"train"}
    missing = [
        f"{word}-{part}-{what}"
        for part in sorted(parts)
        for what in ("imgs", "labels")
        if (part, "images" if what == "imgs" else what) not in files
    ]
    if missing:
        raise DataError(
            f"{folder}: lacks {' and '.join(missing)} (.npz): put all files of the data set into the folder"
        )
    read = {
        part: _examples(files[part, "images"], _alone(files[part, "images"]), _alone(files[part, "labels"]))
        for part in sorted(parts)
    }
    return read["train"], read.get("test")


def pair_of(names: dict[str, str], part: str | None) -> tuple[str, str] | None:
    """The entries with the images and labels of a part."""
    for pair in PAIRS:
        for form in ("{1}",) if part is None else ("{1}_{0}", "{0}_{1}", "{1}{0}"):
            images, labels = (names.get(form.format(part, name)) for name in pair.split())
            if images and labels:
                return images, labels
    return None


def _alone(path: Path) -> Array:
    """The one array of an archive."""
    entries = entries_of(path)
    if len(entries) != 1:
        raise DataError(f"{path}: holds {len(entries)} arrays, but one, of images or of labels, is wanted")
    return next(iter(arrays_of(path, list(entries)).values()))


def _examples(path: Path, images: Array, labels: Array) -> Examples:
    if images.ndim == 4 and 1 in (images.shape[1], images.shape[3]):
        images = images.squeeze(3 if images.shape[3] == 1 else 1)
    if images.ndim == 2 and math.isqrt(images.shape[1]) ** 2 == images.shape[1]:
        images = images.reshape(len(images), *2 * [math.isqrt(images.shape[1])])
    if images.ndim != 3 or 0 in images.shape or images.dtype.kind not in "buif":
        raise DataError(
            f"{path}: its images are {images.shape} {images.dtype}, but grey ones, (n, height, width), are wanted"
        )
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    whole = labels if labels.dtype.kind in "iu" else _whole(labels)
    if labels.ndim != 1 or whole is None:
        raise DataError(f"{path}: its labels are {labels.shape} {labels.dtype}, but n whole numbers from 0 are wanted")
    if len(images) != len(whole):
        raise DataError(f"{path}: holds {len(images):,} images, but {len(whole):,} labels: each image needs one label")
    return Examples(images, whole)


def _whole(labels: Array) -> Array | None:
    """Labels that are whole numbers, but stored as others."""
    if labels.dtype.kind != "f" or not np.isfinite(labels).all() or (abs(labels) > 1e6).any():
        return None
    whole: Array = labels.astype(np.int64)
    return whole if (whole == labels).all() else None


def entries_of(path: Path) -> dict[str, int]:
    """The names of the arrays, and their sizes unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {entry.filename: entry.file_size for entry in archive.infolist() if entry.filename.endswith(".npy")}
    except OSError as error:
        raise unreadable(path, error) from error
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise DataError(f"{path}: is not a NumPy archive (.npz), or damaged: copy or download it again") from error


def arrays_of(path: Path, names: list[str]) -> dict[str, Array]:
    """The arrays of these entries."""
    sizes = entries_of(path)
    if sum(sizes[name] for name in names) > min(LARGEST, max(ENOUGH, LARGEST_RATIO * path.stat().st_size)):
        raise DataError(f"{path}: unpacks to more than {LARGEST_RATIO} times its size or 4 GiB: check that it is right")
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: array_of(archive.read(name)) for name in names}
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise DataError(
            f"{path}: cannot be read ({short_repr(str(error))}): numbers, not objects, are wanted"
        ) from error


def array_of(content: bytes) -> Array:
    """The array of an .npy file. Raises ValueError for objects, and where bytes are missing."""
    match = HEADER.match(content)
    if match is None:
        raise ValueError("an array of something else, or damaged")
    dtype, order = np.dtype(match[1].decode()), "F" if match[2] == b"True" else "C"
    shape = [int(size) for size in match[3].split(b",") if size.strip()]
    if len(content) - match.end() != math.prod(shape) * dtype.itemsize:
        raise ValueError("an array with more or fewer numbers than it says")
    values: Array = np.frombuffer(content, dtype, offset=match.end()).reshape(shape, order=order)  # type: ignore[call-overload]
    return np.ascontiguousarray(values.astype(dtype.newbyteorder("="), copy=False))
