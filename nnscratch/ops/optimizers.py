"""Optimisers as updates of the flat parameter vector theta (P,) by its gradient g (P,).

These are the one exception to "arguments are never changed": theta and the optimiser's own vectors (m, v, ...) are
updated in place, for they are the state of training and the largest arrays in it. ``g`` is only read.
"""

import numpy as np

from nnscratch.arrays import Array


def sgd_update(theta: Array, g: Array, *, lr: float) -> None:
    """theta <- theta - lr g. Source: H. Robbins & S. Monro, 1951."""
    theta -= lr * g


def momentum_update(theta: Array, g: Array, m: Array, *, lr: float, momentum: float) -> None:
    """m <- momentum m + g; theta <- theta - lr m.

    Source: B. Polyak, 1964; with lr outside m, as PyTorch has it (Sutskever et al., ICML 2013, put it inside, which
    differs while lr changes).
    """
    m *= momentum
    m += g
    theta -= lr * m


def nesterov_update(theta: Array, g: Array, m: Array, *, lr: float, momentum: float) -> None:
    """m <- momentum m + g; theta <- theta - lr (g + momentum m): the step that looks ahead.

    Source: Y. Nesterov, 1983; in the form of Sutskever et al., ICML 2013, with lr outside m, as PyTorch has it.
    """
    m *= momentum
    m += g
    theta -= lr * (g + momentum * m)


def rmsprop_update(theta: Array, g: Array, v: Array, *, lr: float, decay: float, eps: float) -> None:
    """v <- decay v + (1 - decay) g²; theta <- theta - lr g / (sqrt(v) + eps).

    Source: T. Tieleman & G. Hinton, Coursera lecture 6e, 2012.
    """
    v *= decay
    v += (1 - decay) * g * g
    theta -= lr * g / (np.sqrt(v) + eps)


def adam_update(
    theta: Array, g: Array, m: Array, v: Array, t: int, *, lr: float, beta1: float, beta2: float, eps: float
) -> None:
    """One step of Adam; t counts steps from 1. Source: D. Kingma & J. Ba, ICLR 2015, algorithm 1."""
    m *= beta1
    m += (1 - beta1) * g  # m_t = beta1 m_{t-1} + (1 - beta1) g
    v *= beta2
    v += (1 - beta2) * g * g  # v_t = beta2 v_{t-1} + (1 - beta2) g²
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    theta -= lr * m_hat / (np.sqrt(v_hat) + eps)


def weight_decay_update(theta: Array, decay: Array, *, lr: float) -> None:
    """theta <- theta - lr decay theta, with decay (P,) per parameter: AdamW's decoupled decay.

    Source: I. Loshchilov & F. Hutter, ICLR 2019, algorithm 2, with the decay multiplied by lr, as PyTorch has it.
    """
    theta -= lr * decay * theta


def decayed_gradient(g: Array, theta: Array, decay: Array) -> Array:
    """Return g + decay theta, the gradient with that of 1/2 decay theta², with decay (P,) per parameter."""
    return np.asarray(g + decay * theta)


def add_gradient(total: Array, g: Array) -> None:
    """total <- total + g: the gradient of a batch is the sum of those of its parts."""
    total += g


def average_update(average: Array, theta: Array, *, decay: float) -> None:
    """average <- decay average + (1 - decay) theta. Source: B. Polyak & A. Juditsky, 1992; exponential form."""
    average *= decay
    average += (1 - decay) * theta


def clip_global_norm(g: Array, limit: float) -> tuple[Array, float]:
    """Return g, scaled down to the norm ``limit`` where its own is larger, and the norm that it had.

    Source: R. Pascanu, T. Mikolov & Y. Bengio, ICML 2013, algorithm 1.
    """
    largest = float(np.abs(g).max(initial=0.0)) or 1.0
    norm = largest * float(np.linalg.norm(g / largest))  # the square of a large float32 would overflow
    return (g * (limit / norm) if norm > limit else g), norm
