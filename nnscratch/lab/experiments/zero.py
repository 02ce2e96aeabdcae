"""All weights start at zero: the hidden units stay copies of one another."""

from __future__ import annotations

import numpy as np

from nnscratch.arrays import Array
from nnscratch.lab.base import Data, Outcome
from nnscratch.lab.plots import accuracy_panel, unit_gradients
from nnscratch.lab.trainings import Training, backward_once, dense_network, train
from nnscratch.layers import Layer, ReLU, Sigmoid
from nnscratch.training.optimizers import SGD

UNITS, EPOCHS = 32, 10
SAME = 1e-4  # two units are the same when their weights differ by less than this, of the largest
RANDOM, ZERO, ONE, DEAD = "sigmoid, random start", "sigmoid, all zero", "one sigmoid unit, random", "ReLU, all zero"
SHOWN = 4  # units of the picture


def measure(data: Data) -> Outcome:
    """Train from random and from zero weights, and compare the hidden units."""
    runs = {
        RANDOM: _train(RANDOM, data, UNITS, Sigmoid, zero=False),
        ZERO: _train(ZERO, data, UNITS, Sigmoid, zero=True),
        ONE: _train(ONE, data, 1, Sigmoid, zero=False),
        DEAD: _train(DEAD, data, UNITS, ReLU, zero=True),
    }
    figures = {name: _figures(run, data) for name, run in runs.items()}
    count = figures[ZERO]["different_units"]
    return Outcome(
        figures,
        {name: {**some, "units": 1 if name == ONE else UNITS} for name, some in figures.items()},
        _answer(figures[ZERO]),
        _plot(runs),
        {"kinds": f"{count} kind{'s' * (count > 1)}"},
    )


def _train(name: str, data: Data, units: int, activation: type[Layer], *, zero: bool) -> Training:
    # A matrix product may round equal units apart, and training makes the difference grow: with float32 it can be seen
    network = dense_network(data, units, activation=activation, dtype="float64")
    if zero:
        network.theta[:] = 0
    return train(name, network, data, epochs=EPOCHS, optimizer=SGD(0.5))


def _figures(run: Training, data: Data) -> dict[str, float]:
    """Return how different the hidden units are, and their gradients (units, 784) for some images."""
    network = run.network
    backward_once(network, data)
    dW = network.gradients["dense1.W"]
    largest = float(np.abs(dW).max())
    return {
        "validation_accuracy": run.accuracy,
        "different_units": different(network.parameters["dense1.W"]),
        "largest_weight": float(np.abs(network.parameters["dense1.W"]).max()),
        "largest_gradient": largest,
        "gradient_spread": float(np.abs(dW - dW[:1]).max()) / (largest or 1.0),
    }


def different(W: Array) -> int:
    """Return how many different rows W (units, K) has, but for differences below ``SAME`` of its largest number."""
    step = SAME * (float(np.abs(W).max()) or 1.0)
    kept: list[Array] = []
    for row in W:
        if not any(np.abs(row - other).max() < step for other in kept):
            kept.append(row)
    return len(kept)


def _answer(zero: dict[str, float]) -> int:
    if zero["largest_weight"] == 0:
        return 1
    if zero["different_units"] == 1:
        return 2
    return 4 if zero["different_units"] == UNITS else 3


def _plot(runs: dict[str, Training]) -> bytes:
    pictures = {
        name: runs[key].network.gradients["dense1.W"][:SHOWN].reshape(-1, 28, 28)
        for name, key in (("random start", RANDOM), ("all zero", ZERO))
    }
    return unit_gradients(pictures, accuracy_panel("how well they read", runs, "center right"))
