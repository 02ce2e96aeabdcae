"""The trainer: what a step does, what is remembered, and that stopping anywhere changes nothing."""

import math
import signal

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.cli.interrupt import interruptible
from nnscratch.layers.network import Network
from nnscratch.parallel.threads import threads
from nnscratch.runs.examples import split
from nnscratch.runs.settings import Settings
from nnscratch.training.shards.update import add_up
from nnscratch.training.trainer import Plan, Trainer
from tests.tools.callbacks import StopAt
from tests.tools.checks import COMPILED, needs_compiler


@pytest.fixture(scope="module")
def data():
    mnist = nn.load_mnist()
    return mnist.train_images[:300], mnist.train_labels[:300]


def small_network(seed=0, extra=()):
    """A network with everything that has state: convolution, batch normalisation, dropout."""
    layers = [
        nn.Conv2D(3, 5, stride=2),
        *extra,
        nn.ReLU(),
        nn.MaxPool2D(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Dense(10),
    ]
    return nn.Sequential(layers, seed=seed)


def trainer(data, plan, *, extra=(), callbacks=()):
    images, labels = data
    network = small_network(extra=extra)
    validation = (network.batches(images[200:]), labels[200:])
    return Trainer(
        network, network.batches(images[:200]), labels[:200], plan, validation=validation, callbacks=callbacks
    )


def everything_plan():
    return Plan(
        epochs=3,
        batch_size=32,
        optimizer=nn.AdamW(3e-3, weight_decay=0.01),
        schedule=nn.OneCycle(),
        label_smoothing=0.1,
        clip=1.0,
        ema=0.9,
        seed=5,
    )


@pytest.mark.parametrize("step", [1, 6, 7, 8, 14, 20])
@pytest.mark.parametrize("extra", [(), (nn.BatchNorm,)])
def test_resumed_is_uninterrupted_bit_for_bit(data, step, extra):
    """Seven batches an epoch: the stops lie inside epochs, at their last batch, and just after."""
    whole = trainer(data, everything_plan(), extra=[layer() for layer in extra])
    whole.run()

    first = trainer(data, everything_plan(), extra=[layer() for layer in extra], callbacks=[StopAt(step)])
    first.run()
    assert first.state.step == step
    assert not first.finished
    numbers = first.state.numbers()
    arrays = {name: value.copy() for name, value in first.state.arrays().items()}

    second = trainer(data, everything_plan(), extra=[layer() for layer in extra])
    second.state.restore(numbers, arrays)
    second.run()
    assert second.network.theta.tobytes() == whole.network.theta.tobytes()
    for name, value in whole.state.arrays().items():
        assert second.state.arrays()[name].tobytes() == value.tobytes(), name
    unclocked = [
        [{k: v for k, v in row.items() if "second" not in k} for row in t.state.history] for t in (whole, second)
    ]
    assert unclocked[0] == unclocked[1]
    assert second.state.best_epoch == whole.state.best_epoch


def test_restore_refuses_another_training(data):
    first = trainer(data, Plan(optimizer=nn.Adam(1e-3)), callbacks=[StopAt(1)])
    first.run()
    other = trainer(data, Plan(optimizer=nn.SGD(1e-3)))
    with pytest.raises(nn.UsageError, match="another model or optimiser"):
        other.state.restore(first.state.numbers(), first.state.arrays())


def test_one_step_is_the_gradient_of_the_mean_loss(data):
    """SGD with rate 1: theta moves by minus the gradient that a single, uncut batch gives."""
    images, labels = data[0][:64], data[1][:64]
    model = nn.build("lenet5", seed=0, dtype="float64")
    before = model.theta.copy()
    out = model.forward(model.batches(images).x(np.arange(64)))
    loss, dout = nn.softmax_cross_entropy(out, labels)
    model.backward(dout)
    expected = before - model.gradient
    history = model.fit(images, labels, epochs=1, batch_size=64, optimizer=nn.SGD(1.0))
    np.testing.assert_allclose(model.theta, expected, rtol=0, atol=1e-12)
    assert history[0]["loss"] == pytest.approx(loss, rel=1e-12)


@pytest.fixture(params=nn.available_backends())
def either_backend(request):
    before = nn.backend()
    nn.set_backend(request.param)
    yield
    nn.set_backend(before)


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param("lenet5", marks=needs_compiler), "logistic", "mlp"])
@pytest.mark.parametrize("how", ["plain", "smoothed", "vectors"])
def test_a_short_batch_has_the_gradient_of_its_images_alone(data, name, how, either_backend):
    """The last 6 of 70 images in batches of 64 are filled up, for kernels' sake, with some that do not count."""
    if name == "mlp" and not COMPILED:
        pytest.skip("too slow")
    images, labels = data[0][:70], data[1][:70]
    smoothing = 0.1 if how == "smoothed" else 0.0
    loss = nn.mean_squared_error if how == "vectors" else nn.softmax_cross_entropy
    truth = np.eye(10)[labels] if how == "vectors" else labels
    model = nn.build(name, seed=1, dtype="float64")
    run = Trainer(model, model.batches(images), truth, Plan(loss=loss, label_smoothing=smoothing))
    assert run.shards.gradients.width > 6
    with run.shards as shards:
        told, correct = shards.gradient(run.images, truth, np.arange(64, 70))
        add_up(shards.pending, slice(0, model.theta.size))
    filled = model.gradient.copy()
    nn.set_backend("numpy")  # which compiles nothing for six images
    out = model.forward(model.batches(images).x(np.arange(64, 70)), training=True)
    if how == "vectors":
        expected, dout = nn.mean_squared_error(out, truth[64:].T)
    else:
        expected, dout = nn.softmax_cross_entropy(out, labels[64:], label_smoothing=smoothing)
    model.backward(dout)
    assert told == pytest.approx(expected, rel=1e-12)
    assert correct == (out.argmax(axis=0) == labels[64:]).sum()
    np.testing.assert_allclose(filled, model.gradient, rtol=1e-9, atol=1e-12 * np.abs(filled).max())


