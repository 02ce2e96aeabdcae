"""What the widgets of the chapters begin with: numbers of the library's own, as JSON in the page."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data import load_mnist
from nnscratch.models.pretrained import load_pretrained
from nnscratch.study.figures.surfaces import lenet5_grid
from nnscratch.study.step.step import Step, take_step
from nnscratch.training.optimizers import Adam

DIGITS = 5  # significant, of the numbers in a page


@dataclass(frozen=True)
class Data:
    """Numbers for the widget ``name``, which finds them in the page; a notebook shows nothing of them."""

    name: str
    values: dict[str, Any]

    def _repr_html_(self) -> str:
        text = json.dumps(self.values, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
        return f'<script type="application/json" data-for="{self.name}">{text}</script>'


def numbers(array: Array) -> Any:
    """Return an array as lists of numbers that are short enough for a page."""
    return [numbers(each) for each in array] if array.ndim else float(f"{float(array):.{DIGITS}g}")


@cache
def step_on(place: int = 8) -> Step:
    """Return a step of training of the library's LeNet-5 on a test digit."""
    mnist = load_mnist()
    return take_step(load_pretrained("lenet5"), mnist.test_images[place], int(mnist.test_labels[place]), Adam(0.001))


def convolution() -> Data:
    """Return a test digit x (28, 28), and of the first layer of LeNet-5 the filters W, b, and dout (6, 24, 24)."""
    step = step_on()
    W, b = step.before["conv1.W"][:, 0], step.before["conv1.b"]
    largest = float(np.abs(step.dout(0)).max())  # the gradient is shown as a share of its largest number
    values = {"x": step.output(-1)[0], "W": W, "b": b, "dout": step.dout(0) / largest}
    return Data("convolution", {name: numbers(value) for name, value in values.items()})


def optimizers() -> Data:
    """Return the losses of LeNet-5 on a plane through its weights: the points along and across, and losses (B, A)."""
    along, across, losses = lenet5_grid()
    values = {"along": along, "across": across, "losses": losses}
    return Data("optimizers", {name: numbers(value) for name, value in values.items()})


def lenet5(places: tuple[int, ...] = (8, 0, 2, 62, 247)) -> Data:
    """Return the weights of the library's LeNet-5 in half precision, its temperature, and some test digits."""
    model, mnist = load_pretrained("lenet5"), load_mnist()
    weights = {
        name: base64.b64encode(np.ascontiguousarray(value).astype("<f2").tobytes()).decode()
        for name, value in model.parameters.items()
    }
    digits = [{"label": int(mnist.test_labels[k]), "rows": numbers(mnist.test_images[k] / 255)} for k in places]
    return Data("lenet5", {"weights": weights, "temperature": model.temperature, "digits": digits})
