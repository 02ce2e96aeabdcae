"""A network: one flat vector and its views, forward and backward, replicas, its figures, threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.layers.network import Network
from nnscratch.ops import backend
from nnscratch.training.plan import Plan
from nnscratch.training.shards import Shards
from nnscratch.training.shards.update import CHUNK, add_up, chunks
from tests.tools import naive

SHAPE = (1, 6, 6)


def layers():
    return [
        nn.Conv2D(2, 3),
        nn.BatchNorm(),
        nn.ReLU(),
        nn.MaxPool2D(2),
        nn.Flatten(),
        nn.Dense(5),
        nn.Tanh(),
        nn.Dense(3),
    ]


def network(dtype="float64", seed=1):
    return Network(layers(), SHAPE, seed, dtype)


def batch(n=4, dtype="float64"):
    return np.random.default_rng(0).standard_normal((*SHAPE, n)).astype(dtype)


@pytest.fixture
def threads_restored():
    before = nn.threads()
    yield
    nn.set_threads(before)


@pytest.fixture
def numpy_backend():
    before = nn.backend()
    nn.set_backend("numpy")
    yield
    nn.set_backend(before)


# ---- names and views


def test_paths_and_shapes():
    net = network()
    assert {name: value.shape for name, value in net.parameters.items()} == {
        "conv1.W": (2, 1, 3, 3),
        "conv1.b": (2,),
        "batchnorm1.gamma": (2,),
        "batchnorm1.beta": (2,),
        "dense1.W": (5, 8),
        "dense1.b": (5,),
        "dense2.W": (3, 5),
        "dense2.b": (3,),
    }
    assert list(net.gradients) == list(net.parameters)
    assert {name: value.shape for name, value in net.buffers.items()} == {
        "batchnorm1.running_mean": (2,),
        "batchnorm1.running_var": (2,),
    }
    assert net.shapes == [SHAPE, (2, 4, 4), (2, 4, 4), (2, 4, 4), (2, 2, 2), (8,), (5,), (5,), (3,)]


def test_names_count_by_kind():
    net = Network([nn.MaxPool2D(1), nn.AvgPool2D(1), nn.ReLU(), nn.LeakyReLU(), nn.ReLU()], SHAPE)
    assert [layer.name for layer in net.layers] == ["pool1", "pool2", "relu1", "leaky_relu1", "relu2"]


def test_vectors_hold_all_parameters_in_order():
    net = network()
    net.backward(np.ones_like(net.forward(batch())))
    for vector, views in ((net.theta, net.parameters), (net.gradient, net.gradients)):
        assert np.array_equal(vector, np.concatenate([view.ravel() for view in views.values()]))
        assert all(np.shares_memory(view, vector) for view in views.values())


@pytest.mark.parametrize("front", [[], [nn.Flatten]])
def test_weights_of_a_first_dense_layer_lie_by_input(front):
    """W keeps its shape (units, inputs), and a later layer its order."""
    net = Network([*(make() for make in front), nn.Dense(64), nn.ReLU(), nn.Dense(3)], SHAPE if front else (36,))
    for own in (net, net.replica()):
        assert own.parameters["dense1.W"].shape == own.gradients["dense1.W"].shape == (64, 36)
        for views, vector in ((own.parameters, own.theta), (own.gradients, own.gradient)):
            assert np.shares_memory(views["dense1.W"], vector)
            assert views["dense1.W"].T.flags.c_contiguous
            assert not views["dense1.W"].flags.c_contiguous
            assert views["dense2.W"].flags.c_contiguous
            pieces = [view.ravel(order="K") for view in views.values()]
            assert np.array_equal(vector, np.concatenate(pieces))
    assert net.by_image
    assert not network().by_image


def test_parameters_are_live():
    net, x = network(), batch()
    out = net.forward(x)
    net.parameters["dense2.b"][1] += 5
    moved = net.forward(x)
    np.testing.assert_allclose(moved - out, np.array([[0], [5], [0]]) * np.ones(4), atol=1e-14)
    net.theta[:] = 0
    assert not net.forward(x).any()


def test_gradients_are_live():
    net = network()
    views = net.gradients["dense2.W"], net.layers[-1].dW
    net.backward(np.ones_like(net.forward(batch())))
    assert views[0].any()
    assert np.array_equal(*views)


def test_decay_mask_marks_the_weights():
    net = network()
    net.theta[:] = net.decay_mask
    marked = {name for name, value in net.parameters.items() if value.all()}
    assert marked == {"conv1.W", "dense1.W", "dense2.W"}
    assert net.decay_mask.sum() == 18 + 40 + 15


def test_the_seed_decides_the_first_values():
    first, again, other = network(seed=1), network(seed=1), network(seed=2)
    assert np.array_equal(first.theta, again.theta)
    assert not np.array_equal(first.theta, other.theta)
    assert not first.parameters["conv1.b"].any()


# ---- forward and backward


def test_forward_is_the_layers_in_a_row():
    net, x = Network([nn.Conv2D(2, 3), nn.ReLU(), nn.Flatten(), nn.Dense(3)], SHAPE, dtype="float64"), batch()
    p = net.parameters
    out = naive.conv2d_forward(x, p["conv1.W"], p["conv1.b"], (1, 1), ((0, 0), (0, 0)))
    out = np.maximum(out, 0).reshape(32, 4)
    out = naive.dense_forward(out, p["dense1.W"], p["dense1.b"])
    np.testing.assert_allclose(net.forward(x), out, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("training", [True, False])
def test_dtype_is_kept(dtype, training):
    net = network(dtype)
    out = net.forward(batch(dtype="float64"), training)  # the input is converted
    dx = net.backward(out)
    assert {a.dtype.name for a in (out, dx, net.theta, net.gradient, net.decay_mask)} == {dtype}


def test_float32_is_float64_rounded():
    single, double = network("float32"), network("float64")
    np.testing.assert_allclose(single.theta, double.theta, rtol=1e-7)
    np.testing.assert_allclose(single.forward(batch()), double.forward(batch()), rtol=1e-4, atol=1e-5)


def test_an_image_is_alone_in_evaluation():
    net, x = network(), batch()
    together = net.forward(x)
    for n in range(4):
        np.testing.assert_allclose(net.forward(x[..., n : n + 1])[:, 0], together[:, n], rtol=1e-12)


@pytest.mark.parametrize("first", [[], [nn.Flatten], [nn.ReLU, nn.Flatten]])
@pytest.mark.parametrize("training", [True, False])
def test_backward_parameters_fills_the_same_gradients(first, training):
    rest = [nn.Dense(4), nn.BatchNorm(), nn.Tanh(), nn.Dense(3)] if first else layers()
    net = Network([*(make() for make in first), *rest], SHAPE, dtype="float64")
    dout = np.random.default_rng(1).standard_normal(net.forward(batch(), training).shape)
    net.backward(dout)
    expected = net.gradient.copy()
    net.gradient[:] = np.nan
    assert net.backward_parameters(dout) is None
    assert np.array_equal(net.gradient, expected)


def test_a_network_without_parameters():
    net = Network([nn.Tanh(), nn.Flatten()], SHAPE, dtype="float64")
    out = net.forward(batch())
    assert np.array_equal(out, np.tanh(batch()).reshape(36, 4))
    net.backward_parameters(out)
    assert net.backward(out).shape == (*SHAPE, 4)
    assert net.theta.size == net.multiply_adds() == 0


@pytest.mark.parametrize("shape", [(6, 6, 4), (1, 6, 5, 4), (2, 6, 6, 4), (4, 1, 6, 6), (36, 4), ()])
def test_forward_refuses_another_shape(shape):
    with pytest.raises(nn.UsageError, match=r"wants \(1, 6, 6, N\), the batch last"):
        network().forward(np.zeros(shape))


# ---- what cannot be built


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Network([], SHAPE), "at least one layer"),
        (lambda: Network([nn.Flatten()], SHAPE, dtype="float16"), "dtype 'float16' is unknown"),
        (lambda: Network([nn.Dense(3)], SHAPE), "put Flatten before it"),
        (lambda: Network([nn.Flatten(), nn.Conv2D(2, 3)], SHAPE), "Conv2D works on images"),
        (lambda: Network([nn.MaxPool2D(4), nn.Conv2D(2, 3)], SHAPE), "does not fit into 1 pixels"),
        (lambda: Network([nn.ReLU()] * 2, SHAPE), "the same ReLU comes twice: make a layer for each place"),
        (lambda: Network([nn.ReLU], SHAPE), r"ReLU is a class, and no layer yet: write ReLU\(...\)"),
    ],
)
def test_refused(make, words):
    with pytest.raises(nn.UsageError, match=words):
        make()


def test_a_layer_belongs_to_one_network():
    shared = nn.Dense(3)
    first = Network([shared], (4,))
    second = Network([shared], (4,))
    assert second.layers[0] is not shared and np.array_equal(second.theta, first.theta)
    second.theta[:] = 0
    assert first.theta.any()


# ---- replicas


def test_replica_shares_parameters_and_nothing_else():
    net = network()
    twin = net.replica()
    assert twin.theta is net.theta
    x = batch()
    out = net.forward(x, training=False)
    net.backward(np.ones_like(out))
    expected = net.gradient.copy()
    twin.backward(np.full_like(twin.forward(2 * x), 7))  # its activations and gradients are its own
    assert not np.array_equal(twin.gradient, expected)
    assert np.array_equal(net.gradient, expected)
    net.backward(np.ones_like(out))
    assert np.array_equal(net.gradient, expected)
    net.parameters["dense2.b"] += 1
    assert np.array_equal(twin.parameters["dense2.b"], net.parameters["dense2.b"])
    assert np.array_equal(twin.forward(x), net.forward(x))


def test_dropout_of_replicas_is_drawn_apart():
    net = Network([nn.Dropout(0.5)], (50,), dtype="float64")
    twin = net.replica()
    net.reseed((1,))
    twin.reseed((2,))
    ones = np.ones((50, 3))
    assert not np.array_equal(net.forward(ones, training=True), twin.forward(ones, training=True))


# ---- figures

CONV1, CONV2 = 24 * 24 * 6 * 25, 8 * 8 * 16 * 6 * 25


@pytest.mark.parametrize(
    ("name", "parameters", "multiply_adds"),
    [
        ("lenet5", 34_622, CONV1 + CONV2 + 256 * 120 + 120 * 10),
        ("mlp", 399_210, 784 * 394 + 394 * 222 + 222 * 10),
        ("logistic", 7_850, 7_840),
        ("lenet5-classic", 61_706, 28 * 28 * 6 * 25 + 10 * 10 * 16 * 150 + 400 * 120 + 120 * 84 + 84 * 10),
    ],
)
def test_summary(name, parameters, multiply_adds):
    net = nn.build(name)
    assert net.theta.size == parameters
    assert net.multiply_adds() == multiply_adds
    lines = net.summary().splitlines()
    assert lines[0].split("  ")[0] == "layer"
    assert len({len(line) for line in lines}) == 1
    assert lines[-1].split() == ["total", f"{parameters:,}", f"{multiply_adds:,}"]
    rows = net.table()
    assert sum(row[2] for row in rows) == parameters
    assert [row[1] for row in rows] == net.shapes[1:]
    assert len(lines) == len(rows) + 4


def test_summary_tells_the_settings_that_differ():
    net = Network([nn.Conv2D(6, 5, padding="same"), nn.Flatten(), nn.Dense(3)], SHAPE)
    assert [row[0] for row in net.table()] == ["conv1 (Conv2D 6, 5, same)", "flatten1 (Flatten)", "dense1 (Dense 3)"]


# ---- threads and backends


def trained(make, threads, clip, n=150):
    nn.set_threads(threads)
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (n, 28, 28)).astype(np.uint8), rng.integers(0, 10, n)
    model = make()
    history = model.fit(images, labels, epochs=1, batch_size=100, seed=5, ema=0.9, clip=clip)
    return model.theta.tobytes(), history[-1]["loss"], model.predict_proba(images).tobytes()


def lenet5():
    return nn.build("lenet5", seed=2)


def mlp_with_dropout():
    return nn.build("mlp", seed=2, dropout=0.3)


@pytest.mark.parametrize("make", [lenet5, mlp_with_dropout])
@pytest.mark.parametrize("clip", [0.0, 1.0])
@pytest.mark.usefixtures("threads_restored")
def test_the_number_of_threads_changes_no_bit(make, clip):
    """Parameters are summed and updated in parts; with clipping that is two steps, without it one."""
    assert make().theta.size > 2 * CHUNK
    one = trained(make, 1, clip)
    assert trained(make, 2, clip) == one
    assert trained(make, 4, clip) == one


@pytest.mark.parametrize(("name", "sizes"), [("lenet5", [32, 32, 6]), ("mlp", [64, 6])])
@pytest.mark.usefixtures("threads_restored", "numpy_backend")
def test_shards_add_up_to_the_batch(name, sizes):
    """Forward, loss and backward on shards give the gradient of the whole batch, in every part of a long one."""
    nn.set_threads(2)
    net = nn.build(name, seed=1, dtype="float64")
    rng = np.random.default_rng(0)
    images, labels = net.batches(rng.random((70, 1, 28, 28))), rng.integers(0, 10, 70)
    done = []

    def add(chunk):
        add_up(shards.pending, chunk)
        done.append(chunk)

    with Shards(net, Plan(batch_size=70)) as shards:
        cut = shards.gradients.cut(np.arange(70))
        loss, count = shards.gradient(images, labels, np.arange(70))
        shards.team.map(add, chunks(net.theta.size))
        assert len(shards.gradients.replicas) == len(sizes)
    assert sorted(done, key=lambda chunk: chunk.start) == chunks(net.theta.size)
    assert [len(shard) for shard in cut] == sizes
    assert np.array_equal(np.concatenate(cut), np.arange(70))
    summed = net.gradient.copy()
    out = net.forward(images.x(np.arange(70)), training=True)
    assert count == (out.argmax(axis=0) == labels).sum()
    whole, dout = nn.softmax_cross_entropy(out, labels)
    net.backward(dout)
    assert loss == pytest.approx(whole, rel=1e-13)
    np.testing.assert_allclose(summed, net.gradient, rtol=1e-9, atol=1e-12)


class Mixing(nn.ReLU):
    """Couples the images of a batch, and knows nothing of shards."""

    couples_batch = True


def test_batches_are_cut_by_their_work_alone():
    lenet5, mlp = nn.build("lenet5"), nn.build("mlp")
    mixing = nn.Sequential([nn.Conv2D(99, 5), Mixing(), nn.Flatten(), nn.Dense(10)])
    sizes = {
        (lenet5, 1024): [128] * 8,
        (lenet5, 64): [32, 32],
        (lenet5, 70): [32, 32, 6],
        (lenet5, 5): [5],  # too little to share
        (mlp, 128): [64, 64],  # its gradient is long: fewer of them are added up
        (mixing, 256): [256],  # a layer of one's own needs the whole batch
    }
    for (net, batch_size), expected in sizes.items():
        shards = Shards(net, Plan(batch_size=batch_size))
        assert [len(s) for s in shards.gradients.cut(np.arange(batch_size))] == expected


def test_a_long_vector_is_done_in_parts_and_a_short_one_in_one_piece():
    for size in (0, 1, 2 * CHUNK, 2 * CHUNK + 1, 5 * CHUNK, 5 * CHUNK + 7):
        vector = np.zeros(size, int)
        cuts = chunks(size)
        for chunk in cuts:
            vector[chunk] += 1
        assert (vector == 1).all()
        assert len(cuts) == (1 if size <= 2 * CHUNK else -(-size // CHUNK))


@pytest.mark.parametrize("backend", nn.available_backends())
def test_predictions_from_many_threads_are_those_of_one(backend):
    nn.set_backend(backend)
    model = nn.Sequential(
        [nn.Conv2D(4, 5), nn.BatchNorm(), nn.ReLU(), nn.MaxPool2D(4), nn.Flatten(), nn.Dropout(0.5), nn.Dense(10)]
    )
    images = np.random.default_rng(0).integers(0, 256, (320, 28, 28)).astype(np.uint8)
    parts = [images[start : start + 20 + start] for start in range(0, 160, 10)] + [images, images[:1]]
    serial = [model.predict_proba(part).tobytes() for part in parts]
    with ThreadPoolExecutor(6) as pool:
        parallel = list(pool.map(lambda part: model.predict_proba(part).tobytes(), parts * 2))
    assert parallel == serial * 2


@pytest.mark.parametrize("n", [3, 300])
@pytest.mark.parametrize("backend", nn.available_backends())
def test_prediction_leaves_no_trace(n, backend):
    """Between a forward and its backward, as a web page may do while the network is trained."""
    nn.set_backend(backend)
    model = nn.build("lenet5", seed=1)
    x = np.random.default_rng(0).random((1, 28, 28, 4), np.float32)
    dout = model.forward(x, training=True)
    model.backward(dout)
    expected = model.gradient.copy()
    model.predict(np.zeros((n, 28, 28), np.uint8))
    model.backward(dout)
    assert np.array_equal(model.gradient, expected)


@pytest.mark.skipif("numba" not in nn.available_backends(), reason="no Numba")
@pytest.mark.parametrize(("first", "then"), [("numpy", "numba"), ("numba", "numpy")])
def test_a_backend_chosen_between_the_passes_changes_nothing(first, then):
    """Fused steps keep other arrays than layers: backward goes back through what forward went through."""
    model = nn.build("lenet5", seed=1)
    nn.set_backend(first)
    dout = model.forward(np.random.default_rng(0).random((1, 28, 28, 4), np.float32), training=True)
    model.backward(dout)
    expected = model.gradient.copy()
    nn.set_backend(then)
    model.backward(dout)
    np.testing.assert_allclose(model.gradient, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("count", [0, -1])
def test_threads_below_one_are_refused(count):
    with pytest.raises(nn.UsageError, match=f"number of threads is {count}: give a whole number from 1 to 1024"):
        nn.set_threads(count)


@pytest.mark.usefixtures("threads_restored")
def test_threads_are_as_set():
    nn.set_threads(3)
    assert nn.threads() == 3


def test_unknown_backend_is_refused_and_changes_nothing():
    before = nn.backend()
    with pytest.raises(nn.UsageError, match=r"'cuda' is not available: choose from .*numpy"):
        nn.set_backend("cuda")
    assert nn.backend() == before
    assert before in nn.available_backends()


def test_backend_numpy_serves_the_readable_functions():
    before = nn.backend()
    nn.set_backend("numpy")
    try:
        assert nn.backend() == "numpy"
        for name in backend.ops.__all__:
            assert not getattr(backend.ops, name).__module__.startswith("nnscratch.ops.compiled")
    finally:
        nn.set_backend(before)


# ---- what is recorded


@pytest.mark.parametrize("kind", ["numpy", "numba"])
def test_a_recorded_pass_is_the_same_and_keeps_every_activation_and_gradient(kind):
    before = nn.backend()
    nn.set_backend(kind)
    try:
        plain, recorded = nn.build("lenet5", dtype="float64"), nn.build("lenet5", dtype="float64")
        x, dout = np.random.default_rng(0).standard_normal((1, 28, 28, 3)), np.ones((10, 3))
        out = recorded.forward(x, record=True)
        np.testing.assert_allclose(out, plain.forward(x), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(recorded.backward(dout), plain.backward(dout), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(recorded.gradient, plain.gradient, rtol=1e-9, atol=1e-12)
    finally:
        nn.set_backend(before)
    names = ["input", *(layer.name for layer in recorded.layers)]
    assert list(recorded.activations) == names and set(recorded.activation_gradients) == set(names)
    for name in names:
        assert recorded.activations[name].shape == recorded.activation_gradients[name].shape
    assert (recorded.activations["relu1"] == np.maximum(recorded.activations["conv1"], 0)).all()
    assert plain.activations == {} and plain.activation_gradients == {}
    recorded.backward_parameters(dout)
    np.testing.assert_allclose(recorded.gradient, plain.gradient, rtol=1e-9, atol=1e-12)
    recorded.forward(x)
    assert recorded.activations == {}


def test_a_recorded_gradient_is_that_of_the_loss_by_the_activation():
    """By difference quotients: what comes after a layer, as a function of its output."""
    net = network()
    x = batch()
    dout = np.random.default_rng(1).standard_normal((3, 4))
    net.forward(x, training=True, record=True)
    net.backward(dout)
    at, gradient = net.activations["pool1"].copy(), net.activation_gradients["pool1"]

    def rest(value):
        for layer in net.layers[4:]:
            value = layer.forward(value, True)
        return float((dout * value).sum())

    h, rng = 1e-6, np.random.default_rng(2)
    direction = rng.standard_normal(at.shape)
    numeric = (rest(at + h * direction) - rest(at - h * direction)) / (2 * h)
    assert numeric == pytest.approx(float((gradient * direction).sum()), rel=1e-7)
