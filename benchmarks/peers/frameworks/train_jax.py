"""Train with JAX and Optax. Modes: step, one call of a jitted function for each batch; scan, one for the whole epoch.

Images are (N, H, W, C), and pooling is a maximum over an axis, since that is faster on a CPU than (N, C, H, W) and than
lax.reduce_window. In the mode scan-im2col, convolutions are products with gathered windows: as code for a CPU this is
faster than lax.conv, whose gradients within a scan are slow. The network itself is in ``layers_jax.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.peers.frameworks import layers_jax, protocol
from benchmarks.peers.frameworks.layers_jax import Buffers, Parameters

State = tuple[Parameters, Buffers, Any, jax.Array, jax.Array]  # ..., of the optimiser, random key, sum of the losses
Step = Callable[..., State]  # (state, indices, images, labels) -> state


def step_of(network: layers_jax.Network, optimizer: optax.GradientTransformation) -> Step:
    """Return a function that takes one step, on the images (N, H, W, C) and labels (N,) of the given indices.

    The images are arguments: what a jitted function closes over becomes a constant, slow to compile.
    """

    def loss_of(
        parameters: Parameters, buffers: Buffers, x: jax.Array, y: jax.Array, key: jax.Array
    ) -> tuple[jax.Array, Buffers]:
        logits, buffers = network.forward(parameters, buffers, x, key)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), buffers

    def step(state: State, indices: jax.Array, images: jax.Array, labels: jax.Array) -> State:
        parameters, buffers, moments, key, total = state
        key, mask = jax.random.split(key) if network.stochastic else (key, key)
        gradient = jax.value_and_grad(loss_of, has_aux=True)
        (loss, buffers), gradients = gradient(parameters, buffers, images[indices], labels[indices], mask)
        updates, moments = optimizer.update(gradients, moments)
        return optax.apply_updates(parameters, updates), buffers, moments, key, total + loss * len(indices)

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
    data = protocol.data(args.model, args.images)
    network = layers_jax.Network(args.model, im2col=args.mode.endswith("im2col"))
    parameters, buffers = network.initial()
    protocol.check_parameters(args.model, sum(array.size for array in jax.tree.leaves(parameters)))
    images, test = (jnp.asarray(part.transpose(0, 2, 3, 1)) for part in (data.train_images, data.test_images))
    labels = jnp.asarray(data.train_labels)
    optimizer = optax.adam(protocol.LEARNING_RATE)
    run = (whole_epoch if args.mode.startswith("scan") else batch_by_batch)(step_of(network, optimizer), args.batch)
    key = jax.random.key(protocol.SEED, impl="rbg")  # on a CPU faster than the default, threefry
    now = [parameters, buffers, optimizer.init(parameters), key]
    orders = protocol.orders(len(images))

    def epoch() -> float:
        order = next(orders).astype(np.int32)
        *now[:], total = run((*now, jnp.zeros(())), order, images, labels)
        return float(total) / len(order)

    predict = jax.jit(layers_jax.Network(args.model, im2col=False).probabilities)

    def probabilities() -> np.ndarray:
        return np.asarray(predict(now[0], now[1], test))

    protocol.serve_epochs(epoch, probabilities, data.test_labels, jax=jax.__version__, optax=optax.__version__)


if __name__ == "__main__":
    main()
