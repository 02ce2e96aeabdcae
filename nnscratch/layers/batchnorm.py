"""The batch normalisation layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nnscratch import ops
from nnscratch.arrays import Array
from nnscratch.errors import UsageError
from nnscratch.layers.base import Layer, Shape, is_number


@dataclass(eq=False)
class BatchNorm(Layer):
    """Bring each channel of (C, H, W), or each feature of (D,), to mean 0 and variance 1, then scale and shift it.

    In training the statistics are those of the batch, and the running ones move towards them:
    running <- momentum * running + (1 - momentum) * batch, with the variance divided by M - 1 (Ioffe & Szegedy 2015,
    algorithm 2). Otherwise the running ones are used. Parameters: gamma, beta (C,).

    Frozen (``trainable = False``), it uses the running statistics in training too, and leaves them as they are.

    Raises UsageError for a momentum outside 0..1 or an eps that is not positive.
    """

    kind: ClassVar[str] = "batchnorm"
    _kept: ClassVar[tuple[str, ...]] = ("var", "xhat")
    couples_batch: ClassVar[bool] = True

    momentum: float = 0.9
    eps: float = 1e-5

    gamma: ClassVar[Array]
    beta: ClassVar[Array]
    dgamma: ClassVar[Array]
    dbeta: ClassVar[Array]
    running_mean: ClassVar[Array]
    running_var: ClassVar[Array]

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        in_range = is_number(self.momentum) and is_number(self.eps) and 0 <= self.momentum <= 1 and self.eps > 0
        if not in_range:
            raise UsageError(
                f"BatchNorm has momentum {self.momentum!r} and eps {self.eps!r}: give 0..1 and a positive number"
            )
        self.momentum, self.eps = float(self.momentum), float(self.eps)
        C = input_shape[0]
        self.add("gamma", np.ones(C))
        self.add("beta", np.zeros(C))
        self.add_buffer("running_mean", np.zeros(C))
        self.add_buffer("running_var", np.ones(C))
        return input_shape

    def forward(self, x: Array, training: bool = False) -> Array:
        self.of_batch = training and self.trainable
        if self.of_batch:
            mean, self.var = self._batch_statistics(x)
        else:
            mean, self.var = self.running_mean.astype(x.dtype), self.running_var.astype(x.dtype)
        out, self.xhat = ops.batchnorm_forward(x, self.gamma, self.beta, mean, self.var, self.eps)
        return out

    def _batch_statistics(self, x: Array) -> tuple[Array, Array]:
        mean, var = ops.batchnorm_statistics(x)
        M = x.size // x.shape[0]
        for running, batch in ((self.running_mean, mean), (self.running_var, var * M / max(M - 1, 1))):
            running *= self.momentum
            running += (1 - self.momentum) * batch
        return mean, var

    def backward(self, dout: Array) -> Array:
        self.dgamma[...], self.dbeta[...] = ops.batchnorm_backward_weights(dout, self.xhat)
        if self.of_batch:
            return ops.batchnorm_backward_batch(dout, self.xhat, self.gamma, self.var, self.eps)
        return ops.batchnorm_backward_running(dout, self.gamma, self.var, self.eps)
