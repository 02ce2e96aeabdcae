"""All weights start at zero: the hidden units stay copies of one another."""

from __future__ import annotations

import numpy as np

from nnscratch.arrays import Array
from nnscratch.lab.base import Data, Experiment, Outcome, number
from nnscratch.lab.plots import Line, Panel, unit_gradients
from nnscratch.lab.trainings import Training, backward_once, dense_network, train
from nnscratch.layers import Layer, ReLU, Sigmoid
from nnscratch.pages.blocks import Table, percent
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
    rows = [
        [
            name,
            str(len(run.network.parameters["dense1.b"])),
            f"{figures[name]['different_units']:.0f}",
            number(figures[name]["gradient_spread"]),
            number(figures[name]["largest_gradient"]),
            percent(run.accuracy),
        ]
        for name, run in runs.items()
    ]
    header = ["", "hidden units", "different", "gradients differ by", "largest gradient", "validation accuracy"]
    zero = figures[ZERO]
    return Outcome(
        figures,
        Table(header, rows),
        _answer(zero),
        f"From zero, the {UNITS} hidden units are of {zero['different_units']:.0f} "
        f"kind{'s' * (zero['different_units'] > 1)} after {EPOCHS} epochs; two units' gradients differ by at most "
        f"{number(zero['gradient_spread'])} of the largest number in them (from random weights by "
        f"{number(figures[RANDOM]['gradient_spread'])}). The network reaches {percent(runs[ZERO].accuracy)}, one "
        f"single unit {percent(runs[ONE].accuracy)}, random weights {percent(runs[RANDOM].accuracy)}. With ReLU the "
        f"largest gradient of the hidden layer is {number(figures[DEAD]['largest_gradient'])}, and the accuracy "
        f"{percent(runs[DEAD].accuracy)}.",
        _plot(runs),
        "the gradients of four hidden units, different from random weights and identical from zero; accuracy by epoch",
    )


def _train(name: str, data: Data, units: int, activation: type[Layer], *, zero: bool) -> Training:
    network = dense_network(data, units, activation=activation)
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
        return 4
    if zero["different_units"] == 1:
        return 3
    return 1 if zero["different_units"] == UNITS else 2


def _plot(runs: dict[str, Training]) -> bytes:
    pictures = {
        name: runs[key].network.gradients["dense1.W"][:SHOWN].reshape(-1, 28, 28)
        for name, key in (("random start", RANDOM), ("all zero", ZERO))
    }
    lines = [
        Line(name, range(1, EPOCHS + 1), [100 * value for value in run.column("validation_accuracy")])
        for name, run in runs.items()
    ]
    panel = Panel(
        "how well they read", "epoch", "validation accuracy (%)", lines, limits=(0, 100), legend="center right"
    )
    return unit_gradients(pictures, panel)


EXPERIMENT = Experiment(
    name="zero",
    title="All weights start at zero",
    question=f"A network of {UNITS} hidden sigmoid units and 10 outputs starts with every weight and bias at zero. "
    f"After {EPOCHS} epochs, how many different hidden units does it have?",
    choices=(
        f"{UNITS}: the pixels pull them apart",
        "some, such as one for each digit",
        "1: they stay copies of one another",
        "none: their weights are still zero",
    ),
    answer=3,
    measure=measure,
    explanation=(
        "Units with equal weights give equal outputs. When their weights to the layer above are equal too, equal "
        "gradients come back to them, and equal steps keep them equal. Nothing in the gradient can break the tie: "
        "however many units there are, the network can do no more than one with a single unit could.",
        "With ReLU it is worse. The hidden outputs are 0, so the last layer's weights get no gradient; those weights "
        "are 0, so nothing comes back to the hidden layer either. Only the last biases move, and they can learn no "
        "more than how often each digit occurs. Random first weights are what breaks the tie.",
    ),
    formula="dW1[i, k] = sum over n of  s'(z[i, n]) (sum over d of W2[d, i] dout[d, n])  x[k, n]\n"
    "W1[i, :] = W1[j, :],  b1[i] = b1[j],  W2[:, i] = W2[:, j]   give   dW1[i, :] = dW1[j, :]",
    where=(
        ("nnscratch/layers/initializers.py", "initialize"),
        ("nnscratch/ops/dense.py", "dense_backward_weights"),
        ("nnscratch/ops/dense.py", "dense_backward_input"),
    ),
)
