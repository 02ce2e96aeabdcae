"""Stratified choices: exact sizes, fair shares, the same at every call."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnscratch.data import stratified_split, stratified_subset
from nnscratch.errors import UsageError

label_lists = st.lists(st.integers(0, 9), min_size=1, max_size=200).map(np.array)
exactly = settings(max_examples=200, deadline=None, derandomize=True)


def shares_within_one(labels, chosen):
    wanted = np.bincount(labels, minlength=10) * len(chosen) / len(labels)
    return (np.abs(np.bincount(labels[chosen], minlength=10) - wanted) < 1).all()


@exactly
@given(labels=label_lists, data=st.data(), seed=st.integers(0, 2**32))
def test_split_is_a_fair_partition(labels, data, seed):
    size = data.draw(st.integers(0, len(labels) - 1))
    train, held_out = stratified_split(labels, size, seed=seed)
    assert len(held_out) == size
    assert (np.diff(train) > 0).all() and (np.diff(held_out) > 0).all()
    np.testing.assert_array_equal(np.sort(np.concatenate([train, held_out])), np.arange(len(labels)))
    assert shares_within_one(labels, held_out) and shares_within_one(labels, train)
    again = stratified_split(labels, size, seed=seed)
    np.testing.assert_array_equal(again[0], train)
    np.testing.assert_array_equal(again[1], held_out)


@exactly
@given(labels=label_lists, n=st.integers(1, 300), seed=st.integers(0, 2**32))
def test_subset_is_fair(labels, n, seed):
    chosen = stratified_subset(labels, n, seed=seed)
    assert len(chosen) == min(n, len(labels))
    assert (np.diff(chosen) > 0).all() and chosen.min() >= 0 and chosen.max() < len(labels)
    assert shares_within_one(labels, chosen)
    np.testing.assert_array_equal(stratified_subset(labels, n, seed=seed), chosen)


def test_mnist_sized_split_has_exact_shares():
    labels = np.repeat(np.arange(10), 6000).astype(np.uint8)
    _, held_out = stratified_split(labels, 5000, seed=1)
    assert np.bincount(labels[held_out]).tolist() == [500] * 10


def test_the_seed_decides():
    labels = np.arange(1000) % 10
    first, other = (stratified_split(labels, 100, seed=seed)[1] for seed in (0, 1))
    assert (first != other).any()


def test_every_example_is_held_out_as_often():
    labels = np.array([0] * 12 + [1] * 6)
    counts = np.zeros(18)
    for seed in range(2000):
        counts[stratified_split(labels, 6, seed=seed)[1]] += 1
    assert (np.abs(counts / 2000 - 1 / 3) < 0.05).all()  # 4.7 standard deviations


def test_nothing_held_out():
    train, held_out = stratified_split(np.array([3, 1, 2]), 0, seed=0)
    assert train.tolist() == [0, 1, 2] and held_out.tolist() == []
    assert train.dtype == held_out.dtype == np.int64


@pytest.mark.parametrize("size", [-1, 3, 4, 0.5, True])
def test_size_out_of_range(size):
    with pytest.raises(UsageError, match=f"^{size} of 3 examples .* from 0 to 2"):
        stratified_split(np.array([0, 1, 2]), size, seed=0)


@pytest.mark.parametrize("n", [0, -5, 1.5])
def test_subset_too_small(n):
    with pytest.raises(UsageError, match=f"^{n} examples .* at least 1"):
        stratified_subset(np.array([0, 1, 2]), n, seed=0)


def test_subset_of_everything():
    assert stratified_subset(np.array([5, 5, 1]), 3, seed=0).tolist() == [0, 1, 2]
    assert stratified_subset(np.array([5, 5, 1]), np.int64(9), seed=0).tolist() == [0, 1, 2]
