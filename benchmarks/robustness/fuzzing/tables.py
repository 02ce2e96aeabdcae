"""Fuzz targets of data sets: MNIST's four files, CSV tables, and folders of pictures with any name."""

# Names of files are bytes here, since they need not be text.
# ruff: noqa: PTH102, PTH118, PTH211

from __future__ import annotations

import gzip
import os
import socket
import zlib
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random

import numpy as np

from benchmarks.robustness.fuzzing.guard import Attack, command
from benchmarks.robustness.fuzzing.mutate import number, spoiled
from benchmarks.robustness.fuzzing.pictures import samples, spoiled_picture
from nnscratch.data import Dataset, load_dataset, read_idx
from nnscratch.data.formats.idx import idx_header
from nnscratch.data.formats.table import read_csv
from nnscratch.data.mapped import take_rows
from nnscratch.pictures.reading import find_images, read_image

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
CELLS = ("", " ", "256", "-1", "1.5", "3.0", "1e2", "1e999", "nan", "inf", "-0", "0x10", "1_0", "٣", "a", '"7"', "7 ")
CELLS += ("9" * 50, "9" * 5000, "\0", "\x1b[31m", "7;7", "0" * 2000 + "7", "1e-400", "True", "½")
ODD_NAMES = (
    b"0",
    b"9",
    b"10",
    b"00",
    b"-1",
    b" 3",
    b"3 ",
    b"\xd9\xa3",
    b"a\nb",
    b"\x1b[31mred",
    b"\xff\xfe",
    b"x" * 255,
)
ODD_NAMES += (b"<script>alert(1)", b"--model", b"-", b"test:1", b"%s%n", b'"><img src=x onerror=alert(1)>', b".hidden")
ODD_NAMES += (
    b"\xe2\x80\xaeabc",
    b"train",
    b"test",
    b"a'b`c",
    b"..png",
    b"con.png",
    b"$(touch x)",
    b"*",
    b"C:\\x",
    b"a\rb",
)


