"""A watched training: the bits of the unwatched one, numbers that NumPy finds as well, and pages that tell them."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.files.npz import weights_digest
from nnscratch.study.watch import plots as plots_study
from nnscratch.study.watch import watch as watching
from nnscratch.study.watch.diagnosis import findings, look, update_word
from nnscratch.study.watch.distribution import BINS, MOST, QUANTILES, chosen, distribution, plain
from nnscratch.study.watch.page import (
    MOST_SHOWN,
    bin_means,
    format_number,
    milestones,
    rates,
    record,
    subsample,
    write_record,
)
from nnscratch.study.watch.sample import LayerSample, Sample, dead_shares, recorded_pass
from nnscratch.study.watch.screen import Progress, binned, screen
from nnscratch.study.watch.watch import Watch
from tests.tools.commands import Terminal, run_inside


@pytest.fixture(autouse=True)
def readable(readable_ops):
    """All but the tests that choose otherwise run on the readable functions."""


@pytest.fixture(scope="module")
def data():
    mnist = nn.load_mnist()
    return mnist.train_images[:200], mnist.train_labels[:200]


class Doubled(nn.Layer):
    """A layer of one's own, with a parameter and no ``W``."""

    kind = "doubled"

    def build(self, input_shape, rng):
        self.add("scale", np.full(1, 2.0))
        return input_shape

    def forward(self, x, training=False):
        self.x = x
        return self.scale[0] * x

    def backward(self, dout):
        self.dscale[...] = (dout * self.x).sum()
        return self.scale[0] * dout


def everything(seed=0):
    """A network with all that has state or draws random numbers, and a layer of one's own."""
    layers = [nn.Conv2D(3, 5, stride=2), nn.BatchNorm(), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Dropout(0.3)]
    return nn.Sequential([*layers, nn.Dense(12), nn.Tanh(), Doubled(), nn.Dense(10)], seed=seed)


def small(*layers, seed=0, size=4):
    """A network of float64 for pictures of 4 x 4 pixels."""
    return nn.Sequential([nn.Flatten(), *layers], (1, size, size), seed, "float64")


def pixels(n=24, size=4, seed=1):
    rng = np.random.default_rng(seed)
    return rng.random((n, size, size)), rng.integers(0, 10, n)


# ---- the training is left as it is


@pytest.mark.slow
@pytest.mark.parametrize("backend", nn.available_backends())
@pytest.mark.parametrize("name", ["lenet5", "everything"])
def test_the_watched_training_ends_in_the_same_bits(data, backend, name):
    nn.set_backend(backend)

    def trained(*callbacks):
        model = everything() if name == "everything" else nn.build(name)
        options = {"epochs": 2, "batch_size": 40, "optimizer": nn.Adam(0.01), "ema": 0.9, "validation": data}
        history = model.fit(*data, callbacks=callbacks, **options)
        told = [(row["loss"], row["accuracy"], row["validation_loss"]) for row in history]
        return weights_digest(model.parameters | model.buffers), told

    watch = Watch(every=1)
    assert trained(watch) == trained()
    assert [sample.step for sample in watch.samples] == list(range(10))


def test_a_recorded_pass_leaves_statistics_and_random_numbers_alone(data):
    network = everything()
    x = network.batches(data[0]).x(np.arange(20))
    network.reseed((5,))
    drawn = [layer.key.tolist() for layer in network.layers if layer.stochastic]
    before = {name: value.copy() for name, value in network.buffers.items()}
    first = recorded_pass(network, x, data[1][:20], nn.softmax_cross_entropy)
    again = recorded_pass(network, x, data[1][:20], nn.softmax_cross_entropy)
    assert first[1:] == again[1:]  # dropout draws the same each time
    assert drawn == [layer.key.tolist() for layer in network.layers if layer.stochastic]
    for name, value in network.buffers.items():
        np.testing.assert_array_equal(value, before[name])
    assert network.activations == {} and not network.gradient.any()


# ---- the numbers


def reference(values):
    """What NumPy finds for all numbers of an array."""
    values = np.asarray(values, np.float64).ravel()
    edges = np.linspace(values.min(), values.max(), BINS + 1)
    counts = np.histogram(values, edges)[0]
    return values.mean(), values.std(), np.quantile(values, QUANTILES), counts


