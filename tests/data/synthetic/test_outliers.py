"""Images that are no digit: of every kind, the same for a seed, in MNIST's form where that is promised."""

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.data.synthetic.outliers import NEED_DIGITS, SHARES, kinds, outliers
from nnscratch.data.synthetic.spoiled import CUTS, TURNS, Digits, cropped, without


@pytest.fixture(scope="module")
def data():
    mnist = nn.load_mnist()
    return mnist.train_images[:1000], mnist.train_labels[:1000]


@pytest.fixture(scope="module")
def digits(data):
    return Digits(*data)


@pytest.mark.parametrize("name", kinds)
def test_every_kind_has_ink_and_the_seed_decides(name, digits):
    one, same, other = (kinds[name](digits, 60, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.shape == (60, 28, 28) and one.dtype == np.uint8
    assert np.array_equal(one, same) and not np.array_equal(one, other)
    assert len(np.unique(one, axis=0)) > 55
    if name != "noise":
        assert (one.max(axis=(1, 2)) > 127).all()
    assert kinds[name](digits, 0, np.random.default_rng(0)).shape == (0, 28, 28)


@pytest.mark.parametrize("name", sorted(kinds.keys() - {"noise"}))
def test_what_is_drawn_has_mnists_form(name, digits):
    for image in kinds[name](digits, 40, np.random.default_rng(3)):
        rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
        assert 18 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 20
        mass = image / image.sum()
        for axis, line in ((0, rows), (1, columns)):
            middle = mass.sum(axis=1 - axis) @ np.arange(28)
            assert abs(middle - 14) < 0.6 or line[0] == 0 or line[-1] == 27


def test_outliers_mixes_all_kinds_in_fixed_shares(data, digits, monkeypatch):
    assert SHARES.keys() == kinds.keys() and sum(SHARES.values()) == pytest.approx(1)
    for value, name in enumerate(kinds):
        monkeypatch.setitem(
            kinds, name, lambda digits, count, rng, value=value: np.full((count, 28, 28), value, np.uint8)
        )
    made = outliers(*data, 1000, seed=0)[:, 0, 0]
    assert np.bincount(made).tolist() == pytest.approx([1000 * SHARES[name] for name in kinds], abs=1)
    assert (np.diff(made.astype(int)) < 0).any()  # not one kind after the other


@pytest.mark.parametrize("count", [0, 1, 301])
def test_the_seed_decides_and_so_many_are_made(count, data):
    one, same, other = (outliers(*data, count, seed=seed) for seed in (1, 1, 2))
    assert one.shape == (count, 28, 28) and one.dtype == np.uint8
    assert np.array_equal(one, same) and (count == 0 or not np.array_equal(one, other))


def test_where_a_digit_is_missing_nothing_is_made_of_digits(data, monkeypatch):
    images, labels = data
    some = np.isin(labels, (3, 8), invert=True)
    made = []
    for name, kind in kinds.items():
        monkeypatch.setitem(
            kinds, name, lambda *given, name=name, kind=kind: made.append((name, given[1])) or kind(*given)
        )
    assert len(outliers(images[some], labels[some], 100, seed=0)) == 100
    assert dict(made) | dict.fromkeys(NEED_DIGITS, 0) == dict(made)
    assert sum(count for _, count in made) == 100


def test_no_turn_or_cut_leaves_a_digit():
    assert not set(TURNS["upside down"][1]) & {0, 1, 2, 5, 6, 8, 9}
    assert not any({0, 1, 8} & set(fitting) for _, fitting in TURNS.values())
    assert not any({1, 7, 8, 9} & set(fitting) for fitting in CUTS.values())


def test_only_the_digits_of_the_table_are_turned(data, digits, monkeypatch):
    images, labels = data
    chosen = set()

    def noted(self, rng, *wanted):
        chosen.add(wanted)
        return images[labels == wanted[0]][0]

    monkeypatch.setattr(Digits, "any", noted)
    kinds["turned"](digits, 100, np.random.default_rng(0))
    assert chosen == {fitting for _, fitting in TURNS.values()}


def test_any_digit_asked_for_comes(data, digits):
    images, labels = data
    rng = np.random.default_rng(0)
    for wanted in ((4,), (0, 7)):
        came = [digits.any(rng, *wanted) for _ in range(20)]
        fitting = images[np.isin(labels, wanted)]
        assert all((fitting == image).all(axis=(1, 2)).any() for image in came)


def test_a_cut_takes_what_it_says():
    ink = np.ones((20, 10), np.float32)
    assert without(ink, "rows", 0, 0.5).sum(axis=1).tolist() == [0] * 10 + [10] * 10
    assert without(ink, "columns", 0.5, 1).sum(axis=0).tolist() == [20] * 5 + [0] * 5
    assert ink.all()


def test_the_box_of_a_digit():
    image = np.zeros((28, 28), np.uint8)
    image[4:10, 3:20] = 255
    assert cropped(image).shape == (6, 17)
    assert cropped(np.zeros((28, 28), np.uint8)).shape == (28, 28)
