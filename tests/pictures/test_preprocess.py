"""To MNIST's form: properties of any drawing, the area filter against a naive loop, and MNIST's own digits."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnscratch
from nnscratch.errors import DataError
from nnscratch.pictures.preprocess import (
    center,
    connected,
    light_ink,
    light_on_dark,
    scale,
    stages,
    to_mnist,
    to_square,
)
from nnscratch.pictures.resampling import area_resize

exactly = settings(derandomize=True, deadline=None, max_examples=60)


@pytest.fixture(scope="module")
def digits():
    """Every tenth test digit: (1000, 28, 28) uint8."""
    path = Path(nnscratch.__file__).parent / "data" / "mnist" / "t10k-images-idx3-ubyte.gz"
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=16).reshape(-1, 28, 28)[::10]


def sheet(height, width, top, left, tall, wide, ink=1.0, paper=0.0):
    """A filled rectangle on paper: (height, width) float32."""
    picture = np.full((height, width), paper, np.float32)
    picture[top : top + tall, left : left + wide] = ink
    return picture


def stroke(size, ink=1.0, paper=0.0, width=0.03):
    """A round-brush 7 in the middle of a square sheet."""
    y, x = np.mgrid[:size, :size] / size
    arms = [((0.3, 0.3), (0.3, 0.6)), ((0.3, 0.6), (0.75, 0.4))]
    near = np.full((size, size), np.inf)
    for (y0, x0), (y1, x1) in arms:
        t = ((y - y0) * (y1 - y0) + (x - x0) * (x1 - x0)) / ((y1 - y0) ** 2 + (x1 - x0) ** 2)
        t = np.clip(t, 0, 1)
        near = np.minimum(near, np.hypot(y - y0 - t * (y1 - y0), x - x0 - t * (x1 - x0)))
    return np.where(near < width, ink, paper).astype(np.float32)


def box(digit):
    rows, columns = np.flatnonzero(digit.any(axis=1)), np.flatnonzero(digit.any(axis=0))
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def longer_side(digit):
    top, bottom, left, right = box(digit)
    return max(bottom - top, right - left)


def centre_of_mass(digit):
    total = digit.sum(dtype=float)
    return np.array([digit.sum(axis=1) @ np.arange(28.0), digit.sum(axis=0) @ np.arange(28.0)]) / total


def far(digit, other):
    """The mean difference of two digits, 0..255, at the best shift of at most one pixel: rounding may move them."""
    shifts = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return min(np.abs(np.roll(digit, by, (0, 1)) - other.astype(float)).mean() for by in shifts)


# Any drawing


@exactly
@given(st.data())
def test_any_rectangle_comes_to_the_form(data):
    height, width = (data.draw(st.integers(30, 160)) for _ in "hw")
    tall, wide = (data.draw(st.integers(2, side // 2)) for side in (height, width))
    top, left = data.draw(st.integers(1, height - tall - 1)), data.draw(st.integers(1, width - wide - 1))
    ink, paper = data.draw(st.sampled_from([(1.0, 0.0), (0.0, 1.0), (0.6, 0.2), (0.5, 0.9)]))
    digit = to_mnist(sheet(height, width, top, left, tall, wide, ink, paper))
    assert digit.dtype == np.uint8 and digit.shape == (28, 28)
    assert longer_side(digit) == 20
    assert digit.max() == 255
    np.testing.assert_allclose(centre_of_mass(digit), 14.0, atol=0.5 + 1e-6)
    if max(tall, wide) < 40:  # else it is made as thick as a stroke
        rows, columns = (np.ptp(np.flatnonzero(digit.any(axis=axis))) + 1 for axis in (1, 0))
        assert abs(rows * max(tall, wide) - 20 * tall) <= max(tall, wide)  # proportions, to the pixel
        assert abs(columns * max(tall, wide) - 20 * wide) <= max(tall, wide)


@exactly
@given(st.integers(-30, 20), st.integers(-30, 40))
def test_place_does_not_matter(down, right):
    picture = stroke(120)
    np.testing.assert_array_equal(to_mnist(np.roll(picture, (down, right), (0, 1))), to_mnist(picture))


@pytest.mark.slow
@pytest.mark.parametrize("size", [40, 57, 120, 500, 1000])
def test_size_hardly_matters_and_polarity_not_at_all(size):
    digit = to_mnist(stroke(size))
    assert longer_side(digit) == 20
    np.testing.assert_allclose(centre_of_mass(digit), 14.0, atol=0.5)
    assert far(digit, to_mnist(stroke(2000))) < (9 if size < 100 else 3)
    np.testing.assert_allclose(to_mnist(1 - stroke(size)).astype(int), digit, atol=1)


@pytest.mark.parametrize(("ink", "paper"), [(0.3, 0.7), (0.85, 0.7), (0.55, 0.9), (0.0, 0.25)])
def test_contrast_does_not_matter(ink, paper):
    np.testing.assert_allclose(to_mnist(stroke(150, ink, paper)).astype(int), to_mnist(stroke(150)), atol=1)


def test_the_asymmetric_stroke_keeps_its_sides():
    digit = to_mnist(stroke(300, 0.0, 1.0)).astype(int)
    top, bottom, left, right = box(digit)
    middle = (left + right) // 2
    assert digit[top : top + 3, left:middle].sum() > 5 * digit[bottom - 3 : bottom, middle + 3 : right].sum()


@pytest.mark.parametrize("paper", [0.0, 0.5, 1.0])
def test_slight_noise_changes_little(paper):
    rng = np.random.default_rng(0)
    ink = 1.0 if paper < 0.5 else 0.0
    noisy = np.clip(stroke(300, ink, paper) + rng.normal(0, 0.03, (300, 300)), 0, 1)
    digit = to_mnist(noisy)
    assert longer_side(digit) == 20
    assert far(digit, to_mnist(stroke(300))) < 3


def test_a_speck_of_one_pixel_is_not_ink():
    picture = stroke(300)
    picture[3, 290] = 1.0
    np.testing.assert_array_equal(to_mnist(picture), to_mnist(stroke(300)))


@pytest.mark.parametrize("width", [0.003, 0.006, 0.012])
def test_a_thin_pen_comes_out_white(width):
    digit = to_mnist(stroke(500, width=width))
    assert longer_side(digit) == 20
    assert digit.max() >= 250 and (digit >= 250).sum() >= 5


# No ink


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (28, 28), (200, 300)])
@pytest.mark.parametrize("tone", [0.0, 0.3, 0.5, 1.0])
def test_blank_is_none(shape, tone):
    assert to_mnist(np.full(shape, tone, np.float32)) is None
    assert to_mnist(np.full(shape, round(tone * 255), np.uint8)) is None


@pytest.mark.parametrize("paper", [0.0, 0.5, 0.9, 1.0])
@pytest.mark.parametrize(("size", "noise"), [(28, 0.02), (200, 0.02), (200, 0.03), (500, 0.05)])
def test_noise_alone_is_none(paper, size, noise):
    rng = np.random.default_rng(1)
    assert to_mnist(np.clip(paper + rng.normal(0, noise, (size, size)), 0, 1)) is None


@pytest.mark.parametrize("depth", [0.04, 0.1, 0.3, 0.8])
def test_smooth_shade_alone_is_none(depth):
    across = np.tile(np.linspace(0.1, 0.1 + depth, 200), (150, 1))
    y, x = np.mgrid[-1:1:150j, -1:1:200j]
    for shade in (across, across[:, ::-1], across.T, 0.95 - depth * (x**2 + y**2) / 2.2):
        assert to_mnist(shade) is None


@pytest.mark.parametrize("paper", [0.0, 0.5, 1.0])
def test_a_watermark_is_none(paper):
    assert to_mnist(stroke(100, abs(paper - 0.07), paper)) is None


def test_stages_of_a_blank_picture_end_before_the_crop():
    assert list(stages(np.ones((50, 50)))) == ["grey", "sheet", "even", "ink", "writing"]


def test_stages_are_the_whole_path():
    picture = stroke(90, 0.1, 0.8)
    steps = stages(picture)
    assert list(steps) == ["grey", "sheet", "even", "ink", "writing", "cropped", "strokes", "scaled", "mnist"]
    np.testing.assert_array_equal(steps["grey"], picture)
    assert steps["ink"].shape == (90, 90) and steps["ink"].min() == 0
    assert steps["ink"].max() == pytest.approx(0.7)
    assert max(steps["scaled"].shape) == 20 and steps["scaled"].max() == 1
    np.testing.assert_array_equal(steps["mnist"], to_mnist(picture))


# MNIST's own digits


def test_pictures_of_28_by_28_stay_as_they_are_but_light_on_dark(digits):
    """Where they have MNIST's form; others are brought into it, as pictures of any other size are."""
    for digit in digits:
        for picture in (digit, 255 - digit):
            np.testing.assert_array_equal(to_mnist(picture), digit)
            np.testing.assert_array_equal(to_mnist(picture / 255), digit)
            np.testing.assert_array_equal(light_on_dark(picture), digit)
        assert light_on_dark(digit) is digit
    assert list(stages(digits[0])) == ["grey", "sheet", "even", "ink", "writing", "mnist"]
    for change in (np.roll(digits[0], (3, -4), (0, 1)), digits[0][::2, ::2].repeat(1, 0)):
        moved = np.zeros((28, 28), np.uint8)
        moved[: change.shape[0], : change.shape[1]] = change
        assert np.abs(np.argwhere(to_mnist(moved)).mean(axis=0) - 14).max() < 2  # centred
        np.testing.assert_array_equal(to_mnist(255 - moved), to_mnist(moved))


