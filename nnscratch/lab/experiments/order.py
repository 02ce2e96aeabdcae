"""No shuffling: all zeros first, then all ones, and so on; the network forgets what it saw before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.lab.base import Data, Outcome
from nnscratch.lab.plots import Line, Panel, answers_over_time
from nnscratch.lab.trainings import BATCH, dense_network
from nnscratch.training.losses import softmax_cross_entropy
from nnscratch.training.optimizers import SGD, Optimizer

EPOCHS, RATE = 3, 0.1
ASKED, EVERY = 1000, 4  # the first validation images are asked every so many batches
SHUFFLED, SORTED = "shuffled", "sorted by digit"


@dataclass
class Seen:
    """What a network answered: shares (10, T) of the digits, and accuracy (T,), after ``steps`` (T,) batches."""

    steps: Array
    shares: Array
    accuracy: Array
    by_epoch: list[float]  # the accuracy at the end of each
    final: float  # the accuracy on all validation images
    at_last: float  # the share of 9 among the answers to them


def measure(data: Data) -> Outcome:
    """Train on the same images in two orders."""
    rng = np.random.default_rng(data.seed)
    by_digit = np.argsort(data.labels, kind="stable")
    orders: dict[str, list[Array]] = {
        SHUFFLED: [rng.permutation(len(data.labels)) for _ in range(EPOCHS)],
        SORTED: [by_digit] * EPOCHS,
    }
    seen = {name: train_in_order(name, data, order) for name, order in orders.items()}
    figures: dict[str, Any] = {
        name: {
            "validation_accuracy": some.final,
            "share_of_9": some.at_last,
            "accuracy_by_epoch": some.by_epoch,
        }
        for name, some in seen.items()
    }
    return Outcome(
        figures,
        figures,
        _answer(seen[SHUFFLED].final, seen[SORTED].final, seen[SORTED].at_last),
        _plot(seen, -(-len(data.labels) // BATCH)),
        {"images": len(data.labels), "nines": float((data.validation[1] == 9).mean())},
    )


def train_in_order(name: str, data: Data, orders: list[Array]) -> Seen:
    """Train with plain SGD on batches in this order (``fit`` always shuffles), and ask again and again."""
    data.tell(name)
    network = dense_network(data, 64)
    optimizer: Optimizer = SGD(RATE)
    optimizer.start(network.theta, network.decay_mask)
    batches = network.batches(data.images)
    asked, truth = data.validation[0][:ASKED], data.validation[1][:ASKED]
    steps, shares, accuracy, by_epoch = [], [], [], []
    for epoch, order in enumerate(orders):
        parts = np.split(order, range(BATCH, len(order), BATCH))
        for step, chosen in enumerate(parts, epoch * len(parts) + 1):
            out = network.forward(batches.x(chosen), training=True)
            _, dout = softmax_cross_entropy(out, data.labels[chosen])
            network.backward_parameters(dout)
            optimizer.step(network.theta, network.gradient, optimizer.learning_rate)
            if step % EVERY == 0 or step % len(parts) == 0:
                answers = network.predict(asked)
                steps.append(step)
                shares.append(np.bincount(answers, minlength=10) / len(asked))
                accuracy.append(float((answers == truth).mean()))
        by_epoch.append(accuracy[-1])
    final = network.predict(data.validation[0])
    return Seen(
        np.array(steps),
        np.array(shares).T,
        np.array(accuracy),
        by_epoch,
        float((final == data.validation[1]).mean()),
        float((final == 9).mean()),
    )


def _answer(good: float, bad: float, at_last: float) -> int | None:
    if bad >= good - 0.02:
        return 4
    if bad >= 0.5:
        return 3
    return 1 if at_last > 0.5 else 2


def _plot(seen: dict[str, Seen], epoch: int) -> bytes:
    lines = [Line(name, some.steps.tolist(), (100 * some.accuracy).tolist()) for name, some in seen.items()]
    panel = Panel("accuracy", "batches", "validation accuracy (%)", lines, limits=(0, 100), legend="center right")
    shares = {name: some.shares for name, some in seen.items()}
    return answers_over_time(seen[SORTED].steps, shares, panel, epoch)
