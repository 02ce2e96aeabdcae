"""Loading a data set of one's own: the meaning of ``--data``."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.classes import DIGITS, listed
from nnscratch.data.dataset import Dataset, Examples, stratified_split
from nnscratch.data.form import in_form, joined, levels
from nnscratch.data.formats.class_names import label_classes
from nnscratch.data.formats.detect import Source, read_source
from nnscratch.data.mnist import load_mnist
from nnscratch.data.orientation import orientation_warning
from nnscratch.errors import DataError, printable
from nnscratch.files.paths import as_path

_HELD_OUT_SEED = 7  # never the training seed: every training run is tested on the same images


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
    read = _formed(path, read_source(path, skip_bad), skip_bad)
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
    read = _formed(path, read_source(path, skip_bad), skip_bad)
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


def _formed(path: Path, read: Source, skip_bad: bool) -> Source:
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
    return Source(parts[0], parts[1] if len(parts) > 1 else None, classes, notes)


def _hold_out(path: Path, read: Source) -> Dataset:
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


def _dataset(path: Path, read: Source, test: Examples) -> Dataset:
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
