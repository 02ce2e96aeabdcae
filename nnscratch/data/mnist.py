"""MNIST: the copy inside the package.

MNIST is by Y. LeCun, C. Cortes and C. J. C. Burges; licence and citation stand in ``mnist/README.md``.
"""

from functools import cache
from pathlib import Path

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.dataset import Dataset
from nnscratch.data.formats.idx import idx_sha256, read_idx_images, read_idx_labels
from nnscratch.errors import DataError
from nnscratch.files.unpack import open_unpacked

# The four files, in the order of Dataset's fields, with the published SHA-256 of their unpacked content.
MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
_FOLDER = Path(__file__).with_name("mnist")


@cache
def load_mnist() -> Dataset:
    """The MNIST that comes with the package: 60,000 training and 10,000 test images; see ``Dataset``.

    The first call of a process reads and checks the files (about 0.3 s), later calls return the same object.
    Raises ``DataError`` when a file is missing or differs from the published one.
    """
    train_images, train_labels, test_images, test_labels = map(_read_published, MNIST_SHA256)
    return Dataset(train_images, train_labels, test_images, test_labels, name="MNIST", source="nnscratch/data/mnist")


def first_digits() -> tuple[Array, Array]:
    """The first test images (1000, 28, 28) and their labels, unchecked: for comparison, in a hundredth of a second."""
    count, names = 1000, list(MNIST_SHA256)[2:]
    with open_unpacked(_FOLDER / f"{names[0]}.gz") as file:
        content = file.read(16 + count * 28 * 28)
    images = np.frombuffer(content, np.uint8, offset=16).reshape(count, 28, 28)
    return images, read_idx_labels(_FOLDER / f"{names[1]}.gz")[:count]


def _read_published(name: str) -> Array:
    """One of the package's own files, checked."""
    path = _FOLDER / f"{name}.gz"
    try:
        values = _read(path)
    except DataError as error:
        raise DataError(f"{error}; this is the package's own MNIST: reinstall nnscratch") from error
    if idx_sha256(values) != MNIST_SHA256[name]:
        raise DataError(
            f"{path}: differs from the published MNIST (SHA-256 {MNIST_SHA256[name]} unpacked): reinstall nnscratch"
        )
    return values


def _read(path: Path) -> Array:
    return read_idx_images(path) if "-images-" in path.name else read_idx_labels(path)