def assert_told(found, values):
    mean, std, quantiles, counts = reference(values)
    np.testing.assert_allclose(
        [found.mean, found.std, *found.quantiles], [mean, std, *quantiles], rtol=1e-9, atol=1e-15
    )
    assert np.abs(np.array(found.counts) - counts).sum() <= 2  # a number on an edge may fall on either side
    assert sum(found.counts) == np.size(values)


def test_a_sample_holds_what_numpy_finds_in_the_networks_own_formulas():
    images, labels = pixels()
    model = small(nn.Dense(6), nn.ReLU(), nn.Dense(10))
    start = {name: value.copy() for name, value in model.parameters.items()}
    watch = Watch(every=1)
    rate = 0.5
    model.fit(images, labels, batch_size=len(images), optimizer=nn.SGD(rate), callbacks=[watch])
    (sample,) = watch.samples

    W1, b1, W2, b2 = (start[name] for name in ("dense1.W", "dense1.b", "dense2.W", "dense2.b"))
    x = images.reshape(len(images), -1).T
    z1 = W1 @ x + b1[:, None]
    a1 = np.maximum(z1, 0)
    z2 = W2 @ a1 + b2[:, None]
    p = np.exp(z2) / np.exp(z2).sum(axis=0)
    d2 = (p - np.eye(10)[:, labels]) / len(labels)
    da1 = W2.T @ d2
    d1 = da1 * (z1 > 0)
    dW1, db1, dW2, db2 = d1 @ x.T, d1.sum(axis=1), d2 @ a1.T, d2.sum(axis=1)

    assert sample.loss == pytest.approx(-np.log(p[labels, np.arange(len(labels))]).mean())
    assert sample.accuracy == (z2.argmax(axis=0) == labels).mean()
    assert list(sample.layers) == ["dense1", "relu1", "dense2"]  # Flatten only reshapes
    for name, out, gradient in (("dense1", z1, d1), ("relu1", a1, da1), ("dense2", z2, d2)):
        assert_told(sample.layers[name].activation, out)
        assert_told(sample.layers[name].gradient, gradient)
    for name, (W, b), (dW, db) in (("dense1", (W1, b1), (dW1, db1)), ("dense2", (W2, b2), (dW2, db2))):
        layer = sample.layers[name]
        assert_told(layer.weights["W"], W)
        assert_told(layer.weight_gradients["W"], dW)
        assert_told(layer.weight_gradients["b"], db)
        gradient, weights = (np.concatenate([u.ravel(), v]) for u, v in ((dW, db), (W, b)))
        assert layer.gradient_norm == pytest.approx(np.linalg.norm(gradient))
        assert layer.weight_norm == pytest.approx(np.linalg.norm(weights))
        # the batch is all images, so plain gradient descent moves by rate times that gradient
        assert layer.update == pytest.approx(rate * np.linalg.norm(gradient) / np.linalg.norm(weights))
        assert layer.updates["W"] == pytest.approx(rate * np.linalg.norm(dW) / np.linalg.norm(W))
        assert layer.updates["b"] is None  # it starts at 0
    np.testing.assert_array_equal(sample.filters, W1.reshape(6, 4, 4))


def test_update_ratios_are_those_of_the_batch_that_follows(data):
    class Thetas(nn.Callback):
        def on_begin(self, trainer):
            self.seen = [dict(copied(trainer))]

        def on_batch_end(self, trainer):
            self.seen.append(dict(copied(trainer)))

    def copied(trainer):
        return ((name, value.astype(float)) for name, value in trainer.network.parameters.items())

    watch, thetas = Watch(every=2), Thetas()
    everything().fit(*data, epochs=2, batch_size=40, callbacks=[watch, thetas])
    assert [sample.step for sample in watch.samples] == [0, 2, 4, 6, 8]
    for sample in watch.samples[1:]:
        before, after = thetas.seen[sample.step], thetas.seen[sample.step + 1]
        for name, layer in sample.layers.items():
            for key, update in layer.updates.items():
                a, b = after[f"{name}.{key}"], before[f"{name}.{key}"]
                assert update == pytest.approx(np.linalg.norm(a - b) / np.linalg.norm(b), rel=1e-4), (name, key)
    assert set(watch.samples[1].layers["doubled1"].updates) == {"scale"}


