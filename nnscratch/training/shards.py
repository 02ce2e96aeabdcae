"""A batch is cut into shards of a fixed size, which threads work on side by side.

Each shard has a replica of the network: the same parameters, activations and gradients of its own. Where the cuts lie
depends on the batch and the network, never on the number of threads, and the shards' gradients are added in order: so
one seed gives the same bits with any number. Processes (``mpi.py``) share a batch's shards in the same way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Self

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.batches import Batches
from nnscratch.layers.network import Network
from nnscratch.ops.backend import settle_backend
from nnscratch.ops.replay import Replay, can_replay
from nnscratch.parallel.mpi import Ranks
from nnscratch.parallel.threads import Team, one_blas_thread, threads

SHARD = 32  # images: what LeNet-5 needs for 32 fits into a core's second-level cache
LONG = 16 * SHARD  # images; from here on recording pays where only the output is wanted
MOST_SHARDS = 8  # of a batch, so that gradient buffers stay few
SMALL_BATCH = 2_000_000  # multiply-adds; below this handing a batch to threads costs more than it saves
REUSE = 50  # multiply-adds of a shard for each number of its gradient buffer, lest the buffer cost more than the work
# Parameters that a thread updates at a time: Python between smaller parts costs more than it saves.
PART = 1 << 17

# (replica, indices of the shard, its share of the batch, its number) -> (loss, correct)
ShardWork = Callable[[Network, Array, float, int], tuple[float, int]]


class Workers:
    """The threads of one training or evaluation; a context manager. ``batch_size`` is that of a whole batch.

    ``shard``: see :func:`shard_size`. Of what ``ranks`` share, these threads do their own rank's part.
    """

    def __init__(
        self, network: Network, batch_size: int = SHARD, *, shard: int = 0, ranks: Ranks | None = None
    ) -> None:
        self.network, self.ranks = network, ranks or Ranks()
        self.shard_size = shard_size(network, batch_size, shard)
        self.parts = parts(network.theta.size)
        self.replicas: list[Network] = [network]  # the first shard works on the network itself
        self.others: list[Array] = []  # gradients that are still to be added to the network's own

    def __enter__(self) -> Self:
        settle_backend()
        self._blas = one_blas_thread()
        self._blas.__enter__()
        self.team = Team(threads())
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self.team.close()
        finally:
            self._blas.__exit__(None, None, None)

    def cut(self, indices: Array) -> list[Array]:
        """Return ``indices`` (n,) in shards of ``shard_size``; the last may be shorter."""
        size = self.shard_size
        return [indices[start : start + size] for start in range(0, len(indices), size)]

    def part(self, n: int) -> slice:
        """Return which of the ``n`` images of a batch this rank works on."""
        starts = self.ranks.part(range(0, n, self.shard_size))
        return slice(starts[0], min(starts[-1] + self.shard_size, n)) if starts else slice(0)

    def shard_gradients(self, indices: Array, work: ShardWork) -> tuple[float, int]:
        """Let ``work`` fill the gradients of each shard's replica; :meth:`add_gradients` then adds them up.

        Returns the sums of the two numbers that ``work`` returns, over the shards of all ranks.
        """
        shards = self.cut(indices)
        numbers = self.ranks.part(range(len(shards)))
        while len(self.replicas) < len(numbers):
            self.replicas.append(self.network.replica())

        def run(place: int) -> tuple[float, int]:
            number = numbers[place]
            return work(self.replicas[place], shards[number], len(shards[number]) / len(indices), number)

        results = self.team.map(run, range(len(numbers)))
        gradients = [replica.gradient for replica in self.replicas[: len(numbers)]]
        self.others = gradients[1:] if self.ranks.size == 1 else []
        sums = [sum(loss for loss, _ in results), sum(correct for _, correct in results)]
        loss, correct = self.ranks.add(gradients, len(shards), self.network.gradient, sums)
        return loss, int(correct)

    def add_gradients(self, then: Callable[[slice], None] = lambda part: None) -> None:
        """Add the shards' gradients up in the network's own, and call ``then(part)`` for each part that is ready.

        A long vector is done in parts that stay in the cache between the two, shared among the threads.
        """

        def run(part: slice) -> None:
            own = self.network.gradient[part]
            for gradient in self.others:
                own += gradient[part]
            then(part)

        self.each_part(run)

    def each_part(self, function: Callable[[slice], None]) -> None:
        """Call ``function`` for each part of the parameter vector."""
        self.team.map(function, self.parts)

    def outputs(self, batches: Batches, most: int | None = None) -> Array:
        """Return the network's output (K, N) for all images, or ``most``, with dropout off and running statistics."""
        n = len(batches) if most is None else min(most, len(batches))

        replays: dict[int, Replay] = {}  # one for each thread

        def work(network: Network, places: Array, labels: Array, streams: Array) -> Array:
            return network.forward(batches.gather(places))

        def run(start: int) -> Array:
            places = batches.places(order[start : start + SHARD])
            if n < LONG or len(places) < SHARD or not can_replay(self.network):
                return self.network.infer(batches.gather(places, SHARD))[:, : len(places)]
            own = threading.get_ident()
            if own not in replays:
                replays[own] = Replay(self.network.replica(), SHARD, work, learns=False)
            return replays[own](places, 0, 0, batches.images).copy()

        starts = self.ranks.part(range(0, n, SHARD))
        order = np.arange(starts[0], min(starts[-1] + SHARD, n)) if starts else np.arange(0)
        window, parts = batches.window(SHARD), [np.zeros((*self.network.shapes[-1], 0), self.network.dtype)]
        for start in range(0, len(order), window):
            batches.ready(order, start, SHARD, self.team)
            parts += self.team.map(run, range(start, min(start + window, len(order)), SHARD))
        return self.ranks.joined(np.concatenate(parts, axis=1))


def shard_size(network: Network, batch_size: int, shard: int = 0) -> int:
    """Return how many images of a batch are worked on together: all, where the network or the work asks for it.

    ``shard``, unless it is 0, says how many, but for a network that mixes images.
    """
    work = network.multiply_adds()
    if shard and not network.mixes_images:
        return min(shard, batch_size)
    if network.mixes_images or batch_size * work < SMALL_BATCH:
        return batch_size
    least = max(REUSE * network.theta.size // work, batch_size // MOST_SHARDS, 1)
    return min(-(-least // SHARD) * SHARD, -(-batch_size // 8) * 8)  # kernels like eights


def parts(size: int) -> list[slice]:
    """Return a vector of ``size`` numbers cut into slices of PART; a short one in one piece."""
    if size <= 2 * PART:
        return [slice(0, size)]
    return [slice(start, min(start + PART, size)) for start in range(0, size, PART)]


def outputs(network: Network, batches: Batches) -> Array:
    """Return the network's output (K, N) for all images. Safe to call from many threads at once."""
    n = len(batches)
    if n <= SHARD:  # a handful is done before threads have started, or a compiler
        batches.ready(np.arange(n), 0, SHARD)
        if n <= 1:
            return network.infer(batches.gather(np.arange(n)))
        with one_blas_thread():
            return network.infer(batches.gather(np.arange(n), SHARD))[:, :n]
    with Workers(network) as workers:
        return workers.outputs(batches)
