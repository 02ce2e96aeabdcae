"""Chapter 1: what the page says of a neuron with two points."""

import numpy as np
import pytest

from nnscratch.errors import UsageError
from nnscratch.study.figures import neuron

X, Y = np.array([0.0, 2.0]), np.array([1.0, 5.0])
LIMIT = (3 - np.sqrt(5)) / 2  # the largest rate


def test_the_gradient_is_that_of_the_loss():
    for activation in neuron.ACTIVATIONS:
        theta = np.array([0.7, -1.2])
        loss, g = neuron.loss_and_gradient(theta, X, Y, activation)
        out = theta[0] * X + theta[1]
        out = 1 / (1 + np.exp(-out)) if activation == "sigmoid" else out
        assert loss == pytest.approx(((out - Y) ** 2).mean())
        for k, h in ((0, [1e-6, 0]), (1, [0, 1e-6])):
            up, down = (neuron.loss_and_gradient(theta + sign * np.array(h), X, Y, activation)[0] for sign in (1, -1))
            assert g[k] == pytest.approx((up - down) / 2e-6, rel=1e-6)


def test_the_walks_of_the_page():
    path, losses = neuron.descend(X, Y, lr=0.1, steps=2)
    np.testing.assert_allclose(path, [[0, 0], [1, 0.6], [1.48, 0.88]])
    np.testing.assert_allclose(losses, [13, 2.96, 0.68], rtol=1e-3)
    _, fibonacci = neuron.descend(X, Y, lr=0.5, steps=4)
    np.testing.assert_allclose(fibonacci, [13, 34, 89, 233, 610])


@pytest.mark.parametrize(("lr", "arrives"), [(LIMIT - 1e-3, True), (LIMIT + 1e-3, False)])
def test_the_largest_rate(lr, arrives):
    _, losses = neuron.descend(X, Y, lr=lr, steps=3000)
    assert (losses[-1] < 1e-6) == arrives


def test_the_plain_of_the_sigmoid():
    walk = {"lr": 2.0, "steps": 1000, "activation": "sigmoid"}
    _, stuck = neuron.descend(X, np.array([0.25, 0.75]), start=(-6, 3), **walk)
    path, arrived = neuron.descend(X, np.array([0.25, 0.75]), start=(-2, 3), **walk)
    assert stuck[-1] > 0.28 and arrived[100] < 1e-5
    np.testing.assert_allclose(path[-1], [np.log(3), -np.log(3)], rtol=1e-6)


def test_the_surface_is_lowest_at_the_solution():
    w, b, loss = neuron.surface(X, Y, (0, 4, -1, 3), points=81)
    row, column = np.unravel_index(loss.argmin(), loss.shape)
    assert (w[column], b[row], loss.min()) == (pytest.approx(2), pytest.approx(1), pytest.approx(0, abs=1e-20))
    assert loss[0, -1] == pytest.approx(((4 * X - 1 - Y) ** 2).mean())


def test_the_drawing_has_a_panel_for_each_walk():
    paths = {f"lr = {lr}": neuron.descend(X, Y, lr=lr, steps=3)[0] for lr in (0.1, 0.4)}
    drawing = neuron.descent(paths, X, Y, (-2, 6, -4, 6))
    assert drawing.svg.count("<svg") == 2 and "lr = 0.4" in drawing.svg and "lr = 0.4" in drawing.alt


def test_an_unknown_activation():
    with pytest.raises(UsageError, match="line"):
        neuron.output(1.0, 0.0, X, "cosine")
