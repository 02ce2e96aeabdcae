"""The order in which a batch's gradients are added: shard by shard in halves, the same for any number of workers.

The shards 0 to S are halved again and again, the first half with one more where they are odd, and sums go back up: 8
are ((0+1)+(2+3))+((4+5)+(6+7)), and 3 are (0+1)+2. A floating-point sum depends on its order, and a training does not
forgive that: one last bit more or less, and after some hundred steps of Adam a ReLU or a maximum falls to the other
side, and weights differ in the third digit. A tree can be worked on by many: who holds all the leaves below a node adds
them alone, and only their sum has to travel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nnscratch.arrays import Array

Node = tuple[int, int]  # the shards from the first number up to before the second: a node of the tree is their sum


def halves(node: Node) -> tuple[Node, Node]:
    """Return the two nodes whose sum the node is, which has at least two shards."""
    start, stop = node
    middle = (start + stop + 1) // 2
    return (start, middle), (middle, stop)


def add(vectors: Mapping[Node, Array], node: Node) -> Array:
    """Return the node's sum (P,) of the vectors (P,) below it. It is made in place, in the leftmost of them."""
    if node in vectors:
        return vectors[node]
    left, right = halves(node)
    total = add(vectors, left)
    total += add(vectors, right)
    return total


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
