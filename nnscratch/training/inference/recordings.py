"""A forward pass, recorded and replayed (``ops/replay.py``)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.batches import Batches
from nnscratch.layers.network import Network
from nnscratch.ops.replay import Replay, Run
from nnscratch.training.plan import SHARD


def parameters(network: Network) -> list[Array]:
    """Return the arrays that the layers work with now: with others a recording is worth nothing."""
    return [getattr(layer, name) for layer in network.layers for name in layer.parameters]


def recorded_forward(network: Network, images: Batches) -> Callable[[Array], Array]:
    """Return what gives the output (K, SHARD) of SHARD images by their indices, recorded when it is called first."""

    rows = np.zeros(SHARD, np.int64)

    def work(run: Run) -> list[Array]:
        buffer = recording.given[1]
        return run(lambda _: network.forward(images.x(rows, buffer=buffer)), 1)

    recording = Replay(work, [rows])

    def forward(shard: Array) -> Array:
        buffer, chosen = images.buffered(shard)
        return recording(chosen, given=(buffer, network.theta, *parameters(network)))[0].copy()

    return forward
