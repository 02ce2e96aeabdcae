"""Softmax applied twice: as the last layer, and once more inside the loss."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.lab.base import Data, Experiment, Outcome, number
from nnscratch.lab.plots import Line, Panel, panels
from nnscratch.lab.trainings import Training, backward_once, dense_network, length, train
from nnscratch.layers import Dense, Flatten, ReLU, Softmax
from nnscratch.models.sequential import Sequential
from nnscratch.pages.blocks import Table, percent
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
    once = dense_network(data, 64)
    layers = [Flatten(), Dense(64), ReLU(), Dense(10), Softmax()]
    twice = Sequential(layers, seed=data.seed)  # the same first weights
    start = {ONCE: gradient_at_logits(once, data), TWICE: gradient_at_logits(twice, data)}
    runs = {
        name: train(name, network, data, epochs=EPOCHS, optimizer=SGD(RATE), loss=loss_that_does_not_look)
        for name, network in ((ONCE, once), (TWICE, twice))
    }
    figures: dict[str, Any] = {
        name: {
            "gradient_at_start": start[name],
            "loss": run.loss,
            "lowest_batch_loss": min(run.losses),
            "validation_accuracy": run.accuracy,
        }
        for name, run in runs.items()
    }
    figures["floor"] = FLOOR
    figures["ratio"] = start[ONCE] / start[TWICE]
    rows = [
        [name, number(start[name]), number(run.loss), f"{min(run.losses):.4f}", percent(run.accuracy)]
        for name, run in runs.items()
    ]
    return Outcome(
        figures,
        Table(["", "gradient at the logits, at first", "loss", "lowest of a batch", "validation accuracy"], rows),
        _answer(runs[TWICE].loss, min(runs[TWICE].losses)),
        f"At the start the second softmax makes the gradient at the logits {number(figures['ratio'])} times smaller. "
        f"After {EPOCHS} epochs the loss is {number(runs[ONCE].loss)} with one and {number(runs[TWICE].loss)} with "
        f"two, where no batch came below {min(runs[TWICE].losses):.4f} (the floor is {FLOOR:.4f}); the accuracies are "
        f"{percent(runs[ONCE].accuracy)} and {percent(runs[TWICE].accuracy)}.",
        _plot(runs),
        "training loss by epoch, with the floor that two softmaxes cannot pass; the gradient at the logits against how "
        "far the right digit is ahead",
    )


def gradient_at_logits(network: Sequential, data: Data) -> float:
    """Return the length of the loss's gradient by the last dense layer's output, over some images."""
    backward_once(network, data)
    return length(network.activation_gradients["dense2"])


def gradients_by_gap(gaps: Array) -> dict[str, Array]:
    """Return for each gap (T,) the length of the gradient by ten logits, with one softmax and with two.

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
    lines = [Line(name, range(1, EPOCHS + 1), run.column("loss")) for name, run in runs.items()]
    slopes = [Line(name, GAPS.tolist(), lengths.tolist()) for name, lengths in gradients_by_gap(GAPS).items()]
    return panels(
        [
            Panel(
                "the loss",
                "epoch",
                "training loss (nats)",
                lines,
                limits=(0, 2.4),
                level=(FLOOR, "log(1 + 9/e) = 1.46"),
            ),
            Panel(
                "what comes back to the logits of an image",
                "logit of the right digit minus that of a wrong one",
                "length of the gradient",
                slopes,
                limits=(0, None),
            ),
        ]
    )


EXPERIMENT = Experiment(
    name="twice",
    title="Softmax twice",
    question="A network ends in a softmax layer, and its loss, cross-entropy from logits, applies softmax once more. "
    f"With one softmax, the loss falls towards 0. How far does it fall with two, in {EPOCHS} epochs?",
    choices=(
        "below 0.2, like the other",
        "to something between 0.2 and 1.46",
        "below 2.2, but never below 1.46",
        "hardly at all: it stays above 2.2, near log 10 = 2.30",
    ),
    answer=3,
    measure=measure,
    explanation=(
        "The second softmax sees probabilities between 0 and 1. Even a certain and right answer, one 1 and nine 0, "
        "becomes e / (e + 9) = 0.23, whose loss is log(1 + 9/e) = 1.46. So the loss never looks good, and an answer "
        "that is as right as can be still has a gradient.",
        "On its way back the gradient passes the first softmax, whose derivative is p (1{j = k} - p): at the start p "
        "is about 1/10, so about a tenth is left; and where the network is sure and wrong, p is 0 or 1, and nothing "
        "is left. Just the worst answers then teach nothing. With one softmax they have the largest gradient, for "
        "there the two derivatives cancel to p - y. The library's fit refuses this mistake; the lab had to hide it in "
        "a loss of its own.",
    ),
    formula="once:   dz = p - y\ntwice:  q = softmax(p),   dz[k] = p[k] ( (q - y)[k] - sum over j of (q - y)[j] p[j] )",
    where=(
        ("nnscratch/ops/losses.py", "softmax_backward"),
        ("nnscratch/ops/losses.py", "softmax_cross_entropy"),
        ("nnscratch/models/sequential.py", "Sequential._check_loss"),
        ("nnscratch/lab/experiments/twice.py", "loss_that_does_not_look"),
    ),
)
