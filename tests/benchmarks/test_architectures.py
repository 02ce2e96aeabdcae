"""The thirteen networks of the benchmark are the same in every framework: parameters, and numbers of a forward pass."""

import argparse
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.peers.frameworks import protocol
from benchmarks.speed import architectures, bench_architectures
from benchmarks.speed.architectures import KNOWN, NETWORKS

CLOSE = 2e-5  # of the largest logit, in float32
PARAMETERS = {
    "lenet5": 34_622,
    "mlp": 399_210,
    "keras-example": 34_826,
    "pytorch-example": 1_199_882,
    "lenet5-classic": 61_706,
    "color": 113_738,
    "batchnorm": 12_906,
    "strides": 33_562,
    "mlp-wide": 1_863_690,
    "mlp-dropout": 669_706,
    "leaky-mean": 20_522,
    "deep-narrow": 17_978,
    "wide": 369_098,
    "logistic": 7_850,
}
models = pytest.mark.parametrize("model", KNOWN)


@pytest.fixture
def own(monkeypatch, model):
    """The network with other weights than the first, and other statistics: biases of 0 and means of 0 hide mistakes."""
    network, rng = architectures.build(model), np.random.default_rng(1)
    network.theta += rng.normal(0, 0.05, network.theta.shape).astype(np.float32)
    for value in network.buffers.values():
        value[...] = rng.uniform(0.5, 1.5, value.shape)
    monkeypatch.setattr(architectures, "build", lambda name: network)
    return network


def images(model):
    return np.random.default_rng(2).random((3, *KNOWN[model].input_shape), dtype=np.float32)


def assert_same(own, model, logits):
    expected = own.forward(np.moveaxis(images(model), 0, -1).copy()).T
    assert np.abs(logits - expected).max() <= CLOSE * np.abs(expected).max()


@models
def test_parameters(model):
    assert architectures.build(model).theta.size == PARAMETERS[model]
    protocol.check_parameters(model, PARAMETERS[model])
    with pytest.raises(ValueError, match=f"not {PARAMETERS[model]}"):
        protocol.check_parameters(model, PARAMETERS[model] + 1)


@models
def test_the_twin_of_pytorch(own, model):
    torch = pytest.importorskip("torch")
    from benchmarks.peers.frameworks import train_torch

    network = train_torch.build(model).eval()
    assert sum(p.numel() for p in network.parameters()) == PARAMETERS[model]
    with torch.inference_mode():
        assert_same(own, model, network(torch.from_numpy(images(model))).numpy())


@models
@pytest.mark.parametrize("im2col", [False, True])
def test_the_twin_of_jax(own, model, im2col):
    jax = pytest.importorskip("jax")
    pytest.importorskip("optax")
    from benchmarks.peers.frameworks import layers_jax

    network = layers_jax.Network(model, im2col)
    parameters, buffers = network.initial()
    assert sum(value.size for value in jax.tree.leaves(parameters)) == PARAMETERS[model]
    logits, _ = network.forward(parameters, buffers, images(model).transpose(0, 2, 3, 1))
    assert_same(own, model, np.asarray(logits))


@models
def test_the_twin_of_keras(own, model):
    pytest.importorskip("tensorflow")
    from benchmarks.peers.frameworks import train_keras

    network = train_keras.build(model)
    assert sum(np.prod(value.shape) for value in network.trainable_weights) == PARAMETERS[model]
    assert_same(own, model, np.asarray(network(images(model).transpose(0, 2, 3, 1), training=False)))
