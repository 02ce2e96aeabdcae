"""Batch normalisation: each channel (or feature) is brought to mean 0 and variance 1 over the batch, then scaled.

    xhat = (x - mean) / sqrt(var + eps),   out = gamma xhat + beta

Shapes: x (C, N) or (C, H, W, N): mean and variance are per C, over the M other numbers; gamma, beta (C,).
Source: S. Ioffe & C. Szegedy, ICML 2015, algorithm 1 and the gradients of section 3.

A batch may be worked on in parts. Then each part gives its moments and, going back, its sums; those of all parts say
what the parts need to know of each other.
"""

import numpy as np

from nnscratch.arrays import Array


def _per_channel(vector: Array, x: Array) -> Array:
    """Return ``vector`` (C,) in the type of x (C, ...), shaped to broadcast over it."""
    return vector.astype(x.dtype, copy=False).reshape(-1, *(1,) * (x.ndim - 1))


def _others(x: Array) -> tuple[int, ...]:
    """Return the axes that a statistic of x (C, ...) runs over: all but the first."""
    return tuple(range(1, x.ndim))


def batchnorm_statistics(x: Array) -> tuple[Array, Array]:
    """Return mean (C,) and variance (C,) (divided by M, as the paper's algorithm 1) of x (C, ...)."""
    return x.mean(axis=_others(x)), x.var(axis=_others(x))


def batchnorm_moments(x: Array, moments: Array | None = None) -> Array:
    """Return M, mean and M var of each channel of x (C, ...), float64 (3, C); ``moments``, if given, is overwritten."""
    moments = np.empty((3, len(x))) if moments is None else moments
    mean, var = batchnorm_statistics(x.astype(np.float64))
    M = x[0].size
    moments[...] = np.full_like(mean, M), mean, M * var
    return moments


def batchnorm_combine(moments: Array) -> Array:
    """Return M, mean and variance, (3, C), of a batch whose parts have the moments (S, 3, C), S of them.

    Source: T. Chan, G. Golub & R. LeVeque, The American Statistician 37, 1983: no large numbers are subtracted.
    """
    M, mean, squares = moments[0].copy()
    for m, part_mean, part_squares in moments[1:]:
        both, apart = np.maximum(M + m, 1), part_mean - mean
        squares += part_squares + apart**2 * M * m / both
        mean += apart * m / both
        M += m
    return np.stack([M, mean, squares / M])


def batchnorm_update_running(running_mean: Array, running_var: Array, moments: Array, momentum: float) -> None:
    """running <- momentum running + (1 - momentum) batch, (C,), for the moments (S, 3, C) of the batch's parts.

    The variance is divided by M - 1, as in the paper's algorithm 2.
    """
    M, mean, var = batchnorm_combine(moments)
    for running, batch in ((running_mean, mean), (running_var, var * M / np.maximum(M - 1, 1))):
        running *= momentum
        running += (1 - momentum) * batch


def batchnorm_forward(x: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float) -> tuple[Array, Array]:
    """Return out and xhat, both of the shape of x, for the given statistics (of the batch, or running ones)."""
    xhat = (x - _per_channel(mean, x)) * _per_channel(1 / np.sqrt(var + eps), x)
    return _per_channel(gamma, x) * xhat + _per_channel(beta, x), xhat


def batchnorm_backward_weights(
    dout: Array, xhat: Array, dgamma: Array | None = None, dbeta: Array | None = None, sums: Array | None = None
) -> tuple[Array, Array]:
    """Return dgamma (C,) and dbeta (C,). Arrays given for them are overwritten, and ``sums`` (2, C) with both."""
    # forward: out = gamma xhat + beta
    dgamma = np.sum(dout * xhat, axis=_others(dout), out=dgamma)
    dbeta = np.sum(dout, axis=_others(dout), out=dbeta)
    if sums is not None:
        sums[...] = dgamma, dbeta
    return dgamma, dbeta


def batchnorm_backward_batch(
    dout: Array, xhat: Array, gamma: Array, var: Array, eps: float, sums: Array | None = None, M: Array | None = None
) -> Array:
    """Return dx when mean and var are those of the batch, and so depend on x themselves.

    With dxhat = gamma dout the three paths (through x, mean, var) add up to
    dx = (dxhat - mean(dxhat) - xhat mean(dxhat xhat)) / sqrt(var + eps).
    Of a part of the batch: ``sums`` (S, 2, C) are dgamma and dbeta of all parts, and M (C,) is the batch's.
    """
    dgamma, dbeta = batchnorm_backward_weights(dout, xhat) if sums is None else sums.sum(axis=0)
    M = np.full_like(gamma, dout[0].size) if M is None else M
    direct = dout - _per_channel(dbeta / M, dout)
    spread = xhat * _per_channel(dgamma / M, dout)
    dx: Array = _per_channel(gamma / np.sqrt(var + eps), dout) * (direct - spread)
    return dx


def batchnorm_backward_running(dout: Array, gamma: Array, var: Array, eps: float) -> Array:
    """Return dx when mean and var are constants: out is then a scaled and shifted x."""
    return dout * _per_channel(gamma / np.sqrt(var + eps), dout)
