"""Chapter 4: what cross-entropy and the squared error want."""

import numpy as np
import pytest

from nnscratch import ops
from nnscratch.study.figures import softmax


def test_the_squared_errors_gradient():
    z, y = np.array([[0.3, -1.0], [1.2, 0.4], [0.0, 2.0]]), np.eye(3)[:, [1, 0]]
    loss, dz = softmax.squared_error(z, y)
    p = np.exp(z) / np.exp(z).sum(axis=0)
    assert loss == pytest.approx(((p - y) ** 2).mean())
    h = np.zeros_like(z)
    h[2, 1] = 1e-6
    slope = (softmax.squared_error(z + h, y)[0] - softmax.squared_error(z - h, y)[0]) / 2e-6
    assert dz[2, 1] == pytest.approx(slope, rel=1e-6)


def test_what_is_sure_and_wrong():
    """The answer of the page's question: ten thousand times."""
    z, y = np.array([[10.0], [0.0]]), np.array([[0.0], [1.0]])
    _, squared = softmax.squared_error(z, y)
    _, entropy = ops.softmax_cross_entropy(z, y)
    np.testing.assert_allclose(entropy[:, 0], [1, -1], atol=1e-4)
    assert 1e4 < entropy[0, 0] / squared[0, 0] < 1.2e4


def test_drawings():
    assert softmax.margins().svg.count("<svg") == 2
    assert "temperature" in softmax.temperatures(np.log([1.0, 2, 5])).svg
    y = np.eye(10)[3]
    drawing = softmax.weight_gradients(np.linspace(0, 1, 784), np.full(10, 0.1) - y, y)
    assert drawing.svg.count("<svg") == 10 and "3: −0.90" in drawing.svg
