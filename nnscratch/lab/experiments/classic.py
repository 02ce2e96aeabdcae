"""LeNet-5's sizes with what 1998 had, tanh and mean pooling, and with what came later, ReLU and max-pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnscratch.lab.base import Data, Experiment, Outcome, number
from nnscratch.lab.plots import Line, Panel, panels
from nnscratch.lab.trainings import Training, backward_once, length, train
from nnscratch.layers import AvgPool2D, Conv2D, Dense, Flatten, Layer, MaxPool2D, ReLU, Tanh
from nnscratch.models.sequential import Sequential
from nnscratch.pages.blocks import Table, percent
from nnscratch.training.optimizers import Momentum

EPOCHS, RATE = 5, 0.01
SEEDS = 2  # trainings of each kind, of which the mean counts
ACTIVATIONS: dict[str, type[Layer]] = {"tanh": Tanh, "ReLU": ReLU}
POOLS: dict[str, type[MaxPool2D] | type[AvgPool2D]] = {"mean": AvgPool2D, "max": MaxPool2D}
KINDS = [(activation, pool) for pool in POOLS for activation in ACTIVATIONS]
LEAST = 0.005  # nats that count as lower
EQUAL = 1.5  # one effect is the larger when it is so many times the other


def measure(data: Data) -> Outcome:
    """Train the four combinations, and follow a gradient back through the pooling of each."""
    runs = {kind: [_train(kind, data, k) for k in range(SEEDS)] for kind in KINDS}
    curves = {kind: np.mean([run.column("validation_loss") for run in some], axis=0) for kind, some in runs.items()}
    losses = {kind: float(curve.mean()) for kind, curve in curves.items()}
    accuracy = {kind: float(np.mean([run.accuracy for run in some])) for kind, some in runs.items()}
    kept = {kind: gradient_through_pool(kind, data) for kind in KINDS}
    effects = {
        "activation": sum(losses["tanh", pool] - losses["ReLU", pool] for pool in POOLS) / 2,
        "pooling": sum(losses[activation, "mean"] - losses[activation, "max"] for activation in ACTIVATIONS) / 2,
    }
    figures: dict[str, Any] = {
        _name(kind): {
            "mean_loss": losses[kind],
            "validation_loss": float(curves[kind][-1]),
            "validation_accuracy": accuracy[kind],
            "first_loss": float(curves[kind][0]),
            "kept_by_pool": kept[kind][0],
            "gradient_at_conv1": kept[kind][1],
        }
        for kind in KINDS
    }
    figures["effects"] = effects
    rows = [_row(kind, figures[_name(kind)]) for kind in KINDS]
    header = [
        "",
        "loss, epoch 1",
        f"epoch {EPOCHS}",
        "mean",
        "accuracy",
        "gradient kept by pooling",
        "gradient at conv1",
    ]
    return Outcome(
        figures,
        Table(header, rows),
        _answer(effects),
        _verdict(figures),
        _plot(runs),
        "validation loss by epoch for tanh or ReLU with mean or max pooling",
    )


def _row(kind: tuple[str, str], some: dict[str, float]) -> list[str]:
    shown = [number(some[key]) for key in ("first_loss", "validation_loss", "mean_loss")]
    followed = [number(some[key]) for key in ("kept_by_pool", "gradient_at_conv1")]
    return [_name(kind), *shown, percent(some["validation_accuracy"]), *followed]


def _verdict(figures: dict[str, Any]) -> str:
    old, new, effects = figures[_name(KINDS[0])], figures[_name(KINDS[-1])], figures["effects"]
    return (
        f"Tanh and mean pooling read {percent(old['validation_accuracy'])} after {EPOCHS} epochs, ReLU and max-pooling "
        f"{percent(new['validation_accuracy'])}. Max for mean pooling changes the mean validation loss of the epochs "
        f"by {-effects['pooling']:+.4f}, ReLU for tanh by {-effects['activation']:+.4f} (means over the other choice, "
        f"and over {SEEDS} seeds). On the way back mean pooling leaves {number(old['kept_by_pool'])} of the gradient's "
        f"length, max-pooling {number(new['kept_by_pool'])}."
    )


def network_of(kind: tuple[str, str], seed: int) -> Sequential:
    """Return LeNet-5's layers with this activation and pooling. With one seed, all kinds start from equal weights."""
    activation, pool = ACTIVATIONS[kind[0]], POOLS[kind[1]]
    layers = [Conv2D(6, 5), activation(), pool(2), Conv2D(16, 5), activation(), pool(2), Flatten()]
    for units in (120, 84):
        layers += [Dense(units), activation()]
    return Sequential([*layers, Dense(10)], seed=seed)


