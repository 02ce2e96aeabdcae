"""Two fits with warm_start are one of as many epochs, to the bit."""

import copy
import pickle

import numpy as np
import pytest

import nnscratch as nn
from tests.tools.callbacks import StopAt

EPOCHS = 2


@pytest.fixture(scope="module")
def data():
    mnist = nn.load_mnist()
    return mnist.train_images[:90], mnist.train_labels[:90]


def network():
    """All that has state: batch normalisation and dropout."""
    return nn.Sequential([nn.Flatten(), nn.Dense(12), nn.BatchNorm(), nn.ReLU(), nn.Dropout(0.3), nn.Dense(10)])


def settings(data):
    return {"batch_size": 32, "ema": 0.8, "clip": 1.0, "seed": 3, "validation": data, "optimizer": nn.AdamW(0.01, 0.1)}


def numbers(model):
    return [model.theta.tobytes(), *(value.tobytes() for value in model.buffers.values())]


def unclocked(history):
    return [{name: value for name, value in row.items() if "second" not in name} for row in history]


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "rmsprop", "adam", "adamw"])
def test_two_fits_are_one(data, optimizer):
    whole, parts = network(), network()
    history = whole.fit(*data, epochs=2 * EPOCHS, **settings(data) | {"optimizer": optimizer})
    rows = []
    for _ in range(2):
        rows += parts.fit(*data, epochs=EPOCHS, **settings(data) | {"optimizer": optimizer}, warm_start=True)
    assert numbers(parts) == numbers(whole)
    assert unclocked(rows) == unclocked(history)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]


def test_it_goes_on_from_the_last_weights_not_from_the_best(data):
    """A rate so large that the first epoch is the best: from its weights, the third would be another."""
    how = {"optimizer": nn.SGD(3.0), "batch_size": 16, "validation": data}
    whole, parts = network(), network()
    history = whole.fit(*data, epochs=5, **how)
    parts.fit(*data, epochs=4, **how)
    best = max(history[:4], key=lambda row: (row["validation_accuracy"], -row["validation_loss"]))
    assert best["epoch"] < 4, "choose other settings: the last epoch must not be the best"
    rows = parts.fit(*data, epochs=1, **how, warm_start=True)
    assert unclocked(rows) == unclocked(history[4:])
    assert numbers(parts) == numbers(whole)


def test_without_it_the_optimiser_begins_anew(data):
    how = {"batch_size": 32, "optimizer": nn.Momentum(0.1)}
    again, warm = network(), network()
    for model, warm_start in ((again, False), (warm, True)):
        model.fit(*data, **how)
        rows = model.fit(*data, **how, warm_start=warm_start)
        assert rows[0]["epoch"] == 1 + warm_start
    assert numbers(again) != numbers(warm)


def test_the_schedule_is_taken_up_where_it_is_for_all_epochs(data):
    model = network()
    how = {"schedule": "cosine", "batch_size": 90, "optimizer": nn.SGD(1.0)}
    model.fit(*data, epochs=2, **how)
    rates = [row["learning_rate"] for row in model.fit(*data, epochs=2, **how, warm_start=True)]
    assert rates == pytest.approx([0.5, 0.5 * (1 - 0.5**0.5)])  # steps 2 and 3 of 4


@pytest.mark.parametrize("step", [1, 3, 4, 6])
def test_an_epoch_that_was_stopped_is_gone_on_with(data, step):
    whole, parts = network(), network()
    whole.fit(*data, epochs=3, **settings(data))
    done = len(parts.fit(*data, epochs=3, **settings(data), callbacks=StopAt(step)))
    parts.fit(*data, epochs=3 - done, **settings(data), warm_start=True)
    assert numbers(parts) == numbers(whole)


def test_an_epoch_that_was_stopped_begins_anew_with_other_images(data):
    images, labels = data
    model = network()
    model.fit(images, labels, batch_size=16, callbacks=StopAt(3))
    rows = model.fit(images[:40], labels[:40], batch_size=16, warm_start=True)
    assert len(rows) == 1
    assert 0 <= rows[0]["accuracy"] <= 1


def test_patience_counts_anew(data):
    how = {"validation": data, "patience": 2, "optimizer": nn.SGD(1e-30)}
    model = nn.build("logistic")
    assert len(model.fit(*data, epochs=9, **how)) == 3
    assert len(model.fit(*data, epochs=9, **how, warm_start=True)) == 2


def test_another_learning_rate_is_taken(data):
    model = network()
    model.fit(*data, optimizer=nn.Adam(0.1))
    assert model.fit(*data, optimizer=nn.Adam(0.01), warm_start=True)[0]["learning_rate"] == 0.01


def test_the_first_fit_may_be_warm(data):
    warm, cold = network(), network()
    assert unclocked(warm.fit(*data, warm_start=True)) == unclocked(cold.fit(*data))
    assert numbers(warm) == numbers(cold)


def test_one_optimiser_may_serve_two_networks(data):
    optimizer, models = nn.Adam(0.01), [network(), network()]
    for _ in range(2):
        for model in models:
            model.fit(*data, optimizer=optimizer, warm_start=True)
    whole = network()
    whole.fit(*data, epochs=2, optimizer=nn.Adam(0.01))
    assert numbers(models[0]) == numbers(models[1]) == numbers(whole)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"optimizer": "sgd"}, "the last fit was by Adam, and SGD cannot go on"),
        ({"ema": 0.5}, "give the same ema"),
    ],
)
def test_what_cannot_go_on_is_refused_and_may_be_asked_for_anew(data, change, words):
    model = network()
    model.fit(*data, optimizer="adam")
    with pytest.raises(nn.UsageError, match=words):
        model.fit(*data, **{"optimizer": "adam"} | change, warm_start=True)
    assert model.fit(*data, optimizer="adam", warm_start=True)[0]["epoch"] == 2


def test_weights_that_were_changed_are_not_gone_on_with(data):
    model = network()
    model.fit(*data)
    model.theta *= 0.5
    with pytest.raises(nn.UsageError, match="were changed since its last fit"):
        model.fit(*data, warm_start=True)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_do_without(data, duplicate):
    model = network()
    bare = len(pickle.dumps(model))
    model.fit(*data)
    assert len(pickle.dumps(model)) < bare + 200
    assert duplicate(model).fit(*data, warm_start=True)[0]["epoch"] == 1
    assert np.isfinite(model.theta).all()


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_warm_start_is_true_or_false(data, value):
    with pytest.raises(nn.UsageError, match="warm_start is"):
        network().fit(*data, warm_start=value)
