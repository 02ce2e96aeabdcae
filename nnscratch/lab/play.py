"""What the sliders of an experiment's page train, in the page: a small network, on images of a quarter of the pixels.

The page trains it with the engine of the drawing page; :func:`play_data` gives it images, weights and sliders.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.lab.base import Data
from nnscratch.layers import LAYERS, Dense
from nnscratch.models.sequential import Sequential

TRAINING, VALIDATION = 400, 200  # images
UNITS, EPOCHS, BATCH = 16, 5, 20
ENGINE = ("checks.js", "confidence.js", "layers.js")  # each after those that it imports


@dataclass(frozen=True)
class Slider:
    """A setting to move: 10 to the power of ``low`` to ``high`` where it is ``log``, else the number itself."""

    label: str
    low: float
    high: float
    step: float
    start: float
    log: bool = False


SLIDERS = {
    "rate": Slider("learning rate", -4, 2, 0.25, -1, log=True),
    "momentum": Slider("momentum", 0, 0.95, 0.05, 0),
    "scale": Slider("initial weights, times", 0, 8, 0.25, 1),
}


def network(activation: str, seed: int) -> Sequential:
    """Return a network of (1, 14, 14) images, as it starts where the slider ``scale`` is at 1."""
    return Sequential([Dense(UNITS), LAYERS[activation](), Dense(10)], (196,), seed=seed)


def quartered(images: Array) -> Array:
    """Return images (n, 28, 28) uint8 as vectors (n, 196) uint8: the mean of each 2 x 2 pixels."""
    means: Array = images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))
    return np.rint(means).astype(np.uint8).reshape(-1, 196)


def play_data(data: Data, activation: str, sliders: Sequence[str]) -> dict[str, Any]:
    """Return what the page's script works on, fit for JSON; arrays as base64, of uint8 and of float64."""
    fresh = network(activation, data.seed)
    images, labels = data.validation
    return {
        "activation": activation,
        "units": UNITS,
        "epochs": EPOCHS,
        "batch": BATCH,
        "weights": {name: _packed(fresh.parameters[name].astype("<f8")) for name in ("dense1.W", "dense2.W")},
        "images": _packed(quartered(data.images[:TRAINING])),
        "labels": data.labels[:TRAINING].tolist(),
        "validationImages": _packed(quartered(images[:VALIDATION])),
        "validationLabels": labels[:VALIDATION].tolist(),
        "sliders": {name: asdict(SLIDERS[name]) for name in sliders},
    }


def script() -> str:
    """Return the engine's layers and the training as one script: a page that is a single file has no modules."""
    folder = files("nnscratch.web") / "static" / "engine"
    modules = [(folder / name).read_text("utf-8") for name in ENGINE]
    modules = [re.sub(r"^(import .*\n|export )", "", each, flags=re.MULTILINE) for each in modules]
    own = (files("nnscratch.lab") / "static" / "play.js").read_text("utf-8")
    return "\n".join([*modules, own])


def _packed(array: Array) -> str:
    return base64.b64encode(array.tobytes()).decode()
