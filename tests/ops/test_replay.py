"""Training by recorded kernels: the bits of the work itself, or no recording at all."""

import copy

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.data import stored_batches
from nnscratch.data.formats.idx import idx_header
from nnscratch.data.mapped import map_idx_images
from nnscratch.layers.network import Network
from nnscratch.ops.replay import Replay
from nnscratch.training.trainer import Plan, Trainer
from tests.tools.checks import needs_compiler

pytest.importorskip("numba")

from nnscratch.ops.compiled import tape as tape_numba

pytestmark = needs_compiler


@pytest.fixture(autouse=True)
def numba_backend():
    before = nn.backend(), nn.threads()
    nn.set_backend("numba")
    nn.set_threads(2)
    yield
    nn.set_backend(before[0])
    nn.set_threads(before[1])


@pytest.fixture(scope="module")
def data():
    mnist = nn.load_mnist()
    return mnist.train_images[:300], mnist.train_labels[:300]


def trained(model, data, callbacks=(), **settings):
    """Four full batches of 64 an epoch and a short one, which is never replayed."""
    images, labels = data
    look = Look()
    plan = Plan(**{"epochs": 2, **settings})
    run = Trainer(model, model.batches(images), labels, plan, callbacks=[*callbacks, look])
    run.run()
    run.trust = look.trust
    return run


class Look(nn.Callback):
    """Notes of each recording whether it is trusted, and whether it is refused."""

    def __init__(self):
        self.trust = {}

    def on_epoch_end(self, trainer):
        found = {"gradient": trainer.shards.gradients.replay, "update": trainer.shards.updates.replay}
        self.trust = {name: (one.trusted, one.refused) for name, one in found.items() if one is not None}


def bits(run):
    return run.network.theta.tobytes(), [(row["loss"], row["accuracy"]) for row in run.state.history]


WIDE = {"hidden": (256, 520)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "settings"), [("lenet5", {}), ("logistic", {}), ("mlp", {}), ("mlp", WIDE), ("lenet5-classic", {})]
)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_replayed_is_worked_bit_for_bit(name, settings, smoothing, data, monkeypatch):
    run = trained(nn.build(name, seed=1, **settings), data, label_smoothing=smoothing)
    assert run.trust["gradient"] == (True, False) and run.trust["update"] == (True, False)
    monkeypatch.setattr(Network, "replayable", False)
    worked = trained(nn.build(name, seed=1, **settings), data, label_smoothing=smoothing)
    assert "gradient" not in worked.trust
    assert bits(worked) == bits(run)


@pytest.mark.parametrize("name", ["lenet5", "mlp"])
def test_distortions_are_drawn_anew_in_a_replay(name, data, monkeypatch):
    """In each epoch, not those of the batch that was recorded."""
    settings = {"epochs": 3, "distortion": nn.Distortion(rotation=15, shift=2, elastic=1, thickness=0.5)}
    run = trained(nn.build(name, seed=1), data, **settings)
    assert run.trust["gradient"] == (True, False)
    monkeypatch.setattr(Network, "replayable", False)
    assert bits(trained(nn.build(name, seed=1), data, **settings)) == bits(run)


@pytest.mark.parametrize("left_out", [0, 3, -1])
def test_an_incomplete_recording_is_refused_and_changes_no_bit(left_out, data, monkeypatch):
    expected = bits(trained(nn.build("lenet5", seed=1), data))
    tape = tape_numba.Tape

    def broken(recorded):
        if len(recorded.calls) > 3:
            del recorded.calls[left_out]
        return tape(recorded)

    monkeypatch.setattr(tape_numba, "Tape", broken)
    run = trained(nn.build("lenet5", seed=1), data)
    assert run.trust["gradient"] == (False, True)
    assert bits(run) == expected


def test_an_average_and_clipping_are_beside_it(data, monkeypatch):
    settings = {"clip": 0.5, "ema": 0.9}
    run = trained(nn.build("lenet5", seed=1), data, **settings)
    assert run.trust["gradient"] == (True, False) and "update" not in run.trust  # which clips
    monkeypatch.setattr(Network, "replayable", False)
    assert bits(trained(nn.build("lenet5", seed=1), data, **settings)) == bits(run)


