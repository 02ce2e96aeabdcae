"""The loop of the textbook. ``train.py --simple`` runs it, so that every line of it and of ``layers/`` can be stepped
through; ``trainer.py`` does the same with threads, validation, and all that makes a training fast and safe."""

from collections.abc import Iterator

import numpy as np

from nnscratch.arrays import Array, Stream
from nnscratch.data.batches import Batches
from nnscratch.layers.network import Network
from nnscratch.training.losses import Loss, softmax_cross_entropy
from nnscratch.training.optimizers import Optimizer


def train(
    network: Network, images: Batches, labels: Array, optimizer: Optimizer, *, epochs: int = 3, batch_size: int = 64,
    loss: Loss = softmax_cross_entropy, seed: int = 0,
) -> Iterator[tuple[int, float, float]]:  # fmt: skip
    """Train, and after each batch yield the epoch, from 0, the batch's mean loss, and its accuracy, 0..1."""
    optimizer.start(network.theta, network.decay_mask)
    for epoch in range(epochs):
        rng = np.random.default_rng((seed, Stream.SHUFFLE, epoch))
        for batch in images.epoch(rng, batch_size):  # indices (N,)
            x = images.x(batch)  # (C, H, W, N)
            out = network.forward(x, training=True)  # (10, N)
            value, dout = loss(out, labels[batch])  # a number, (10, N)
            network.backward(dout)  # fills network.gradient
            optimizer.step(network.theta, network.gradient, optimizer.learning_rate, network.trainable_parts)
            yield epoch, value, float((out.argmax(axis=0) == labels[batch]).mean())
