"""Ranks add their vectors up by messages, in the order of the tree: between machines there is nothing else.

The vector is cut into a piece for each rank, who adds it up for all (reduce-scatter), and then all pieces go round
(allgather). That is what libraries do for long vectors (R. Rabenseifner, ICCS 2004), but with the order fixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.parallel.tree import Node, add, add_nodes, root


@dataclass
class Messages:
    """``comm`` is mpi4py's communicator, or what behaves like it."""

    comm: Any

    def sum(self, gradients: Sequence[Array], held: Sequence[Sequence[Node]], total: Array, numbers: Array) -> Array:
        """Set ``total`` (P,) to the sum of all ranks' gradients (P,), and return the numbers (K,) of all ranks (R, K).

        held: the nodes of the tree that each rank holds; the gradients are those of this rank's shards. The numbers,
        float64, go round behind the pieces, as they are, whatever the dtype.
        """
        size, dtype, mine = len(held), total.dtype, held[self.comm.Get_rank()]
        length = -(-total.size // size)  # of a piece
        rows = np.zeros((len(mine), size * length), dtype)
        add_nodes(gradients, mine, rows[:, : total.size])
        sent = np.ascontiguousarray(rows.reshape(len(mine), size, length).swapaxes(0, 1))
        nodes = [node for own in held for node in own]
        received = np.empty((len(nodes), length), dtype)
        counts = [len(own) * length for own in held]
        self.comm.Alltoallv([sent, [len(mine) * length] * size], [received, counts])
        piece = add(dict(zip(nodes, received, strict=True)), root(held))
        extra = numbers.view(dtype)
        summed = np.empty((size, length + len(extra)), dtype)
        self.comm.Allgather(np.concatenate([piece, extra]), summed)
        total[:] = summed[:, :length].reshape(-1)[: total.size]
        return np.ascontiguousarray(summed[:, length:]).view(np.float64)