@pytest.mark.parametrize(
    "layer",
    [nn.ReLU, nn.LeakyReLU, nn.Tanh, nn.Sigmoid, nn.Softmax, lambda: nn.Dropout(0.3)],
    ids=["relu", "leaky_relu", "tanh", "sigmoid", "softmax", "dropout"],
)
def test_each_layer_is_played_bit_for_bit(layer):
    network = Network([layer()], (5,))
    layer, rng = network.layers[0], np.random.default_rng(0)
    keys = [layer.key] if isinstance(layer, nn.Dropout) else []
    inputs = [np.zeros((5, 11), np.float32), np.zeros((5, 11), np.float32), *keys]

    def work(x, dout, *keys):
        before = [key.copy() for key in keys]
        dx = (network.forward(x, training=True), network.backward(dout))[1]
        for key, value in zip(keys, before, strict=True):
            key[:] = value  # forward has gone on to the next
        return dx

    replay = Replay(lambda run: run(lambda _: work(*inputs[:2]), 1), inputs)
    for number in range(4):
        values = [rng.standard_normal((5, 11)).astype(np.float32) for _ in range(2)]
        values += [np.array([number], np.uint64) for _ in keys]
        played = replay(*values)[0].copy()
        for key in keys:
            key[:] = number
        network.forward(values[0], training=True)
        assert np.array_equal(network.backward(values[1]), played)
    assert replay.trusted


class Own(nn.ReLU):
    """A layer of a user's own."""


@pytest.mark.parametrize("extra", [Own])
def test_what_is_never_recorded(extra):
    def network(*more):
        return nn.Sequential([nn.Conv2D(2, 5), *more, nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(10)])

    assert network().replayable
    assert not network(extra()).replayable
    nn.set_backend("numpy")
    assert not network().replayable


def test_a_loss_that_is_no_number_shows_in_a_replay(data):
    class Spoil(nn.Callback):
        def on_batch_end(self, trainer):
            if trainer.state.step == 5:
                assert trainer.shards.gradients.replay.trusted
                trainer.network.parameters["conv2.W"][3, 2, 1, 1] = np.nan

    with pytest.raises(nn.DivergedError, match="the loss became nan in epoch 2, batch 2"):
        trained(nn.build("lenet5"), (data[0][:256], data[1][:256]), callbacks=[Spoil()])


def test_resumed_is_uninterrupted_bit_for_bit(data):
    class Stop(nn.Callback):
        def on_batch_end(self, trainer):
            if trainer.state.step == 4:
                trainer.stop()

    whole = trained(nn.build("lenet5", seed=1), data)
    first = trained(nn.build("lenet5", seed=1), data, callbacks=[Stop()])
    second = Trainer(nn.build("lenet5", seed=1), first.images, data[1], Plan(epochs=2))
    second.state.restore(first.state.numbers(), {name: value.copy() for name, value in first.state.arrays().items()})
    second.run()
    assert bits(second)[0] == bits(whole)[0]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::nnscratch.errors.ConvergenceWarning")
@pytest.mark.parametrize("seed", [4, 8])
def test_equal_first_batches_are_no_danger(seed, monkeypatch):
    """With these seeds the first two batches are blank: what they leave says nothing of those that follow."""
    rng = np.random.default_rng(0)
    images, labels = np.zeros((512, 12, 12), np.uint8), np.zeros(512, int)
    some = rng.choice(512, 60, replace=False)
    images[some] = rng.integers(0, 255, (60, 12, 12))
    labels[some] = 1 + (images[some].mean((1, 2)) > 127)

    def run():
        layers = [nn.Conv2D(4, 3, padding="same"), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten()]
        model = nn.Sequential([*layers, nn.Dense(8), nn.ReLU(), nn.Dense(10)], (1, 12, 12))
        return trained(model, (images, labels), batch_size=8, epochs=1, seed=seed)

    replayed = run()
    assert replayed.trust["gradient"] == (True, False)
    monkeypatch.setattr(Network, "replayable", False)
    assert bits(run()) == bits(replayed)