def _train(kind: tuple[str, str], data: Data, k: int) -> Training:
    network = network_of(kind, data.seed + k)
    name = f"{_name(kind)}, {k + 1} of {SEEDS}"
    return train(name, network, data, epochs=EPOCHS, optimizer=Momentum(RATE))


def _name(kind: tuple[str, str]) -> str:
    return f"{kind[0]}, {kind[1]} pooling"


def gradient_through_pool(kind: tuple[str, str], data: Data) -> tuple[float, float]:
    """Return how much of a gradient's length the first pooling leaves, and the gradient by conv1's output, at first."""
    network = network_of(kind, data.seed)
    backward_once(network, data)
    gradients = network.activation_gradients
    before = network.layers[1].name  # the activation, whose output goes into the pooling
    return length(gradients[before]) / length(gradients["pool1"]), length(gradients["conv1"])


def _answer(effects: dict[str, float]) -> int:
    activation, pooling = effects["activation"], effects["pooling"]  # by how much each lowers the loss
    if max(activation, pooling) < LEAST:
        return 4
    if activation > EQUAL * max(pooling, 0):
        return 1
    return 2 if pooling > EQUAL * max(activation, 0) else 3


def _plot(runs: dict[tuple[str, str], list[Training]]) -> bytes:
    lines, accuracy = [], []
    for kind, some in runs.items():
        loss = np.mean([run.column("validation_loss") for run in some], axis=0)
        lines.append(Line(_name(kind), range(1, EPOCHS + 1), loss.tolist()))
        right = 100 * np.mean([run.column("validation_accuracy") for run in some], axis=0)
        accuracy.append(Line(_name(kind), range(1, EPOCHS + 1), right.tolist()))
    return panels(
        [
            Panel("the loss", "epoch", "validation loss (nats)", lines, limits=(0, None)),
            Panel("the accuracy", "epoch", "validation accuracy (%)", accuracy, legend="lower right"),
        ]
    )


EXPERIMENT = Experiment(
    name="1998",
    title="1998 and now: tanh and mean pooling, ReLU and max-pooling",
    question="LeNet-5 of 1998 had tanh and mean pooling; today's has ReLU and max-pooling. With equal sizes, first "
    f"weights and {EPOCHS} epochs, which of the two changes lowers the validation loss more, on the mean of "
    "the epochs?",
    choices=(
        "ReLU for tanh, clearly",
        "max for mean pooling, clearly",
        "both about as much",
        "neither: 1998 was as good",
    ),
    answer=2,
    measure=measure,
    explanation=(
        "Mean pooling gives each of its four pixels a quarter of the gradient; four quarters have half the length of "
        "the whole. Two such layers leave a quarter of the gradient to the first filters. Max-pooling gives all of it "
        "to the pixel that was largest, so none of the length is lost; and on the way forward it keeps a stroke that a "
        "mean thins out.",
        "Tanh, unlike the sigmoid, has the derivative 1 at 0, and with well chosen first weights these sums stay near "
        "0. In a network of five layers it costs little: ReLU pays where the networks are deep, or where tanh is "
        "driven far from 0. The figures above are of a small network and a short training.",
    ),
    formula="mean:  dx[pixel] = dout / 4        four of them: length |dout| sqrt(4 / 16) = |dout| / 2\n"
    "max:   dx[largest pixel] = dout    length |dout|\ntanh:  dx = dout (1 - out^2),   ReLU:  dx = dout (x > 0)",
    where=(
        ("nnscratch/ops/pool.py", "avgpool2d_backward"),
        ("nnscratch/ops/pool.py", "maxpool2d_backward"),
        ("nnscratch/ops/activations.py", "tanh_backward"),
        ("nnscratch/models/zoo.py", "lenet5_classic"),
    ),
)
