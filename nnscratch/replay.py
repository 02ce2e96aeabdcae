"""The work on one shard of a batch, recorded and played again without the interpreter.

From one full batch to the next a shard is the same kernels on the same arrays; only the images and their labels change.
So the first time the kernels are recorded, the second time the recording is played beside the real work, and from then
on, if loss and gradient agreed in every bit, it is all that runs. Whatever a network does that is not a kernel makes
them differ, and then nothing is ever played: a recording makes training faster, never different.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.layers import LAYERS
from nnscratch.network import Network
from nnscratch.ops.backend import tapes

# (network, indices of the shard, labels) -> [loss, correct]; fills the network's gradient
Work = Callable[[Network, Array, Array], Array]


def can_replay(network: Network) -> bool:
    """Return whether it is worth trying: kernels serve, and no layer is a user's own, draws numbers or mixes images."""
    own = all(LAYERS.get(type(layer).__name__) is type(layer) for layer in network.layers)
    return own and tapes() is not None and not network.mixes_images and not any(layer.draws for layer in network.layers)


class Replay:
    """Does ``work`` for shards of ``width`` images, on one replica of the network."""

    def __init__(self, network: Network, width: int, work: Work) -> None:
        self.network, self.work = network, work
        self.indices, self.labels = np.empty(width, np.int64), np.empty(width, np.int64)
        self.tape: Any = None
        self.trusted, self.refused = False, False

    def __call__(self, indices: Array, labels: Array) -> Array:
        """Return [loss, correct] for a shard, and fill the network's gradient."""
        self.indices[:], self.labels[:] = indices, labels
        if self.trusted:
            self.tape.play()
            return self.totals
        if self.refused or self.tape is None:
            return self._record()
        return self._compare()

    def _record(self) -> Array:
        module = tapes()
        if self.refused or module is None:
            return self.work(self.network, self.indices, self.labels)
        with module.recording() as calls:
            self.totals = self.work(self.network, self.indices, self.labels)
        self.tape = module.Tape(calls)
        return self.totals

    def _compare(self) -> Array:
        """Do the work on a replica, play the tape, and trust it if both end in the same bits."""
        replica = self.network.replica()
        totals = self.work(replica, self.indices, self.labels)
        self.network.gradient[:], self.totals[:] = np.nan, np.nan  # what the tape does not set will show
        self.tape.play()
        same = self.network.gradient.tobytes() == replica.gradient.tobytes()
        self.trusted = same and self.totals.tobytes() == totals.tobytes()
        self.refused = not self.trusted
        self.network.gradient[:] = replica.gradient
        return totals
