"""What an optimiser does to one parameter, term by term, at its first step."""

from __future__ import annotations

import math

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
    lr = optimizer.learning_rate
    theta, g = float(step.before[name][at]), float(step.gradients[name][at])
    lines: list[Line] = [
        ("theta", "as it was", theta),
        ("g", f"d{name}, from the backward pass", g),
        ("lr", "learning rate", lr),
    ]
    layer = next(layer for layer in step.network.layers if layer.name == name.split(".")[0])
    decay = optimizer.weight_decay if name.split(".")[1] in layer.decayed else 0.0
    if decay and isinstance(optimizer, AdamW):
        theta -= lr * decay * theta
        lines.append(("theta", f"theta - lr {decay:g} theta: decoupled weight decay", theta))
    elif decay:
        g += decay * theta
        lines.append(("g", f"g + {decay:g} theta: weight decay", g))
    terms, change = _terms(optimizer, g)
    return [*lines, *terms, ("step", FORMULAS[type(optimizer)], change), ("new theta", "theta - step", theta - change)]


def _terms(optimizer: Optimizer, g: float) -> tuple[list[Line], float]:
    """Return the lines between gradient and step, and the step."""
    match optimizer:
        case Adam():
            m, v = (1 - optimizer.beta1) * g, (1 - optimizer.beta2) * g * g
            m_hat, v_hat = m / (1 - optimizer.beta1), v / (1 - optimizer.beta2)
            lines = [
                ("m", f"{optimizer.beta1:g} * 0 + {1 - optimizer.beta1:g} g", m),
                ("v", f"{optimizer.beta2:g} * 0 + {1 - optimizer.beta2:g} g^2", v),
                ("m_hat", f"m / (1 - {optimizer.beta1:g}^1)", m_hat),
                ("v_hat", f"v / (1 - {optimizer.beta2:g}^1)", v_hat),
            ]
            return lines, optimizer.learning_rate * m_hat / (math.sqrt(v_hat) + optimizer.eps)
        case RMSProp():
            v = (1 - optimizer.decay) * g * g
            change = optimizer.learning_rate * g / (math.sqrt(v) + optimizer.eps)
            return [("v", f"{optimizer.decay:g} * 0 + {1 - optimizer.decay:g} g^2", v)], change
        case Nesterov():
            return [("m", f"{optimizer.momentum:g} * 0 + g", g)], optimizer.learning_rate * (g + optimizer.momentum * g)
        case Momentum():
            return [("m", f"{optimizer.momentum:g} * 0 + g", g)], optimizer.learning_rate * g
        case _:
            assert isinstance(optimizer, SGD)
            return [], optimizer.learning_rate * g
