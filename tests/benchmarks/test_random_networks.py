"""Networks drawn at random: their gradients against PyTorch's, between backends, threads and processes.

The short form of ``benchmarks/robustness/random_networks.py``, on its first networks; that script compares a thousand.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

import nnscratch as nn
from benchmarks.robustness import architectures, same_bits
from nnscratch.parallel.threads import one_blas_thread
from tests.tools.checks import fewer, needs_compiler
from tests.tools.commands import ROOT

SEED, NETWORKS, BOUND = 0, 60, 1e-9
KERNELS = fewer((28, 118, 12, 124, 22), (22,))  # few, since each is compiled: all that has a kernel is in them
IMAGES = 200  # of a training on MNIST
TRAININGS = [("lenet5", "numpy"), ("stateful", "numpy"), pytest.param("lenet5", "numba", marks=needs_compiler)]
numbers = pytest.mark.parametrize("number", range(NETWORKS))


@pytest.fixture(autouse=True)
def readable_functions():
    """Begin each test with the NumPy functions, and leave the choice as it was."""
    before = nn.backend()
    nn.set_backend("numpy")
    yield
    nn.set_backend(before)


def draw(number):
    return architectures.draw(SEED, number)


def gradients(number):
    drawn = draw(number)
    network = architectures.build(drawn)
    with one_blas_thread():
        return drawn, network, architectures.gradients(drawn, network)


# ---- what is drawn


def test_every_option_is_drawn():
    pytest.importorskip("numba")
    from benchmarks.robustness import drawn_options

    counted = drawn_options.count(map(draw, range(NETWORKS)))
    assert [name for name, row in counted.items() if row["networks"] == 0] == []
    layers = {name.split(",")[0] for name in counted} & set(nn.layers.LAYERS)
    assert layers == set(nn.layers.LAYERS)


def test_a_network_is_a_function_of_seed_and_number():
    assert draw(3) == draw(3)
    digests = {architectures.digest(gradients(number)[2]) for number in range(NETWORKS)}
    assert len(digests) == NETWORKS
    other = architectures.draw(SEED + 1, 3)
    assert other.to_dict() != draw(3).to_dict()


# ---- against PyTorch


@numbers
def test_gradients_are_those_of_pytorch(number):
    pytest.importorskip("torch")
    from benchmarks.robustness import torch_twins

    errors = torch_twins.compare(draw(number))["errors"]
    name = max(errors, key=errors.__getitem__)
    assert errors[name] <= BOUND, (name, errors[name], draw(number).to_dict())


@numbers
def test_gradients_are_difference_quotients(number):
    """Where there is no PyTorch: the derivative along a random direction of all parameters and the input at once.

    A kink may lie within a step, so the smallest error of three steps counts.
    """
    drawn, network, found = gradients(number)
    if architectures.has_ties(drawn):
        pytest.skip("with ties of a maximum there is no derivative")
    x, targets = architectures.data(drawn, network)
    loss = architectures.loss_of(drawn)
    theta, rng = network.theta.copy(), np.random.default_rng(number)
    move, dmove = rng.standard_normal(theta.shape), rng.standard_normal(x.shape)
    buffers = {name: value.copy() for name, value in architectures.build(drawn).buffers.items()}

    def value(h):
        network.theta[:] = theta + h * move
        for name, before in buffers.items():
            network.buffers[name][...] = before
        network.reseed((SEED, number))
        return loss(network.forward(x + h * dmove, drawn.training), targets)[0]

    analytic = float(network.gradient @ move + (found["input"] * dmove).sum())
    quotients = [(value(h) - value(-h)) / (2 * h) for h in (1e-5, 1e-6, 1e-7)]
    size = max(abs(analytic), np.linalg.norm(network.gradient) + np.linalg.norm(found["input"]), 1e-2)
    assert min(abs(quotient - analytic) for quotient in quotients) <= 1e-6 * size, draw(number).to_dict()


@numbers
def test_a_wrong_gradient_would_be_seen(number):
    """One number of one array, wrong in the eighth digit of the array's largest; unless its terms cancel."""
    drawn, network, found = gradients(number)
    sums = architectures.terms(drawn, network)
    hidden = architectures.cancelled(found, sums)
    assert len(hidden) < len(found) / 2
    for name, value in found.items():
        wrong = value.copy()
        at = np.unravel_index(np.abs(wrong).argmax(), wrong.shape)
        wrong[at] *= 1 + 1e-8
        error = architectures.errors(found, found | {name: wrong}, sums)[name]
        assert error > BOUND or name in hidden or not value.any(), name
        wrong[at] = np.nan
        assert not architectures.errors(found, found | {name: wrong}, sums)[name] <= BOUND, name


