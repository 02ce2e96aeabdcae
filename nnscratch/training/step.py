"""One step of learning: forward, loss, backward. All else in this folder decides for which images, and what follows."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from nnscratch.arrays import Array
from nnscratch.layers.network import Network
from nnscratch.ops.replay import mark
from nnscratch.training.losses import Loss, shard_loss


def loss_gradient(
    network: Network, x: Array, labels: Array, loss: Loss, fraction: float = 1.0, weights: Array | None = None
) -> Array:
    """Leave in ``network.gradient`` what these images want of the weights; return [their part of the loss, correct].

    The network makes its scores of the images. The loss says how wrong they are, in one number, and which way each
    score would have to go for that number to fall: ``dout``, its gradient with respect to the scores. From there the
    chain rule leads back through the layers, last to first, and each leaves the gradient of its weights and biases.
    Nothing is changed yet: that is left to an optimiser.

    x: images (*input_shape, N), the batch last; labels: (n,) of the first n <= N, since a shard may be filled up with
    copies, which do not count; or targets (n, K). ``fraction``: how much of a batch the n images are. Gradients and
    losses of parts add up to the batch's, so parts may be worked on side by side (``shards/``), each on a replica.
    ``weights`` (n,): how much each image's loss counts, all alike unless they are given.
    """
    out = network.forward(x, training=True)
    totals, dout = shard_loss(loss, out, labels, fraction, weights)
    network.backward_parameters(dout)
    return totals


def in_pieces(
    network: Network,
    x: Array,
    labels: Array,
    loss: Loss,
    fraction: float,
    weights: Array | None,
    *,
    leads: bool,
) -> Generator[None, None, Array]:
    """Do the same for a shard, one of several that are worked on side by side, in pieces where they must meet.

    A layer such as batch normalisation needs something of all images of the batch. There this shard leaves its part in
    an array of all shards, and goes on when all have done so. Of the shards one ``leads``. Marks are for who times it.
    """
    steps: list[Any] = [*network.steps()]
    first = next((i for i, step in enumerate(steps) if step.parameters), len(steps))
    out = x
    for step in steps:
        mark(step.name, "forward")
        if step.meets and step.trainable:
            step.meet_forward(out)
            yield
            if leads:
                step.update_running()
        out = step.forward(out, training=True)
    totals, dout = shard_loss(loss, out, labels, fraction, weights)
    for i, step in reversed([*enumerate(steps)][first:]):
        mark(step.name, "backward")
        if step.meets and step.trainable:
            step.meet_backward(dout)
            yield
        if i == first:
            step.backward_parameters(dout)
        else:
            dout = step.backward(dout)
    return totals
