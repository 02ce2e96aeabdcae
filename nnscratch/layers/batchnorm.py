"""The batch normalisation layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

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
    _kept: ClassVar[tuple[str, ...]] = (
        "M",
        "mean",
        "var",
        "xhat",
        "x",
        "_alone",
        "_moments",
        "_sums",
        "_shard",
        "_own",
    )
    couples_batch: ClassVar[bool] = True
    meets: ClassVar[bool] = True
    _alone, _shard, _own = True, 0, slice(None)  # see share

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

    def share(
        self, moments: Array | None = None, sums: Array | None = None, shard: int = 0, count: int | None = None
    ) -> None:
        """Work on a shard of a batch from now on; without arguments, on all of a batch again.

        moments float64 (S, 3, C), sums float64 (S, 2, C): those of all S shards, of which this layer fills the row
        ``shard``. Only the first ``count`` images of the shard belong to the batch.
        """
        self._alone, self._shard, self._own = moments is None, shard, slice(count)
        if moments is not None and sums is not None:
            self._moments, self._sums = moments, sums

    def copy(self) -> Self:
        copied = super().copy()
        copied.share()
        return copied

    def meet_forward(self, x: Array) -> None:
        if self.trainable:
            ops.batchnorm_moments(x[..., self._own], self._moments[self._shard])

    def meet_backward(self, dout: Array) -> None:
        if self.of_batch:
            self._backward_weights(dout, self._own, self._sums[self._shard])

    def _backward_weights(self, dout: Array, own: slice = slice(None), sums: Array | None = None) -> None:
        ops.batchnorm_backward_weights(dout[..., own], self.xhat[..., own], self.dgamma, self.dbeta, sums)

    def update_running(self) -> None:
        """Let the running statistics move towards those of the batch, whose shards have all met."""
        if not self.trainable:
            return
        ops.batchnorm_update_running(self.running_mean, self.running_var, self._moments, self.momentum)

    def forward(self, x: Array, training: bool = False) -> Array:
        self._find_statistics(x, training)
        out, self.xhat = ops.batchnorm_forward(x, self.gamma, self.beta, self.mean, self.var, self.eps)
        return out

    def _find_statistics(self, x: Array, training: bool) -> None:
        self.of_batch = training and self.trainable
        self.mean, self.var = self.running_mean, self.running_var
        if self.of_batch:
            if self._alone:
                self._moments, self._sums = np.zeros((1, 3, len(x))), np.zeros((1, 2, len(x)))
                self.meet_forward(x)
                self.update_running()
            self.M, self.mean, self.var = ops.batchnorm_combine(self._moments)

    def backward(self, dout: Array) -> Array:
        if not self.of_batch:
            self._backward_weights(dout)
        elif self._alone:
            self.meet_backward(dout)
        dx = self._backward_input(dout)
        if self.of_batch and self._own.stop is not None:
            dx[..., self._own.stop :] = 0
        return dx

    def _backward_input(self, dout: Array) -> Array:
        if not self.of_batch:
            return ops.batchnorm_backward_running(dout, self.gamma, self.var, self.eps)
        return ops.batchnorm_backward_batch(dout, self.xhat, self.gamma, self.var, self.eps, self._sums, self.M)