def test_a_network_that_mixes_images_is_seen_as_in_training(data):
    model = nn.Sequential([nn.Flatten(), nn.BatchNorm(), nn.Dense(10)])
    watch = Watch(images=50)
    model.fit(*data, batch_size=100, callbacks=[watch])
    normalised = watch.samples[0].layers["batchnorm1"].activation
    assert abs(normalised.mean) < 0.05 and 0.5 < normalised.std < 1.1  # the running statistics are still 0 and 1


def test_of_long_arrays_every_so_many_numbers_are_looked_at():
    values = np.arange(5 * MOST, dtype=np.float32).reshape(5, -1)
    assert len(chosen(values)) == MOST
    np.testing.assert_array_equal(chosen(values), values.ravel()[::5])
    assert len(np.unique(np.arange(64 * MOST)[:: 64 + 1] % 64)) == 64  # an odd step meets each image of a batch
    step = int(np.diff(chosen(np.arange(64.0 * MOST)))[0])
    assert step % 2 == 1
    found = distribution(values)
    assert found.mean == pytest.approx(values.mean(), rel=1e-3)


def test_equal_numbers_and_those_that_are_none():
    equal = distribution(np.full((3, 4), 2.0))
    assert (equal.mean, equal.std, sum(equal.counts)) == (2, 0, 12)
    np.testing.assert_allclose(equal.edges()[[0, -1]], [1.5, 2.5])
    some = distribution(np.array([1.0, np.nan, np.inf, 3.0]))
    assert (some.mean, sum(some.counts)) == (2, 2)
    none = distribution(np.full(3, np.nan))
    assert plain(none)["mean"] is None and sum(none.counts) == 0
    json.dumps(plain(none), allow_nan=False)


def test_known_dead_units_are_counted():
    images, labels = pixels()
    model = small(nn.Dense(8), nn.ReLU(), nn.Dense(10))
    model.parameters["dense1.W"][:3] = -1  # pixels are positive, so that these three are 0 for every image
    model.parameters["dense1.b"][3:] = 20  # and these never
    watch = Watch()
    model.fit(images, labels, batch_size=24, optimizer=nn.SGD(1e-3), callbacks=[watch])
    relu = watch.samples[0].layers["relu1"]
    assert (relu.dead, relu.dead_maps) == (3 / 8, None)
    assert watch.samples[0].layers["dense1"].dead is None


def test_dead_maps_are_those_without_a_living_unit():
    out = np.zeros((3, 2, 2, 5))
    out[0, 0, 0, 4] = out[2] = 1
    assert dead_shares(out) == (7 / 12, 1 / 3)


@pytest.mark.parametrize(
    ("layer", "slope"), [(nn.Tanh(), lambda y: 1 - y**2), (nn.Sigmoid(), lambda y: 4 * y * (1 - y))]
)
def test_saturated_outputs_are_where_the_slope_is_small(layer, slope):
    images, labels = pixels()
    model = small(nn.Dense(8), layer, nn.Dense(10))
    model.parameters["dense1.W"] *= 6
    out = recorded_pass(model, model.batches(images).x(np.arange(24)), labels, nn.softmax_cross_entropy)[0]
    expected = float((slope(out.activations[layer.name]) < 0.05).mean())
    watch = Watch()
    model.fit(images, labels, batch_size=24, callbacks=[watch])
    assert 0 < expected < 1
    assert watch.samples[0].layers[layer.name].saturated == pytest.approx(expected)


# ---- when


