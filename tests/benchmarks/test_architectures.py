"""The thirteen networks of the benchmark are the same in every framework: parameters, and numbers of a forward pass."""

import os
from itertools import islice

import numpy as np
import pytest

import nnscratch as nn
from benchmarks.peers.frameworks import protocol
from benchmarks.peers.processes import Framework, Running
from benchmarks.speed import architectures, bench_architectures
from benchmarks.speed.architectures import KNOWN

CLOSE = 2e-5  # of the largest logit, in float32
PARAMETERS = {
    "lenet5": 34_622,
    "mlp": 399_210,
    "keras-example": 34_826,
    "pytorch-example": 1_199_882,
    "lenet5-classic": 61_706,
    "color": 113_738,
    "batchnorm": 12_906,
    "strides": 33_546,
    "mlp-wide": 1_863_690,
    "mlp-dropout": 669_706,
    "leaky-mean": 20_522,
    "deep-narrow": 17_810,
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


# ---- what is made of the figures


def test_flops():
    forward = 6 * 25 * 24 * 24 + 16 * 150 * 8 * 8 + 256 * 120 + 120 * 10
    assert architectures.training_flops("lenet5") == 2 * (3 * forward - 6 * 25 * 24 * 24)


def test_colored_images_do_not_depend_on_their_number():
    digits = nn.load_mnist().train_images[:20]
    colored = architectures.tinted(digits)
    assert (colored.shape, colored.dtype) == ((20, 3, 32, 32), np.uint8)
    assert (colored[:10] == architectures.tinted(digits[:10])).all()


def test_orders_are_those_of_a_training():
    """A training by hand, with the orders that PyTorch and JAX take, ends in the weights of ``fit``."""
    data = architectures.dataset("logistic", 96)
    how = {"batch_size": 64, "seed": architectures.SEED, "optimizer": nn.SGD(0.1)}
    whole = architectures.build("logistic")
    whole.fit(data.train_images, data.train_labels, epochs=2, **how)
    x = data.train_images.reshape(96, 784).T / np.float32(255)
    W, b = (value.copy() for value in architectures.build("logistic").parameters.values())
    for order in islice(protocol.orders(96), 2):
        for rows in (order[:64], order[64:]):
            z = W @ x[:, rows] + b[:, None]
            p = np.exp(z - z.max(axis=0))
            p /= p.sum(axis=0)
            p[data.train_labels[rows], np.arange(len(rows))] -= 1
            W -= 0.1 * p @ x[:, rows].T / len(rows)
            b -= 0.1 * p.mean(axis=1)
    assert np.allclose(W, next(iter(whole.parameters.values())), atol=1e-5)


def ran(name, mode, seconds, turns=3):
    framework = Framework(name, mode, "", "", "lenet5", 64, 2, 1000)
    told = {"predict_seconds": 0.5, "loss": 0.1, "accuracy": 0.9}
    running = Running(framework, process=None, errors=None)
    running.ready = {"seconds": seconds + 3, "predict_seconds": 0.75, "setup_seconds": 9.0, "versions": {}}
    running.turns = [{"seconds": seconds, **told}] * turns
    return running


def test_rows():
    ours, peer, other = ran("nnscratch", "fit", 1.0), ran("PyTorch", "eager", 2.5), ran("JAX", "scan", 4.0)
    cold = ran("nnscratch", "fit", 8.0)
    rows = bench_architectures.compared([other, ours, peer, ran("NumPy", "peak", 0.02)], [cold])
    assert [row["contender"] for row in rows] == ["nnscratch", "PyTorch", "JAX"]
    assert rows[0]["ratios"] == {"seconds": 2.5, "predict_seconds": 1.0}
    assert (rows[0]["compile_seconds_cold"], rows[0]["compile_seconds"]) == (10.25, 3.25)
    assert rows[0]["peak_gflops"] == pytest.approx(2 * 1024**3 / 0.02 / 1e9)
    assert rows[0]["gflops"] == pytest.approx(architectures.training_flops("lenet5") * 1000 / 1e9)
    table = bench_architectures.table({"rows": rows, "skipped": ["JAX: why"]})
    assert "| lenet5 | 1.00 | 2.50 PyTorch eager | **2.50** |" in table and table.endswith("JAX: why")


def test_rows_without_peers():
    rows = bench_architectures.compared([ran("nnscratch", "fit", 1.0), ran("NumPy", "peak", 0.02)], [ran("", "", 8.0)])
    assert "| lenet5 | 1.00 | – | – |" in bench_architectures.everything({"rows": rows, "skipped": []})


def test_caches_are_empty_within_and_as_before_after(monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", "before")
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    with bench_architectures.empty_caches():
        assert os.environ["NUMBA_CACHE_DIR"] != "before" and "TORCHINDUCTOR_CACHE_DIR" in os.environ
    assert os.environ["NUMBA_CACHE_DIR"] == "before" and "TORCHINDUCTOR_CACHE_DIR" not in os.environ


def test_whoever_is_slow_to_set_up_says_so():
    slow = ran("PyTorch", "compile", 2.0, turns=1)
    slow.ready["setup_seconds"] = 80.0
    told = bench_architectures.one_turn(slow)
    assert told == "lenet5, batch 64: PyTorch, compile: 80 s to set up, 2 s a turn; so it got no more than one"
