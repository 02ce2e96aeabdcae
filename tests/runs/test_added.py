"""What --add brings is trained on, all of it: with it and without, a run validates on the same images."""

from dataclasses import replace

import numpy as np
import pytest

from nnscratch.data import Dataset
from nnscratch.files.atomic import write_json
from nnscratch.runs.examples import split
from nnscratch.runs.experiment import begin, resume
from nnscratch.runs.settings import Settings
from tests.tools.data_files import light_digits

SETTINGS = Settings(epochs=1, val_size=20)


def data(added):
    own, more = light_digits(100), light_digits(added, seed=3)
    images, labels = (np.concatenate(both) for both in zip(own, more, strict=True))
    return Dataset(images, labels.astype(np.int64), *light_digits(10, seed=2), "digits", "here", added=added)


@pytest.mark.parametrize("limit", [None, 60])
def test_none_of_the_added_is_held_out(limit):
    settings = replace(SETTINGS, limit=limit)
    train, held_out = split(data(30), settings)
    assert len(held_out) == 20 and held_out.max() < 100
    assert len(train) + 20 == (limit or 130)
    assert len(set(train) | set(held_out)) == len(train) + 20
    assert limit or set(range(100, 130)) <= set(train.tolist())


def test_validation_is_the_same_with_and_without():
    np.testing.assert_array_equal(split(data(30), SETTINGS)[1], split(data(0), SETTINGS)[1])


@pytest.mark.parametrize("older", [False, True])
def test_a_run_of_before_keeps_its_own_validation(tmp_path, older):
    """Runs that were begun before held added images out like all others, and go on so."""
    config = begin("logistic", SETTINGS, data(30), tmp_path).config()
    assert config["images"]["added"] == 30
    if older:
        del config["images"]["added"]
    write_json(tmp_path / "config.json", config)
    expected = split(replace(data(30), added=0) if older else data(30), SETTINGS)[1]
    np.testing.assert_array_equal(resume(tmp_path, data(30)).held_out, expected)
    assert (expected.max() >= 100) == older