class Clock:
    """Time passes only where the test says so."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def watched_steps(monkeypatch, *, cost, batch, share, epochs=4, images=100, **options):
    """The steps at which a training of ten batches an epoch was looked at; costs in seconds of a fake clock."""
    clock, costs = Clock(), iter(cost if isinstance(cost, list) else [cost] * 1000)

    class Passes(nn.Callback):
        def on_batch_end(self, trainer):
            clock.now += batch

    def slow(*arguments):
        clock.now += next(costs)
        return recorded_pass(*arguments)

    monkeypatch.setattr(watching, "recorded_pass", slow)
    watch = Watch(share=share, clock=clock, **options)
    x, y = pixels(images)
    small(nn.Dense(10)).fit(x, y, epochs=epochs, batch_size=images // 10, callbacks=[Passes(), watch])
    return [sample.step for sample in watch.samples], watch, clock


def test_samples_fill_their_share_of_the_time_and_no_more(monkeypatch):
    steps, watch, clock = watched_steps(monkeypatch, cost=1, batch=1, share=0.25)
    assert steps[0] == 0 and len(steps) > 8
    assert min(np.diff(steps)) >= 3  # 1 s of watching in 4 s
    assert watch.spent <= 0.25 * (clock.now - watch.began)
    assert watch.share_spent == pytest.approx((watch.spent + 1) / (clock.now - watch.began + 1))


def test_samples_that_cost_too_much_are_made_once_an_epoch(monkeypatch):
    steps, _, _ = watched_steps(monkeypatch, cost=1000, batch=1, share=0.03)
    assert steps == [0, 19, 29, 39]  # that of the start is the first epoch's


def test_time_that_was_saved_is_not_spent_all_at_once(monkeypatch):
    steps, _, _ = watched_steps(monkeypatch, cost=1, batch=10, share=0.05, epochs=3)
    assert max(np.diff(steps)) <= 3 and min(np.diff(steps)) >= 2  # 1 s of 20 is every other batch


@pytest.mark.filterwarnings("ignore::nnscratch.errors.ConvergenceWarning")
def test_one_sample_that_took_long_is_saved_up_for_again(monkeypatch):
    cost = [1, 1, 300, *[1] * 100]  # compiling, the start, and one that was held up
    steps, _, _ = watched_steps(monkeypatch, cost=cost, batch=1, share=0.25, epochs=6)
    assert steps == [0, 4, 19, 29, 39, 49, 59]  # at step 4 it was held up: then only what every epoch must have


def test_a_fixed_rhythm_is_kept_at_any_cost(monkeypatch):
    assert watched_steps(monkeypatch, cost=1000, batch=1, share=0.03, every=7)[0] == [0, 7, 14, 21, 28, 35]


@pytest.mark.filterwarnings("ignore::nnscratch.errors.ConvergenceWarning")
def test_a_long_training_has_few_samples(monkeypatch):
    monkeypatch.setattr(watching, "MOST_SAMPLES", 16)
    steps, _, _ = watched_steps(monkeypatch, cost=0, batch=1, share=0.03, epochs=20)
    assert steps[0] == 0 and len(steps) < 16
    assert steps[-1] > 160
    assert max(np.diff(steps)) <= 40


def test_batches_of_an_epoch_are_told_each_by_itself(data):
    class Losses(nn.Callback):
        def __init__(self):
            self.seen = []

        def on_batch_end(self, trainer):
            self.seen.append((trainer.batch_loss, trainer.state.correct))

    watch, losses = Watch(), Losses()
    history = nn.build("logistic").fit(*data, epochs=2, batch_size=64, callbacks=[watch, losses])
    assert list(watch.losses) == [loss for loss, _ in losses.seen]
    sizes = np.array([64, 64, 64, 8])
    for epoch, row in enumerate(history):
        accuracies = np.array(watch.accuracies[4 * epoch : 4 * epoch + 4])
        assert (accuracies * sizes).sum() / 200 == pytest.approx(row["accuracy"])
    assert watch.history == history


def test_a_training_that_was_stopped_keeps_its_last_sample(data):
    class Stop(nn.Callback):
        def on_batch_end(self, trainer):
            trainer.stop()

    watch = Watch(every=1)
    nn.build("logistic").fit(*data, batch_size=64, callbacks=[watch, Stop()])
    assert [sample.step for sample in watch.samples] == [0, 1]
    assert watch.samples[0].layers["dense1"].update > 0
    assert watch.samples[1].layers["dense1"].update is None


@pytest.mark.parametrize(
    ("options", "told"),
    [({"every": 0}, "batches"), ({"every": 1.5}, "batches"), ({"images": 0}, "images"), ({"share": 0}, "share")],
)
def test_a_watch_out_of_range_is_refused(options, told):
    with pytest.raises(nn.UsageError, match=told):
        Watch(**options)


# ---- words


def test_a_deep_sigmoid_network_is_told_that_its_gradient_vanishes(data):
    layers = [layer for _ in range(6) for layer in (nn.Dense(30), nn.Sigmoid())]
    model = nn.Sequential([nn.Flatten(), *layers, nn.Dense(10)])
    watch = Watch()
    model.fit(*data, callbacks=[watch])
    first, last = (watch.samples[0].layers[name].gradient_norm for name in ("dense1", "dense7"))
    (told,) = [finding for finding in watch.findings() if finding.kind == "vanishing"]
    assert told.layer == "dense1"
    match = re.fullmatch(r"dense1 gets 1/([\d,]+) of dense7's gradient: vanishing", told.text)
    assert match, told.text
    norms = [[sample.layers[name].gradient_norm for name in ("dense7", "dense1")] for sample in watch.samples]
    assert float(match[1].replace(",", "")) == pytest.approx(max(a / b for a, b in norms), rel=0.05)
    assert last > 100 * first
    assert told.when(len(watch.samples)) == "in every sample"


def test_an_ordinary_training_is_not_warned_of(data):
    watch = Watch(every=1)
    nn.build("lenet5").fit(*data, epochs=2, callbacks=[watch])
    assert watch.findings() == []


def test_weights_that_are_too_large_explode(data):
    model = nn.build("mlp", hidden=(40, 40))
    model.theta *= 100
    watch = Watch()
    model.fit(*data, optimizer=nn.SGD(1e-9), callbacks=[watch])
    assert "exploding" in {finding.kind for finding in watch.findings()}


def made_sample(step=0, epochs=0.0, **layers):
    return Sample(step, epochs, 0.1, 1.0, 0.5, layers)


def made_layer(**values):
    same = distribution(np.zeros(3))
    return LayerSample(same, same, **values)


@pytest.mark.parametrize(
    ("values", "kind", "told"),
    [
        ({"dead": 0.5}, "dead", "a: 50 % of its units are 0 for every probe image, so they learn nothing: dead"),
        ({"dead": 0.9, "dead_maps": 0.1}, None, ""),  # the blank border of maps that live
        ({"dead": 0.9, "dead_maps": 0.6}, "dead", "a: 60 % of its maps are 0"),
        ({"saturated": 0.7}, "saturated", "a: 70 % of its outputs are where it is flat"),
        ({"update": 0.3}, "too fast", "a was moved by 30 % of its weights' norm in one batch"),
        ({"update": 0.05}, None, ""),
    ],
)
def test_what_is_wrong_with_a_layer_is_said(values, kind, told):
    found = look(made_sample(a=made_layer(**values)))
    assert [seen.kind for seen in found] == ([kind] if kind else [])
    assert all(seen.text.startswith(told) for seen in found)


def test_a_layer_that_gets_far_more_than_the_last_explodes():
    layers = {"a": made_layer(gradient_norm=600.0), "b": made_layer(gradient_norm=2.0)}
    assert [seen.text for seen in look(made_sample(**layers))] == ["a gets 300 times b's gradient: exploding"]
    layers["b"].gradient_norm = 0.0
    assert [seen.text for seen in look(made_sample(**layers))] == ["b gets no gradient: nothing is learnt"]


def test_what_was_found_is_told_once_with_when():
    samples = [made_sample(k, k / 4, a=made_layer(dead=share)) for k, share in enumerate((0.1, 0.6, 0.5, 0.2))]
    (told,) = findings(samples)
    assert told.text.startswith("a: 60 %")
    assert told.when(4) == "in 2 of 4 samples, from epoch 0.25 to 0.50"


def test_updates_have_words():
    assert [update_word(x) for x in (None, 1e-6, 5e-5, 1e-3, 5e-2, 0.5)] == [
        *("", "at rest", "slow", "healthy", "fast", "too fast")
    ]


# ---- the terminal


def shown(watch, width, height, **changes):
    told = {"name": "net", "epoch": 1, "epochs": 2, "batch": 4, "batches": 4, "step": 4, "steps": 8}
    at = Progress(**{**told, "images_per_second": 1e4, "learning_rate": 0.01, "left": 61.0, **changes})
    return screen(watch, at, width, height).plain.split("\n")


@pytest.mark.parametrize("size", [(72, 16), (80, 24), (120, 40), (200, 60)])
def test_a_picture_fits_every_terminal_and_tells_the_newest_sample(data, size):
    watch = Watch(every=1)
    everything().fit(*data, batch_size=64, validation=data, callbacks=[watch])
    lines = shown(watch, *size)
    assert len(lines) < size[1]
    assert max(map(len, lines)) <= size[0]
    assert "epoch 1/2" in lines[0] and "10,000 images/s" in lines[0]
    (dense,) = [line for line in lines if line.startswith("dense2")]
    assert f"{watch.samples[-1].layers['dense2'].activation.std:.3f}" in dense
    assert update_word(watch.samples[-1].layers["dense2"].update) in dense


@pytest.mark.parametrize("size", [(72, 16), (80, 24)])
def test_what_is_long_takes_another_line(size):
    layer = made_layer(dead=0.9)
    watch = Watch()
    watch.samples = [made_sample(1, 0.5, **dict.fromkeys(("convolution1", "convolution2"), layer))]
    changes = {"epoch": 100, "epochs": 100, "batch": 1200, "batches": 1200, "images_per_second": 1e6}
    lines = shown(watch, *size, **changes)
    assert len(lines) < size[1] and max(map(len, lines)) <= size[0]
    text = " ".join(" ".join(lines).split())
    assert "1:01 left" in text and "…" not in text
    for finding in watch.findings()[:2]:
        assert finding.text in text


@pytest.mark.parametrize("hidden", [9, 29])
def test_of_many_layers_those_without_weights_and_then_the_middle_are_left_out(data, hidden):
    layers = [layer for _ in range(hidden) for layer in (nn.Dense(10), nn.ReLU())]
    watch = Watch(every=1)
    nn.Sequential([nn.Flatten(), *layers, nn.Dense(10)]).fit(*data, batch_size=100, callbacks=[watch])
    lines = shown(watch, 80, 24)
    assert len(lines) < 24
    assert any(line.startswith("dense1 ") for line in lines) and any(
        line.startswith(f"dense{hidden + 1}") for line in lines
    )
    (gap,) = [line for line in lines if "more layers" in line]
    rows = sum(line.startswith(("dense", "relu")) for line in lines)
    assert int(gap.split()[1]) + rows == 2 * hidden + 1
    assert not any(line.startswith("relu") for line in lines)
    assert rows == 10 if hidden == 9 else len(lines) == 23


def test_before_anything_was_seen_there_is_an_empty_picture():
    assert len(shown(Watch(), 80, 24, step=0)) < 24


def test_columns_of_a_chart_hold_the_means_of_their_batches():
    places, means = binned(np.arange(8.0), 16, 4)
    np.testing.assert_array_equal(places, [0, 1])
    np.testing.assert_array_equal(means, [1.5, 5.5])
    places, means = binned(np.array([3.0, 5.0]), 4, 8)  # a batch is two columns wide
    np.testing.assert_array_equal(means, [3, 3, 5, 5])


# ---- the record


@pytest.fixture(scope="module")
def watched(data):
    before = nn.backend()
    nn.set_backend("numpy")
    watch = Watch(every=2)
    everything().fit(*data, epochs=3, batch_size=64, validation=data, callbacks=[watch])
    nn.set_backend(before)
    return watch


@pytest.fixture(scope="module")
def page_text(watched):
    return record(watched, "A <b>network</b>", {"Settings": "lr < 1"})


def embedded(text):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text)[1])


@pytest.mark.slow
def test_the_page_tells_the_numbers_of_the_samples(watched, page_text):
    told = embedded(page_text)
    assert [sample["step"] for sample in told["samples"]] == [sample.step for sample in watched.samples]
    last, newest = told["samples"][-1], watched.samples[-1]
    rows = {row[0]: row[1:] for row in map(cells, re.findall(r"<tr><th scope=\"row\">.*?</tr>", page_text)) if row}
    for name, layer in last["layers"].items():
        mine = newest.layers[name]
        assert layer["activation"]["mean"] == pytest.approx(mine.activation.mean, rel=1e-5)
        assert layer["update"] == (None if mine.update is None else pytest.approx(mine.update, rel=1e-5))
        shown = [layer["activation"]["mean"], layer["activation"]["std"]]
        assert rows[name][:2] == [format_number(value) for value in shown]
        assert float(rows[name][1]) == pytest.approx(mine.activation.std, rel=0.01)
        assert rows[name][7] == ("" if mine.update is None else format_number(mine.update))
        assert rows[name][2] == ("" if mine.dead is None else f"{100 * mine.dead:.1f} %")
        for key, weights in mine.weights.items():
            assert float(rows[f"{name}.{key}"][1]) == pytest.approx(weights.std, rel=0.01)
    assert told["history"][-1]["validation_loss"] == pytest.approx(watched.history[-1]["validation_loss"], rel=1e-5)


def cells(row):
    return re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)


@pytest.mark.slow
def test_the_page_shows_every_layer_and_the_filters_at_three_moments(watched, page_text):
    for name in watched.samples[-1].layers:
        assert f"<summary>{name}</summary>" in page_text
    assert page_text.count("weights of unit 0 at epoch") == 3
    assert len([sample for sample in embedded(page_text)["samples"] if "counts" in str(sample)]) == 3
    assert "http://" not in page_text and "https://" not in page_text
    assert "A &lt;b&gt;network" in page_text and "lr &lt; 1" in page_text and "<b>" not in page_text


def test_moments_are_the_first_the_last_and_the_middle_of_the_time():
    samples = [made_sample(step) for step in (0, 40, 45, 90, 95, 100)]
    assert [sample.step for sample in milestones(samples)] == [0, 45, 100]
    assert [sample.step for sample in milestones(samples[:1])] == [0]


def test_of_very_many_samples_a_page_shows_some():
    samples = [made_sample(step) for step in range(1000)]
    shown = subsample(samples)
    assert len(shown) == MOST_SHOWN and (shown[0].step, shown[-1].step) == (0, 999)


def test_stretches_of_batches_are_told_by_their_means():
    x, y = bin_means(np.arange(480.0), 48, 2.0)
    assert len(x) == 240
    assert (x[0], y[0]) == (1 / 48, 1.0)  # of the batches 0 and 1
    assert bin_means([4.0], 1) == ([0.5], [4.0])


@pytest.mark.slow
def test_a_training_without_validation_or_pictures_has_a_record_too(tmp_path):
    rng = np.random.default_rng(0)
    model = nn.Sequential([nn.Dense(4), nn.LeakyReLU(), nn.Dense(3)], (6,))
    watch = Watch()
    model.fit(rng.random((30, 6)), rng.integers(0, 3, 30), callbacks=[watch])
    write_record(tmp_path / "own.html", watch, "my own")
    text = (tmp_path / "own.html").read_text()
    assert "The initial weights" not in text and "leaky_relu1" in text


def test_the_learning_rate_of_every_batch_is_drawn_however_few_samples_there_are(monkeypatch):
    """Two samples would make a triangle of any schedule."""
    drawn = {}

    def over_time(curves, label, **options):
        drawn[label] = curves, options
        return b""

    rng = np.random.default_rng(0)
    model = nn.Sequential([nn.Dense(3)], (6,))
    watch, schedule = Watch(every=7), nn.OneCycle()
    model.fit(rng.random((40, 6)), rng.integers(0, 3, 40), epochs=2, batch_size=8, schedule=schedule, callbacks=[watch])
    assert len(watch.samples) == 2 and len(watch.losses) == 10
    monkeypatch.setattr(plots_study, "over_time", over_time)
    rates(watch)
    (curve,) = drawn["learning rate"][0].values()
    base = watch.rates[0] / schedule.factor(0, 10)
    wanted = [base * schedule.factor(k, 10) for k in range(10)]
    np.testing.assert_allclose(curve[1], [*wanted, wanted[-1]], rtol=1e-12)
    np.testing.assert_allclose(curve[0], np.arange(11) / 5)
    assert drawn["learning rate"][1] == {"steps": True}


def test_nothing_seen_is_nothing_to_record(tmp_path):
    with pytest.raises(nn.UsageError, match="nothing to record"):
        write_record(tmp_path / "none.html", Watch(), "none")
    assert not any(tmp_path.iterdir())


# ---- the command

QUICK = ("--limit", "200", "--epochs", "2", "--backend", "numpy")


@pytest.fixture
def no_plots(monkeypatch):
    """For what is not about plots, which take most of a record's time."""
    for name in ("over_time", "spreads"):
        monkeypatch.setattr(plots_study, name, lambda *arguments, **options: b"")


