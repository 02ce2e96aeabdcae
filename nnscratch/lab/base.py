"""What an experiment is: a question to answer first, a run that is measured, and why it came out so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from string import Formatter
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data import load_mnist
from nnscratch.data.dataset import stratified_split, stratified_subset
from nnscratch.errors import UsageError
from nnscratch.pages.blocks import Table, percent

HELD_OUT = 5000  # images of the training images that validate
LEAST, MOST = 1000, 50_000  # images to train on


@dataclass(frozen=True, eq=False)
class Data:
    """Images (n, 28, 28) uint8 with labels (n,) to train on, others to validate, and the seed of everything.

    All of them are training images of MNIST. ``tell`` hears what is being trained.
    """

    images: Array
    labels: Array
    validation: tuple[Array, Array]
    seed: int
    tell: Callable[[str], None] = lambda text: None


def lab_data(seed: int = 0, images: int = 5000, held_out: int = HELD_OUT) -> Data:
    """Return so many of MNIST's training images, each digit in proportion, drawn by the seed.

    Raises UsageError for a negative seed, or a number of images that is out of range.
    """
    if seed < 0:
        raise UsageError(f"the seed is {seed}: give a whole number of at least 0")
    if not LEAST <= images <= MOST:
        raise UsageError(f"{images} images to train on were asked for: give {LEAST:,} to {MOST:,}")
    mnist = load_mnist()
    rest, held = stratified_split(mnist.train_labels, held_out, seed=seed)
    chosen = rest[stratified_subset(mnist.train_labels[rest], images, seed=seed)]
    validation = mnist.train_images[held], mnist.train_labels[held]
    return Data(mnist.train_images[chosen], mnist.train_labels[chosen], validation, seed)


@dataclass(frozen=True)
class Outcome:
    """What a run measured: all ``figures``, fit for JSON, and the ``rows`` of figures from which the table is made.

    ``answer`` is the choice, from 1, that they speak for; None where they speak for none. ``plot`` is a PNG file.
    ``facts`` are what the verdict names besides the figures.
    """

    figures: dict[str, Any]
    rows: Mapping[str, Mapping[str, Any]]
    answer: int | None
    plot: bytes
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LabExperiment:
    """A question with choices, the ``answer`` (from 1) that theory expects, and the run that measures it.

    A column of the table is its title, and a cell with {key} for a figure of the row; ``first`` is the title above the
    names of the rows. ``verdict`` has {figures[...]}, and {key} for a fact; see :func:`filled`. ``alt`` says what the
    plot shows. ``where`` points into the code: file, and the function or class in it. ``sliders`` are settings to move
    in the page, which trains a network with that ``activation`` of hidden units: see play.py.
    """

    name: str
    title: str
    question: str
    choices: Sequence[str]
    answer: int
    measure: Callable[[Data], Outcome] = field(repr=False)
    first: str
    columns: Sequence[Sequence[str]]
    verdict: str
    alt: str
    explanation: Sequence[str]
    formula: str
    where: Sequence[tuple[str, str]]
    activation: str = "ReLU"
    sliders: Sequence[str] = ()

    def table(self, outcome: Outcome) -> Table:
        """Return the table of what was measured."""
        header = [self.first, *(title for title, _ in self.columns)]
        rows = outcome.rows.items()
        return Table(header, [[name, *(filled(cell, row) for _, cell in self.columns)] for name, row in rows])

    def describe(self, outcome: Outcome) -> str:
        """Return the verdict: what was seen, in the run's own figures."""
        return one_line(filled(self.verdict, {"figures": outcome.figures, **outcome.facts}))

    def check_prediction(self, prediction: int | None) -> None:
        """Raise UsageError when the prediction is none of the choices."""
        if prediction is not None and not 1 <= prediction <= len(self.choices):
            raise UsageError(f"--predict is {prediction}: {self.name} has the answers 1 to {len(self.choices)}")

    def feedback(self, outcome: Outcome, prediction: int | None) -> str:
        """Return what the run says about the prediction, and about what theory expects."""
        seen = outcome.answer
        if seen is None:
            return f"This run speaks for none of the answers. Theory expects {self._choice(self.answer)}."
        text = f"the answer of this run is {self._choice(seen)}."
        if prediction == seen:
            text = f"You predicted {prediction}, rightly: {text}"
        elif prediction is not None:
            text = f"You predicted {prediction}, but {text}"
        else:
            text = text[0].upper() + text[1:]
        if seen != self.answer:
            text += f" Theory expects {self.answer}, which these settings do not show."
        return text

    def _choice(self, number: int) -> str:
        return f"{number} ({self.choices[number - 1]})"


def one_line(text: str) -> str:
    """Return a text without its line breaks."""
    return " ".join(text.split())


class Figures(Formatter):
    """``str.format`` that also knows {key:number} and {key:percent}."""

    def format_field(self, value: Any, format_spec: str) -> str:
        named = {"number": format_number, "percent": percent}
        return named[format_spec](value) if format_spec in named else format(value, format_spec)


def filled(text: str, values: Mapping[str, Any]) -> str:
    """Return a text with its {key}, {key:number} and {key:percent} replaced."""
    return Figures().vformat(text, (), values)


def format_number(value: float | None) -> str:
    """Return a number with about three digits, as people write it: 21,600, 0.0312, 2.4e+17."""
    if value is None or not np.isfinite(value):
        return "NaN"
    if value == 0:
        return "0"
    if 1e-4 <= abs(value) < 1e7:
        rounded = float(f"{value:.3g}")
        return f"{rounded:,.0f}" if abs(rounded) >= 100 else f"{rounded:.3g}"
    return f"{value:.1e}"


def finite(value: float) -> float | None:
    """Return a number fit for JSON: None stands for what is infinite or NaN."""
    return float(value) if np.isfinite(value) else None
