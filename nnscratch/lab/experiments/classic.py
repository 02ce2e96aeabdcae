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
KINDS = {f"{activation}, {pool} pooling": (activation, pool) for pool in POOLS for activation in ACTIVATIONS}
LEAST = 0.005  # nats that count as lower
EQUAL = 1.5  # one effect is the larger when it is so many times the other


def measure(data: Data) -> Outcome:
    """Train the four combinations, and follow a gradient back through the pooling of each."""
    runs = {name: mean([_train(name, data, k) for k in range(SEEDS)]) for name in KINDS}
    by_name = {name: _figures(name, run, data) for name, run in runs.items()}
    losses = {KINDS[name]: some["mean_loss"] for name, some in by_name.items()}
    effects = {
        "activation": sum(losses["tanh", pool] - losses["ReLU", pool] for pool in POOLS) / 2,
        "pooling": sum(losses[activation, "mean"] - losses[activation, "max"] for activation in ACTIVATIONS) / 2,
    }
    changes = {"max": -effects["pooling"], "ReLU": -effects["activation"]}
    return Outcome({**by_name, "effects": effects}, by_name, _answer(effects), _plot(runs), changes)


def _figures(name: str, run: Training, data: Data) -> dict[str, float]:
    kept, gradient = gradient_through_pool(name, data)
    losses = run.column("validation_loss")
    return {
        "mean_loss": float(np.mean(losses)),
        "validation_loss": losses[-1],
        "validation_accuracy": run.accuracy,
        "first_loss": losses[0],
        "kept_by_pool": kept,
        "gradient_at_conv1": gradient,
    }


def network_of(name: str, seed: int) -> Sequential:
    """Return LeNet-5's layers with this activation and pooling. With one seed, all kinds start from equal weights."""
    activation, pool = ACTIVATIONS[KINDS[name][0]], POOLS[KINDS[name][1]]
    layers = [Conv2D(6, 5), activation(), pool(2), Conv2D(16, 5), activation(), pool(2), Flatten()]
    for units in (120, 84):
        layers += [Dense(units), activation()]
    return Sequential([*layers, Dense(10)], seed=seed)


def _train(name: str, data: Data, k: int) -> Training:
    network = network_of(name, data.seed + k)
    return train(f"{name}, {k + 1} of {SEEDS}", network, data, epochs=EPOCHS, optimizer=Momentum(RATE))


def gradient_through_pool(name: str, data: Data) -> tuple[float, float]:
    """Return how much of a gradient's norm the first pooling leaves, and the gradient's norm at conv1, at first."""
    network = network_of(name, data.seed)
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
    return 3 if pooling > EQUAL * max(activation, 0) else 2


def _plot(runs: dict[str, Training]) -> bytes:
    losses, accuracy = by_epoch(runs, "validation_loss"), by_epoch(runs, "validation_accuracy")
    return panels(
        Panel("the loss", "epoch", "validation loss (nats)", losses, limits=(0, None)),
        Panel("the accuracy", "epoch", "validation accuracy (%)", accuracy, legend="lower right"),
    )
