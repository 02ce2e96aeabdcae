"""The order in which a batch's gradients are added: shard by shard in halves, the same for any number of workers.

The shards 0 to S are halved again and again, the first half with one more where they are odd, and sums go back up: 8
are ((0+1)+(2+3))+((4+5)+(6+7)), and 3 are (0+1)+2. A floating-point sum depends on its order, and a training does not
forgive that: one last bit more or less, and after some hundred steps of Adam a ReLU or a maximum falls to the other
side, and weights differ in the third digit. A tree can be worked on by many: who holds all the leaves below a node adds
them alone, and only their sum has to travel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nnscratch.arrays import Array

CHUNK = 1 << 18  # numbers that are added at a time: few enough for caches, and many enough to leave Python
Node = tuple[int, int]  # the shards from the first number up to before the second: a node of the tree is their sum


def halves(node: Node) -> tuple[Node, Node]:
    """Return the two nodes whose sum the node is, which has at least two shards."""
    start, stop = node
    middle = (start + stop + 1) // 2
    return (start, middle), (middle, stop)


def add(vectors: Mapping[Node, Array], node: Node, out: Array | None = None) -> Array:
    """Return the node's sum (P,) of the vectors (P,) below it: in ``out`` (P,), or else in the leftmost of them.

    Others of them hold parts of it afterwards.
    """
    if node in vectors:
        if out is None:
            return vectors[node]
        out[:] = vectors[node]
        return out
    left, right = halves(node)
    total = add(vectors, left)
    return np.add(total, add(vectors, right), out=total if out is None else out)


def add_nodes(gradients: Sequence[Array], nodes: Sequence[Node], out: Array) -> None:
    """Set the rows of ``out`` (n, P) to the sums of these nodes, given the gradients (P,) of all shards below them."""
    first = nodes[0][0] if nodes else 0
    for start in range(0, out.shape[1], CHUNK):
        chunk = slice(start, start + CHUNK)
        shards = {(k, k + 1): gradient[chunk] for k, gradient in enumerate(gradients, first)}
        for node, row in zip(nodes, out, strict=True):
            add(shards, node, row[chunk])


def add_shards(gradients: Sequence[Array]) -> Array:
    """Return the sum (P,) of all shards' gradients (P,), made in the first; others hold parts of it afterwards."""
    return add({(k, k + 1): gradient for k, gradient in enumerate(gradients)}, (0, len(gradients)))


def nodes_within(part: Node, node: Node) -> list[Node]:
    """Return the largest nodes at or below ``node`` that lie within a part of the shards, from left to right."""
    start, stop = max(part[0], node[0]), min(part[1], node[1])
    if start >= stop:
        return []
    if (start, stop) == node:
        return [node]
    return [found for half in halves(node) for found in nodes_within(part, half)]


def root(held: Sequence[Sequence[Node]]) -> Node:
    """Return the node above all those that the workers hold, from left to right."""
    return 0, max(stop for nodes in held for _, stop in nodes)
