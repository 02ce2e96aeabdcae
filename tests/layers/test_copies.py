"""Copies of networks and trainings: deep ones, pickles, in other processes. Each trains to the bits of the original."""

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.training.plan import Plan
from nnscratch.training.trainer import Callback, Trainer
from tests.tools.checks import COMPILED

IMAGES = np.random.default_rng(0).integers(0, 256, (96, 28, 28), np.uint8)
LABELS = np.arange(96) % 10
BACKENDS = nn.available_backends() if COMPILED else ("numpy",)


@dataclass(eq=False)
class Scale(nn.Layer):
    """out = g x, with a table of its own that no pass makes."""

    kind = "scale"
    first: float = 1.5

    def build(self, input_shape, rng):
        self.add("g", np.full(input_shape, self.first))
        self.table = [np.ones(input_shape)[:, None]]
        self.seen = np.zeros(1)
        return input_shape

    def forward(self, x, training=False):
        self.cache = {"x": x}
        self.seen = self.seen + x.shape[-1]  # state of its own, which every pass replaces
        return self.g[:, None] * x * self.table[0].astype(x.dtype)

    def backward(self, dout):
        self.dg[...] = (dout * self.cache["x"]).sum(axis=1)
        return dout * self.g[:, None]


def with_statistics():
    layers = [nn.Conv2D(3, 5), nn.BatchNorm(), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Dropout(0.3), nn.Dense(10)]
    return nn.Sequential(layers, seed=1)


NETWORKS = {
    "lenet5": lambda: nn.build("lenet5", seed=1),
    "mlp": lambda: nn.build("mlp", seed=1),  # the first layer's weights lie by input
    "statistics": with_statistics,
    "own layer": lambda: nn.Sequential([nn.Flatten(), nn.Dense(12), Scale(), nn.Dense(10)], seed=1),
}
WAYS = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda net: pickle.loads(pickle.dumps(net)),
    "copy of a copy": lambda net: copy.deepcopy(pickle.loads(pickle.dumps(copy.deepcopy(net)))),
}


@pytest.fixture(params=BACKENDS, autouse=True)
def each_backend(request):
    before = nn.backend()
    nn.set_backend(request.param)
    yield
    nn.set_backend(before)


def trained(net):
    """The bits that a network has after a training, and the losses on the way."""
    history = net.fit(IMAGES, LABELS, epochs=3, batch_size=32)
    values = [*net.parameters.values(), *net.buffers.values(), net.theta]
    return [value.tobytes() for value in values], [row["loss"] for row in history]


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_copy_trains_to_the_same_bits(name, way):
    net = NETWORKS[name]()
    other = WAYS[way](net)
    bits, losses = trained(net)
    assert trained(other) == (bits, losses)
    assert losses[-1] < losses[0]
    again = WAYS[way](net)  # of a trained network
    assert trained(again) == trained(net) != (bits, losses)


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_shares_nothing_and_saves_what_it_has_learnt(way, tmp_path):
    net = NETWORKS["lenet5"]()
    other = WAYS[way](net)
    before = net.theta.tobytes()
    trained(other)
    assert net.theta.tobytes() == before != other.theta.tobytes()
    other.save(tmp_path / "other.npz")
    assert nn.load(tmp_path / "other.npz").theta.tobytes() == other.theta.tobytes()


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_kept_for_backward_is_not_carried_along(name):
    net = NETWORKS[name]()
    small = len(pickle.dumps(net))
    logits = net.forward(net.batches(IMAGES).x(np.arange(32)), training=True, record=True)
    net.backward(nn.softmax_cross_entropy(logits, LABELS[:32])[1])
    net.layers[1].note = np.ones(3)  # somebody's own
    other = copy.deepcopy(net)
    assert other.layers[1].note.tolist() == [1, 1, 1]
    if name == "own layer":
        assert other.layers[2].seen == 32
        assert not hasattr(other.layers[2], "cache")
    assert len(pickle.dumps(net)) < small + 1000
    assert not other.activations and not other.activation_gradients
    with pytest.raises(nn.UsageError, match="call forward"):
        other.backward(logits)
    assert net.activations.keys() == {"input", *(layer.name for layer in net.layers)}
    for key, gradient in net.gradients.items():  # but the gradients are
        assert other.gradients[key].tobytes() == gradient.tobytes()
    assert np.shares_memory(other.gradients["dense1.W"], other.gradient)


