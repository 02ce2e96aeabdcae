"""The one file beside the library: the same loss and gradients, the same step of Adam, and it learns."""

import ast
import inspect

import numpy as np
import pytest

import nnscratch as nn
from nnscratch import lenet5_from_scratch as scratch
from nnscratch import ops

MNIST = nn.load_mnist()
pytestmark = pytest.mark.usefixtures("readable_ops")


def library(dtype="float64"):
    layers = [nn.Conv2D(6, 5), nn.ReLU(), nn.MaxPool2D(2), nn.Conv2D(16, 5), nn.ReLU(), nn.MaxPool2D(2)]
    return nn.Sequential([*layers, nn.Flatten(), nn.Dense(120), nn.ReLU(), nn.Dense(10)], dtype=dtype)


def parameters(dtype=np.float64):
    rng = np.random.default_rng(3)
    noise = np.random.default_rng(4)
    return {
        name: (value + 0.05 * noise.standard_normal(value.shape)).astype(dtype)  # biases that are not 0
        for name, value in scratch.initial_parameters(rng).items()
    }


def test_loss_and_every_gradient_are_those_of_the_library():
    p, net = parameters(), library()
    for name, value in p.items():
        net.parameters[name][...] = value
    images, labels = MNIST.train_images[:32], MNIST.train_labels[:32]
    x = images.transpose(1, 2, 0)[None] / 255
    z, kept = scratch.forward(p, x)
    loss, dz = scratch.softmax_cross_entropy(z, labels)
    gradients = scratch.backward(p, kept, dz)

    logits = net.forward(x, training=True)
    expected, dlogits = nn.softmax_cross_entropy(logits, labels)
    net.backward(dlogits)
    np.testing.assert_allclose(z, logits, rtol=0, atol=1e-12)
    assert loss == pytest.approx(expected, rel=1e-12)
    assert gradients.keys() == net.gradients.keys() == p.keys()
    for name, gradient in gradients.items():
        assert np.abs(net.gradients[name]).max() > 1e-4
        np.testing.assert_allclose(gradient, net.gradients[name], rtol=1e-12, atol=1e-12, err_msg=name)


def test_a_step_of_adam_is_that_of_the_library():
    p, g = parameters(), parameters()
    m, v = ({name: np.zeros_like(value) for name, value in p.items()} for _ in range(2))
    theta, gradient = (np.concatenate([value.ravel() for value in of.values()]) for of in (p, g))
    moments = np.zeros_like(theta), np.zeros_like(theta)
    for t in (1, 2, 3):
        scratch.adam_step(p, g, m, v, t, lr=0.01)
        ops.adam_update(theta, gradient, *moments, t, lr=0.01, beta1=0.9, beta2=0.999, eps=1e-8)
    np.testing.assert_allclose(np.concatenate([value.ravel() for value in p.values()]), theta, rtol=1e-12)


def test_it_begins_as_the_library_does():
    """Glorot's bounds, in float32: the same spread of weights."""
    net = library("float32")
    for name, value in scratch.initial_parameters(np.random.default_rng(0)).items():
        assert value.shape == net.parameters[name].shape and value.dtype == np.float32
        if name.endswith("W"):
            assert np.abs(value).max() == pytest.approx(np.abs(net.parameters[name]).max(), rel=0.1)


@pytest.mark.slow
def test_it_reads_mnist_and_learns(capsys):
    images, labels = scratch.read_images("t10k"), scratch.read_labels("t10k")
    assert np.array_equal((images * 255).round().transpose(2, 0, 1), MNIST.test_images)
    assert np.array_equal(labels, MNIST.test_labels)
    p = scratch.train(images[:, :, :1500], labels[:1500], epochs=2, batch_size=30)
    assert scratch.accuracy(p, images[:, :, 1500:2500], labels[1500:2500]) > 0.8
    assert "epoch 2 of 2" in capsys.readouterr().out


def test_it_fits_on_its_pages():
    source = inspect.getsource(scratch)
    imported = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {alias.name for node in imported if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module for node in imported if isinstance(node, ast.ImportFrom)}
    assert modules == {"gzip", "time", "pathlib", "numpy"}
    assert len(source.splitlines()) <= 250
