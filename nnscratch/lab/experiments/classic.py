"""LeNet-5's sizes with what 1998 had, tanh and mean pooling, and with what came later, ReLU and max-pooling."""

from __future__ import annotations

import numpy as np

from nnscratch.lab.base import Data, Outcome
from nnscratch.lab.plots import Panel, by_epoch, panels
from nnscratch.lab.trainings import Training, backward_once, mean, norm, train
from nnscratch.layers import AvgPool2D, Conv2D, Dense, Flatten, Layer, MaxPool2D, ReLU, Tanh
from nnscratch.models.sequential import Sequential
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
    runs = {kind: mean([_train(kind, data, k) for k in range(SEEDS)]) for kind in KINDS}
    losses = {kind: float(np.mean(run.column("validation_loss"))) for kind, run in runs.items()}
    effects = {
        "activation": sum(losses["tanh", pool] - losses["ReLU", pool] for pool in POOLS) / 2,
        "pooling": sum(losses[activation, "mean"] - losses[activation, "max"] for activation in ACTIVATIONS) / 2,
    }
    by_name = {_name(kind): _figures(kind, run, losses[kind], data) for kind, run in runs.items()}
    return Outcome(
        {**by_name, "effects": effects},
        by_name,
        _answer(effects),
        _plot({_name(kind): run for kind, run in runs.items()}),
        {"max": -effects["pooling"], "ReLU": -effects["activation"]},
    )


def _figures(kind: tuple[str, str], run: Training, mean_loss: float, data: Data) -> dict[str, float]:
    kept, gradient = gradient_through_pool(kind, data)
    return {
        "mean_loss": mean_loss,
        "validation_loss": run.last("validation_loss"),
        "validation_accuracy": run.accuracy,
        "first_loss": run.column("validation_loss")[0],
        "kept_by_pool": kept,
        "gradient_at_conv1": gradient,
    }


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
    """Return how much of a gradient's norm the first pooling leaves, and the gradient's norm at conv1, at first."""
    network = network_of(kind, data.seed)
    backward_once(network, data)
    gradients = network.activation_gradients
    before = network.layers[1].name  # the activation, whose output goes into the pooling
    return norm(gradients[before]) / norm(gradients["pool1"]), norm(gradients["conv1"])


def _answer(effects: dict[str, float]) -> int:
    activation, pooling = effects["activation"], effects["pooling"]  # by how much each lowers the loss
    if max(activation, pooling) < LEAST:
        return 4
    if activation > EQUAL * max(pooling, 0):
        return 1
    return 2 if pooling > EQUAL * max(activation, 0) else 3


def _plot(runs: dict[str, Training]) -> bytes:
    losses, accuracy = by_epoch(runs, "validation_loss"), by_epoch(runs, "validation_accuracy")
    return panels(
        Panel("the loss", "epoch", "validation loss (nats)", losses, limits=(0, None)),
        Panel("the accuracy", "epoch", "validation accuracy (%)", accuracy, legend="lower right"),
    )