@pytest.mark.parametrize("what", ["images", "weights", "backend"])
def test_what_is_changed_in_the_middle_is_noticed(what, data, monkeypatch):
    class Change(nn.Callback):
        def on_batch_end(self, trainer):
            if trainer.state.step != 4:
                return
            if what == "images":
                trainer.images = trainer.network.batches(255 - data[0])
            elif what == "weights":
                layer = trainer.network.layers[0]
                layer.W = layer.W * 0.5
            else:
                nn.set_backend("numpy")

    run = trained(nn.build("lenet5", seed=1), data, callbacks=[Change()])
    nn.set_backend("numba")
    monkeypatch.setattr(Network, "replayable", False)
    assert bits(trained(nn.build("lenet5", seed=1), data, callbacks=[Change()])) == bits(run)


def normalised():
    layers = [nn.Conv2D(8, 3), nn.BatchNorm(), nn.LeakyReLU(0.3), nn.MaxPool2D(2), nn.Conv2D(8, 3), nn.BatchNorm()]
    return nn.Sequential([*layers, nn.ReLU(), nn.Flatten(), nn.Dropout(0.2), nn.Dense(10)], seed=1)


SETTINGS = [
    *[(1, "momentum", 0.5), (1, "eps", 0.1), (1, "trainable", False), (2, "slope", 0.7)],
    *[(8, "rate", 0.0), (0, "trainable", False), (None, "clip", 0.01)],
    (1, "running_mean", np.full(8, 0.5)),
]


@pytest.mark.parametrize(("place", "name", "value"), SETTINGS)
@pytest.mark.parametrize("each_batch", [True, False])
def test_settings_that_a_callback_changes_hold_from_then_on(place, name, value, each_batch, data, monkeypatch):
    """In the step that comes, in recordings, and in every shard."""

    class Change(nn.Callback):
        def on_epoch_end(self, trainer):
            if trainer.state.epoch == 2:
                told = trainer.plan if place is None else trainer.network.layers[place]
                setattr(told, name, copy.copy(value))
                if name == "running_mean":
                    told.buffers[name] = told.running_mean
            replicas = trainer.shards.gradients.replicas
            if trainer.state.epoch == 4 and place is not None:
                told = trainer.network.layers[place]
                assert len(replicas) == 2
                assert all(getattr(each.layers[place], name) is getattr(told, name) for each in replicas)

        if each_batch:

            def on_batch_end(self, trainer):
                pass

    run = trained(normalised(), data, callbacks=[Change()], epochs=4)
    assert run.trust["gradient"] == (True, False)
    monkeypatch.setattr(Network, "replayable", False)
    worked = trained(normalised(), data, callbacks=[Change()], epochs=4)
    assert bits(worked) == bits(run)
    buffers = worked.network.buffers.values(), run.network.buffers.values()
    assert all(np.array_equal(*pair) for pair in zip(*buffers, strict=True))


def test_steps_whose_images_are_not_all_in_the_window_are_not_played(tmp_path, monkeypatch):
    """A callback may have read another window of the file: the recording knows only the rows of this one."""
    monkeypatch.setattr(stored_batches, "WINDOW", 64)
    images = np.random.default_rng(0).integers(0, 256, (96, 28, 28), np.uint8)
    path = tmp_path / "images"
    path.write_bytes(idx_header(images.shape) + images.tobytes())
    model = nn.build("logistic")
    batches, labels = model.batches(map_idx_images(path)), np.arange(96) % 10
    run = Trainer(model, batches, labels, Plan(batch_size=8))
    with run.shards as shards:
        for window in batches.epoch(None, 8, stop=64):
            shards.gradient(batches, run.labels, window)
            shards.update(0.01, 1)
        for places, playable in ((range(16), True), ([*range(8), *range(70, 78)], False)):
            assert shards.can_play(batches, run.labels, np.array(places).reshape(2, 8), run.state) is playable
