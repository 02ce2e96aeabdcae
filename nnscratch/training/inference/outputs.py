"""A network's outputs for many images: cut into shards, which threads, and ranks, work on side by side."""

from __future__ import annotations

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.batches import Batches
from nnscratch.layers.network import Network
from nnscratch.ops.backend import resolve_backend
from nnscratch.parallel.mpi import Ranks
from nnscratch.parallel.threads import Team, one_blas_thread, threads
from nnscratch.training.inference.recordings import recordings_of
from nnscratch.training.plan import SHARD

MANY = 100  # images; fewer do not wait for Numba to be imported
SHARED_FROM = 6 * SHARD  # images; with fewer, to start threads costs more than they gain


def outputs(network: Network, batches: Batches) -> Array:
    """Return the network's output (K, N) for all images. Safe to call from many threads at once."""
    n = len(batches)
    if n == 0:
        return np.zeros((*network.shapes[-1], 0), network.dtype)
    if n >= MANY:
        resolve_backend()
    if n <= SHARD:
        return shard_outputs(network, batches, np.arange(n))
    if n < SHARED_FROM:
        return team_outputs(network, batches, Team(1), Ranks())
    team = Team(threads())
    try:
        with one_blas_thread():
            return team_outputs(network, batches, team, Ranks())
    finally:
        team.close()


def team_outputs(network: Network, images: Batches, team: Team, ranks: Ranks, most: int | None = None) -> Array:
    """Return the output (K, N) for all images, or ``most``, with dropout off and running statistics.

    Each of the ``ranks`` gives its own part to its ``team``.
    """
    n = len(images) if most is None else min(most, len(images))

    def infer(shard: Array) -> Array:
        return shard_outputs(network, images, shard)

    starts = ranks.part(range(0, n, SHARD))
    start, stop = (starts[0], min(starts[-1] + SHARD, n)) if starts else (0, 0)
    parts = [np.zeros((*network.shapes[-1], 0), network.dtype)]
    for window in images.epoch(None, images.window(SHARD), start, stop, team=team):
        parts += team.map(infer, [window[i : i + SHARD] for i in range(0, len(window), SHARD)])
    return ranks.gather(np.concatenate(parts, axis=1))


def shard_outputs(network: Network, images: Batches, indices: Array) -> Array:
    """Return the output (K, n) for these images, at most SHARD: from a recording, where one can be made."""
    recordings, n = recordings_of(network), len(indices)
    if recordings is not None:
        return recordings.outputs(images, indices)
    if n == 1:
        return network.infer(images.x(indices))
    with one_blas_thread():
        return network.infer(images.x(indices, SHARD))[:, :n]
