"""Chapter 3: networks on points of the plane."""

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.study.figures import boundaries

XOR = np.array([[0.0, 0, 1, 1], [0, 1, 0, 1]])


def network(units=8, seed=0):
    layers = [nn.Dense(units), nn.Tanh(), nn.Dense(units), nn.Tanh(), nn.Dense(1)]
    return nn.Sequential(layers, input_shape=2, dtype="float64", seed=seed)


def test_spirals_are_two_equal_arms():
    x, y = boundaries.spirals(40)
    assert x.shape == (2, 80) and y.shape == (1, 80) and (np.hypot(*x) <= 1).all()
    np.testing.assert_array_equal(x[:, :40], -x[:, 40:])
    np.testing.assert_array_equal(y[0], [1] * 40 + [-1] * 40)


def test_training_goes_down_the_gradient():
    x, y = boundaries.spirals(20)
    net = network()
    losses, kept = boundaries.train(net, x, y, lr=0.1, steps=200, keep=(0, 1, 200))
    assert losses.shape == (200,) and losses[-1] < losses[0] and list(kept) == [0, 1, 200]
    np.testing.assert_array_equal(kept[200], net.theta)
    np.testing.assert_array_equal(kept[0], network().theta)


@pytest.mark.slow
def test_what_the_page_says_of_spirals():
    x, y = boundaries.spirals()
    net = network()
    losses, _ = boundaries.train(net, x, y, lr=0.1, steps=3000)
    assert losses[-1] < 0.05 and (np.sign(net.forward(x)) == y).all()


@pytest.mark.parametrize(("units", "bears"), [(16, False), (1, True)])
def test_which_layers_bear_a_rate_of_1(units, bears):
    x, y = boundaries.spirals()
    with np.errstate(all="ignore"):
        for seed in range(3):
            losses, _ = boundaries.train(network(units, seed), x, y, lr=1.0, steps=300)
            assert np.isfinite(losses[-1]) == bears


def test_answers_are_those_of_the_plane_from_the_bottom_up():
    net = nn.Sequential([nn.Dense(1)], input_shape=2, dtype="float64")
    net.theta[:] = [0, 1, 0.5]  # x[1] + 0.5
    out = boundaries.answers(net)
    assert out.shape == (boundaries.GRID, boundaries.GRID)
    np.testing.assert_allclose(out[[0, -1], 3], [0.5 - boundaries.EDGE, 0.5 + boundaries.EDGE])


def test_drawings():
    x, y = boundaries.spirals(5)
    net = network(2)
    _, kept = boundaries.train(net, x, y, lr=0.1, steps=2, keep=(0, 2))
    before = net.theta.copy()
    drawing = boundaries.boundaries(net, kept, x, y)
    assert drawing.svg.count("<svg") == 2 and "2 steps" in drawing.svg
    np.testing.assert_array_equal(net.theta, before)
    h = np.maximum(XOR.sum(axis=0) + np.array([[0.0], [-1]]), 0)
    folded = boundaries.folded(XOR, h, np.array([0, 1, 1, 0]), np.array([1.0, -2]), 0.5)
    assert folded.svg.count("<svg") == 2 and "h[1]" in folded.svg
