"""Small data sets in the forms in which well-known ones are published, written apart from the code that reads them."""

import gzip

import numpy as np

from nnscratch.data import load_mnist
from tests.tools.data_files import csv_lines, idx_bytes, write

EMNIST_CLASSES = {"balanced": 47, "bymerge": 47, "byclass": 62, "digits": 10, "letters": 26, "mnist": 10}
MERGED = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"
BY_CLASS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def mnist_digits(n, first=0):
    """n of MNIST's training digits."""
    data = load_mnist()
    return data.train_images[first : first + n].copy(), data.train_labels[first : first + n].astype(np.uint8)


def examples(n, classes, seed=0):
    """Pictures that are no square's mirror image, with labels 0, 1, ... of so many classes."""
    images = np.random.default_rng(seed).integers(0, 256, (n, 28, 28), dtype=np.uint8)
    return images, (np.arange(n) % classes).astype(np.uint8)


def write_emnist(folder, split, packed=True, mapping=True, n=130):
    """A split of EMNIST: images transposed, letters from 1. Returns train and test as they are meant."""
    parts = []
    for part, count, seed in (("train", n, 1), ("test", n // 2, 2)):
        images, labels = examples(count, EMNIST_CLASSES[split], seed)
        end = ".gz" if packed else ""
        write(folder / f"emnist-{split}-{part}-images-idx3-ubyte{end}", idx_bytes(images.swapaxes(1, 2)), packed)
        stored = labels + (split == "letters")
        write(folder / f"emnist-{split}-{part}-labels-idx1-ubyte{end}", idx_bytes(stored.astype(np.uint8)), packed)
        parts.append((images, labels))
    if mapping:
        names = {"letters": "", "balanced": MERGED, "bymerge": MERGED, "byclass": BY_CLASS}.get(split, BY_CLASS[:10])
        lines = [f"{number} {ord(name)}" for number, name in enumerate(names)]
        if split == "letters":
            lines = [f"{number} {64 + number} {96 + number}" for number in range(1, 27)]
        write(folder / f"emnist-{split}-mapping.txt", "\n".join(lines).encode())
    return parts


def write_qmnist(folder, packed=True):
    """QMNIST: labels are n x 8 of int32, the digit first."""
    parts = []
    for part, first in (("train", 0), ("test", 50)):
        images, labels = mnist_digits(40, first)
        table = np.zeros((40, 8), np.int32)
        table[:, 0], table[:, 1:] = labels, np.arange(7) + 1000
        end = ".gz" if packed else ""
        write(folder / f"qmnist-{part}-images-idx3-ubyte{end}", idx_bytes(images), packed)
        write(folder / f"qmnist-{part}-labels-idx2-int{end}", idx_bytes(table), packed)
        parts.append((images, labels))
    return parts


def write_kuzushiji(folder, word, classes, test=True):
    """kmnist or k49 as NumPy's archives of one array each."""
    parts = []
    for part, seed in (("train", 1), ("test", 2))[: 1 + test]:
        images, labels = examples(2 * classes, classes, seed)
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(folder / f"{word}-{part}-imgs.npz", images)
        np.savez_compressed(folder / f"{word}-{part}-labels.npz", labels)
        parts.append((images, labels))
    return parts


def write_keras(path, scale=None):
    """Keras's mnist.npz; with a scale, floats up to it."""
    parts = mnist_digits(60), mnist_digits(30, 100)
    path.parent.mkdir(parents=True, exist_ok=True)
    (x_train, y_train), (x_test, y_test) = parts
    if scale is not None:
        x_train, x_test = (part.astype(np.float32) * (scale / 255) for part in (x_train, x_test))
    np.savez_compressed(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return parts


def write_kaggle(folder):
    """train.csv with names and labels, test.csv with names alone."""
    images, labels = mnist_digits(40)
    names = ",".join(f"pixel{number}" for number in range(784))
    write(folder / "train.csv", "\n".join([f"label,{names}", *csv_lines(images, labels)]).encode())
    lines = [line.partition(",")[2] for line in csv_lines(images, labels)]
    write(folder / "test.csv", "\n".join([names, *lines]).encode())
    return images, labels


def small_digits(n=50):
    """n digits of 8 x 8 pixels with levels 0..16, as UCI's: blank at the corners."""
    images, labels = mnist_digits(n)
    blocks = images[:, 2:26, 2:26].reshape(n, 8, 3, 8, 3).mean(axis=(2, 4))
    small = np.rint(blocks * (16 / blocks.max(axis=(1, 2), keepdims=True))).astype(int)
    small[:, 0, 0] = small[:, -1, -1] = 0
    return small, labels


def write_sklearn(path, n=50):
    """digits.csv.gz of scikit-learn: 64 floats and the label."""
    images, labels = small_digits(n)
    rows = np.column_stack([images.reshape(n, 64), labels])
    text = "\n".join(",".join(f"{value:.18e}" for value in row) for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()))
    return images, labels


def write_optdigits(folder):
    """UCI's optdigits.tra and .tes: 64 whole numbers and the label."""
    images, labels = small_digits(80)
    for name, part in (("tra", slice(50)), ("tes", slice(50, 80))):
        rows = np.column_stack([images.reshape(80, 64), labels])[part].tolist()
        write(folder / f"optdigits.{name}", "".join(",".join(map(str, row)) + "\n" for row in rows).encode())
    return images, labels
