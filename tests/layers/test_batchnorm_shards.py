"""Batch normalisation of a batch in shards, each with a replica of the network: as if the batch were in one."""

import copy
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.data.batches import Batches
from nnscratch.layers.network import Network
from nnscratch.training.plan import Plan
from nnscratch.training.trainer import Trainer
from tests.tools.checks import COMPILED
from tests.tools.commands import choices_kept

BACKENDS = nn.available_backends() if COMPILED else ("numpy",)


@pytest.fixture(params=BACKENDS, autouse=True)
def backend(request):
    before = nn.backend()
    nn.set_backend(request.param)
    yield request.param
    nn.set_backend(before)


def network(dtype="float64", frozen=False):
    first, second, third = nn.BatchNorm(0.8), nn.BatchNorm(0.7, 1e-3), nn.BatchNorm()
    first.trainable = not frozen
    layers = [nn.Conv2D(3, 3), first, nn.ReLU(), nn.MaxPool2D(2), nn.Conv2D(4, 2), second, nn.ReLU()]
    made = Network([*layers, nn.Flatten(), nn.Dense(6), third, nn.Tanh(), nn.Dense(3)], (2, 9, 8), dtype=dtype)
    rng = np.random.default_rng(1)
    made.theta[:] += 0.1 * rng.standard_normal(made.theta.shape)
    return made


class Driver:
    """What a training does with shards: all meet, then all go on."""

    def __init__(self, whole, counts, width=8, threads=1):
        self.whole, self.counts, self.width = whole, counts, width
        self.replicas = [whole.replica() for _ in counts]
        self.map = ThreadPoolExecutor(threads).map
        for place, step in enumerate(whole.steps()):
            if step.meets:
                C = len(step.parameters["gamma"])
                moments, sums = np.zeros((len(counts), 3, C)), np.zeros((len(counts), 2, C))
                for shard, replica in enumerate(self.replicas):
                    replica.steps()[place].share(moments, sums, shard, counts[shard])

    def each(self, work, *values):
        return list(self.map(work, range(len(self.counts)), *values))

    def forward(self, x):
        """The images (..., n), each shard filled up with copies of its first one."""
        starts = np.cumsum([0, *self.counts])
        parts = [x[..., a:b] for a, b in pairwise(starts)]
        outs = [np.concatenate([p, *[p[..., :1]] * (self.width - p.shape[-1])], axis=-1) for p in parts]
        for place, step in enumerate(self.whole.steps()):
            if step.meets:
                self.each(lambda s, out, place=place: self.replicas[s].steps()[place].meet_forward(out), outs)
            outs = self.each(lambda s, out, place=place: self.replicas[s].steps()[place].forward(out, True), outs)
            if step.meets:
                self.replicas[0].steps()[place].update_running()
        return np.concatenate([out[..., :count] for out, count in zip(outs, self.counts, strict=True)], axis=-1)

    def backward(self, dout):
        """Return dx of the images; gradients are left in the replicas."""
        parts = np.split(dout, np.cumsum(self.counts)[:-1], axis=-1)
        blank = np.zeros((*dout.shape[:-1], self.width), dout.dtype)
        douts = [np.concatenate([p, blank], axis=-1)[..., : self.width] for p in parts]
        for place, step in reversed(list(enumerate(self.whole.steps()))):
            if step.meets:
                self.each(lambda s, out, place=place: self.replicas[s].steps()[place].meet_backward(out), douts)
            douts = self.each(lambda s, out, place=place: self.replicas[s].steps()[place].backward(out), douts)
        for dx, count in zip(douts, self.counts, strict=True):
            assert not dx[..., count:].any()
        return np.concatenate([dx[..., :count] for dx, count in zip(douts, self.counts, strict=True)], axis=-1)


def data(n, dtype):
    rng = np.random.default_rng(2)
    return rng.standard_normal((2, 9, 8, n)).astype(dtype), rng.standard_normal((3, n)).astype(dtype)


def in_shards(counts, dtype="float64", threads=1, frozen=False):
    """out, dx, gradient, running statistics after two batches."""
    net = network(dtype, frozen)
    driver = Driver(net, counts, threads=threads)
    x, dout = data(sum(counts), dtype)
    driver.forward(x[..., ::-1])
    out, dx = driver.forward(x), driver.backward(dout)
    return out, dx, sum(replica.gradient for replica in driver.replicas), *net.buffers.values()


def in_one(n, dtype="float64", frozen=False):
    """The same of the whole batch, by the readable functions: they have nothing to compile for each size of it."""
    net = network(dtype, frozen)
    x, dout = data(n, dtype)
    with choices_kept():
        nn.set_backend("numpy")
        net.forward(x[..., ::-1], training=True)
        out, dx = net.forward(x, training=True), net.backward(dout)
    return out, dx, net.gradient, *net.buffers.values()


def close(ours, theirs, tolerance):
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.dtype == other.dtype
        assert np.abs(mine - other).max() <= tolerance * np.abs(other).max()


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("counts", [(8,), (8, 8), (8, 8, 8), (8, 3), (8, 8, 1), (5,), (2, 7, 4)], ids=str)
def test_shards_are_the_whole_batch(counts, frozen):
    close(in_shards(counts, frozen=frozen), in_one(sum(counts), frozen=frozen), 1e-11)


@pytest.mark.parametrize("counts", [(8, 8), (8, 3)], ids=str)
def test_shards_are_the_whole_batch_in_single_precision(counts):
    close(in_shards(counts, "float32"), in_one(sum(counts), "float32"), 2e-5)


def test_the_bits_do_not_depend_on_the_threads():
    one, two = (in_shards((8, 8, 3), "float32", threads) for threads in (1, 2))
    assert [array.tobytes() for array in one] == [array.tobytes() for array in two]