@pytest.mark.slow
def test_a_network_that_mixes_images_is_not_filled_up(data):
    """Batch normalisation: a copy would be in the statistics."""
    images, labels = data
    results = []
    for trained in (True, False):
        model = small_network(extra=[nn.BatchNorm()])
        if trained:
            run = Trainer(model, model.batches(images), labels, Plan(batch_size=64))
            with run.shards as shards:
                shards.gradient(run.images, labels, np.arange(64, 70))
        else:
            model.forward(model.batches(images).x(np.arange(64, 70)), training=True)
        results.append({name: value.copy() for name, value in model.buffers.items()})
    for name, value in results[0].items():
        assert np.array_equal(value, results[1][name])


@pytest.mark.parametrize("name", ["lenet5", "mlp"])
def test_same_bits_for_any_number_of_threads(data, name, either_backend):
    before = threads()
    weights = []
    try:
        for count in (1, 2, 4):
            nn.set_threads(count)
            model = nn.build(name, seed=0)
            model.fit(*data, epochs=1, batch_size=128, validation=data)
            weights.append(model.theta.tobytes())
    finally:
        nn.set_threads(before)
    assert weights[0] == weights[1] == weights[2]


def test_every_image_once_an_epoch_in_a_new_order(data, monkeypatch):
    seen = []
    run = trainer(data, Plan(epochs=2, batch_size=32))
    run.compile()  # which looks at a batch too
    x = run.images.x

    def spy(indices, *how):
        seen.extend(indices)
        return x(indices, *how)

    monkeypatch.setattr(Network, "replayable", False)
    monkeypatch.setattr(run.images, "x", spy)
    run.run()
    first, second = seen[:200], seen[200:]
    assert sorted(first) == sorted(second) == list(range(200))
    assert first != second


def test_ends_with_the_weights_of_the_best_validation_epoch(data):
    snapshots = []

    class Snapshot(nn.Callback):
        def on_epoch_end(self, trainer):
            snapshots.append(trainer.network.theta.copy())

    run = trainer(data, Plan(epochs=8, batch_size=16, optimizer=nn.SGD(0.5)), callbacks=[Snapshot()])
    history = run.run()
    ranked = max(history, key=lambda row: (row["validation_accuracy"], -row["validation_loss"]))
    assert run.state.best_epoch == ranked["epoch"]
    assert (run.network.theta == snapshots[int(ranked["epoch"]) - 1]).all()
    images, labels = data
    assert run.network.score(images[200:], labels[200:]) == ranked["validation_accuracy"]


