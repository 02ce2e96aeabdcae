"""``predict`` for a file of many images: a CSV file of answers, a row for each image."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nnscratch.arrays import Array
from nnscratch.cli.console import Output
from nnscratch.data.formats.row_pieces import SUFFIXES, pieces
from nnscratch.errors import DataError, UsageError, printable
from nnscratch.files.atomic import atomic_write
from nnscratch.models.sequential import Sequential
from nnscratch.pictures.reading import READERS

HEADER, KAGGLE = ("index", "label", "confidence", "verdict"), ("ImageId", "Label")


def is_rows(source: str) -> bool:
    """Whether a path is, by its suffix, that of rows; a picture under such a name stays a picture."""
    path = Path(source)
    if not source.lower().endswith(SUFFIXES) or path.is_dir():
        return False
    if not path.is_file():
        return True  # what is wrong with it is told when it is read
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError:
        return True
    return not any(start.startswith(magic) for kind, (magic, _) in READERS.items() if kind != "BMP")


def run_rows(args: argparse.Namespace, name: str, model: Sequential) -> int:
    """Write what the model reads in each row of the file; return the exit code."""
    output = args.output or "-"
    source = Path(args.images[0])
    _check(args, source, output)
    count = right = labeled = 0
    told = Output(as_json=True)  # what is for people goes to stderr
    with _opened(output) as file, told.progress(source.name, None) as done:
        write = csv.writer(file, lineterminator="\n").writerow
        for images, labels in pieces(source, model.classes):
            _check_labels(labels, len(model.classes), source)
            if not count:
                write(KAGGLE if args.kaggle else HEADER)
            found = model.read(images)
            for k, answer in enumerate(found, count):
                write((k + 1, answer.class_name) if args.kaggle else _row(k, answer))
            count += len(images)
            if labels is not None:
                labeled += len(labels)
                right += sum(label == answer.digit for label, answer in zip(labels, found, strict=True))
            done(count)
    accuracy = right / labeled if labeled else None
    told.say(f"{name} read {count:,} images of {source}" + (f" into {output}" if output != "-" else ""))
    if accuracy is not None:
        told.say(f"accuracy {100 * accuracy:.2f} % by the file's labels")
    if args.json:
        known: dict[str, Any] = {} if accuracy is None else {"accuracy": accuracy}
        Output(as_json=True).result([{"file": str(source), "model": name, "n": count, "output": output} | known])
    return 0


def _check_labels(labels: Array | None, classes: int, source: Path) -> None:
    """Raise DataError for a label that is none of the model's classes."""
    if labels is not None and not 0 <= labels.min() <= labels.max() < classes:
        worst = labels.max() if labels.min() >= 0 else labels.min()
        raise DataError(f"{source}: holds the label {worst}, but the model knows 0 to {classes - 1}: leave it out")


def _row(index: int, answer: Any) -> tuple[Any, ...]:
    return index, answer.class_name, f"{answer.confidence:.6f}", answer.verdict


def _check(args: argparse.Namespace, source: Path, output: str) -> None:
    if len(args.images) > 1:
        raise UsageError(f"{source} holds rows, and {len(args.images)} files came: give it alone")
    for flag in ("all", "multi", "stages", "show"):
        if getattr(args, flag):
            raise UsageError(f"--{flag} is for pictures, and {source} holds rows: leave it out")
    if args.top != 1:
        raise UsageError(f"--top is for pictures, and {source} holds rows: leave it out")
    if args.json and output == "-":
        raise UsageError("--json and the rows would both go to stdout: give --output FILE.csv")
    if output != "-" and Path(output).exists() and source.exists() and Path(output).samefile(source):
        raise UsageError(f"--output would write over {printable(str(source))} itself: give another name")


@contextmanager
def _opened(output: str) -> Iterator[Any]:
    """The text file of the answers, which is there when the block ends without an error, or stdout."""
    if output == "-":
        yield sys.stdout
        return
    with atomic_write(output) as file:
        text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
        yield text
        text.detach()
