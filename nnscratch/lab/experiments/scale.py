"""Input that is not normalised: pixels times 255, or far from zero; what each does to the valley that is descended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.lab.base import Data, Experiment, Outcome, finite, number
from nnscratch.lab.plots import Line, Panel, panels
from nnscratch.lab.trainings import Training, train
from nnscratch.layers import Dense, Flatten
from nnscratch.models.sequential import Sequential
from nnscratch.pages.blocks import Table, percent
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
    header = ["pixels", "condition number", "one rate: loss", "its own rate", "its own: loss", "validation accuracy"]
    return Outcome(
        figures,
        Table(header, [_row(name, some) for name, some in figures.items()]),
        _answer(figures),
        f"With the rate of 0 to 1, the loss after {EPOCHS} steps is {_loss(figures, PLAIN, 'one')}, and "
        f"{_loss(figures, TIMES, 'one')} with 0 to 255. With a rate of its own, {number(figures[TIMES]['own_rate'])}, "
        f"0 to 255 comes to {_loss(figures, TIMES, 'own')} as well; 100 to 101 stays at {_loss(figures, FAR, 'own')}, "
        f"for its condition number is {number(figures[FAR]['condition'] / figures[PLAIN]['condition'])} times that of "
        "0 to 1.",
        _plot(own, shared),
        "validation loss by step for four ways in which pixels enter: with one rate for all, and with a rate of its "
        "own",
    )


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


def _row(name: str, some: dict[str, Any]) -> list[str]:
    one, own = (some[f"loss_at_{which}_rate"] for which in ("one", "own"))
    return [
        name,
        number(some["condition"]),
        "no number" if one is None else number(one),
        number(some["own_rate"]),
        "no number" if own is None else number(own),
        "-" if some["validation_accuracy"] is None else percent(some["validation_accuracy"]),
    ]


def _loss(figures: dict[str, Any], name: str, which: str) -> str:
    value = figures[name][f"loss_at_{which}_rate"]
    return "no number" if value is None else number(value)


def _answer(figures: dict[str, Any]) -> int:
    plain = figures[PLAIN]["loss_at_own_rate"]
    slow = [
        figures[name]["loss_at_own_rate"] is None or figures[name]["loss_at_own_rate"] > 1.25 * plain
        for name in (TIMES, FAR)
    ]
    return {(True, False): 1, (False, True): 2, (True, True): 3, (False, False): 4}[slow[0], slow[1]]


def _plot(own: dict[str, Training], shared: dict[str, Training]) -> bytes:
    def lines(runs: dict[str, Training]) -> list[Line]:
        return [
            Line(
                name, range(1, len(run.history) + 1), run.column("validation_loss"), "no number" if run.diverged else ""
            )
            for name, run in runs.items()
        ]

    guess = (2.3026, "guessing: log 10")
    return panels(
        [
            Panel(
                "one learning rate for all",
                "steps",
                "validation loss (nats)",
                lines(shared),
                "y",
                (0.3, 1e9),
                guess,
                legend="upper right",
            ),
            Panel("each with the rate that suits it", "steps", "validation loss (nats)", lines(own), level=guess),
        ]
    )


EXPERIMENT = Experiment(
    name="scale",
    title="Input that is not normalised",
    question="Pixels enter as 0 to 1, or as 0 to 255, or with 100 added to each, 100 to 101. Each is given the largest "
    f"learning rate that is safe for it. Which is then far behind 0 to 1 after {EPOCHS} steps?",
    choices=("0 to 255 alone", "100 to 101 alone", "both", "neither"),
    answer=2,
    measure=measure,
    explanation=(
        "For one layer with softmax, how steeply the loss curves is governed by the mean of x x^T over the images. Its "
        "largest eigenvalue limits the rate, its small ones say how slowly the loss falls along their directions, and "
        "their ratio, the condition number, is how many times longer than the steepest direction the others take.",
        "A factor of 255 multiplies all of them by 255^2: the ratio stays, so a rate 255^2 times smaller mends it. "
        "(With the old rate it does harm.) Adding 100 makes one direction, that of all pixels together, enormously "
        "steep, and leaves the others as they were: no rate suits both. Subtracting the mean takes that direction "
        "away, which is why inputs are centred. The hundredth eigenvalue stands for the small ones here, since pixels "
        "that are blank in every image have eigenvalues of 0.",
    ),
    formula="L(W + D) <= L(W) + <dW, D> + 1/4 lambda_1 |D|^2,   so rate = 2 / lambda_1 never makes the loss rise\n"
    "lambda_1 >= lambda_2 >= ...: the eigenvalues of  1/N sum over n of x[n] x[n]^T;   condition = lambda_1 / "
    f"lambda_{RANK}",
    where=(
        ("nnscratch/models/sequential.py", "Sequential"),
        ("nnscratch/data/batches.py", "Batches"),
        ("nnscratch/ops/dense.py", "dense_backward_weights"),
    ),
)