def test_the_command_writes_a_record_and_prints_the_samples(tmp_path):
    code, out, err = run_inside("study", "train", "logistic", *QUICK, "--every", "1", "--json", cwd=tmp_path)
    assert code == 0, err
    told = json.loads(out)
    page = embedded((tmp_path / "study" / "train-logistic.html").read_text())
    assert told["record"] == "study/train-logistic.html"
    assert len(told["samples"]) == told["settings"]["epochs"] * 2 and len(told["history"]) == 2
    assert [sample["layers"]["dense1"]["update"] for sample in told["samples"]] == [
        sample["layers"]["dense1"]["update"] for sample in page["samples"]
    ]
    assert err.count("logistic  epoch") == 2


def test_the_command_trains_as_it_would_have_without(tmp_path, no_plots):
    command = ("logistic", *QUICK, "--json")
    _, watched, _ = run_inside("study", "train", *command, cwd=tmp_path)
    _, plain, _ = run_inside("train", *command, cwd=tmp_path)
    rows = csv.DictReader(Path(tmp_path, json.loads(plain)["run"], "logistic", "history.csv").read_text().splitlines())
    told = [[float(row[key]) for key in ("loss", "accuracy", "validation_loss")] for row in rows]
    history = json.loads(watched)["history"]
    assert [[row[key] for key in ("loss", "accuracy", "validation_loss")] for row in history] == told


