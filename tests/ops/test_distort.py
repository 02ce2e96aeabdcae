"""Distorted images: the formula, the randomness, and what a training makes of them."""

import math

import numpy as np
import pytest

import nnscratch as nn
from nnscratch import ops
from nnscratch.ops import distort
from nnscratch.ops.distort import FIELD, RIGHT, ROTATION, SHEAR, TALLER, THICKNESS, WIDER

KINDS = ["rotation", "stretch", "shear", "shift", "elastic", "thickness"]
ALL = {"rotation": 15, "stretch": 0.15, "shear": 0.25, "shift": 2, "elastic": 1, "thickness": 0.5}


@pytest.fixture(scope="module")
def digits():
    return nn.load_mnist().test_images[:200]


def numbers(**chosen):
    """Random numbers that are all 0 but for these."""
    u = np.zeros((1, FIELD + 2 * 49))
    for place, value in chosen.items():
        u[0, getattr(distort, place)] = value
    return u


def places(strengths, **chosen):
    q_row, q_column = distort.sources(numbers(**chosen), np.array(strengths, float), 28, 28)
    return np.stack([q_row[0], q_column[0]], axis=-1)


def test_a_quarter_turn_reads_from_a_quarter_turn_on():
    """Pixel (14 + r, 14 + c) of the copy is (14 - c, 14 + r) of the original."""
    q = places([90, 0, 0, 0, 0, 0], ROTATION=1)
    np.testing.assert_allclose(q[14 + 3, 14 + 5], [14 - 5, 14 + 3], atol=1e-9)


def test_each_axis_is_scaled_by_itself():
    q = places([0, 0.25, 0, 0, 0, 0], TALLER=1, WIDER=-1)
    np.testing.assert_allclose(q[14 + 4, 14 + 5], [14 + 4 * 1.25, 14 + 5 / 1.25], atol=1e-9)


def test_shear_moves_columns_by_the_row():
    q = places([0, 0, 0.5, 0, 0, 0], SHEAR=-1)
    np.testing.assert_allclose(q[14 + 4, 14 + 5], [14 + 4, 14 + 5 - 2], atol=1e-9)


def test_shift():
    q = places([0, 0, 0, 3, 0, 0], RIGHT=1)
    np.testing.assert_allclose(q[2, 20], [2, 23], atol=1e-9)


def test_the_elastic_field_is_smooth_and_as_strong_as_it_says():
    u = distort.random_numbers(distort.rng_streams(0, 0, np.arange(2000)), FIELD + 2 * 49)
    q_row, q_column = distort.sources(u, np.array([0, 0, 0, 0, 1.5, 0]), 28, 28)
    for moved in (q_row - np.arange(28)[:, None], q_column - np.arange(28)[None, :]):
        assert math.sqrt(np.mean(moved**2)) == pytest.approx(1.5, rel=0.03)
        assert abs(np.mean(moved)) < 0.03
        assert np.abs(np.diff(moved, axis=1)).max() < 1.2
    assert abs(np.corrcoef((q_row - np.arange(28)[:, None]).ravel(), q_column.ravel())[0, 1]) < 0.03


def test_splines_add_up_to_one_and_are_smooth():
    B = distort.spline(28)
    np.testing.assert_allclose(B.sum(axis=1), 1)
    assert B.min() == 0 and (np.count_nonzero(B, axis=1) <= 4).all()


def test_bilinear_is_the_naive_one():
    rng = np.random.default_rng(0)
    image, q = rng.random((1, 5, 4)), rng.uniform(-3, 8, (2, 1, 5, 4))
    out = distort.bilinear(image, *q)
    for r in range(5):
        for c in range(4):
            y, x = q[0, 0, r, c], q[1, 0, r, c]
            total = 0.0
            for i in range(5):
                for j in range(4):
                    total += image[0, i, j] * max(0.0, 1 - abs(y - i)) * max(0.0, 1 - abs(x - j))
            assert out[0, r, c] == pytest.approx(total, abs=1e-12)


@pytest.mark.parametrize("share", [-1.0, -0.3, 0.0, 0.3, 1.0])
def test_thickness_is_the_naive_one(share):
    image = np.random.default_rng(0).random((1, 5, 4))
    edge = np.pad(image[0], 1)
    out = distort.thickened(image, np.array([share]))
    for r in range(5):
        for c in range(4):
            near = [edge[r + 1 + i, c + 1 + j] for i, j in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))]
            target = max(near) if share > 0 else min(near)
            assert out[0, r, c] == pytest.approx(image[0, r, c] + abs(share) * (target - image[0, r, c]))


