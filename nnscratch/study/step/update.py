"""What an optimiser does to one parameter, term by term, at its first step: by steps of the optimiser itself."""

from __future__ import annotations

import copy

import numpy as np

from nnscratch.study.step.step import Index, Step
from nnscratch.training.optimizers import SGD, Adam, AdamW, Momentum, Nesterov, Optimizer, RMSProp

Line = tuple[str, str, float]  # symbol, formula, value


FORMULAS: dict[type[Optimizer], str] = {
    SGD: "lr g",
    Momentum: "lr m",
    Nesterov: "lr (g + momentum m)",
    RMSProp: "lr g / (sqrt(v) + eps)",
    Adam: "lr m_hat / (sqrt(v_hat) + eps)",
    AdamW: "lr m_hat / (sqrt(v_hat) + eps)",
}


def update_lines(step: Step, name: str, at: Index) -> list[Line]:
    """Return the lines from theta to the new theta of one number of a parameter, such as "conv1.W"; all state is 0."""
    optimizer = step.optimizer
    theta, g = float(step.before[name][at]), float(step.gradients[name][at])
    lines: list[Line] = [
        ("theta", "as it was", theta),
        ("g", f"d{name}, from the backward pass", g),
        ("lr", "learning rate", optimizer.learning_rate),
    ]
    layer = next(layer for layer in step.network.layers if layer.name == name.split(".")[0])
    decay = optimizer.weight_decay if name.split(".")[1] in layer.weight_decay_params else 0.0
    if decay and isinstance(optimizer, AdamW):
        shrunk, _ = one_number(optimizer, theta, 0.0, decay)
        lines.append(("theta", f"theta - lr {decay:g} theta: decoupled weight decay", shrunk))
    elif decay:
        g += decay * theta
        lines.append(("g", f"g + {decay:g} theta: weight decay", g))
    moved, state = one_number(optimizer, 0.0, g)
    how = FORMULAS.get(type(optimizer), "by its update method")
    lines += [*_state_lines(optimizer, state), ("step", how, 0.0 - moved)]
    return [*lines, ("new theta", "theta - step", float(step.after[name][at]))]


def one_number(optimizer: Optimizer, theta: float, g: float, decay: float = 0.0) -> tuple[float, dict[str, float]]:
    """Return the new theta and the state after a first step of a copy of ``optimizer`` on a single number.

    From theta = 0 the new one is the step itself, with its sign turned, to the last bit.
    """
    twin, numbers = copy.copy(optimizer), np.array([theta])
    twin.weight_decay = decay
    twin.start(numbers, np.ones(1))
    twin.step(numbers, np.array([g]), twin.learning_rate)
    return float(numbers[0]), {name: float(vector[0]) for name, vector in twin.state.items()}


def _state_lines(optimizer: Optimizer, state: dict[str, float]) -> list[Line]:
    """Return the lines between gradient and step: the optimiser's ``state`` after it, and Adam's corrections of it."""
    match optimizer:
        case Adam():
            b1, b2 = optimizer.beta1, optimizer.beta2
            return [
                ("m", f"{b1:g} * 0 + {1 - b1:g} g", state["m"]),
                ("v", f"{b2:g} * 0 + {1 - b2:g} g^2", state["v"]),
                ("m_hat", f"m / (1 - {b1:g}^1)", state["m"] / (1 - b1)),
                ("v_hat", f"v / (1 - {b2:g}^1)", state["v"] / (1 - b2)),
            ]
        case RMSProp():
            return [("v", f"{optimizer.decay:g} * 0 + {1 - optimizer.decay:g} g^2", state["v"])]
        case Momentum():
            return [("m", f"{optimizer.momentum:g} * 0 + g", state["m"])]
    return [(name, "the optimiser's state", value) for name, value in state.items()]
