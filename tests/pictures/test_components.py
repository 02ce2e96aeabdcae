"""Connected pieces, beside a flood fill."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nnscratch.pictures.components import connected_components


def flood(mask):
    """Labels by filling from each pixel that has none yet."""
    labels, count = np.zeros(mask.shape, int), 0
    for start in zip(*np.nonzero(mask), strict=True):
        if labels[start]:
            continue
        count, stack = count + 1, [start]
        while stack:
            r, c = stack.pop()
            if 0 <= r < mask.shape[0] and 0 <= c < mask.shape[1] and mask[r, c] and not labels[r, c]:
                labels[r, c] = count
                stack += [(r + i, c + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return labels


@given(arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_pieces_are_those_of_a_flood_fill(mask):
    labels, found = connected_components(mask)
    expected = flood(mask)
    pairs = set(zip(labels.ravel().tolist(), expected.ravel().tolist(), strict=True))
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})  # one to one
    assert len(found) == expected.max(initial=0)
    for piece in found:
        rows, columns = np.nonzero(labels == piece.label)
        assert (piece.top, piece.left) == (rows.min(), columns.min())
        assert (piece.bottom, piece.right) == (rows.max() + 1, columns.max() + 1)
        assert piece.area == len(rows)
        assert (labels[piece.box] == piece.label).sum() == piece.area


@pytest.mark.parametrize("turned", [False, True])
def test_pixels_that_touch_at_a_corner_are_one_piece(turned):
    mask = np.eye(5, dtype=bool)
    labels, found = connected_components(mask[:, ::-1] if turned else mask)
    assert len(found) == 1 and found[0].area == 5 and labels.sum() == 5


def test_a_spiral_is_one_piece():
    mask = np.zeros((41, 41), bool)
    r, c, step = 0, 0, 40
    for number in range(36):
        dr, dc = ((0, 1), (1, 0), (0, -1), (-1, 0))[number % 4]
        for _ in range(max(step, 0)):
            mask[r, c] = True
            r, c = r + dr, c + dc
        step -= 2 * (number % 2) * (number > 0)
    assert len(connected_components(mask)[1]) == 1 == flood(mask).max()
