"""A network's outputs for many images: cut into shards, which threads, and ranks, work on side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.batches import Batches
from nnscratch.layers.network import Network
from nnscratch.ops.backend import resolve_backend
from nnscratch.parallel.mpi import Ranks
from nnscratch.parallel.threads import Team, one_blas_thread, threads
from nnscratch.training.inference.recordings import recorded_forward
from nnscratch.training.plan import SHARD

RECORD_FROM = 16 * SHARD  # images; from here on recording pays where only the output is wanted


def outputs(network: Network, batches: Batches) -> Array:
    """Return the network's output (K, N) for all images. Safe to call from many threads at once."""
    n = len(batches)
    if n == 0:
        return np.zeros((*network.shapes[-1], 0), network.dtype)
    if n <= SHARD:  # a handful is done before threads have started, or a compiler
        if n <= 1:
            return network.infer(batches.x(np.arange(n)))
        with one_blas_thread():
            return network.infer(batches.x(np.arange(n), SHARD))[:, :n]
    resolve_backend()
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
    recorded = n >= RECORD_FROM and network.replayable
    recordings: dict[int, Callable[[Array], Array]] = {}  # one for each thread

    def infer(shard: Array) -> Array:
        if not recorded or len(shard) < SHARD:
            return network.infer(images.x(shard, SHARD))[:, : len(shard)]
        own = threading.get_ident()
        if own not in recordings:
            recordings[own] = recorded_forward(network.replica(), images)
        return recordings[own](shard)

    starts = ranks.part(range(0, n, SHARD))
    start, stop = (starts[0], min(starts[-1] + SHARD, n)) if starts else (0, 0)
    parts = [np.zeros((*network.shapes[-1], 0), network.dtype)]
    for window in images.epoch(None, images.window(SHARD), start, stop, team=team):
        parts += team.map(infer, [window[i : i + SHARD] for i in range(0, len(window), SHARD)])
    return ranks.gather(np.concatenate(parts, axis=1))
