"""One training step on one digit: every number of it, forward, backward and in the update.

Writes a page that opens from disk, on which any number can be clicked, and prints the same as text.

  nnscratch study step lenet5                          a test digit that the trained network has yet to learn
  nnscratch study step mlp test:123 --fresh            initial weights, as training begins
  nnscratch study step lenet5 digit.png --label 7      a picture of your own
  nnscratch study step lenet5 --number "conv1[2,10,7]"   how one number came about, every product but those of 0
  nnscratch study step lenet5 --number "conv1.W[2,0,3,1]"   and one weight: which pixels changed it
  nnscratch study step lenet5 --number loss              whatever has a name: p[3], dconv1[2,10,7], conv2.x[0,1,1]
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nnscratch.arrays import Array
from nnscratch.cli import flags
from nnscratch.cli.commands.predict import find_model
from nnscratch.cli.console import Output
from nnscratch.data import Dataset
from nnscratch.data.classes import DIGITS, check_same, listed, noun
from nnscratch.errors import DataError, UsageError, printable, unknown
from nnscratch.files.atomic import write_text
from nnscratch.models.sequential import Sequential
from nnscratch.models.zoo import MODELS, build
from nnscratch.pictures.preprocess import to_mnist, to_square
from nnscratch.pictures.reading import read_image
from nnscratch.study.step import names
from nnscratch.study.step import text as step_text
from nnscratch.study.step.choice import LEARNT, TO_LEARN, to_learn
from nnscratch.study.step.numbers import to_dict
from nnscratch.study.step.page import as_page
from nnscratch.study.step.step import take_step
from nnscratch.training.optimizers import OPTIMIZERS, Optimizer

DEFAULT = 8  # the test digit of a network that has yet to learn


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL|FILE", help=f"{', '.join(MODELS)}, or a model.npz")
    parser.add_argument("image", nargs="?", metavar="IMAGE", help="a picture, or test:123; default: one to learn from")
    parser.add_argument("--label", metavar="N|NAME", help="the true digit, or class, of a picture")
    flags.add_data(parser)
    parser.add_argument("--fresh", action="store_true", help="initial weights instead of trained ones")
    parser.add_argument("--optimizer", default="adam", metavar="NAME", help=f"{', '.join(OPTIMIZERS)} (%(default)s)")
    parser.add_argument("--lr", type=float, metavar="X", help="learning rate; default 0.001, of sgd 0.1")
    parser.add_argument("--number", metavar="NAME[I,J,..]", help="print how one number came about, and write no page")
    parser.add_argument("--out", metavar="FILE.html", help="where to write the page; default: study/step-MODEL.html")
    keys = "print the step's numbers as JSON on stdout (keys: nnscratch/study/step/numbers.py), the rest on stderr"
    parser.add_argument("--json", action="store_true", help=keys)


def run(args: argparse.Namespace) -> int:
    optimizer = _optimizer(args.optimizer, args.lr)
    is_test = args.image is None or args.image.startswith("test:")
    dataset = flags.read_data(args.data) if args.data is not None or is_test else None
    name, model = _model(args.model, dataset, fresh=args.fresh)
    label = None if args.label is None else _label(args.label, model.classes)
    if is_test:
        assert dataset is not None
        check_same("the model", model.classes, dataset.name, dataset.classes)
        chosen = args.image or _chosen(model, dataset, fresh=args.fresh)
        image, label = _test_image(chosen, dataset, label)
    else:
        chosen = args.image
        image, label = _picture(chosen, label, model)
    with np.errstate(all="ignore"):
        step = take_step(model, image, label, optimizer)
    if not np.isfinite([step.loss, step.loss_after]).all():
        rate = optimizer.learning_rate
        raise UsageError(f"the step leaves no finite loss with the learning rate {rate:g}: give a smaller --lr")
    step = dataclasses.replace(step, remark=_remark(args, chosen, model, dataset, step.loss))
    output = Output(as_json=args.json)
    if args.number is not None:
        lines = list(names.lines(step, args.number))
        output.say("\n".join(lines))
        output.result({"number": args.number, "lines": lines})
        return 0
    path = flags.page_path(args.out, f"step-{name}")
    output.say(step_text.as_text(step))
    write_text(path, as_page(step))
    output.say(f"\npage: {printable(str(path))}")
    output.result({"page": str(path), **to_dict(step)})
    return 0


def _optimizer(name: str, rate: float | None) -> Optimizer:
    if name not in OPTIMIZERS:
        raise unknown("the optimiser", name, OPTIMIZERS)
    return OPTIMIZERS[name](rate if rate is not None else 0.1 if name == "sgd" else 1e-3)


def _model(name: str, dataset: Dataset | None, *, fresh: bool) -> tuple[str, Sequential]:
    if fresh:
        if name not in MODELS:
            raise unknown("--fresh builds a model by name, and", name, MODELS)
        return name, build(name, classes=DIGITS if dataset is None else dataset.classes)
    called, model = find_model(name)
    return (called if name in MODELS else Path(name).stem), model


def _label(text: str, classes: Sequence[str]) -> int:
    """Return the label of a class that is given by its name, or by the label itself."""
    if text in classes:
        return classes.index(text)
    try:
        return int(text)
    except ValueError:
        raise unknown("the label", text, classes) from None


def _chosen(model: Sequential, dataset: Dataset, *, fresh: bool) -> str:
    """Return the test image to show where none is named: of a trained network, one that it has yet to learn."""
    if fresh:
        return f"test:{min(DEFAULT, len(dataset.test_labels) - 1)}"
    return f"test:{to_learn(model, dataset.test_images, dataset.test_labels)[0]}"


def _remark(args: argparse.Namespace, chosen: str, model: Sequential, dataset: Dataset | None, loss: float) -> str:
    """Return what is to be said of the image: how it was chosen, or that there is nothing to learn from it."""
    if loss < LEARNT:
        remark = f"The network knows this one: with a loss of {loss:.2g} the gradients are nearly 0. "
        if dataset is None:
            return remark + "Give --fresh to see the first step of a training."
        number, most = to_learn(model, dataset.test_images, dataset.test_labels)
        return remark + f"There is more to learn from test:{number}, whose loss is {most:.2g}; or give --fresh."
    if args.image is None and not args.fresh and loss > TO_LEARN:
        return f"{chosen} is the first test image with a loss above {TO_LEARN}: there is something to learn from it."
    return ""


def _test_image(source: str, dataset: Dataset, label: int | None) -> tuple[Array, int]:
    """Return a test image (28, 28) uint8 such as test:8, and its label unless that is given."""
    number, count = source.removeprefix("test:"), len(dataset.test_labels)
    if not number.isdecimal() or len(number) > 9 or int(number) >= count:
        raise DataError(f"there is no test image {source[:20]}: give test:0 to test:{count - 1}")
    return dataset.test_images[int(number)], int(dataset.test_labels[int(number)]) if label is None else label


def _picture(source: str, label: int | None, model: Sequential) -> tuple[Array, int]:
    """Return a picture as the model sees it, (28, 28) uint8, and its label, which must be given."""
    if not Path(source).is_file():
        raise DataError(f"{source!r} is no file: give a picture, or a test image such as test:8")
    if label is None:
        wanted = "0 to 9" if model.is_digits else f"one of {listed(model.classes)}"
        raise UsageError(f"which {noun(model.classes)} {source} shows is not known: give --label {wanted}")
    gray = read_image(source)
    image = to_mnist(gray) if model.is_digits else to_square(gray)
    if image is None:
        raise DataError(f"{source} has no ink on it: give a picture of a digit")
    return image, label