LAYERS = [nn.AvgPool2D(2), nn.BatchNorm(), nn.Conv2D(2, 3), nn.Dropout(0.5), nn.Flatten(), nn.LeakyReLU()]
LAYERS += [nn.MaxPool2D(2), nn.ReLU(), nn.Sigmoid(), nn.Softmax(), nn.Tanh()]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_no_layer_of_the_library_carries_along_what_forward_keeps(layer):
    net = nn.Sequential([copy.deepcopy(layer), nn.Flatten(), nn.Dense(3)], (2, 8, 8))
    small = len(pickle.dumps(net))
    for step in net.layers:  # one by one, not fused
        step.forward(np.ones((*step._built_for[0], 50), np.float32), True)
    assert len(pickle.dumps(net)) < small + 300


def test_a_shallow_copy_is_the_same_parameters():
    net = NETWORKS["lenet5"]()
    other = copy.copy(net)
    before = net.theta.copy()
    trained(other)
    assert net.theta is other.theta and net.theta.tobytes() != before.tobytes()
    trained(net)  # its own layers are where they were
    assert net.parameters["conv1.W"].tobytes() == net.theta[: net.parameters["conv1.W"].size].tobytes()


def test_layers_that_were_not_built_keep_what_they_are():
    layers = copy.deepcopy([nn.Flatten(), Scale(2.0), nn.Dense(10)])
    assert (nn.Sequential(layers).parameters["scale1.g"] == 2).all()


class StopAt(Callback):
    """Ends a training after some batches."""

    def __init__(self, step):
        self.step = step

    def on_batch_end(self, trainer):
        if trainer.state.step == self.step:
            trainer.stop()


class CopyAt(StopAt):
    """Copies a training while it runs."""

    def __init__(self, step, way):
        super().__init__(step)
        self.way, self.copy = way, None

    def on_batch_end(self, trainer):
        if trainer.state.step == self.step:
            callbacks, trainer.callbacks = trainer.callbacks, []
            self.copy = self.way(trainer)
            trainer.callbacks = callbacks


@pytest.mark.parametrize("way", WAYS)
def test_a_training_that_is_copied_while_it_runs_goes_on(way):
    """LeNet-5 in several shards on two threads, which are recorded by then."""
    before = nn.threads()
    nn.set_threads(2)
    net = nn.build("lenet5", seed=1)
    copying = CopyAt(5, WAYS[way])
    plan = Plan(epochs=3, batch_size=64, shard=32)
    trainer = Trainer(net, net.batches(IMAGES), LABELS, plan, callbacks=[copying])
    trainer.run()
    copying.copy.run()
    nn.set_threads(before)
    assert copying.copy.network.theta.tobytes() == net.theta.tobytes()
    assert copying.copy.state.step == trainer.state.step == 6


@pytest.mark.parametrize("way", WAYS)
def test_a_training_that_is_copied_goes_on_to_the_same_bits(way):
    def trainer(callbacks=()):
        net = with_statistics()
        plan = Plan(epochs=3, batch_size=32, ema=0.9, optimizer=nn.AdamW(1e-3, weight_decay=0.1))
        return Trainer(net, net.batches(IMAGES), LABELS, plan, callbacks=callbacks)

    whole = trainer()
    whole.run()
    half = trainer([StopAt(4)])
    half.run()
    other = WAYS[way](half)
    for one in (half, other):
        one.shards.ranks.asked = False
        one.callbacks = []
        one.run()
        assert one.network.theta.tobytes() == whole.network.theta.tobytes()
        assert one.network.layers[1].running_mean.tobytes() == whole.network.layers[1].running_mean.tobytes()


def in_another_process(net, backend):
    nn.set_backend(backend)
    return trained(net), net


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12 and later
@pytest.mark.parametrize("how", ["fork", "spawn", "joblib"])
def test_in_another_process_and_back(how):
    net = NETWORKS["mlp" if how == "joblib" else "own layer"]()  # joblib maps arrays above 1 MB
    expected = trained(copy.deepcopy(net))
    if how == "joblib":
        joblib = pytest.importorskip("joblib")
        ((told, back),) = joblib.Parallel(n_jobs=2)(
            joblib.delayed(in_another_process)(net, nn.backend()) for _ in range(1)
        )
    else:
        with ProcessPoolExecutor(1, multiprocessing.get_context(how)) as pool:
            told, back = pool.submit(in_another_process, net, nn.backend()).result()
    assert told == expected
    assert back.theta.tobytes() == told[0][-1] != net.theta.tobytes()
    assert np.isfinite(trained(back)[1]).all()
