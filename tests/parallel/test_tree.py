"""The order of addition: the tree's nodes, and sums in it."""

import numpy as np
import pytest

from nnscratch.parallel.tree import add, add_shards, nodes_within


def test_shards_are_added_in_halves():
    vectors = {(k, k + 1): np.array([f"{k}"], object) for k in range(8)}
    pairs = {node: np.array(["(" + text[0] + "+"], object) for node, text in vectors.items() if node[0] % 2 == 0}
    pairs |= {node: np.array([text[0] + ")"], object) for node, text in vectors.items() if node[0] % 2}
    assert add(pairs, (0, 8))[0] == "(0+1)(2+3)(4+5)(6+7)"
    large = np.float32(2**24)
    for values, total in {
        (large, 1, 1): large,  # (0+1)+2: a one is lost each time
        (1, 1, large): large + 2,
        (large, 1, 1, 1): large + 2,  # (0+1)+(2+3)
        (large, 1, 1, 1, 1): large + 2,  # ((0+1)+2)+(3+4)
    }.items():
        assert add_shards([np.array([value], np.float32) for value in values])[0] == total


@pytest.mark.parametrize("shards", range(1, 20))
def test_the_nodes_of_the_parts_are_the_tree(shards):
    for first in range(shards + 1):
        for second in range(first, shards + 1):
            parts = [nodes_within(part, (0, shards)) for part in ((0, first), (first, second), (second, shards))]
            nodes = [node for part in parts for node in part]
            assert [k for node in nodes for k in range(*node)] == list(range(shards))
            assert add({(a, b): np.array([b - a]) for a, b in nodes}, (0, shards))[0] == shards


@pytest.mark.parametrize(("shards", "ranks"), [(8, 2), (8, 4), (8, 8), (4, 2), (32, 8), (7, 2)])
def test_ranks_hold_one_node_each_where_all_halve(shards, ranks):
    own = -(-shards // ranks)
    parts = [(k * own, min((k + 1) * own, shards)) for k in range(ranks)]
    assert [nodes_within(part, (0, shards)) for part in parts] == [[part] for part in parts]