def test_a_number_that_is_none_shows_in_every_shard():
    driver = Driver(network(), (8, 8))
    x, dout = data(16, "float64")
    x[0, 0, 0, 0] = np.nan
    assert np.isnan(driver.forward(x)).all(axis=1).any()
    assert np.isnan(driver.backward(dout)[..., 8:]).any()


def test_copies_do_not_share_and_a_layer_may_be_alone_again():
    net, (x, dout) = network(), data(8, "float64")
    driver = Driver(net, (8, 8))
    driver.forward(data(16, "float64")[0])
    shared = driver.replicas[1]
    expected = net.replica().forward(x, training=True)
    for copied in (shared.replica(), copy.deepcopy(shared)):
        assert np.array_equal(copied.forward(x, training=True), expected)
    for step in shared.steps():
        if step.meets:
            step.share()
    assert np.array_equal(shared.forward(x, training=True), expected)
    shared.backward(dout)


def test_moments_of_numbers_far_from_zero():
    """The sum of the squares less that of the mean would be 0, or negative."""
    x = (1e4 + np.random.default_rng(0).standard_normal((2, 50, 50, 8))).astype("float32")
    M, mean, var = nn.ops.batchnorm_combine(np.stack([nn.ops.batchnorm_moments(part) for part in (x[:, :7], x[:, 7:])]))
    exact = x.astype(float).reshape(2, -1)
    assert M.tolist() == [20_000, 20_000]
    np.testing.assert_allclose(mean, exact.mean(axis=1), rtol=1e-9)
    np.testing.assert_allclose(var, exact.var(axis=1), rtol=1e-5)


@pytest.mark.skipif("numba" not in BACKENDS, reason="nothing is recorded without a compiler")
@pytest.mark.parametrize("frozen", [False, True])
def test_a_recording_gives_the_same_bits(backend, frozen):
    from nnscratch.ops.replay import Replay

    if backend != "numba":
        pytest.skip("kernels are recorded")
    layer = Network([nn.BatchNorm()], (3, 5, 4)).layers[0]
    layer.trainable = not frozen
    moments, sums = np.zeros((2, 3, 3)), np.zeros((2, 2, 3))
    layer.share(moments, sums, 1, 8)
    rng = np.random.default_rng(0)
    x, dout = np.zeros((2, 3, 5, 4, 8), "float32")

    def work(x, dout, others, other_sums, *_):
        layer.meet_forward(x)
        layer.forward(x, training=True)
        layer.meet_backward(dout)
        layer.dx = layer.backward(dout)
        return layer.dx

    inputs = [x, dout, moments[0], sums[0]]
    replay = Replay(lambda run: run(lambda _: work(*inputs), 1), inputs, outputs=[layer.dgamma, layer.dbeta])
    for turn in range(5):
        values = *rng.standard_normal((2, 3, 5, 4, 8)).astype("float32"), 1 + rng.random((3, 3)), rng.random((2, 3))
        dx = replay(*values, given=(layer.gamma, layer.beta, layer.running_mean, layer.running_var))[0].copy()
        got = [dx, layer.dgamma.copy(), layer.dbeta.copy()]
        x[...], dout[...] = values[:2]
        assert replay.trusted == (turn > 0)
        work(x, dout, None, None)
        for mine, right in zip(got, (layer.dx, layer.dgamma, layer.dbeta), strict=True):
            assert mine.tobytes() == right.tobytes()


class Changes(nn.Callback):
    """Sets the layers anew while they are trained."""

    def on_batch_end(self, trainer):
        norm = trainer.network.layers[1]
        if trainer.state.step == 4:
            norm.eps = 1.0
        if trainer.state.step == 8:
            norm.trainable = False
        if trainer.state.step == 12:
            norm.trainable, norm.momentum = True, 0.0


def test_all_shards_follow_what_a_callback_changes():
    rng = np.random.default_rng(0)
    images, labels = rng.random((16 * 16, 1, 6, 6)), np.arange(16 * 16) % 3
    found = []
    for shard in (16, 4):
        layers = [nn.Conv2D(2, 3), nn.BatchNorm(), nn.ReLU(), nn.Flatten(), nn.Dense(3)]
        made = Network(layers, (1, 6, 6), dtype="float64")
        plan = Plan(optimizer=nn.SGD(0.1), epochs=1, batch_size=16, shard=shard)
        Trainer(made, Batches(images, (1, 6, 6), (0.5, 0.5), "float64"), labels, plan, callbacks=[Changes()]).run()
        found.append((made.theta, *made.buffers.values()))
    for one, several in zip(*found, strict=True):
        np.testing.assert_allclose(several, one, rtol=1e-8, atol=1e-10)


class Derived(nn.BatchNorm):
    """Somebody's own, which may do anything."""


def test_a_layer_derived_from_it_has_the_batch_in_one_piece():
    images, labels = np.random.default_rng(0).random((32, 1, 6, 6)), np.arange(32) % 3
    found = []
    for norm in (nn.BatchNorm(), Derived()):
        made = Network([nn.Conv2D(2, 3), norm, nn.ReLU(), nn.Flatten(), nn.Dense(3)], (1, 6, 6), dtype="float64")
        plan = Plan(optimizer=nn.SGD(0.1), epochs=1, batch_size=16, shard=4)
        Trainer(made, Batches(images, (1, 6, 6), (0.5, 0.5), "float64"), labels, plan).run()
        found.append((made.theta, *made.buffers.values()))
    for own, derived in zip(*found, strict=True):
        np.testing.assert_allclose(derived, own, rtol=1e-8, atol=1e-10)
