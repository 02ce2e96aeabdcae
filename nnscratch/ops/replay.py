"""The work on one shard of a batch, recorded and played again without the interpreter.

From one full batch to the next a shard is the same kernels on the same arrays; only the images, their labels and the
random numbers of distortions change. So the first time the kernels are recorded, the second time the recording is
played beside the real work, and from then on, if loss and gradient agreed in every bit, it is all that runs. Whatever a
network does that is not a kernel makes them differ, since all that kernels do not make anew is spoilt before; and then
nothing is ever played.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.layers import is_own
from nnscratch.layers.network import Network
from nnscratch.ops.backend import tapes

# (network, indices of the shard, labels, streams of random numbers) -> numbers; a network that learns gets its gradient
Work = Callable[[Network, Array, Array, Array], Array]


def can_replay(network: Network) -> bool:
    """Return whether it is worth trying: kernels serve, and no layer is a user's own, draws numbers or mixes images."""
    if tapes() is None or network.mixes_images:
        return False
    return not any(layer.draws or is_own(layer) for layer in network.layers)


class Replay:
    """Does ``work`` for shards of ``width`` images on one replica of the network; ``learns``: sets its gradient."""

    def __init__(self, network: Network, width: int, work: Work, *, learns: bool = True) -> None:
        self.network, self.work, self.learns = network, work, learns
        self.indices, self.labels = np.zeros(width, np.int64), np.zeros(width, np.int64)
        self.streams = np.zeros(width, np.uint64)
        self.result: Array = np.zeros(0)
        self.source: tuple[Any, ...] = ()
        self.tape: Any = None
        self.trusted, self.refused = False, False

    def __call__(
        self, indices: Array, labels: Array | int, streams: Array | int, images: Array, *settings: Any
    ) -> Array:
        """Return what ``work`` returns for a shard of ``images``; the next call overwrites it.

        ``settings`` are whatever else the work depends on: with others, or other arrays, all starts anew.
        """
        self.indices[:], self.labels[:], self.streams[:] = indices, labels, streams
        source = (images, *settings, tapes(), *self._parameters())
        if len(source) != len(self.source) or any(a is not b for a, b in zip(source, self.source, strict=True)):
            self.source, self.tape, self.trusted, self.refused = source, None, False, False
        if self.trusted:
            self.tape.play()
            return self.result
        module = None if self.refused else tapes()
        if module is None:
            return self._do(self.network)
        if self.tape is not None:
            return self._compare(images)
        with module.recording() as recorded:
            self.result = self._do(self.network)
        self.tape = module.Tape(recorded)
        return self.result

    def _do(self, network: Network) -> Array:
        return self.work(network, self.indices, self.labels, self.streams)

    def _parameters(self) -> list[Array]:
        return [getattr(layer, name) for layer in self.network.layers for name in layer.parameters]

    def _compare(self, images: Array) -> Array:
        """Do the work on a replica, play the tape, and trust it if both end in the same bits.

        Before that, everything on the tape but its inputs is spoilt: what no kernel on it makes anew will show.
        """
        replica = self.network.replica()
        result = self._do(replica)
        inputs = [images, self.indices, self.labels, self.streams]
        self.tape.spoil(keep=[self.network.theta, *self._parameters(), *inputs])
        if self.learns:
            self.network.gradient[:] = np.nan
        self.tape.play()
        same = self.result.tobytes() == result.tobytes()
        if self.learns:
            same = same and self.network.gradient.tobytes() == replica.gradient.tobytes()
        self.trusted, self.refused = same, not same
        return self.result if same else self._do(self.network)

    def release(self) -> None:
        """Let go of the arrays and of who does the work."""
        self.tape, self.source, self.work = None, (), _nobody


def _nobody(network: Network, indices: Array, labels: Array, streams: Array) -> Array:
    raise RuntimeError("this recording has been released")