# ---- against itself


@pytest.mark.slow
@pytest.mark.parametrize("number", KERNELS)
def test_numba_agrees_with_numpy(number):
    pytest.importorskip("numba")
    drawn, network, found = gradients(number)
    sums = architectures.terms(drawn, network)
    nn.set_backend("numba")
    errors = architectures.errors(found, gradients(number)[2], sums)
    name = max(errors, key=errors.__getitem__)
    assert errors[name] <= BOUND, (name, errors[name], drawn.to_dict())


@numbers
def test_any_threads_give_the_same_bits(number):
    digests = {same_bits.step_digest(draw(number), threads) for threads in same_bits.THREADS}
    assert len(digests) == 1, draw(number).to_dict()


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("number", KERNELS)
def test_any_threads_give_the_same_bits_with_numba(number):
    pytest.importorskip("numba")
    nn.set_backend("numba")
    digests = {same_bits.step_digest(draw(number), threads) for threads in same_bits.THREADS}
    assert len(digests) == 1, draw(number).to_dict()


def test_batches_are_cut_into_shards(monkeypatch):
    """Otherwise the two tests above would say nothing of threads."""
    drawn = next(one for one in map(draw, range(NETWORKS)) if one.n == 32 and "BatchNorm" not in one.to_dict())
    seen, work = [], nn.layers.network.Network.backward_parameters

    def noted(network, dout):
        seen.append(dout.shape[-1])
        work(network, dout)

    monkeypatch.setattr(nn.layers.network.Network, "backward_parameters", noted)
    same_bits.step_digest(drawn, 1)
    assert seen == 4 * [32] * (1 + same_bits.STEPS)  # once more to compile


PROCESS = f"""
from benchmarks.robustness import architectures, same_bits
import nnscratch as nn
from nnscratch.parallel.threads import one_blas_thread
nn.set_backend("numpy")
for number in reversed(range({NETWORKS})):
    drawn = architectures.draw({SEED}, number)
    with one_blas_thread():  # as here: with more, OpenBLAS 0.3.23 gives one of the networks other bits
        print(number, architectures.digest(architectures.gradients(drawn, architectures.build(drawn))))
print("trained", same_bits.training_digest("stateful", 2, images={IMAGES}))
"""


def test_another_process_gives_the_same_bits():
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7"}
    out = subprocess.run(
        [sys.executable, "-c", PROCESS], capture_output=True, text=True, check=True, env=environment
    ).stdout
    told = dict(line.split() for line in out.splitlines())
    assert told.pop("trained") == same_bits.training_digest("stateful", 1, images=IMAGES)
    assert told == {str(number): architectures.digest(gradients(number)[2]) for number in range(NETWORKS)}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "backend"), TRAININGS)
def test_trainings_with_any_threads_and_resumed_end_in_the_same_bits(name, backend):
    if backend not in nn.available_backends():
        pytest.skip(f"{backend} is not installed")
    nn.set_backend(backend)
    digests = {same_bits.training_digest(name, threads, images=IMAGES) for threads in same_bits.THREADS}
    digests.add(same_bits.training_digest(name, 2, resumed=True, images=IMAGES))
    assert len(digests) == 1


def test_another_training_has_another_digest():
    digests = {same_bits.training_digest("stateful", 2, images=images) for images in (IMAGES, IMAGES - 1)}
    assert len(digests) == 2
