"""What fit, score, evaluate and predict take: features, targets, weights, and no images at all."""

import warnings

import numpy as np
import pytest

import nnscratch as nn
from tests.tools.checks import needs_compiler

rng = np.random.default_rng(0)
X = 3 * rng.standard_normal((200, 4))
VALUES = X @ [1, -2, 0.5, 0] + 1
LABELS = (VALUES > 0).astype(int)
HOW = {"loss": nn.mean_squared_error, "epochs": 60, "optimizer": nn.Adam(0.02)}


def net(outputs=2):
    return nn.Sequential([nn.Dense(16), nn.Tanh(), nn.Dense(outputs)], (4,))


def test_xor_at_minus_one_and_one():
    corners, labels = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]]), np.array([0, 1, 1, 0])
    model = nn.Sequential([nn.Dense(8), nn.Tanh(), nn.Dense(2)], (2,))
    model.fit(corners.astype(float), labels, epochs=300, batch_size=4, optimizer=nn.Adam(0.05))
    assert model.score(corners, labels) == 1


def test_a_regression(tmp_path):
    model = net(1)
    history = model.fit(X, VALUES, validation=(X, VALUES[:, None]), **HOW)
    assert "accuracy" not in history[-1] and history[-1]["validation_r2"] > 0.95
    assert model.score(X, VALUES) == model.evaluate(X, VALUES)["r2"] > 0.95
    model.save(tmp_path / "own.npz")
    loaded = nn.load(tmp_path / "own.npz")
    assert loaded.predict(X).shape == (200,) and (loaded.predict(X) == model.predict(X)).all()
    with pytest.raises(nn.UsageError, match="no classes"):
        loaded.predict_proba(X)


@pytest.mark.parametrize(
    ("targets", "words"), [(VALUES[None], "ravel"), (np.where(VALUES > 1e9, 0, np.nan), "image 0 is nan")]
)
def test_targets_that_do_not_fit(targets, words):
    with pytest.raises(nn.UsageError, match=words):
        net(1).fit(X, targets, **HOW)


def test_one_hot_rows_are_labels_everywhere():
    rows, one, two = np.eye(2)[LABELS], net(), net()
    one.fit(X, LABELS, epochs=3)
    two.fit(X, rows, epochs=3)
    np.testing.assert_allclose(one.theta, two.theta, atol=1e-6)
    assert two.score(X, rows) == two.score(X, LABELS) and two.evaluate(X, rows) == two.evaluate(X, LABELS)
    with pytest.raises(nn.UsageError, match="transpose"):
        two.score(X, rows.T)


def test_weights_are_repetitions_in_one_batch():
    counts = np.arange(200) % 3
    one, two = net(), net()
    one.fit(X, LABELS, epochs=3, batch_size=400, sample_weight=counts)
    two.fit(X.repeat(counts, axis=0), LABELS.repeat(counts), epochs=3, batch_size=400)
    np.testing.assert_allclose(one.theta, two.theta, atol=1e-5)
    plain, ones = net(), net()
    plain.fit(X, LABELS)
    ones.fit(X, LABELS, sample_weight=np.ones(200))
    assert plain.theta.tobytes() == ones.theta.tobytes()


@needs_compiler
@pytest.mark.parametrize(
    ("targets", "how"),
    [
        (LABELS, {"sample_weight": 1 + LABELS}),
        (np.linspace([0.2, 0.8], [0.9, 0.1], 200), {"label_smoothing": 0.1}),
        (np.c_[VALUES, VALUES], {"loss": "mse", "sample_weight": 1 + LABELS}),
    ],
)
def test_kernels_train_as_numpy_does(targets, how):
    weights = []
    for backend in nn.available_backends():
        nn.set_backend(backend)
        model = net()
        model.fit(X, targets, epochs=2, **how)
        weights.append(model.theta)
    np.testing.assert_allclose(*weights, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("weights", "words"), [(-np.ones(200), "is -1"), (np.ones(3), r"\(200,\)"), (np.zeros(200), "are zero")]
)
def test_weights_that_do_not_fit(weights, words):
    with pytest.raises(nn.UsageError, match=words):
        net().fit(X, LABELS, sample_weight=weights)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.ones(300), r"\(200,\)"),
        (np.ones(3), r"\(200,\)"),
        (np.r_[-1, np.ones(199)], "is -1"),
        ([[1], [1, 2]], "shapes"),
        (np.ma.masked_less(np.arange(200), 5), "masked"),
    ],
)
def test_weights_are_looked_at_before_some_are_held_out(weights, words):
    with pytest.raises(nn.UsageError, match=words):
        net().fit(X, LABELS, sample_weight=weights, validation_split=0.9)


