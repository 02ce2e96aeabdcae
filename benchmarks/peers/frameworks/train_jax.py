"""Train with JAX and Optax. Modes: step, one call of a jitted function for each batch; scan, one for the whole epoch.

Images are (N, H, W, C), and pooling is a maximum over an axis, since that is faster on a CPU than (N, C, H, W) and than
lax.reduce_window. In the mode scan-im2col, convolutions are products with gathered windows: as code for a CPU this is
faster than lax.conv, whose gradients within a scan are slow.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.peers.frameworks import protocol

Parameters = list[tuple[jax.Array, jax.Array]]  # weights and bias of each layer
State = tuple[Parameters, Any, jax.Array]  # parameters, state of the optimiser, sum of the losses
Step = Callable[..., State]  # (state, indices, images, labels) -> state


def build(model: str) -> Parameters:
    """Return Glorot's uniform weights, and biases of 0."""
    sizes = protocol.DENSE[model]
    shapes: list[tuple[int, ...]] = [(5, 5, 1, 6), (5, 5, 6, 16)] if model == "lenet5" else []
    shapes += pairwise(sizes)
    keys = jax.random.split(jax.random.key(protocol.SEED), len(shapes))
    glorot = jax.nn.initializers.glorot_uniform()
    return [(glorot(key, shape), jnp.zeros(shape[-1])) for key, shape in zip(keys, shapes, strict=True)]


def convolve(x: jax.Array, w: jax.Array, im2col: bool) -> jax.Array:
    """Return the convolution of x (N, H, W, C) with w (5, 5, C, F), without padding."""
    if not im2col:
        return jax.lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    _, height, width, channels = x.shape
    windows = [x[:, i : height - 4 + i, j : width - 4 + j] for i in range(5) for j in range(5)]
    return jnp.concatenate(windows, axis=-1) @ w.reshape(25 * channels, -1)


def pool(x: jax.Array) -> jax.Array:
    """Return the maximum of each 2 x 2 window of x (N, H, W, C)."""
    n, height, width, channels = x.shape
    return x.reshape(n, height // 2, 2, width // 2, 2, channels).max(axis=(2, 4))


def forward(parameters: Parameters, x: jax.Array, im2col: bool) -> jax.Array:
    """Return the logits (N, 10) of x (N, 28, 28, 1)."""
    for w, b in (each for each in parameters if each[0].ndim == 4):
        x = pool(jax.nn.relu(convolve(x, w, im2col) + b))
    x = x.reshape(len(x), -1)
    *hidden, (w_last, b_last) = (each for each in parameters if each[0].ndim == 2)
    for w, b in hidden:
        x = jax.nn.relu(x @ w + b)
    return x @ w_last + b_last


def step_of(optimizer: optax.GradientTransformation, im2col: bool) -> Step:
    """Return a function that takes one step, on the images (N, 28, 28, 1) and labels (N,) of the given indices.

    The images are arguments: what a jitted function closes over becomes a constant, slow to compile.
    """

    def loss_of(parameters: Parameters, x: jax.Array, y: jax.Array) -> jax.Array:
        return optax.softmax_cross_entropy_with_integer_labels(forward(parameters, x, im2col), y).mean()

    def step(state: State, indices: jax.Array, images: jax.Array, labels: jax.Array) -> State:
        parameters, moments, total = state
        loss, gradients = jax.value_and_grad(loss_of)(parameters, images[indices], labels[indices])
        updates, moments = optimizer.update(gradients, moments)
        return optax.apply_updates(parameters, updates), moments, total + loss * len(indices)

    return step


def whole_epoch(step: Step, batch: int) -> Step:
    """Return a function that goes through all indices in one call; a smaller batch may come last."""

    def epoch(state: State, order: jax.Array, images: jax.Array, labels: jax.Array) -> State:
        def body(now: State, indices: jax.Array) -> tuple[State, None]:
            return step(now, indices, images, labels), None

        full = len(order) // batch * batch
        state, _ = jax.lax.scan(body, state, order[:full].reshape(-1, batch))
        return step(state, order[full:], images, labels) if full < len(order) else state

    return jax.jit(epoch, donate_argnums=0)


def batch_by_batch(step: Step, batch: int) -> Step:
    """Return a function that does the same in one call for each batch."""
    compiled = jax.jit(step, donate_argnums=0)

    def epoch(state: State, order: np.ndarray, images: jax.Array, labels: jax.Array) -> State:
        for start in range(0, len(order), batch):
            state = compiled(state, order[start : start + batch], images, labels)
        return state

    return epoch


def main() -> None:
    """Train."""
    args = protocol.arguments()
    data = protocol.mnist()
    rng = np.random.default_rng(protocol.SEED)
    optimizer = optax.adam(protocol.LEARNING_RATE)
    parameters = build(args.model)
    protocol.check_parameters(args.model, sum(array.size for array in jax.tree.leaves(parameters)))
    images, labels = jnp.asarray(data.train_images)[..., None], jnp.asarray(data.train_labels)
    test = jnp.asarray(data.test_images)[..., None]
    step = step_of(optimizer, im2col=args.mode.endswith("im2col"))
    run = (whole_epoch if args.mode.startswith("scan") else batch_by_batch)(step, args.batch)
    now = [parameters, optimizer.init(parameters)]

    def epoch() -> float:
        order = rng.permutation(len(data.train_images)).astype(np.int32)
        *now[:], total = run((*now, jnp.zeros(())), order, images, labels)
        return float(total) / len(order)

    predict = jax.jit(lambda weights, x: forward(weights, x, im2col=False).argmax(axis=1))

    def accuracy() -> float:
        return float((np.asarray(predict(now[0], test)) == data.test_labels).mean())

    protocol.serve_epochs(epoch, accuracy, jax=jax.__version__, optax=optax.__version__)


if __name__ == "__main__":
    main()
