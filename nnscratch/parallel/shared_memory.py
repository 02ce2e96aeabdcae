"""Ranks of one machine add their vectors up in memory that all of them see, in the order of the tree.

Each writes its vectors there; each adds its piece of them up, where they stand (reduce-scatter); each reads all pieces
(allgather). Nothing is sent. ``benchmarks/speed/bench_distributed.py`` compares it with MPI's Allreduce.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.parallel.messages import Messages
from nnscratch.parallel.tree import CHUNK, Node, add, add_nodes, root

PAGE = 4096  # bytes: each rank's block begins at a page of its own
HEAD = 256  # bytes for the numbers: whole cache lines

# Given a number of bytes: so many for each rank, which all see, and what waits for all ranks. None: there is no room.
Allocate = Callable[[int], tuple[list[Any], Callable[[], None]] | None]


@dataclass
class Block:
    """What one rank writes and all read: its vectors (n, P), the sum (L,) of its piece, and its numbers (K,)."""

    vectors: Array
    piece: Array
    numbers: Array


class SharedMemory:
    """Where there is no room, such as in a container whose /dev/shm is small, it goes through messages."""

    def __init__(self, comm: Any, allocate: Allocate) -> None:
        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        self.messages, self.allocate = Messages(comm), allocate
        self.made: dict[Any, tuple[list[Block], Callable[[], None]] | None] = {}  # by the shapes of what is in them

    def sum(self, gradients: Sequence[Array], held: Sequence[Sequence[Node]], total: Array, numbers: Array) -> Array:
        """Do what :meth:`Messages.sum` does.

        One wait lies between the vectors' being written and read, another between their being read and written again;
        and so it is with the pieces, the other way about.
        """
        made = self._blocks(max(map(len, held)), total, len(numbers))
        if made is None:
            return self.messages.sum(gradients, held, total, numbers)
        blocks, wait = made
        own = blocks[self.rank]
        mine = held[self.rank]
        add_nodes(gradients, mine, own.vectors[: len(mine)])
        own.numbers[:] = numbers
        wait()
        self._add_piece(blocks, held, total.size)
        everything = np.stack([block.numbers for block in blocks])
        wait()
        for rank, block in enumerate(blocks):
            piece = total[rank * len(block.piece) : (rank + 1) * len(block.piece)]
            piece[:] = block.piece[: len(piece)]
        return everything

    def _add_piece(self, blocks: Sequence[Block], held: Sequence[Sequence[Node]], size: int) -> None:
        """Add this rank's piece of all vectors up, chunk by chunk."""
        piece = blocks[self.rank].piece
        begin = self.rank * len(piece)
        rows = [row for block, nodes in zip(blocks, held, strict=True) for row in block.vectors[: len(nodes)]]
        nodes = [node for own in held for node in own]
        for start in range(begin, min(begin + len(piece), size), CHUNK):
            stop = min(start + CHUNK, begin + len(piece), size)
            chunks = {node: row[start:stop] for node, row in zip(nodes, rows, strict=True)}
            add(chunks, root(held), piece[start - begin : stop - begin])

    def _blocks(self, count: int, total: Array, numbers: int) -> tuple[list[Block], Callable[[], None]] | None:
        """Return all ranks' blocks for ``count`` vectors such as ``total``, and what waits for all; None: no room."""
        key = (count, total.size, total.dtype, numbers)
        if key not in self.made:
            length = -(-total.size // self.size)
            size = HEAD + (count * total.size + length) * total.itemsize
            allocated = self.allocate(-(-size // PAGE) * PAGE)
            self.made[key] = allocated and (
                [_block(memory, (count, total.size), length, total.dtype, numbers) for memory in allocated[0]],
                allocated[1],
            )
        return self.made[key]


def _block(memory: Any, shape: tuple[int, int], length: int, dtype: np.dtype[Any], numbers: int) -> Block:
    """Return the arrays of a block: the numbers first, of which there are few."""
    rest = np.frombuffer(memory, dtype, math.prod(shape) + length, HEAD)
    return Block(rest[:-length].reshape(shape), rest[-length:], np.frombuffer(memory, np.float64, numbers))