def test_grey_pictures_of_28_by_28_lose_their_ground_and_keep_the_tones_of_the_ink(digits):
    """On a ground that is not black the MLP reads two in ten."""
    for digit in digits[:50]:
        pale = 60 + digit // 2
        wanted = np.rint((digit // 2) * (255 / 195))
        np.testing.assert_array_equal(to_mnist(pale), wanted)
        np.testing.assert_array_equal(to_mnist(255 - pale), wanted)


def test_mnist_digits_on_a_larger_sheet_come_back(digits):
    large = np.pad(digits, ((0, 0), (1, 2), (3, 4)))
    same = [np.array_equal(to_mnist(sheet), digit) for sheet, digit in zip(large, digits, strict=True)]
    assert np.mean(same) > 0.97
    far = [np.abs(to_mnist(255 - sheet).astype(int) - to_mnist(sheet)).max() for sheet in large]
    assert max(far) <= 1


@pytest.mark.parametrize("inverted", [False, True])
def test_digits_cropped_to_their_box_come_out_right(digits, inverted):
    right, same = [], []
    for digit in digits:
        top, bottom, left, right_side = box(digit)
        tight = digit[top:bottom, left:right_side]
        result = to_mnist(255 - tight if inverted else tight)
        right.append(result is not None and np.corrcoef(result.ravel(), digit.ravel())[0, 1] > 0.9)
        same.append(result is not None and np.array_equal(result, digit))
    assert np.mean(right) > 0.98
    assert np.mean(same) > 0.94


@pytest.mark.slow
@pytest.mark.parametrize("factor", [2, 7])
def test_enlarged_digits_come_back(digits, factor):
    differences = []
    for digit in digits[:100]:
        large = np.pad(np.kron(digit, np.ones((factor, factor), np.uint8)), ((5, 90), (40, 3)))
        back = to_mnist(large)
        assert longer_side(back) == 20
        differences.append(far(back, digit))
    assert np.mean(differences) < 4


def test_the_argument_is_not_changed(digits):
    for picture in (digits[0].copy(), stroke(60)):
        before = picture.copy()
        to_mnist(picture)
        np.testing.assert_array_equal(picture, before)


# The parts


def naive_area(image, height, width):
    """Every new pixel summed over every old one, by the overlap of two intervals."""

    def overlap(i, new, j, old):
        return max(0.0, min((i + 1) * old / new, j + 1) - max(i * old / new, j)) * new / old

    out = np.zeros((height, width))
    for i in range(height):
        for k in range(width):
            for j in range(image.shape[0]):
                for m in range(image.shape[1]):
                    weight = overlap(i, height, j, image.shape[0]) * overlap(k, width, m, image.shape[1])
                    out[i, k] += weight * image[j, m]
    return out


side = st.integers(1, 9)


@exactly
@given(side, side, side, side, st.integers(0, 99))
def test_area_filter_is_the_naive_one_and_keeps_the_mean(old_height, old_width, height, width, seed):
    image = np.random.default_rng(seed).random((old_height, old_width))
    small = area_resize(image, height, width)
    assert small.dtype == np.float32
    np.testing.assert_allclose(small, naive_area(image, height, width), atol=1e-6)
    assert small.mean() == pytest.approx(image.mean(), abs=1e-6)


def test_area_filter_by_whole_factors_is_the_mean_of_blocks():
    image = np.random.default_rng(0).random((60, 40))
    blocks = image.reshape(20, 3, 20, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(area_resize(image, 20, 20), blocks, atol=1e-6)


def test_area_filter_to_the_same_size_is_exact():
    image = np.random.default_rng(0).random((20, 13)).astype(np.float32)
    np.testing.assert_array_equal(area_resize(image, 20, 13), image)


@pytest.mark.parametrize(
    ("shape", "scaled"),
    [((40, 20), (20, 10)), ((300, 3), (20, 1)), ((2, 500), (1, 20)), ((5, 4), (20, 16)), ((30, 29), (20, 19))],
)
def test_scale_keeps_proportions(shape, scaled):
    assert scale(np.ones(shape, np.float32)).shape == scaled


def test_centre_rounds_to_whole_pixels_and_keeps_ink_inside():
    lone = np.zeros((20, 20), np.float32)
    lone[0, 0] = lone[0, 19] = 1  # centre of mass 0, 9.5
    rows, columns = np.nonzero(center(lone))
    assert rows.tolist() == [8, 8]  # 14 would push the box out
    assert columns.tolist() == [5, 24]  # 4.5 rounded up
    assert center(np.ones((20, 20), np.float32)).sum() == 400


@exactly
@given(st.integers(1, 7), st.integers(1, 7), st.integers(0, 2**32))
def test_connected_is_the_naive_one(height, width, seed):
    mask = np.random.default_rng(seed).random((height, width)) < 0.3
    for i, j in np.ndindex(height, width):
        around = mask[max(0, i - 1) : i + 2, max(0, j - 1) : j + 2].sum() - mask[i, j]
        assert connected(mask)[i, j] == (mask[i, j] and around > 0)


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (np.zeros((3, 28, 28)), "(3, 28, 28)"),
        (np.zeros(5), "(5,)"),
        (np.zeros((0, 5)), "(0, 5)"),
        (np.zeros((5, 5), int), "int64"),
        (np.zeros((5, 5), bool), "bool"),
        (np.zeros((5, 5), complex), "complex"),
        (np.full((5, 5), 255.0), "255"),
        (np.full((5, 5), -0.1), "-0.1"),
        (np.full((5, 5), np.nan), "nan"),
    ],
)
def test_other_arrays_are_refused(picture, said):
    with pytest.raises(DataError) as refused:
        to_mnist(picture)
    assert said in str(refused.value)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_float_types_agree(dtype):
    np.testing.assert_array_equal(to_mnist(stroke(60).astype(dtype)), to_mnist(stroke(60)))


class TestToSquare:
    def test_a_square_is_averaged_over_areas(self):
        picture = np.kron(np.arange(784, dtype=np.uint8).reshape(28, 28), np.ones((3, 3), np.uint8))
        np.testing.assert_array_equal(to_square(picture), picture[::3, ::3])

    @pytest.mark.parametrize("kind", [np.uint8, np.float32])
    def test_28_by_28_stays(self, kind):
        levels = np.arange(784).reshape(28, 28).astype(np.uint8)
        picture = levels if kind is np.uint8 else (levels / 255).astype(kind)
        np.testing.assert_array_equal(to_square(picture), levels)

    def test_what_is_not_square_lies_in_the_middle_on_its_borders_grey(self):
        picture = np.full((28, 56), 200, np.uint8)
        picture[10:18, 20:36] = 40  # dark on light stays dark on light
        wanted = np.full((28, 28), 200, np.uint8)
        wanted[12:16, 10:18] = 40
        np.testing.assert_array_equal(to_square(picture), wanted)
        np.testing.assert_array_equal(to_square(picture.T), wanted.T)

    @pytest.mark.parametrize("shape", [(1, 1), (1, 1000), (5, 3), (27, 29), (100_000, 1), (57, 28)])
    def test_one_tone_of_any_shape(self, shape):
        square = to_square(np.full(shape, 77, np.uint8))
        assert square.dtype == np.uint8 and square.shape == (28, 28) and (square == 77).all()

    @pytest.mark.parametrize(
        "picture", [np.zeros((0, 3), np.uint8), np.zeros((3, 3, 3), np.uint8), np.full((9, 9), 2.0)]
    )
    def test_what_is_no_grey_picture(self, picture):
        with pytest.raises(DataError):
            to_square(picture)


@pytest.mark.parametrize(("lower", "strongest"), [(0.04, 0.72), (0.049, 0.702), (0.051, 0.851), (0.08, 0.88)])
def test_a_border_of_two_tones_is_noise_below_a_sixteenth_of_the_ink(lower, strongest):
    """0.8 of ink on a border of which two fifths are darker by ``lower``: noise, cut off twice, below 0.05."""
    picture = np.full((41, 41), 0.2)
    picture[:, :10] -= lower
    picture[15:25, 20] = 1
    assert light_ink(picture.astype(np.float32)).max() == pytest.approx(strongest, abs=1e-5)
