"""The learning-rate range test: where the loss falls is read right, and the model stays as it is."""

import warnings

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.models.zoo import MODELS
from nnscratch.training.lr_find import Rising, lr_find, read, smooth


@pytest.fixture(scope="module")
def digits():
    mnist = nn.load_mnist()
    return mnist.train_images[:600], mnist.train_labels[:600]


def test_a_known_curve_is_read():
    """A logistic fall from 2 to 0 about 1e-3, then a rise from 1e-1 on: its bottom lies there."""
    rates = np.logspace(-6, 0, 301)
    x = np.log10(rates)
    losses = 2 / (1 + np.exp(6 * (x + 3))) + np.where(x > -1, 3 * (x + 1), 0)
    found = read(rates, losses, ended_early=True)
    assert found.suggestion == pytest.approx(1e-3, rel=0.1)
    assert found.lowest == pytest.approx(10 ** (-3 - np.log(9) / 6), rel=0.15)  # a tenth of the fall is done
    assert 10**-1.5 < found.highest < 10**-0.9 and found.ended_early


@pytest.mark.parametrize("losses", [np.full(50, 2.0), np.linspace(1, 3, 50), np.resize([1.0, 2.0], 50)])
def test_no_fall_gives_no_rate(losses):
    found = read(np.logspace(-6, 0, 50), losses, ended_early=False)
    assert found.suggestion is found.lowest is found.highest is None


def test_a_huge_last_loss_is_not_seen_elsewhere():
    rates = np.logspace(-6, 0, 200)
    losses = np.linspace(2, 1, 200)
    found = read(rates, np.append(losses[:-1], 1e30), ended_early=True)
    assert found.smoothed.max() < 6


def test_smoothing_lags_nowhere():
    places = np.linspace(-3, 0, 101)
    np.testing.assert_allclose(smooth(places, places)[20:-20], places[20:-20], atol=1e-6)


def test_the_rate_rises_by_the_same_factor():
    rising = Rising(steps=5, ratio=1e4)
    assert [rising.factor(step, 99) for step in range(6)] == pytest.approx([1, 10, 100, 1000, 1e4, 1e4])


@pytest.mark.parametrize("name", MODELS)
def test_every_model(digits, name):
    """The rate found trains; the model is as it was; the same seed gives the same bits."""
    model = nn.build(name)
    before = model.theta.copy()
    optimizer = nn.Adam(123.0)
    found, again = (lr_find(model, *digits, optimizer=optimizer) for _ in range(2))
    assert model.theta.tobytes() == before.tobytes() and optimizer == nn.Adam(123.0)
    assert found.losses.tobytes() == again.losses.tobytes() and found.suggestion == again.suggestion
    assert found.lowest <= found.suggestion <= found.highest
    history = model.fit(*digits, epochs=4, optimizer=nn.Adam(found.suggestion))
    assert history[-1]["loss"] < 0.7 * found.losses[0]


def test_the_losses_are_those_of_the_training(digits):
    """At a rate that changes nothing, the loss of the first batches is the mean loss of the images."""
    model = nn.build("logistic")
    found = lr_find(model, *digits, low=1e-12, high=1e-11, steps=20, batch_size=600)
    out = model.forward(model.batches(digits[0]).x(np.arange(600)))
    assert found.losses == pytest.approx(nn.softmax_cross_entropy(out, digits[1])[0], rel=1e-4)
    assert len(found.losses) == 20 and found.suggestion is None  # few images: an epoch for each step


def test_it_ends_when_the_loss_has_grown(digits):
    found = lr_find(nn.build("mlp"), *digits, high=1e6, steps=100)
    assert found.ended_early and len(found.losses) < 100 and np.isfinite(found.losses).all()
    assert found.highest < 1


def test_labels_smoothed_and_other_losses(digits):
    smoothed = lr_find(nn.build("logistic"), *digits, label_smoothing=0.2, steps=40)
    plain = lr_find(nn.build("logistic"), *digits, steps=40)
    assert smoothed.losses[0] != plain.losses[0]
    squared = lr_find(nn.build("logistic"), *digits, loss=nn.mean_squared_error, steps=40)
    assert squared.losses[0] != plain.losses[0]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"low": 0}, "the lowest rate is 0"),
        ({"low": np.nan}, "the lowest rate is nan"),
        ({"high": np.inf}, "the highest rate is inf"),
        ({"low": 1.0, "high": 1.0}, "give a highest that is above the lowest"),
        ({"steps": 19}, "steps is 19"),
        ({"steps": 2.5}, "steps is 2.5"),
        ({"batch_size": 0}, "batch_size is 0"),
    ],
)
def test_arguments_out_of_range(digits, options, told):
    with pytest.raises(nn.UsageError, match=told):
        nn.lr_find(nn.build("logistic"), *digits, **options)


def test_a_loss_that_is_never_finite_is_told(digits):
    model = nn.build("logistic")
    model.theta[:] = np.nan
    with pytest.raises(nn.DivergedError, match="the first batch is not finite"):
        lr_find(model, *digits)


def test_it_does_not_blame_a_training_that_nobody_asked_for():
    x, labels = np.random.default_rng(0).normal(size=(40, 4)), np.arange(40) % 3  # noise, an epoch of one batch
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lr_find(nn.Sequential([nn.Dense(3)], (4,)), x, labels, steps=80, high=1e-4)


def test_what_is_no_network_is_told():
    with pytest.raises(nn.UsageError, match=r"the model is 'lenet5': give a network, such as nn\.build"):
        nn.lr_find("lenet5", np.zeros((4, 28, 28)), [0, 1, 2, 3])