@pytest.mark.slow
def test_the_command_draws_on_a_terminal_and_warns(tmp_path, no_plots):
    hidden = ("--hidden", "20,20,20,20,20,20", "--activation", "sigmoid")
    code, out, _ = run_inside(
        "study", "train", "mlp", *QUICK, *hidden, "--out", "r.html", cwd=tmp_path, stream=Terminal
    )
    assert code == 0
    assert "epoch 2/2" in out and "done" in out and "update/weights" in out
    assert "warning  dense1 gets 1/" in out and "vanishing" in out
    assert "vanishing" in (tmp_path / "r.html").read_text()


@pytest.mark.slow
def test_a_training_that_diverges_leaves_its_record(tmp_path, no_plots):
    options = ("--optimizer", "sgd", "--lr", "1e30", "--schedule", "constant", "--limit", "600", "--recipe", "original")
    options += ("--backend", "numpy")
    code, _, err = run_inside("study", "train", "mlp", *options, "--every", "1", cwd=tmp_path)
    assert code == 1
    assert "became" in err and "study/train-mlp.html" in err and err.count("\n") == 1
    assert (tmp_path / "study" / "train-mlp.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("lenet",), 2, "did you mean lenet5"),
        (("lenet5", "--every", "0"), 2, "at least 1"),
        (("lenet5", "--every", "x"), 2, "--every"),
        (("lenet5", "--out", "record.png"), 2, "HTML"),
        (("lenet5", "--out", "/dev/null/record.html"), 1, "cannot be written"),
        (("lenet5", "--hidden", "10"), 2, "mlp"),
        (("lenet5", "--lr", "-1"), 2, "lr"),
        (("lenet5", "--data", "nowhere"), 1, "nowhere"),
        (("lenet5", "--backend", "cuda"), 2, "cuda"),
        ((), 2, "MODEL"),
    ],
)
def test_bad_input_is_answered_with_one_sentence(tmp_path, arguments, code, told):
    came, out, err = run_inside("study", "train", *arguments, cwd=tmp_path)
    assert (came, out, err.count("\n")) == (code, "", 1)
    assert told in err
    assert not any(tmp_path.iterdir())


# ---- in a browser


@pytest.mark.slow
def test_the_page_opens_from_a_file_without_errors_or_overflow(page_text, browser, tmp_path):
    (tmp_path / "record.html").write_text(page_text)
    wrong = []
    for width in (360, 1280):
        page = browser.new_page(viewport={"width": width, "height": 800})
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto((tmp_path / "record.html").as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert wrong == []