def test_patience(data):
    """A learning rate too small to change anything: epoch 1 stays the best."""
    history = trainer(data, Plan(epochs=9, patience=2, optimizer=nn.SGD(1e-30))).run()
    assert len(history) == 3


@pytest.mark.slow
def test_average_of_the_weights(data):
    """With SGD, recompute the average from the weights after each step."""
    thetas = []

    class Record(nn.Callback):
        def on_batch_end(self, trainer):
            thetas.append(trainer.network.theta.astype(float))

    run = trainer(data, Plan(epochs=1, batch_size=20, ema=0.8, optimizer=nn.SGD(0.1)), callbacks=[Record()])
    average = run.network.theta.astype(float)
    run.run()
    for t, theta in enumerate(thetas, start=1):
        decay = min(0.8, t / (t + 10))
        average = decay * average + (1 - decay) * theta
    np.testing.assert_allclose(run.state.vectors["average"], average, rtol=1e-4, atol=1e-6)
    assert (run.network.theta == run.state.vectors["average"]).all()


def test_average_is_validated_and_training_goes_on_from_the_weights_themselves(data):
    """Three epochs: the weights after each are those of a training without an average."""

    class Record(nn.Callback):
        def __init__(self):
            self.thetas = []

        def on_epoch_end(self, trainer):
            self.thetas.append(trainer.network.theta.copy())

    records = Record(), Record()
    runs = [
        trainer(data, Plan(epochs=3, batch_size=20, ema=ema, optimizer=nn.SGD(0.1)), callbacks=[record])
        for ema, record in zip((0.0, 0.9), records, strict=True)
    ]
    histories = [run.run() for run in runs]
    for plain, averaged in zip(records[0].thetas, records[1].thetas, strict=True):
        assert (plain == averaged).all()
    assert histories[0][0]["validation_loss"] != histories[1][0]["validation_loss"]


@pytest.mark.filterwarnings("ignore::nnscratch.errors.ConvergenceWarning")
def test_best_running_statistics_are_kept_with_the_best_weights(data):
    seen = []

    class Record(nn.Callback):
        def on_epoch_end(self, trainer):
            seen.append({name: value.copy() for name, value in trainer.network.buffers.items()})

    run = trainer(
        data, Plan(epochs=6, batch_size=20, optimizer=nn.SGD(1.0)), extra=[nn.BatchNorm()], callbacks=[Record()]
    )
    run.run()
    assert run.state.best_epoch < 6, "choose other settings: the last epoch must not be the best"
    for name, value in run.network.buffers.items():
        assert (value == seen[run.state.best_epoch - 1][name]).all()
        assert (value != seen[-1][name]).any()


def test_each_shard_has_its_own_dropout_mask():
    """64 copies of one image in two shards: the masks differ between the shards, and from step to step."""
    model = nn.build("mlp", dropout=0.5)
    masks = []

    class Spy(nn.Callback):
        def on_batch_end(self, trainer):
            masks.append(trainer.network.layers[3].mask.copy())

    images = np.repeat(np.full((1, 28, 28), 100, np.uint8), 64, axis=0)
    run = Trainer(model, model.batches(images), np.zeros(64, int), Plan(epochs=2, shard=32), callbacks=[Spy()])
    with run.shards as shards:
        shards.gradient(run.images, run.labels, np.arange(64))
        replicas = [replica.layers[3].mask for replica in shards.gradients.replicas]
    assert len(replicas) == 2
    assert (replicas[0] != replicas[1]).any()
    run.run()
    assert (masks[0] != masks[1]).any()


