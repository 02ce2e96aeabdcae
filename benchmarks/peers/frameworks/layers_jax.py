"""A network's layers as functions of JAX: images are (N, H, W, C), filters (KH, KW, C, F), weights (K, D)."""

from __future__ import annotations

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.speed import architectures
from nnscratch import layers as own

Parameters = list[tuple[jax.Array, ...]]  # weights and bias of each layer, or nothing
Buffers = list[tuple[jax.Array, ...]]  # running mean and variance of each batch normalisation, or nothing
PLAIN = {own.ReLU: jax.nn.relu, own.Tanh: jnp.tanh}


class Network:
    """The network of that name; ``im2col`` says how it convolves."""

    def __init__(self, model: str, im2col: bool) -> None:
        self.source = architectures.build(model)
        self.im2col = im2col
        self.stochastic = any(layer.stochastic for layer in self.source.layers)

    def initial(self) -> tuple[Parameters, Buffers]:
        """Return everybody's initial weights."""
        parameters, buffers, image = [], [], None
        for layer, shape in zip(self.source.layers, self.source.shapes, strict=False):
            values = [np.array(value) for value in layer.parameters.values()]
            if isinstance(layer, own.Conv2D):
                values[0] = values[0].transpose(2, 3, 1, 0)
            elif isinstance(layer, own.Flatten):
                image = shape
            elif isinstance(layer, own.Dense):
                values[0] = architectures.channels_last(values[0], image).T
                image = None  # what follows gets no image
            parameters.append(tuple(map(jnp.asarray, values)))
            buffers.append(tuple(jnp.asarray(value, jnp.float32) for value in layer.buffers.values()))
        return parameters, buffers

    def forward(
        self, parameters: Parameters, buffers: Buffers, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, Buffers]:
        """Return the logits (N, 10) of x (N, H, W, C), and the buffers. With a random ``key`` it is in training."""
        after: Buffers = []
        for number, (layer, values, kept) in enumerate(zip(self.source.layers, parameters, buffers, strict=True)):
            if isinstance(layer, own.BatchNorm):
                x, kept = batch_normalize(layer, x, values, kept, key is not None)
            elif isinstance(layer, own.Dropout):
                x = x if key is None else dropout(x, layer.rate, jax.random.fold_in(key, number))
            elif isinstance(layer, own.Conv2D):
                x = (convolve_im2col if self.im2col else convolve)(layer, x, values[0]) + values[1]
            elif isinstance(layer, own.Dense):
                x = x @ values[0] + values[1]
            else:
                x = without_parameters(layer, x)
            after.append(kept)
        return x, after

    def probabilities(self, parameters: Parameters, buffers: Buffers, x: jax.Array) -> jax.Array:
        """Return probabilities (N, 10)."""
        return jax.nn.softmax(self.forward(parameters, buffers, x)[0])


def without_parameters(layer: own.Layer, x: jax.Array) -> jax.Array:
    """Return what an activation, a pooling or the flattening makes of x."""
    if isinstance(layer, own.Flatten):
        return x.reshape(len(x), -1)
    if isinstance(layer, own.MaxPool2D):
        return windows(x, layer.size).max(axis=(2, 4))
    if isinstance(layer, own.AvgPool2D):
        return windows(x, layer.size).mean(axis=(2, 4))
    if isinstance(layer, own.LeakyReLU):
        return jax.nn.leaky_relu(x, layer.slope)
    return PLAIN[type(layer)](x)


def windows(x: jax.Array, size: int) -> jax.Array:
    """Return x (N, H, W, C) as (N, OH, size, OW, size, C), without the pixels that fill no window."""
    n, height, width, channels = x.shape
    OH, OW = height // size, width // size
    return x[:, : OH * size, : OW * size].reshape(n, OH, size, OW, size, channels)


def convolve(layer: own.Conv2D, x: jax.Array, w: jax.Array) -> jax.Array:
    """Return the convolution of x (N, H, W, C) with w (KH, KW, C, F)."""
    return jax.lax.conv_general_dilated(x, w, layer.strides, layer.pads, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def convolve_im2col(layer: own.Conv2D, x: jax.Array, w: jax.Array) -> jax.Array:
    """Return the same, as a product with gathered windows."""
    x = jnp.pad(x, ((0, 0), *layer.pads, (0, 0)))
    (KH, KW, channels, filters), (vertical, horizontal) = w.shape, layer.strides
    below, right = x.shape[1] - KH + 1, x.shape[2] - KW + 1
    shifted = [x[:, i : i + below : vertical, j : j + right : horizontal] for i, j in product(range(KH), range(KW))]
    return jnp.concatenate(shifted, axis=-1) @ w.reshape(KH * KW * channels, filters)


def dropout(x: jax.Array, rate: float, key: jax.Array) -> jax.Array:
    """Return x with a share ``rate`` of zeros, and the rest scaled."""
    return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0)


def batch_normalize(
    layer: own.BatchNorm, x: jax.Array, values: tuple[jax.Array, ...], kept: tuple[jax.Array, ...], training: bool
) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    """Return x, normalised, and the running mean and variance, which move in training."""
    gamma, beta = values
    mean, var = kept
    if training:
        axes = tuple(range(x.ndim - 1))
        mean, var = x.mean(axes), x.var(axes)
        M = x.size // x.shape[-1]
        unbiased = var * M / max(M - 1, 1)
        kept = tuple(
            layer.momentum * running + (1 - layer.momentum) * batch
            for running, batch in zip(kept, (mean, unbiased), strict=True)
        )
    return (x - mean) * (jax.lax.rsqrt(var + layer.eps) * gamma) + beta, kept
