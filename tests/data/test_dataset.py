"""Dataset: what it accepts, refuses and promises."""

import dataclasses

import numpy as np
import pytest

from nnscratch.data import Dataset
from nnscratch.errors import DataError
from tests.tools.data_files import digits


def parts(**changes):
    (train_images, train_labels), (test_images, test_labels) = digits(12, 1), digits(5, 2)
    images = {"train_images": train_images, "test_images": test_images}
    labels = {"train_labels": train_labels, "test_labels": test_labels}
    return images | labels | {"name": "toy", "source": "toy/path"} | changes


def test_labels_are_int64_and_content_is_kept():
    given = parts()
    data = Dataset(**given)
    for field in ("train_images", "train_labels", "test_images", "test_labels"):
        np.testing.assert_array_equal(getattr(data, field), given[field])
    assert data.train_labels.dtype == data.test_labels.dtype == np.int64
    assert data.train_images.dtype == np.uint8
    assert (data.name, data.source, data.notes) == ("toy", "toy/path", "")


def test_arrays_are_read_only_and_the_callers_stay_writable():
    given = parts()
    data = Dataset(**given)
    for field in ("train_images", "train_labels", "test_images", "test_labels"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(data, field)[0] = 0
        given[field][0] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.name = "other"


def test_views_with_gaps_become_contiguous():
    rows = np.zeros((5, 785), np.uint8)
    data = Dataset(**parts(test_images=rows[:, 1:].reshape(-1, 28, 28), test_labels=rows[:, 0]))
    assert data.test_images.flags.c_contiguous and data.test_labels.flags.c_contiguous


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("images", np.zeros((5, 28, 27), np.uint8), r"\(5, 28, 27\) uint8, but \(n, 28, 28\) uint8 is wanted"),
        ("images", np.zeros((5, 784), np.uint8), r"\(5, 784\) uint8"),
        ("images", np.zeros((5, 28, 28, 1), np.uint8), r"\(5, 28, 28, 1\)"),
        ("images", np.zeros((5, 28, 28), np.float32), "float32"),
        ("images", [[1, 2]], r"\(1, 2\) int64"),
        ("images", np.zeros((0, 28, 28), np.uint8), "is empty"),
        ("labels", np.zeros((5, 10), np.uint8), r"\(5, 10\) uint8, but \(n,\) integers are wanted"),
        ("labels", np.zeros(5), "float64"),
        ("labels", np.zeros(5, bool), "bool"),
        ("labels", np.array([0, 10, 1]), "holds 10, but only the labels 0 to 9"),
        ("labels", np.array([0, -1, 1]), "holds -1, but only the labels 0 to 9"),
        ("labels", np.array([256], np.uint16), "holds 256"),
    ],
)
def test_wrong_parts_are_refused(part, kind, value, message):
    with pytest.raises(DataError, match=f"^toy/path: {part}_{kind} .*{message}"):
        Dataset(**parts(**{f"{part}_{kind}": value}))


@pytest.mark.parametrize(("part", "n"), [("train", 12), ("test", 5)])
def test_counts_must_be_equal(part, n):
    with pytest.raises(DataError, match=f"toy/path: {n} {part} images came with 3 labels"):
        Dataset(**parts(**{f"{part}_labels": np.zeros(3, np.uint8)}))


def test_digest_depends_on_content_and_on_nothing_else():
    first = Dataset(**parts()).digest
    assert len(first) == 64 and int(first, 16)
    wide = parts()
    wide["train_labels"] = wide["train_labels"].astype(np.int32)
    assert Dataset(**wide | {"name": "x", "source": "y", "notes": "z"}).digest == first
    for field in ("train_images", "train_labels", "test_images", "test_labels"):
        changed = parts()
        changed[field] = changed[field].copy()
        changed[field].flat[-1] ^= 1
        assert Dataset(**changed).digest != first


def test_repr_is_short():
    assert repr(Dataset(**parts())) == "Dataset('toy', 12 training and 5 test images of 10 classes, from 'toy/path')"