def test_callback_that_stops_leaves_the_best_weights(data):
    images, labels = data
    model = small_network()
    thetas, closed = [], []

    class Stop(nn.Callback):
        def on_epoch_end(self, trainer):
            thetas.append(trainer.state.vectors["best"].copy())
            if trainer.state.epoch == 3:
                trainer.stop()

        def close(self):
            closed.append(True)

    history = model.fit(
        images[:200], labels[:200], epochs=9, ema=0.5, validation=(images[200:], labels[200:]), callbacks=[Stop()]
    )
    assert len(history) == 3
    assert closed == [True]
    assert (model.theta == thetas[-1]).all()


def test_two_dropout_layers_draw_apart():
    network = nn.Sequential([nn.Dropout(0.5), nn.Dropout(0.5)], input_shape=(1000,))
    kept = (network.forward(np.ones((1000, 10)), training=True) > 0).mean()
    assert kept == pytest.approx(0.25, abs=0.03)


def test_split_leaks_nothing_and_keeps_the_classes():
    mnist = nn.load_mnist()
    train, held_out = split(mnist, Settings(limit=6000, val_size=1000, seed=1))
    assert len(train) == 5000
    assert len(np.intersect1d(train, held_out)) == 0
    shares = [np.bincount(mnist.train_labels[k], minlength=10) / len(k) for k in (train, held_out)]
    np.testing.assert_allclose(shares[0], shares[1], atol=0.002)
    assert (split(mnist, Settings(limit=6000, val_size=1000, seed=2))[1] != held_out).any()


def test_clipping_bounds_the_step(data):
    run = trainer(data, Plan(epochs=1, batch_size=200, clip=1e-3, optimizer=nn.SGD(1.0)))
    before = run.network.theta.copy()
    run.run()
    assert np.linalg.norm(run.network.theta - before) == pytest.approx(1e-3, rel=1e-3)


def test_divergence_stops_at_once_and_names_the_cause(data):
    run = trainer(data, Plan(epochs=5, batch_size=20, optimizer=nn.SGD(1e30)))
    with pytest.raises(nn.DivergedError, match=r"epoch 1, batch \d+.*learning rate 1e\+30 is too high"):
        run.run()
    assert run.state.step < 10


def test_label_smoothing_raises_the_floor_of_the_loss(data):
    images, labels = data[0][:20], data[1][:20]
    model = nn.build("logistic", seed=0)
    history = model.fit(images, labels, epochs=300, batch_size=20, label_smoothing=0.1, optimizer=nn.Adam(0.01))
    floor = -(0.91 * math.log(0.91) + 9 * 0.01 * math.log(0.01))  # the entropy of the smoothed targets
    assert floor <= history[-1]["loss"] < floor + 0.05


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"epochs": 1.5}, "whole number"),
        ({"batch_size": "3"}, "whole number"),
        ({"batch_size": -1}, "batch_size is -1"),
        ({"ema": 1.0}, "below 1"),
        ({"label_smoothing": -0.1}, "at least 0"),
        ({"clip": -1.0}, "clip"),
        ({"clip": math.nan}, "clip"),
        ({"seed": -1}, "seed"),
        ({"label_smoothing": 0.1, "loss": nn.mean_squared_error}, "cross-entropy"),
    ],
)
def test_fit_refuses(data, arguments, words):
    with pytest.raises(nn.UsageError, match=words):
        nn.build("logistic").fit(*data, **arguments)


def test_fit_refuses_counts_that_differ(data):
    with pytest.raises(nn.UsageError, match="300 images and 299 labels"):
        nn.build("logistic").fit(data[0], data[1][1:])


def test_fit_refuses_labels_out_of_range(data):
    with pytest.raises(nn.UsageError, match=r"0\.\.9"):
        nn.build("logistic").fit(data[0], data[1] + 5)


def test_signal_stops_the_trainer_after_its_batch(data):
    class Kill(nn.Callback):
        def on_batch_end(self, trainer):
            if trainer.state.step == 3:
                signal.raise_signal(signal.SIGTERM)

    run = trainer(data, Plan(epochs=3, batch_size=20), callbacks=[Kill()])
    before = signal.getsignal(signal.SIGTERM)
    with interruptible() as interrupt, interrupt.stopping(run):
        run.run()
    assert run.state.step == 3
    assert signal.getsignal(signal.SIGTERM) is before
    with interruptible(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
