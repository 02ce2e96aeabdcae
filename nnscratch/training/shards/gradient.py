"""The gradient of a batch, shard by shard: each on a replica of the network, piece by piece where shards must meet.

Once a full batch has been worked on, and recorded, it is replayed (``ops/replay.py``): so a batch that has all its
images is a list of inputs for each shard, the rows of a buffer that holds the images, labels and random streams.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from operator import is_
from typing import Any, NamedTuple

import numpy as np

from nnscratch.arrays import Array, Stream
from nnscratch.data.batches import Batches, pad_indices
from nnscratch.layers import is_custom
from nnscratch.layers.batchnorm import BatchNorm
from nnscratch.layers.dropout import Dropout
from nnscratch.layers.network import Network
from nnscratch.ops.distort import rng_streams
from nnscratch.ops.dropout import stream_key
from nnscratch.ops.replay import Replay, Run
from nnscratch.parallel.mpi import Ranks
from nnscratch.parallel.threads import Team
from nnscratch.training.inference.recordings import parameters
from nnscratch.training.losses import is_recordable
from nnscratch.training.plan import Plan, shard_size
from nnscratch.training.step import in_pieces, loss_gradient

WIDEST = 1 << 16  # images; wider shards are not filled up, lest a batch_size that means all fill the memory

Pieces = Generator[None, None, Array]


class Inputs(NamedTuple):
    """What the shards of a batch begin with, an array for each: (w,) rows, (n,) labels or (n, K), (w,) streams.

    And what random bits follow from: the key (1,) of each such layer of each shard.
    """

    rows: list[Array]
    labels: list[Array]
    streams: list[Array]
    keys: list[Array]

    def all(self) -> list[Array]:
        """Return the arrays."""
        return [*self.rows, *self.labels, *self.streams, *self.keys]


class ShardGradients:
    """Replicas of a network, one for each shard of a batch, and the gradients that they leave.

    Shards of layers that couple the batch meet: each such layer has arrays in which every shard has a row.
    """

    def __init__(self, network: Network, plan: Plan, ranks: Ranks) -> None:
        self.network, self.plan, self.ranks = network, plan, ranks
        self.size = shard_size(network, plan.batch_size, plan.shard)
        # every shard but those of a network that needs a batch in one piece has this width: kernels are made for it
        self.width = 0 if network.couples_whole_batch or self.size > WIDEST else self.size
        self.distortion = plan.distortion if plan.distortion else None
        self.replicas: list[Network] = [network]  # the first shard works on the network itself
        self.settings: list[Any] = []  # of the layers, when they were copied
        self.shared: list[tuple[Array, Array]] = []  # of each layer that lets shards meet: moments, and sums
        self.team = Team(1)
        self.replay: Replay | None = None
        self.inputs = Inputs([], [], [], [])

    def open(self, team: Team) -> None:
        """Work on this team's threads until :meth:`close`."""
        self.team = team
        self._start()

    def _start(self) -> None:
        """Begin with the layers as they are set now."""
        if self.replay is not None:
            self.replay.release()
        self.replay, self.replicas, self.settings = None, [self.network], settings(self.network)
        shards = -(-self.plan.batch_size // self.size)
        channels = [len(layer.parameters["gamma"]) for layer in meeting(self.network)]
        self.shared = [(np.zeros((shards, 3, C)), np.zeros((shards, 2, C))) for C in channels]

    def close(self) -> None:
        """Let go of the recording, and let the network's own layers be those of a network alone."""
        if self.replay is not None:
            self.replay.release()
        for layer in self.network.layers:
            if isinstance(layer, BatchNorm):
                layer.share()
        self.replay, self.replicas, self.team = None, [self.network], Team(1)

    # ---- how a batch is cut

    def cut(self, batch: Array) -> list[Array]:
        """Return the indices (n,) in shards of ``size``; the last may be shorter."""
        return [batch[start : start + self.size] for start in range(0, len(batch), self.size)]

    def part(self, n: int) -> slice:
        """Return which of the ``n`` images of a batch this rank works on."""
        starts = self.ranks.part(range(0, n, self.size))
        return slice(starts[0], min(starts[-1] + self.size, n)) if starts else slice(0)

    def numbers(self, n: int) -> Sequence[int]:
        """Return which shards of a batch of ``n`` images this rank works on."""
        return self.ranks.part(range(-(-n // self.size)))

    def mine(self, shards: int) -> slice:
        """Return which of a batch's shards this rank works on."""
        numbers = self.ranks.part(range(shards))
        return slice(numbers[0], numbers[-1] + 1) if numbers else slice(0)

    # ---- a batch

    def replayed(self, images: Batches, labels: Array, batch: Array, epoch: int, step: int) -> list[Array]:
        """Leave the gradients of a full batch, indices (n,), in the replicas; return [loss, correct] of each shard."""
        buffer, rows = images.buffered(batch)
        values = self.values(rows, labels[batch], batch, epoch, step)
        if self.replay is None:
            self._record(images, values)
        assert self.replay is not None
        return self.replay(*values.all(), given=self.given(images, buffer), team=self.team)

    def met(self, images: Batches, labels: Array, batch: Array, weights: Array | None, epoch: int) -> list[Array]:
        """Do the same for any batch, where the shards must meet; ``weights`` (n,) say how much each image counts."""
        shards, works = self.cut(batch), []
        for place, number in enumerate(self.numbers(len(batch))):
            shard = shards[number]
            streams = None if self.distortion is None else rng_streams(self.plan.seed, epoch, shard)
            own = None if weights is None else weights[shard]
            works.append(self._pieces(place, images, shard, labels[shard], streams, len(shard) / len(batch), own))
        return self._finish(lambda task, count: self.team.map(task, range(count)), works, len(shards))

    def is_recorded(self, labels: Array, n: int) -> bool:
        """Return whether a batch of ``n`` images with such labels is one that is recorded, or will be."""
        recordable = self.network.replayable and len(self.network.shapes[-1]) == 1
        return recordable and n == self.plan.batch_size and is_recordable(self.plan.loss, labels)

    def values(self, rows: Array, labels: Array, batch: Array, epoch: int, step: int) -> Inputs:
        """Return what the shards of a batch (n,), the training's number ``step``, or of (B, n) from there, begin with.

        rows and labels: those of its images.
        """
        streams = None if self.distortion is None else rng_streams(self.plan.seed, epoch, batch)
        steps = np.arange(step, step + len(batch) if batch.ndim == 2 else step + 1)
        places = [place for place, layer in enumerate(self.network.layers) if isinstance(layer, Dropout)]
        found = Inputs([], [], [], [])
        for number in self.numbers(self.plan.batch_size):
            columns = slice(number * self.size, (number + 1) * self.size)
            found.rows.append(padded(rows[..., columns], self.width))
            found.labels.append(labels[:, columns] if rows.ndim == 2 else labels[columns])
            if streams is not None:
                found.streams.append(padded(streams[..., columns], self.width))
            for place in places:
                keys = stream_key(self.plan.seed, Stream.LAYERS, steps, number, place)
                found.keys.append(keys[:, None] if batch.ndim == 2 else keys)
        return found

    def given(self, images: Batches, buffer: Array) -> list[Any]:
        """Return all else that a recording of this network and these images depends on."""
        arrays = [array for replica in self.replicas for array in parameters(replica)]
        return [images, buffer, self.plan.loss, self.network.theta, *arrays, *settings(self.network)]

    def prepare(self, n: int, step: int) -> None:
        """Get the replicas ready for a batch of ``n`` images, the training's batch number ``step``."""
        if not all(map(is_, settings(self.network), self.settings)):  # a callback has changed a layer
            self._start()
        numbers = self.numbers(n)
        while len(self.replicas) < len(numbers):
            self.replicas.append(self.network.replica())
        for replica, number in zip(self.replicas, numbers or [0], strict=False):  # without a shard, too, ranks meet
            replica.reseed((self.plan.seed, Stream.LAYERS, step, number))
            count = min(self.size, n - number * self.size)
            for layer, (moments, sums) in zip(meeting(replica), self.shared, strict=True):
                layer.share(moments, sums, number, count if count < self.width else None)
        for rows in (array for shared in self.shared for array in shared):
            rows[-(-n // self.size) :] = 0  # shards that this batch has not

    def _record(self, images: Batches, values: Inputs) -> None:
        """Make the recording of a batch of such inputs."""
        shards = self.replicas[: len(values.rows)]
        keys = [layer.key for replica in shards for layer in replica.layers if isinstance(layer, Dropout)]
        rows, labels, streams = ([np.array(each) for each in kind] for kind in values[:3])
        labels = [each.astype(np.int64) if each.dtype.kind in "iu" else each for each in labels]  # as kernels take them
        self.inputs = Inputs(rows, labels, streams, keys)
        buffers = list(self.network.buffers.values())

        def work(run: Run) -> list[Array]:
            assert self.replay is not None
            buffer = self.replay.given[2]
            works = [
                self._pieces(
                    place,
                    *(images, rows[place], labels[place], streams[place] if streams else None),
                    *(len(labels[place]) / self.plan.batch_size, None, buffer),
                )
                for place in range(len(rows))
            ]
            return self._finish(run, works, -(-self.plan.batch_size // self.size))

        gradients = [replica.gradient for replica in shards]
        self.replay = Replay(work, self.inputs.all(), outputs=gradients, states=buffers)

    def _pieces(
        self,
        place: int,
        images: Batches,
        shard: Array,
        labels: Array,
        streams: Array | None,
        fraction: float,
        weights: Array | None = None,
        buffer: Array | None = None,
    ) -> Pieces:
        x = images.x(shard, self.width, self.distortion, streams, buffer=buffer)
        step = self.replicas[place], x, labels, self.plan.loss, fraction, weights
        if not self.shared:
            return loss_gradient(*step)
        found = yield from in_pieces(*step, leads=place == 0)
        return found

    def _finish(self, run: Run, works: list[Pieces], shards: int) -> list[Array]:
        """Work on these of a batch's shards, a piece of each at a time; in between the ranks exchange what is left.

        Returns [loss, correct] of each shard.
        """
        forward = meeting(self.network)
        meetings = [moments for moments, _ in self.shared] + [sums for _, sums in reversed(self.shared)]

        def advance(place: int) -> Array | None:
            try:
                return next(works[place])
            except StopIteration as ended:
                return np.asarray(ended.value)

        while True:
            found = run(advance, len(works))
            totals = [each for each in found if each is not None]
            if totals or not meetings:
                return totals
            self.ranks.exchange(meetings.pop(0)[:shards], self.mine(shards))
            if not works and forward:  # no shard of this batch is here to do it
                forward.pop(0).update_running()


def meeting(network: Network) -> list[BatchNorm]:
    """Return the layers that let shards of a batch meet."""
    norms = (layer for layer in network.layers if isinstance(layer, BatchNorm))
    return [layer for layer in norms if layer.trainable and not is_custom(layer)]


def settings(network: Network) -> list[Any]:
    """Return what the layers are, are set to and have for buffers, and which are trained; a callback may change it.

    Settings of somebody's own layer are its own affair: it may count in them.
    """
    found: list[Any] = []
    for layer in network.layers:
        own = () if is_custom(layer) else layer.settings().values()
        found += [layer, layer.trainable, *own, *(getattr(layer, name) for name in layer.buffers)]
    return found


def padded(indices: Array, width: int) -> Array:
    """Return indices (n,) or (B, n) with copies of the first of each row up to ``width``."""
    if indices.ndim == 1 or indices.shape[1] >= width:
        return pad_indices(indices, width) if indices.ndim == 1 else indices
    return np.concatenate([indices, np.repeat(indices[:, :1], width - indices.shape[1], axis=1)], axis=1)
