"""What an optimiser does to a parameter, term by term, at its first step: by steps of the optimiser itself."""

from __future__ import annotations

import copy

import numpy as np

from nnscratch.arrays import Array
from nnscratch.study.step.step import Index, Step
from nnscratch.training.optimizers import SGD, Adam, AdamW, Momentum, Nesterov, Optimizer, RMSProp

VELOCITY = "{momentum:g} * 0 + g"
ADAM = {
    "m": "{beta1:g} * 0 + (1 - {beta1:g}) g",
    "v": "{beta2:g} * 0 + (1 - {beta2:g}) g²",
    "m_hat": "m / (1 - {beta1:g}^1)",
    "v_hat": "v / (1 - {beta2:g}^1)",
    "step": "lr m_hat / (sqrt(v_hat) + eps)",
}
LINES: dict[type[Optimizer], dict[str, str]] = {
    SGD: {"step": "lr g"},
    Momentum: {"m": VELOCITY, "step": "lr m"},
    Nesterov: {"m": VELOCITY, "step": "lr (g + momentum m)"},
    RMSProp: {"v": "{decay:g} * 0 + (1 - {decay:g}) g²", "step": "lr g / (sqrt(v) + eps)"},
    Adam: ADAM,
    AdamW: ADAM,
}


def update_lines(step: Step, name: str, at: Index) -> list[tuple[str, str, float]]:
    """Return (symbol, formula, value) from theta to the new theta of one number of a parameter, such as "conv1.W"."""
    full = f"d{name}[{', '.join(map(str, at))}],"
    return [(symbol, how.replace(f"d{name},", full), float(values[at])) for symbol, how, values in update(step, name)]


def update(step: Step, name: str) -> list[tuple[str, str, Array]]:
    """Return the same of all numbers of a parameter, with values of its shape. All state is 0 before."""
    optimizer, theta, g = step.optimizer, step.before[name], step.gradients[name]
    lines = [
        ("theta", "as it was", theta),
        ("g", f"d{name}, from the backward pass", g),
        ("lr", "learning rate", np.full_like(theta, optimizer.learning_rate)),
    ]
    layer = next(layer for layer in step.network.layers if layer.name == name.split(".")[0])
    decay = optimizer.weight_decay if name.split(".")[1] in layer.weight_decay_params else 0.0
    if decay and isinstance(optimizer, AdamW):
        shrunk, _ = first_step(optimizer, theta, np.zeros_like(g), decay)
        lines.append(("theta", f"theta - lr {decay:g} theta: decoupled weight decay", shrunk))
    elif decay:
        g = g + decay * theta
        lines.append(("g", f"g + {decay:g} theta: weight decay", g))
    moved, state = first_step(optimizer, np.zeros_like(theta), g)
    values = {**state, "step": 0.0 - moved}
    if isinstance(optimizer, Adam):
        values |= {"m_hat": state["m"] / (1 - optimizer.beta1), "v_hat": state["v"] / (1 - optimizer.beta2)}
    own = {**dict.fromkeys(state, "the optimiser's state"), "step": "by its update method"}
    for symbol, how in LINES.get(type(optimizer), own).items():
        lines.append((symbol, how.format(**optimizer.settings()), values[symbol]))
    return [*lines, ("new theta", "theta - step", step.after[name])]


def first_step(optimizer: Optimizer, theta: Array, g: Array, decay: float = 0.0) -> tuple[Array, dict[str, Array]]:
    """Return the new theta and the state, of theta's shape, after a first step of a copy of ``optimizer``.

    From theta = 0 the new one is the step itself, with its sign turned, to the last bit.
    """
    trial, numbers = copy.copy(optimizer), theta.ravel().copy()
    trial.weight_decay = decay
    trial.start(numbers, np.ones_like(numbers))
    trial.step(numbers, g.ravel(), trial.learning_rate)
    return numbers.reshape(theta.shape), {name: vector.reshape(theta.shape) for name, vector in trial.state.items()}