@cache
def idx_files() -> tuple[bytes, ...]:
    """Return four files of 12 images and their labels."""
    images = idx_header((12, 28, 28)) + bytes(range(256)) * (12 * 784 // 256) + bytes(12 * 784 % 256)
    labels = idx_header((12,)) + bytes(range(10)) + b"\0\1"
    return images, labels, images, labels


def spoiled_idx(rng: Random, data: bytes) -> bytes:
    """Return an IDX file with a header that is another, and perhaps as many bytes as that says."""
    if len(data) < 16 or not data[3]:  # spoiled already
        return spoiled(rng, data)
    rank, kind = data[3], rng.randrange(5)
    if kind == 0:
        at = 4 + 4 * rng.randrange(rank)
        return data[:at] + number(rng, 4, "big") + data[at + 4 :]
    if kind == 1:
        return data[:2] + bytes([rng.choice((0, 7, 8, 9, 11, 12, 13, 14, 255)), rng.choice((0, 1, 2, 3, 4, 33, 255))]) + data[4:]  # fmt: skip  # noqa: E501
    shape = [rng.choice((0, 1, 2, 12, 27, 28, 29, 784)) for _ in range(rng.choice((0, 1, 2, 3, 3, 3, 4)))]
    if kind == 2:
        return idx_header(tuple(shape)) + rng.randbytes(min(int(np.prod(shape)), 100_000))
    if kind == 3:
        count = rng.choice((0, 1, 11, 13, 100))
        return (
            idx_header((count, 28, 28)) + bytes(count * 784)
            if rank == 3
            else idx_header((count,)) + rng.randbytes(count)
        )
    return data[: 4 + 4 * rank] + spoiled(rng, data[4 + 4 * rank :], times=1)


def packed(rng: Random, data: bytes) -> bytes:
    """Return gzip data that hold this, at times damaged, in several members, or with more than anybody wants."""
    kind = rng.randrange(8)
    if kind == 0:
        return spoiled(rng, gzip.compress(data, 1), times=1)
    if kind == 1:
        return gzip.compress(data[:100], 1) + gzip.compress(data[100:], 1)
    if kind == 2:
        return gzip.compress(gzip.compress(data))
    return gzip.compress(data, 1)


def bomb(start: bytes, piece: bytes, megabytes: int) -> bytes:
    """Return gzip data of ``start`` and then ``piece`` again and again: about a thousandth as large as unpacked."""
    packer, block = zlib.compressobj(6, wbits=31), piece * (1_000_000 // len(piece))
    parts = [packer.compress(start), *(packer.compress(block) for _ in range(megabytes))]
    return b"".join([*parts, packer.flush()])


def use(dataset: Dataset) -> None:
    """Look at all of a data set, as a training does."""
    assert len(dataset.digest) == 64
    take_rows(dataset.train_images, np.arange(min(5, len(dataset.train_images)), dtype=np.uint32))
    assert dataset.train_labels.max() < len(dataset.classes)


def idx(rng: Random, folder: Path) -> Attack:
    """Load four files, one or two of which are spoiled, plain (then mapped) or packed."""
    files = list(idx_files())
    for _ in range(rng.choice((1, 1, 2))):
        which = rng.randrange(4)
        if rng.random() < 0.7:
            files[which] = spoiled_idx(rng, files[which])
        else:
            files[which] = spoiled(rng, files[which], rng.choice(idx_files()))
    if rng.random() < 0.1:
        rng.shuffle(files)
    explosive = rng.random() < 0.004
    for name, content in zip(NAMES, files, strict=True):
        if rng.random() < 0.02:
            continue
        zipped = rng.random() < 0.3
        (folder / (f"{name}.gz" if zipped else name)).write_bytes(packed(rng, content) if zipped else content)
    if explosive:
        count = rng.choice((1_500_000, 3_000_000, 2**32 - 1))
        (folder / NAMES[0]).write_bytes(bomb(idx_header((count, 28, 28)), bytes(1000), 900))
    way = rng.random()
    if way < 0.02:
        return lambda: command("train", "logistic", "--data", folder, "--dry-run", "--epochs", "1")
    if way < 0.2:
        return lambda: read_idx(next(iter(sorted(folder.iterdir())), folder / "none"))
    return lambda: use(load_dataset(folder))


def csv(rng: Random, folder: Path) -> Attack:
    """Read a table with odd cells, lines, signs of an editor, packed or not."""
    rows = [[str(k % 10), *(str(rng.randrange(256)) for _ in range(784))] for k in range(rng.choice((1, 2, 7, 30)))]
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        row = rng.choice(rows)
        if rng.random() < 0.85 and row:
            row[rng.randrange(len(row))] = rng.choice(CELLS)
        else:
            row[rng.randrange(len(row) + 1) :] = ["0"] * rng.choice((0, 1, 3, 2000))
    if rng.random() < 0.3:
        rows.insert(0, rng.choice((["label", *(f"p{k}" for k in range(784))], ["label"], ["7"] * 785, [""], ["#"])))
    end = rng.choice(("\n", "\n", "\n", "\r\n", "\r", "\n\n"))
    between = rng.choice((",",) * 12 + (";", ", ", "\t"))
    text = end.join((between if rng.random() < 0.97 else ";").join(row) for row in rows)
    data = rng.choice((b"",) * 9 + (b"\xef\xbb\xbf", b"\xff\xfe", b"\n")) + text.encode(rng.choice(("utf-8",) * 12 + ("utf-16",)))  # fmt: skip  # noqa: E501
    data = spoiled(rng, data, times=1) if rng.random() < 0.2 else data + rng.choice((b"", b"\n"))
    name = rng.choice(("data.csv", "data.csv", "data.csv.gz"))
    if name.endswith("gz"):
        data = packed(rng, data)
    if rng.random() < 0.004:
        piece = rng.choice((b"7" + b",0" * 784 + b"\n", b"0,", b"\n", b"0\n"))
        data = bomb(b"", piece, 1500)
    path = folder / name
    path.write_bytes(data)
    if rng.random() < 0.02:
        return lambda: command("train", "logistic", "--data", path, "--dry-run", "--epochs", "1")
    return (lambda: use(load_dataset(path))) if rng.random() < 0.5 else (lambda: read_csv(path))


def folders(rng: Random, folder: Path) -> Attack:
    """Load a folder of pictures with odd names, and with what is no file at all."""
    place = os.fsencode(folder / "data")
    os.mkdir(place)
    for _ in range(rng.randint(1, 5)):
        below = os.path.join(place, rng.choice(ODD_NAMES) if rng.random() < 0.25 else str(rng.randrange(10)).encode())
        with suppress(OSError):
            if rng.random() < 0.9:
                os.mkdir(below)
        for _ in range(rng.randint(0, 3)):
            stem = rng.choice(ODD_NAMES) if rng.random() < 0.6 else b"a"
            with suppress(OSError, ValueError):
                put(rng, os.path.join(below if rng.random() < 0.8 else place, stem[:250] + rng.choice((b".png", b".png", b".jpg", b""))))  # fmt: skip  # noqa: E501
    path = Path(os.fsdecode(place))
    way = rng.random()
    if way < 0.02:
        return lambda: command("train", "logistic", "--data", path, "--dry-run", "--epochs", "1")
    if way < 0.05:
        return lambda: command("predict", path, "--model", "logistic", "--json", lines=None)
    if way < 0.08:
        return lambda: command("predict", "--model", "logistic", "--", *sorted(path.rglob("*")), lines=None)
    if way < 0.4:
        return lambda: [read_image(one) for one in find_images(path)]
    return lambda: use(load_dataset(path))


def put(rng: Random, path: bytes) -> None:
    """Put something in that place."""
    kind = rng.randrange(12)
    if kind == 0:
        os.symlink(rng.choice((path, b"/proc/version", b"/", b"none", b"/dev/zero", b"..")), path)
    elif kind == 1:
        os.mkfifo(path)
    elif kind == 2:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path)
    elif kind == 3:
        os.mkdir(path)
    else:
        content = spoiled_picture(rng)[1] if kind == 4 else rng.choice(list(samples().values()))
        with open(path, "xb") as file:  # noqa: PTH123 (the name need not be text)
            file.write(content)