@pytest.mark.parametrize("size", [1e308, 1e-310])
@pytest.mark.filterwarnings("error")
def test_only_the_ratios_of_weights_count(size):
    one, two = net(), net()
    one.fit(X, LABELS, sample_weight=1.0 + LABELS)
    two.fit(X, LABELS, sample_weight=size * (0.5 + LABELS / 2))
    np.testing.assert_allclose(one.theta, two.theta, rtol=1e-6)


def test_class_weights_are_weights_of_their_examples():
    one, two, three = net(), net(), net()
    one.fit(X, LABELS, epochs=3, class_weight={1: 3})
    two.fit(X, LABELS, epochs=3, sample_weight=1 + 2 * LABELS)
    three.fit(X, LABELS, epochs=3, class_weight=[2, 6])
    assert one.theta.tobytes() == two.theta.tobytes() == three.theta.tobytes()


@pytest.mark.parametrize("rows", [X[:, :2], 2 * np.eye(2)[LABELS], np.zeros((200, 2)), np.ones((200, 2), int)])
def test_the_cross_entropy_takes_nothing_but_shares(rows):
    for ask in (net().fit, net().score, net().evaluate, net().calibrate):
        with pytest.raises(nn.UsageError, match=r"labels of image 0 .* sum 1.* regression give loss"):
            ask(X, rows)


def test_a_batch_size_beyond_all_means_all_of_them():
    one, two = net(), net()
    one.fit(X, LABELS, batch_size=10**15)  # would not fit into any memory
    two.fit(X, LABELS, batch_size=200)
    np.testing.assert_allclose(one.theta, two.theta, rtol=1e-5)


def test_no_images():
    assert net().predict(X[:0]).shape == (0,) and net().predict_proba(X[:0]).shape == (0, 2)
    with pytest.raises(nn.UsageError, match="at least 1"):
        net().score(X[:0], LABELS[:0])


def test_nothing_learned_is_told():
    with pytest.warns(nn.ConvergenceWarning, match="learned nothing"):
        net().fit(X, LABELS, epochs=20, optimizer=nn.SGD(1e-12))


def learned_nothing(layers, X, y, **how):
    """Return whether a training gives the warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", nn.ConvergenceWarning)
        nn.Sequential(layers, X.shape[1]).fit(X, y, **how)
    return bool(caught)


RARE = (np.arange(200) < 2).astype(int)


@pytest.mark.parametrize(
    ("y", "how"),
    [
        (RARE, {}),
        (RARE, {"sample_weight": 1 + LABELS}),
        (RARE, {"label_smoothing": 0.1}),
        (1 - LABELS, {"loss": "mse"}),
        (10 + VALUES, {"loss": "mse", "optimizer": nn.Adam(0.01)}),
    ],
)
def test_a_loss_on_its_way_down_is_no_failure(y, how):
    """It has fallen by a third or more, and is still above that of one answer for all."""
    layers = [nn.Dense(16), nn.Tanh() if y.dtype.kind == "f" else nn.ReLU(), nn.Dense(1 if y.dtype.kind == "f" else 2)]
    assert not learned_nothing(layers, X, y, epochs=15, **how)


@pytest.mark.parametrize(
    ("X", "y", "how"),
    [
        (X, LABELS, {"optimizer": nn.SGD(1e-9), "epochs": 20}),
        (np.ones((200, 4)), LABELS, {"epochs": 40}),  # nothing to tell them by
        (X, 1000 + VALUES, {"loss": "mse", "epochs": 20}),  # far from what the network says
        (rng.standard_normal((200, 4)), VALUES, {"loss": "mse", "epochs": 20, "optimizer": nn.SGD(1e-9)}),
    ],
)
def test_trainings_that_learn_nothing(X, y, how):
    layers = [nn.Dense(16), nn.ReLU(), nn.Dense(1 if "loss" in how else 2)]
    assert learned_nothing(layers, X, y, **how)
