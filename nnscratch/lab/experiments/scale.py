"""Input that is not normalised: pixels times 255, or far from zero; what each does to the valley that is descended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.lab.base import Data, Outcome, finite
from nnscratch.lab.plots import GUESSING, Panel, by_epoch, panels
from nnscratch.lab.trainings import Training, train
from nnscratch.layers import Dense, Flatten
from nnscratch.models.sequential import Sequential
from nnscratch.training.optimizers import SGD

PLAIN, TIMES, FAR, STANDARD = "0 to 1", "0 to 255", "100 to 101", "mean 0, deviation 1"
INPUTS = {  # (mean, standard deviation) by which pixels 0..1 enter
    STANDARD: (0.1307, 0.3081),
    PLAIN: (0.0, 1.0),
    TIMES: (0.0, 1 / 255),
    FAR: (-100.0, 1.0),
}
EPOCHS = 60  # each of one step, with all images
VALIDATED = 1000  # images, after every step
RANK = 100  # the condition number is that of the largest to the hundredth eigenvalue


def measure(data: Data) -> Outcome:
    """Train logistic regression on all images at once: with the rate that suits 0 to 1, and with one that suits."""
    data = replace(data, validation=(data.validation[0][:VALIDATED], data.validation[1][:VALIDATED]))
    figures: dict[str, Any] = {}
    own: dict[str, Training] = {}
    shared: dict[str, Training] = {}
    values = {name: curvatures(_network(name, data), data) for name in INPUTS}
    for name in INPUTS:
        rate = 2 / values[name][0]
        own[name] = _train(name, data, rate, "own rate")
        shared[name] = own[name] if name == PLAIN else _train(name, data, 2 / values[PLAIN][0], "one rate")
        figures[name] = {
            "largest_eigenvalue": float(values[name][0]),
            "condition": float(values[name][0] / values[name][RANK - 1]),
            "own_rate": float(rate),
            "loss_at_one_rate": finite(shared[name].last("validation_loss")),
            "loss_at_own_rate": finite(own[name].last("validation_loss")),
            "validation_accuracy": finite(own[name].accuracy),
        }
    ratio = figures[FAR]["condition"] / figures[PLAIN]["condition"]
    return Outcome(figures, figures, _answer(figures), _plot(own, shared), {"ratio": ratio})


def _network(name: str, data: Data) -> Sequential:
    network = Sequential([Flatten(), Dense(10)], seed=data.seed, normalisation=INPUTS[name])
    network.theta[:] = 0  # one layer has no hidden units that could stay equal, and all inputs start alike
    return network


def _train(name: str, data: Data, rate: float, which: str) -> Training:
    network = _network(name, data)
    images = len(data.images)
    return train(f"pixels {name}, {which}", network, data, epochs=EPOCHS, batch_size=images, optimizer=SGD(float(rate)))


def curvatures(network: Sequential, data: Data) -> Array:
    """Return the eigenvalues, largest first, of the mean of x x^T over the images, with a 1 in x for the bias."""
    pixels = network.batches(data.images).x(np.arange(len(data.images))).reshape(784, -1).astype(np.float64)
    x = np.vstack([pixels, np.ones((1, pixels.shape[1]))])
    return np.linalg.eigvalsh(x @ x.T / x.shape[1])[::-1]


def _answer(figures: dict[str, Any]) -> int:
    plain = figures[PLAIN]["loss_at_own_rate"]
    losses = [figures[name]["loss_at_own_rate"] for name in (TIMES, FAR)]
    slow = [loss is None or loss > 1.25 * plain for loss in losses]
    return {(True, False): 1, (False, True): 2, (True, True): 3, (False, False): 4}[slow[0], slow[1]]


def _plot(own: dict[str, Training], shared: dict[str, Training]) -> bytes:
    loss = "validation loss (nats)"
    one, each = by_epoch(shared, "validation_loss"), by_epoch(own, "validation_loss")
    return panels(
        Panel("one learning rate for all", "steps", loss, one, "y", (0.3, 1e9), GUESSING, legend="upper right"),
        Panel("each with the rate that suits it", "steps", loss, each, level=GUESSING),
    )
