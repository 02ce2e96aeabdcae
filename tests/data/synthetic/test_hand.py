"""Glyphs and hands: what the notation says, and what a hand makes of it."""

from dataclasses import replace

import numpy as np
import pytest

from nnscratch.data.synthetic.glyphs import glyph
from nnscratch.data.synthetic.hand import Hand, picture
from tests.data.synthetic.shapes import has_mnists_form, holes

LETTER = "0,10 - 4,0 - 8,10; 1.4,6.4 - 6.6,6.4"  # A
CALM = Hand(slant=0, width=1, pen=2, haste=0, tremor=0, waist=1, freedom=0)


def strokes(*notations):
    made = glyph(*notations)
    return [path @ made.extremes[0] for path in made.paths]


def test_straight_lines_meet_in_corners():
    legs, bar = strokes(LETTER)
    assert np.allclose(legs[[0, -1]], [[0, 1], [0.8, 1]]) and np.allclose(bar[[0, -1]], [[0.14, 0.64], [0.66, 0.64]])
    assert np.allclose(np.abs(legs[:, 0] - 0.4) * 2.5, legs[:, 1])
    assert [0.4, 0.0] in legs.round(6).tolist()


def test_a_curve_goes_through_its_points_without_a_corner():
    points = np.array([[0, 5], [2, 1], [6, 0], [9, 4], [7, 9]])
    (curve,) = strokes(" ".join(f"{x},{y}" for x, y in points))
    assert all(np.abs(curve - point).max(axis=1).min() < 1e-9 for point in points / 10)
    directions = np.diff(curve, axis=0)
    turns = np.abs(np.diff(np.unwrap(np.arctan2(directions[:, 1], directions[:, 0]))))
    assert turns.max() < 0.7


def test_a_point_written_twice_is_a_corner():
    (smooth,), (cornered,) = strokes("0,0 3,6 6,0"), strokes("0,0 3,6 3,6 6,0")
    first = smooth[: len(smooth) // 2]
    assert not np.allclose(first[:, 1], 2 * first[:, 0], atol=0.01)
    assert np.allclose(cornered[: len(cornered) // 2, 1], 2 * cornered[: len(cornered) // 2, 0])


def test_extremes_have_the_same_strokes_and_what_is_written_lies_between():
    made = glyph("0,0 - 0,10", "0,0 - 4,10")
    rng = np.random.default_rng(0)
    ends = np.array([replace(CALM, width=1).write(made, rng)[0] for _ in range(200)])
    widths = np.ptp(ends[:, :, 0], axis=1)
    assert widths.min() < 0.1 and widths.max() > 0.3
    with pytest.raises(ValueError, match="differ in more than their numbers"):
        glyph("0,0 - 0,10", "0,0 - 4,10 - 8,0")


def test_a_hand_writes_nothing_twice_alike_but_with_the_same_numbers():
    hand, made = Hand.of(np.random.default_rng(3)), glyph(LETTER)
    one, other = (hand.picture(made, np.random.default_rng(1)) for _ in range(2))
    assert one.shape == (28, 28) and one.dtype == np.uint8 and np.array_equal(one, other)
    assert not np.array_equal(one, hand.picture(made, np.random.default_rng(2)))


def test_hands_differ_more_than_what_one_of_them_writes():
    rng, made = np.random.default_rng(0), glyph(LETTER)
    hands = [
        np.array([hand.picture(made, rng) for _ in range(12)], float) for hand in (Hand.of(rng) for _ in range(12))
    ]
    within = np.mean([hand.var(axis=0).mean() for hand in hands])
    assert np.var([hand.mean(axis=0) for hand in hands], axis=0).mean() > within


@pytest.mark.parametrize(
    ("change", "larger"), [({"slant": 0.5}, "leans"), ({"width": 1.5}, "wide"), ({"pen": 4.0}, "ink")]
)
def test_what_a_hand_is_shows(change, larger):
    def figures(hand):
        images = [hand.picture(glyph(LETTER), np.random.default_rng(k)) / 255 for k in range(10)]
        rows = [np.average(np.arange(28), weights=image[:12].sum(axis=0)) for image in images]
        wide = [np.ptp(np.flatnonzero(image.any(axis=0))) for image in images]
        return {"leans": np.mean(rows), "wide": np.mean(wide), "ink": np.mean(images)}

    assert figures(replace(CALM, **change))[larger] > 1.05 * figures(CALM)[larger]


def test_haste_rounds_corners_and_leaves_ends():
    made = glyph("0,10 - 4,0 - 8,10")
    rng = np.random.default_rng(0)
    calm, hasty = (replace(CALM, haste=haste).write(made, rng)[0] for haste in (0, 1.6))
    assert np.ptp(hasty[:, 1]) < 0.97 * np.ptp(calm[:, 1])
    assert np.hypot(*(hasty[-1] - hasty[0])) == pytest.approx(np.hypot(*(calm[-1] - calm[0])), rel=0.2)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
def test_strokes_of_any_size_and_place_have_mnists_form(scale):
    image = picture([scale * np.array([[5, 5], [9, 15], [12, 5]]) + 7], 2.0)
    assert has_mnists_form(image) and holes(image) == 0


def test_a_dot_is_a_picture_too():
    assert picture([np.zeros((1, 2))], 2.0).max() == 255
