"""What one shard of a batch goes through: forward, loss, backward; once that has been recorded, it is played again."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from nnscratch import ops
from nnscratch.arrays import Array
from nnscratch.data.batches import Batches, widen
from nnscratch.errors import UsageError
from nnscratch.layers.network import Network
from nnscratch.ops.distort import streams
from nnscratch.ops.replay import Replay, can_replay
from nnscratch.training.losses import checked_labels
from nnscratch.training.metrics import count_correct
from nnscratch.training.plan import Plan
from nnscratch.training.shards import shard_size

LAYERS = 2  # name of a stream of random numbers: (seed, stream, ...)
NONE: Array = np.zeros(1, np.uint64)  # streams, where none are wanted


class Learner:
    """Turns images and labels into gradients, shard by shard.

    Raises UsageError for labels that the network has no output for.
    """

    def __init__(self, network: Network, images: Batches, labels: Array, plan: Plan) -> None:
        self.network, self.images, self.labels, self.plan = network, images, labels, plan
        # every shard but those of a network that mixes images has this width: kernels are compiled for it
        self.width = 0 if network.mixes_images else shard_size(network, plan.batch_size, plan.shard)
        # of an ordinary classifier: the loss of integer labels
        self.of_labels = plan.cross_entropy and labels.ndim == 1 and len(network.shapes[-1]) == 1
        if self.of_labels:
            checked_labels(labels, network.shapes[-1][0])
        self.distorts = bool(plan.distortion)  # asked in every step
        self.replays: dict[int, Replay] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return what to pickle or to copy: recordings belong to the arrays that they were made with."""
        return vars(self) | {"replays": None}

    def begin(self) -> None:
        """Record from now on, where recordings can do the work."""
        self.replays = {} if self.of_labels and can_replay(self.network) else None

    def end(self) -> None:
        """Let go of what was recorded."""
        for replay in (self.replays or {}).values():
            replay.release()

    def learn(
        self, network: Network, shard: Array, share: float, number: int, *, epoch: int, step: int
    ) -> tuple[float, int]:
        """Fill the gradient of a part of the batch, which is ``share`` of its images: :meth:`work`, or its replay.

        Runs on a thread, with a replica of the network. Returns the part's contribution to the mean loss, and how
        many of its images were classified correctly.
        """
        network.reseed((self.plan.seed, LAYERS, step, number))
        places, labels = self.images.places(shard), self.labels[shard]
        numbers = streams(self.plan.seed, epoch, shard) if self.distorts else NONE
        if self.of_labels:
            labels = labels.astype(np.int64, copy=False)  # kept in fewer bytes, where there are many
        full = len(shard) == self.width and math.isclose(share * self.plan.batch_size, self.width)
        if self.replays is None or not full:
            loss, correct = self.work(network, places, labels, numbers, share)
        else:
            if number not in self.replays:
                self.replays[number] = Replay(network, self.width, partial(self.work, share=share))
            replay = self.replays[number]
            loss, correct = replay(places, labels, numbers, self.images.images, self.images, self.plan.loss)
        return float(loss), int(correct)

    def work(self, network: Network, places: Array, labels: Array, streams: Array, share: float) -> Array:
        """Forward, loss, backward for these images, which are ``share`` of a batch; return [share of loss, correct]."""
        if self.distorts:
            x = self.images.distort(places, self.width, self.plan.distortion, streams)
        else:
            x = self.images.gather(places, self.width)
        out = network.forward(x, training=True)
        totals, dout = self.judge(out, labels, share)
        network.backward_parameters(dout)
        return totals

    def judge(self, out: Array, labels: Array, share: float) -> tuple[Array, Array]:
        """Return [share of the loss, correct ones], and the gradient by ``out``, 0 where images only fill up."""
        if self.of_labels:
            return ops.label_cross_entropy(out, labels, self.plan.label_smoothing, share)
        part = out[..., : len(labels)]
        loss, dout = self.plan.loss(part, labels.T)  # transposed, should they be vectors
        if np.shape(dout) != part.shape:
            raise UsageError(
                f"the loss returned a gradient of shape {np.shape(dout)} for outputs of shape {part.shape}: "
                f"a loss returns (loss, dout), with a number in dout for each output"
            )
        return np.array([share * loss, count_correct(part, labels)]), widen(share * dout, out.shape[-1])
