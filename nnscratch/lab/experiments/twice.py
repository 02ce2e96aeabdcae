"""Softmax applied twice: as the last layer, and once more inside the loss."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.lab.base import Data, Outcome
from nnscratch.lab.plots import Line, Panel, by_epoch, panels
from nnscratch.lab.trainings import Training, backward_once, dense_network, norm, train
from nnscratch.layers import Dense, Flatten, ReLU, Softmax
from nnscratch.models.sequential import Sequential
from nnscratch.training.losses import softmax_cross_entropy
from nnscratch.training.optimizers import SGD

EPOCHS, RATE = 8, 0.05
FLOOR = math.log(1 + 9 / math.e)  # the least loss of ten numbers between 0 and 1: one is 1, the others are 0
ONCE, TWICE = "softmax once", "softmax twice"
GAPS = np.linspace(-8, 8, 65)  # the right digit's logit minus the others'


def loss_that_does_not_look(outputs: Array, labels: Array) -> tuple[float, Array]:
    """Return softmax cross-entropy of whatever comes; ``fit`` refuses the plain one after a Softmax layer."""
    return softmax_cross_entropy(outputs, labels)


def measure(data: Data) -> Outcome:
    """Train the same network with one softmax and with two."""
    layers = [Flatten(), Dense(64), ReLU(), Dense(10), Softmax()]
    networks = {ONCE: dense_network(data, 64), TWICE: Sequential(layers, seed=data.seed)}  # the same initial weights
    start = {name: gradient_at_logits(network, data) for name, network in networks.items()}
    runs = {
        name: train(name, network, data, epochs=EPOCHS, optimizer=SGD(RATE), loss=loss_that_does_not_look)
        for name, network in networks.items()
    }
    by_name: dict[str, Any] = {
        name: {
            "gradient_at_start": start[name],
            "loss": run.loss,
            "lowest_batch_loss": min(run.losses),
            "validation_accuracy": run.accuracy,
        }
        for name, run in runs.items()
    }
    return Outcome(
        {**by_name, "floor": FLOOR, "ratio": start[ONCE] / start[TWICE]},
        by_name,
        _answer(runs[TWICE].loss, min(runs[TWICE].losses)),
        _plot(runs),
    )


def gradient_at_logits(network: Sequential, data: Data) -> float:
    """Return the norm of the loss's gradient with respect to the last dense layer's output, over some images."""
    backward_once(network, data)
    return norm(network.activation_gradients["dense2"])


def gradients_by_gap(gaps: Array) -> dict[str, Array]:
    """Return for each gap (T,) the norm of the gradient with respect to ten logits, with one softmax and with two.

    The right digit's logit is ahead of one rival's by the gap; the other eight are 8 below the higher of the two.
    """
    logits = np.full((10, len(gaps)), 0.0)
    logits[0], logits[1] = np.maximum(gaps, 0), np.maximum(-gaps, 0)
    logits[2:] = np.maximum(logits[0], logits[1]) - 8
    labels = np.zeros(len(gaps), int)
    _, dz = softmax_cross_entropy(logits, labels)
    softmax = Softmax()
    _, dp = softmax_cross_entropy(softmax.forward(logits), labels)
    both = {ONCE: dz, TWICE: softmax.backward(dp)}
    return {name: len(gaps) * np.linalg.norm(gradient, axis=0) for name, gradient in both.items()}


def _answer(loss: float, lowest: float) -> int:
    if lowest < FLOOR:
        return 1 if lowest < 0.2 else 2
    return 3 if loss < 2.2 else 4


def _plot(runs: dict[str, Training]) -> bytes:
    floor = (FLOOR, "log(1 + 9/e) = 1.46")
    slopes = [Line(name, GAPS.tolist(), norms.tolist()) for name, norms in gradients_by_gap(GAPS).items()]
    gap = "logit of the right digit minus that of a wrong one"
    return panels(
        Panel("the loss", "epoch", "training loss (nats)", by_epoch(runs, "loss"), limits=(0, 2.4), level=floor),
        Panel("what comes back to the logits of an image", gap, "norm of the gradient", slopes, limits=(0, None)),
    )