def test_random_numbers_are_uniform_and_apart():
    u = distort.random_numbers(distort.rng_streams(7, 2, np.arange(5000)), 105)
    assert -1 <= u.min() < -0.999 and 0.999 < u.max() < 1
    assert abs(u.mean()) < 0.005 and u.std() == pytest.approx(1 / math.sqrt(3), rel=0.005)
    assert np.abs(np.corrcoef(u[:, :8].T) - np.eye(8)).max() < 0.06  # place by place
    assert np.abs(np.corrcoef(u[:8]) - np.eye(8)).max() < 0.45  # image by image
    for other in ([8, 2], [7, 3], [2, 7]):
        assert (
            abs(
                np.corrcoef(u[:, 0], distort.random_numbers(distort.rng_streams(*other, np.arange(5000)), 1)[:, 0])[
                    0, 1
                ]
            )
            < 0.06
        )


def test_the_first_number_is_that_of_the_published_generator():
    """SplitMix64 of seed 0 gives e220a8397b1dcdaf first (Vigna's reference code)."""
    assert distort.mixed(np.array([0x9E3779B97F4A7C15], np.uint64))[0] == 0xE220A8397B1DCDAF


def test_order_and_company_do_not_matter(digits):
    strengths = nn.Distortion(**ALL).strengths
    form = {"scale": 1.0, "shift": 0.0, "dtype": np.float64}

    def copies(places):
        return ops.distort_batch(digits[:, None], places, distort.rng_streams(1, 2, places), strengths, **form)

    together, alone = copies(np.array([5, 9, 5])), copies(np.array([9]))
    assert np.array_equal(together[..., 0], together[..., 2])
    assert np.array_equal(together[..., 1], alone[..., 0])


def test_nothing_is_no_distortion(digits):
    assert not nn.Distortion()
    assert np.array_equal(nn.Distortion().apply(digits), digits)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_changes_something_and_keeps_the_digit(kind, digits):
    distortion = nn.Distortion(**{kind: ALL[kind]})
    assert distortion
    copies = distortion.apply(digits, seed=1)
    assert np.array_equal(copies, distortion.apply(digits, seed=1))
    assert not np.array_equal(copies, distortion.apply(digits, seed=1, epoch=1))
    assert np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(copies, digits, strict=True)]) > 0.6
    assert 0.7 < copies.sum() / digits.sum() < 1.3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf, "much", True])
def test_other_strengths_are_refused(kind, value):
    with pytest.raises(nn.UsageError, match=kind):
        nn.Distortion(**{kind: value})


@pytest.mark.parametrize("images", [np.zeros((28, 28), np.uint8), np.zeros((2, 28, 28))])
def test_other_images_are_refused(images):
    with pytest.raises(nn.UsageError, match="uint8"):
        nn.Distortion(shift=1).apply(images)


def test_only_pictures_are_distorted():
    net = nn.Sequential([nn.Dense(3)], input_shape=(9,))
    with pytest.raises(nn.UsageError, match="one channel"):
        net.fit(np.zeros((4, 9), np.uint8), np.zeros(4, int), distortion=nn.Distortion(shift=1))


@pytest.mark.parametrize("name", ["lenet5", "mlp"])
def test_a_training_is_the_same_with_any_number_of_threads_and_differs_from_one_without(name, digits):
    labels = nn.load_mnist().test_labels[:200]
    before = nn.threads()

    def trained(threads, **settings):
        nn.set_threads(threads)
        net = nn.build(name, seed=1)
        history = net.fit(digits, labels, epochs=2, batch_size=64, seed=3, **settings)
        return net.theta.tobytes(), [row["loss"] for row in history]

    try:
        one = trained(1, distortion=nn.Distortion(**ALL))
        assert trained(2, distortion=nn.Distortion(**ALL)) == one
        assert trained(4, distortion=nn.Distortion(**ALL)) == one
        assert trained(1) != one
    finally:
        nn.set_threads(before)


def test_constants_name_different_places():
    assert len({ROTATION, TALLER, WIDER, SHEAR, RIGHT, THICKNESS, distort.DOWN}) == FIELD == 7
