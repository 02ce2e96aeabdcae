"""The checker accepts every right gradient, of whole networks with their loss, and rejects every wrong one."""

from functools import partial

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.layers.network import Network
from nnscratch.models.zoo import MODELS
from nnscratch.training.gradcheck import check_layer
from nnscratch.training.numerical_gradient import STEPS, check_array, numeric_derivative

pytestmark = pytest.mark.usefixtures("readable_ops")

ERROR = 2e-7  # allowed here; measured at most 2e-8


def pictures(n=3, side=28):
    """Noise on a blank border, as on a digit: kinks and ties everywhere in a fresh network."""
    images = np.zeros((n, side, side), np.uint8)
    inner = slice(side // 4, -side // 4)
    images[:, inner, inner] = np.random.default_rng(0).integers(0, 256, images[:, inner, inner].shape)
    return images, np.arange(n) % 4


def small(*layers):
    return nn.Sequential([*layers, nn.Flatten(), nn.Dense(4)], (1, 8, 8), seed=1)


# ---- right ones


@pytest.mark.parametrize("name", MODELS)
def test_models(name):
    report = nn.gradcheck(nn.build(name, seed=3), *pictures(), samples=6)
    assert report.ok
    assert report.error <= ERROR, f"\n{report}"


NETWORKS = {
    "every activation": [nn.Conv2D, (2, 3), nn.Tanh, (), nn.LeakyReLU, (0.2,), nn.Sigmoid, (), nn.ReLU, ()],
    "overlapping pools": [nn.Conv2D, (2, 3, 1, "same"), nn.MaxPool2D, (3, 2), nn.AvgPool2D, (2, 1)],
    "strides": [nn.Conv2D, (3, 3, 2, 1), nn.Tanh, (), nn.Conv2D, (2, (2, 1), (1, 2), (0, 1))],
    "dropout": [nn.Dropout, (0.2,), nn.Conv2D, (3, 3), nn.Tanh, (), nn.Dropout, (0.5,)],
    "normalised": [nn.BatchNorm, (), nn.Conv2D, (3, 3), nn.Tanh, (), nn.BatchNorm, (), nn.Dropout, (0.4,)],
}


def make(name):
    """Fresh layers: a layer belongs to one network."""
    parts = NETWORKS[name]
    return small(*(kind(*settings) for kind, settings in zip(parts[::2], parts[1::2], strict=True)))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("training", [True, False])
def test_networks(name, training):
    report = nn.gradcheck(make(name), *pictures(4, 8), training=training)
    assert report.error <= ERROR, f"\n{report}"


@pytest.mark.parametrize(
    "loss",
    [
        partial(nn.softmax_cross_entropy, label_smoothing=0.2),
        nn.mean_squared_error,
    ],
)
@pytest.mark.parametrize("targets", [False, True])
def test_losses(loss, targets):
    images, labels = pictures(4, 8)
    labels = np.eye(4)[labels] if targets else labels
    report = nn.gradcheck(make("every activation"), images, labels, loss=loss)
    assert report.error <= ERROR, f"\n{report}"


def test_a_network_that_ends_in_softmax():
    network = nn.Sequential([nn.Flatten(), nn.Dense(4), nn.Softmax()], (1, 8, 8), seed=1)
    assert nn.gradcheck(network, *pictures(4, 8), loss=nn.mean_squared_error).error <= ERROR


def test_a_bias_before_batch_normalisation():
    """It has no effect, so its gradient is 0, and the quotient only rounding: nothing to compare, and right."""
    network = small(nn.Conv2D(2, 3), nn.BatchNorm(), nn.Tanh())
    report = nn.gradcheck(network, *pictures(4, 8), training=True)
    assert report.ok, f"\n{report}"


def test_weight_decay_is_the_gradient_of_the_penalty():
    """A step of SGD with rate 1 is the gradient of loss + 1/2 decay |W|^2, with W the weights alone."""
    network = Network([nn.Dense(5), nn.Tanh(), nn.Dense(3)], (4,), seed=2, dtype="float64")
    rng = np.random.default_rng(0)
    network.theta += rng.standard_normal(network.theta.shape)
    x, labels = rng.standard_normal((4, 6)), np.array([0, 1, 2, 2, 1, 0])

    def penalised():
        weights = sum(float((network.parameters[name] ** 2).sum()) for name in ("dense1.W", "dense2.W"))
        return nn.softmax_cross_entropy(network.forward(x), labels)[0] + 0.5 * 0.3 * weights

    network.backward(nn.softmax_cross_entropy(network.forward(x), labels)[1])
    stepped = network.theta.copy()
    optimizer = nn.SGD(1.0, weight_decay=0.3)
    optimizer.start(stepped, network.decay_mask)
    optimizer.step(stepped, network.gradient, 1.0)
    row = check_array("theta", network.theta, network.theta - stepped, penalised, samples=50, rng=rng)
    assert row.worst <= ERROR


def test_the_network_is_left_as_it_is():
    network = make("normalised")
    arrays = {**network.parameters, **network.buffers, **network.gradients}
    before = {name: value.copy() for name, value in arrays.items()}
    nn.gradcheck(network, *pictures(4, 8), training=True, samples=1)
    assert network.dtype == "float32"
    for name, value in arrays.items():
        assert np.array_equal(value, before[name]), name


# ---- wrong ones: a dense layer whose backward function is spoiled


class Spoiled(nn.Dense):
    """Dense, with ``spoil(dx, dW, db)`` applied to what backward found."""

    def __init__(self, units, spoil):
        super().__init__(units)
        self.spoil = spoil

    def backward(self, dout):
        dx = super().backward(dout)
        self.spoil(dx, self.dW, self.db)
        return dx


def scale(which, factor, entry=...):
    """Multiply one of dx, dW, db, or one entry of it."""

    def spoil(*gradients):
        gradients[which][entry] *= factor

    return spoil


def transpose_weights(dx, dW, db):
    dW[...] = dW.T.copy()


def negate_one_column(dx, dW, db):
    dx[:, 0] *= -1


WRONG = {
    "weights 0.1 % too large": scale(1, 1.001),
    "bias 0.1 % too small": scale(2, 0.999),
    "input 0.1 % too large": scale(0, 1.001),
    "one weight 0.1 % too large": scale(1, 1.001, (1, 2)),
    "one bias 1 % too large": scale(2, 1.01, 0),
    "sign of the weights": scale(1, -1),
    "sign of the bias": scale(2, -1),
    "sign of the input": scale(0, -1),
    "weights forgotten": scale(1, 0),
    "mean over the batch forgotten": scale(1, 5),
    "weights transposed": transpose_weights,
    "one image of the input": negate_one_column,
    "one weight not a number": scale(1, np.nan, (0, 0)),
    "bias infinite": scale(2, np.inf),
    "input not a number": scale(0, np.nan, (0, 0)),
}


def identity(dx, dW, db):
    pass


def test_the_unspoiled_layer_is_accepted():
    assert check_layer(Spoiled(4, identity), (4,), n=5).ok


@pytest.mark.parametrize("name", WRONG)
def test_wrong_gradients_are_rejected(name):
    report = check_layer(Spoiled(4, WRONG[name]), (4,), n=5)
    assert not report.ok
    assert report.error > 1e-4
    assert "FAIL" in str(report)


@pytest.mark.parametrize("name", ["weights 0.1 % too large", "mean over the batch forgotten", "sign of the input"])
def test_wrong_gradients_are_rejected_in_a_network(name):
    layers = [nn.Conv2D(2, 3), nn.ReLU(), nn.Flatten(), Spoiled(6, WRONG[name]), nn.Tanh(), nn.Dense(4)]
    report = nn.gradcheck(nn.Sequential(layers, (1, 8, 8)), *pictures(4, 8))
    assert not report.ok
    wrong = {row.name for row in report.rows if row.worst > report.tolerance}
    below = {"conv1.W", "conv1.b", "input"}  # what lies below a wrong input gradient is wrong as well
    assert wrong == (below if "input" in name else {"dense1.W"})


def test_a_direction_finds_the_entry_that_no_sample_met():
    spoil = scale(1, 1.5, (7, 9))
    report = check_layer(Spoiled(20, spoil), (20,), samples=1)
    weights = next(row for row in report.rows if row.name == "dense1.W")
    assert weights.error <= 1e-7 < weights.direction_error
    assert not report.ok


def test_a_loss_without_its_factor_is_rejected():
    def summed(out, labels):
        loss, dout = nn.softmax_cross_entropy(out, labels)
        return loss, dout * len(labels)

    assert not nn.gradcheck(small(), *pictures(4, 8), loss=summed).ok


def test_a_function_that_gives_nan_is_rejected():
    x = np.ones(3)
    row = check_array("x", x, np.ones(3), lambda: float("nan"), samples=3, rng=np.random.default_rng(0))
    assert row.worst == np.inf


# ---- the report and the quotients


def test_report_names_the_worst_entry():
    report = check_layer(Spoiled(4, scale(1, 1.1, (1, 2))), (4,), n=5)
    row = report.rows[0]
    # what training calls, backward_parameters, is not spoiled: its gradient differs, and has a row of its own
    assert [row.name for row in report.rows] == ["dense1.W", "dense1.b", "dense1.W, in training", "input"]
    assert (row.shape, row.checked, row.where) == ((4, 4), 16, (1, 2))
    assert report.error == row.worst
    lines = str(report).splitlines()
    assert len(lines) == 1 + 4 + 1
    assert lines[1].startswith("dense1.W")


def test_array_is_put_back_bit_for_bit():
    x = np.random.default_rng(0).standard_normal((3, 4))
    before = x.copy()

    def function():
        if (x != before).any() and x.sum() > 1e9:
            raise AssertionError
        return float((x**2).sum())

    check_array("x", x, 2 * x, function, samples=12, rng=np.random.default_rng(1))
    assert np.array_equal(x, before)
    with pytest.raises(ZeroDivisionError):
        check_array("x", x, x, lambda: 1 / 0, samples=1, rng=np.random.default_rng(1))
    assert np.array_equal(x, before)


@pytest.mark.parametrize(
    ("function", "derivative"),
    [
        (lambda h: 3 * h, 3.0),
        (np.exp, 1.0),
        (lambda h: np.sin(10 * h), 10.0),
        (lambda h: 7.0, 0.0),
    ],
)
def test_numeric_derivative(function, derivative):
    assert numeric_derivative(function) == pytest.approx(derivative, rel=1e-8, abs=1e-12)


@pytest.mark.parametrize("distance", [STEPS[0] / 2, STEPS[1] / 2, 1.1 * STEPS[2], -STEPS[0] / 2, -1.1 * STEPS[2]])
def test_a_kink_beside_the_point_is_passed_by(distance):
    """The steps that do not reach it decide, however many do; the analytic value is not asked."""

    def bent(h):
        return 5 * h + 1000 * max((h - distance) * np.sign(distance), 0.0)

    assert numeric_derivative(bent) == pytest.approx(5, rel=1e-6)


@pytest.mark.parametrize("seed", [0, 11])
def test_kinks_raise_no_false_alarm(seed):
    """Pixels of noise put many kinks of LeNet-5 within a millionth of these points."""
    images = np.random.default_rng(seed).random((4, 28, 28))
    report = nn.gradcheck(nn.build("lenet5", seed=seed), images, np.arange(4), samples=6, seed=seed)
    assert report.ok, f"\n{report}"


def test_at_a_kink_there_is_no_derivative_to_find():
    """The quotient of |x| at 0 is 0, the mean of both sides: neither side's value is accepted."""
    x = np.zeros(1)
    for claimed in (-1.0, 1.0):
        row = check_array(
            "x", x, np.array([claimed]), lambda: abs(x[0]), samples=1, rng=np.random.default_rng(0)
        )  # fmt: skip
        assert row.error == 1


@pytest.mark.parametrize("samples", [0, -3])
def test_samples_below_one_are_refused(samples):
    with pytest.raises(nn.UsageError, match=r"samples is .*: give a whole number of at least 1"):
        nn.gradcheck(nn.build("logistic"), *pictures(), samples=samples)


def test_images_that_do_not_fit_are_refused():
    with pytest.raises(nn.UsageError, match="images have the shape"):
        nn.gradcheck(nn.build("logistic"), np.zeros((2, 27, 28), np.uint8), np.zeros(2, int))


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([1, 2], "3 images and 2 labels"),
        (np.ones((10, 3)) / 10, "transpose"),
        (np.ones((3, 10)), "shares of the classes"),
    ],
)
def test_labels_are_looked_at_as_in_fit(labels, words):
    """Of targets that are no shares, the cross-entropy's gradient would be called wrong."""
    with pytest.raises(nn.UsageError, match=words):
        nn.gradcheck(nn.build("logistic"), np.zeros((3, 28, 28), np.uint8), labels)
