"""Batch normalisation: each channel (or feature) is brought to mean 0 and variance 1 over the batch, then scaled.

    xhat = (x - mean) / sqrt(var + eps),   out = gamma * xhat + beta

Shapes: x (C, N) or (C, H, W, N): mean and variance are per C, over the M other numbers; gamma, beta (C,).
Source: S. Ioffe & C. Szegedy, ICML 2015, algorithm 1 and the gradients of section 3.
"""

import numpy as np

from nnscratch.arrays import Array


def _per_channel(vector: Array, x: Array) -> Array:
    """Return ``vector`` (C,) shaped to broadcast over x (C, ...)."""
    return vector.reshape(-1, *(1,) * (x.ndim - 1))


def _others(x: Array) -> tuple[int, ...]:
    """Return the axes that a statistic of x (C, ...) runs over: all but the first."""
    return tuple(range(1, x.ndim))


def batchnorm_statistics(x: Array) -> tuple[Array, Array]:
    """Return mean (C,) and variance (C,) (divided by M, as the paper's algorithm 1) of x (C, ...)."""
    return x.mean(axis=_others(x)), x.var(axis=_others(x))


def batchnorm_forward(x: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float) -> tuple[Array, Array]:
    """Return out and xhat, both of the shape of x, for the given statistics (of the batch, or running ones)."""
    xhat = (x - _per_channel(mean, x)) / _per_channel(np.sqrt(var + eps), x)
    return _per_channel(gamma, x) * xhat + _per_channel(beta, x), xhat


def batchnorm_backward_weights(dout: Array, xhat: Array) -> tuple[Array, Array]:
    """Return dgamma (C,) and dbeta (C,)."""
    # forward: out = gamma * xhat + beta
    return (dout * xhat).sum(axis=_others(dout)), dout.sum(axis=_others(dout))


def batchnorm_backward_batch(dout: Array, xhat: Array, gamma: Array, var: Array, eps: float) -> Array:
    """Return dx when mean and var are those of the batch, and so depend on x themselves.

    With dxhat = gamma * dout the three paths (through x, mean, var) add up to
    dx = (dxhat - mean(dxhat) - xhat * mean(dxhat * xhat)) / sqrt(var + eps).
    """
    axes = _others(dout)
    dxhat = _per_channel(gamma, dout) * dout
    direct = dxhat - dxhat.mean(axis=axes, keepdims=True)
    spread = xhat * (dxhat * xhat).mean(axis=axes, keepdims=True)
    dx: Array = (direct - spread) / _per_channel(np.sqrt(var + eps), dout)
    return dx


def batchnorm_backward_running(dout: Array, gamma: Array, var: Array, eps: float) -> Array:
    """Return dx when mean and var are constants: out is then a scaled and shifted x."""
    return dout * _per_channel(gamma / np.sqrt(var + eps), dout)
