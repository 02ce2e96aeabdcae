"""Forward passes of a network, recorded once and played again by later calls (``ops/replay.py``).

A recording holds arrays for a batch of one width: images are copied into its first, and the output is read from its
last. Recordings are kept beside the network, not in it: so copies and files have none, and they go with the network.
Any number of threads may ask at once: each takes a recording that is free, or makes one, and gives it back.

Gained, LeNet-5 on one image: see ``benchmarks/speed/bench_inference.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import fields
from operator import attrgetter
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from nnscratch import ops
from nnscratch.arrays import Array, zeros
from nnscratch.data.batches import Batches
from nnscratch.layers import Layer, is_custom
from nnscratch.layers.network import Network
from nnscratch.ops.backend import tapes
from nnscratch.ops.replay import Replay, Run
from nnscratch.parallel.threads import one_blas_thread
from nnscratch.training.plan import SHARD

SINGLY = 4  # images; so few are done one by one
FEW = 16  # images; a recording for eight takes longer than one for sixteen
MOST_FREE = 16  # recordings that are kept of a kind: of a width, a type of numbers, ...
MOST_KINDS = 8  # of a network
MOST_BYTES = 1 << 26  # of the recordings of a kind, about

Key = tuple[Any, ...]


class Recordings:
    """Those of one network, while it has the layers that it has."""

    def __init__(self, network: Network) -> None:
        self.steps = network.steps()
        numbers = 2 * SHARD * sum(map(math.prod, network.shapes))  # twice, for what is kept for backward
        self.most = min(MOST_FREE, MOST_BYTES // (numbers * network.dtype.itemsize))
        self.possible = self.most > 0 and not any(map(is_custom, network.layers))
        self.read = what_forward_reads(network.layers)
        self.free: dict[Key, list[Recording]] = {}

    def outputs(self, images: Batches, indices: Array) -> Array:
        """Return the output (K, n) for n <= SHARD images."""
        buffer, rows = images.buffered(indices)
        n = len(rows)
        if n == 1:
            return self._outputs(images, buffer, rows, 1)
        if n <= SINGLY:
            return np.concatenate([self._outputs(images, buffer, rows[k : k + 1], 1) for k in range(n)], axis=-1)
        return self._outputs(images, buffer, rows, FEW if n <= FEW else SHARD)

    def _outputs(self, images: Batches, buffer: Array, rows: Array, width: int) -> Array:
        free = self._free_ones((width, buffer.dtype, images.scale, images.shift, images.by_image))
        try:
            recording = free.pop()
        except IndexError:  # all are in use
            recording = Recording(self.steps, images, buffer, width)
        out = recording.outputs(buffer, rows, [each for layer, values in self.read for each in values(layer)])
        if len(free) < self.most:
            free.append(recording)
        return out

    def _free_ones(self, key: Key) -> list[Recording]:
        free = self.free.get(key)
        if free is None:
            if len(self.free) >= MOST_KINDS:
                self.free.clear()
            free = self.free.setdefault(key, [])
        return free


class Recording:
    """One recording, and the arrays that it works on; for one thread at a time."""

    def __init__(self, steps: list[Layer], images: Batches, buffer: Array, width: int) -> None:
        self.images = zeros((width, *buffer.shape[1:]), buffer.dtype)
        self.rows = np.arange(width)
        self.replay = Replay(self._work(steps, images.how()))

    def _work(self, steps: list[Layer], how: dict[str, Any]) -> Callable[[Run], list[Array]]:
        images, rows = self.images, self.rows

        def forward(_: int) -> Array:
            x = ops.gather_batch(images, rows, **how)
            for step in steps:
                x = step.copy().forward(x)
            return x

        return lambda run: run(forward, 1)

    def outputs(self, buffer: Array, rows: Array, given: list[Any]) -> Array:
        """Return the output (K, n) for these rows of the buffer; ``given`` is what the layers read."""
        np.take(buffer, rows, axis=0, out=self.images[: len(rows)], mode="clip")
        # On two threads BLAS may add in another order (OpenBLAS for Haswell and Zen does), and no bits are the same
        with one_blas_thread() if len(self.rows) > 1 else nullcontext():
            return self.replay(given=(self.images, self.rows, *given))[0][..., : len(rows)].copy()


_kept: WeakKeyDictionary[Network, Recordings] = WeakKeyDictionary()


def recordings_of(network: Network) -> Recordings | None:
    """Return the recordings of a network, or None where none can be made: no kernels serve, or a layer is own."""
    if tapes() is None:
        return None
    steps, own = network.steps(), _kept.get(network)
    if own is None or own.steps is not steps:  # the layers have changed
        _kept[network] = own = Recordings(network)
    return own if own.possible else None


def what_forward_reads(layers: list[Layer]) -> list[tuple[Layer, Callable[[Layer], tuple[Any, ...]]]]:
    """Return layers and what gets their settings, parameters and buffers: with others a recording is worth nothing."""
    named = ((each, [*(one.name for one in fields(each)), *each.parameters, *each.buffers]) for each in layers)
    return [(each, attrgetter("kind", *names)) for each, names in named if names]  # of two names it makes a tuple


def parameters(network: Network) -> list[Array]:
    """Return the arrays that the layers work with now: with others a recording is worth nothing."""
    return [getattr(layer, name) for layer in network.layers for name in layer.parameters]
