"""A deep network of sigmoids: the gradient shrinks at every layer on its way back."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from nnscratch.lab.base import Data, Outcome, format_number
from nnscratch.lab.plots import Line, Panel, accuracy_panel, panels
from nnscratch.lab.trainings import Training, backward_once, dense_network, norm, train
from nnscratch.layers import Layer, ReLU, Sigmoid
from nnscratch.models.sequential import Sequential
from nnscratch.pages.blocks import percent
from nnscratch.training.optimizers import Momentum

DEPTH, UNITS, EPOCHS = 8, 64, 5
KINDS: dict[str, tuple[type[Layer], str, float]] = {  # activation, initial weights, largest derivative
    "sigmoid": (Sigmoid, "glorot", 0.25),
    "ReLU": (ReLU, "he", 1.0),
}


def measure(data: Data) -> Outcome:
    """Send one gradient back through each network, as it starts; then train both."""
    figures: dict[str, Any] = {}
    runs: dict[str, Training] = {}
    for name, (activation, init, steepest) in KINDS.items():
        network = dense_network(data, *[UNITS] * DEPTH, activation=activation, init=init)
        backward_once(network, data)
        figures[name] = gradients_by_layer(network, steepest)
        runs[name] = train(f"{DEPTH} layers of {name}", network, data, epochs=EPOCHS, optimizer=Momentum(0.01))
        figures[name]["validation_accuracy"] = runs[name].accuracy
    deep = figures["sigmoid"]
    facts = {"layers": DEPTH - 1, "fall": 1 / deep["mean_factor"], "certain": 1 / max(deep["bounds"])}
    return Outcome(figures, _rows(figures), _answer(deep["times"]), _plot(figures, runs), facts)


def gradients_by_layer(network: Sequential, steepest: float) -> dict[str, Any]:
    """Return the norm of the gradient with respect to each hidden layer's z, first layer first, and its factors.

    ``factors`` and ``bounds``: by how much each step from a layer to the one before it shortens the gradient, and
    the most that it can leave, ``steepest`` times the largest singular value of the weights.
    """
    norms = [norm(network.activation_gradients[f"dense{k + 1}"]) for k in range(DEPTH)]
    weights = [network.parameters[f"dense{k + 1}.W"] for k in range(DEPTH)]
    factors = [before / after for before, after in pairwise(norms)]
    return {
        "gradient": norms,
        "factors": factors,
        "bounds": [steepest * float(np.linalg.norm(W, 2)) for W in weights[1:]],
        "times": norms[-1] / norms[0],
        "mean_factor": float(np.exp(np.mean(np.log(factors)))),
    }


def _rows(figures: dict[str, Any]) -> dict[str, Any]:
    deep, flat = figures["sigmoid"], figures["ReLU"]
    rows = {}
    for k in reversed(range(DEPTH)):
        share, most = ("", "") if k == DEPTH - 1 else (format_number(deep[key][k]) for key in ("factors", "bounds"))
        both = {"sigmoid": format_number(deep["gradient"][k]), "ReLU": format_number(flat["gradient"][k])}
        rows[f"hidden layer {k + 1}"] = {**both, "share": share, "most": most}
    accuracy = {name: percent(figures[name]["validation_accuracy"]) for name in KINDS}
    return {**rows, "validation accuracy": {**accuracy, "share": "", "most": ""}}


def _answer(times: float) -> int:
    if times < 1 / 10:
        return 1
    return 2 if times < 10 else 3 if times <= 1000 else 4


def _plot(figures: dict[str, Any], runs: dict[str, Training]) -> bytes:
    layers = list(range(1, DEPTH + 1))
    deep = figures["sigmoid"]
    most = [deep["gradient"][-1] * float(np.prod(deep["bounds"][k:])) for k in range(DEPTH)]
    lines = [Line(name, layers, figures[name]["gradient"]) for name in KINDS]
    lines.append(Line("the most that sigmoid can leave: 1/4 |W| a layer", layers, most, style=4))
    return panels(
        Panel("the gradient on its way back", "hidden layer", "norm of the gradient with respect to z", lines, "y"),
        accuracy_panel("what they learn", runs, "center"),
    )
