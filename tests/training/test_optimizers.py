"""Optimisers: three steps in plain Python numbers, from the papers' formulas; decay, clipping, averages, settings."""

import itertools
import math

import numpy as np
import pytest

import nnscratch as nn
from nnscratch import ops
from nnscratch.training.optimizers import OPTIMIZERS, Optimizer

pytestmark = pytest.mark.usefixtures("readable_ops")

GRADIENTS = [[0.5, -2.0], [-1.0, 0.25], [3.0, 0.1]]
START = [1.0, -3.0]
RATES = [0.1, 0.1, 0.02]  # a schedule may change the rate from step to step


# Each takes one parameter through the three steps: number, its gradients, its L2 (or decoupled) decay -> number.


def by_hand_sgd(theta, gradients, decay):
    for g, lr in zip(gradients, RATES, strict=True):
        theta = theta - lr * (g + decay * theta)
    return theta


def by_hand_momentum(theta, gradients, decay):
    velocity = 0.0
    for g, lr in zip(gradients, RATES, strict=True):
        velocity = 0.8 * velocity + (g + decay * theta)
        theta = theta - lr * velocity
    return theta


def by_hand_nesterov(theta, gradients, decay):
    velocity = 0.0
    for g, lr in zip(gradients, RATES, strict=True):
        g = g + decay * theta
        velocity = 0.8 * velocity + g
        theta = theta - lr * (g + 0.8 * velocity)
    return theta


def by_hand_rmsprop(theta, gradients, decay):
    v = 0.0
    for g, lr in zip(gradients, RATES, strict=True):
        g = g + decay * theta
        v = 0.7 * v + 0.3 * g**2
        theta = theta - lr * g / (math.sqrt(v) + 1e-3)
    return theta


def by_hand_adam(theta, gradients, decay, decoupled=False):
    m = v = 0.0
    for t, (g, lr) in enumerate(zip(gradients, RATES, strict=True), 1):
        if decoupled:
            theta = theta - lr * decay * theta
        else:
            g = g + decay * theta
        m = 0.8 * m + 0.2 * g
        v = 0.9 * v + 0.1 * g**2
        theta = theta - lr * (m / (1 - 0.8**t)) / (math.sqrt(v / (1 - 0.9**t)) + 1e-3)
    return theta


def by_hand_adamw(theta, gradients, decay):
    return by_hand_adam(theta, gradients, decay, decoupled=True)


# name -> (settings, the three steps); a new optimiser fails here until it has a line
CASES = {
    "sgd": ({}, by_hand_sgd),
    "momentum": ({"momentum": 0.8}, by_hand_momentum),
    "nesterov": ({"momentum": 0.8}, by_hand_nesterov),
    "rmsprop": ({"decay": 0.7, "eps": 1e-3}, by_hand_rmsprop),
    "adam": ({"beta1": 0.8, "beta2": 0.9, "eps": 1e-3}, by_hand_adam),
    "adamw": ({"beta1": 0.8, "beta2": 0.9, "eps": 1e-3}, by_hand_adamw),
}
every_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)


def steps(optimizer, dtype="float64"):
    """Three steps; weight decay on the first parameter (a weight), not on the second (a bias)."""
    theta = np.array(START, dtype)
    optimizer.start(theta, np.array([1, 0], dtype))
    for g, lr in zip(GRADIENTS, RATES, strict=True):
        optimizer.step(theta, np.array(g, dtype), lr)
    return theta


@every_optimizer
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_three_steps_by_hand(name, decay):
    settings, by_hand = CASES[name]
    first, second = zip(*GRADIENTS, strict=True)
    expected = [by_hand(START[0], first, decay), by_hand(START[1], second, 0.0)]
    theta = steps(OPTIMIZERS[name](0.1, decay, **settings))
    np.testing.assert_allclose(theta, expected, rtol=1e-14)


def test_first_step_of_adam_is_the_learning_rate():
    theta = np.zeros(3)
    optimizer = nn.Adam(0.01)
    optimizer.start(theta, np.ones(3))
    optimizer.step(theta, np.array([5.0, -1e-3, 1e3]), 0.01)
    np.testing.assert_allclose(theta, [-0.01, 0.01, -0.01], rtol=1e-4)  # whatever the gradient's size


@every_optimizer
def test_start_begins_anew(name):
    optimizer = OPTIMIZERS[name](0.1, 0.2)
    assert np.array_equal(steps(optimizer), steps(optimizer))
    assert optimizer.t == 3


@every_optimizer
def test_gradient_is_only_read_and_the_dtype_kept(name):
    theta, gradient, optimizer = np.ones(4, np.float32), np.full(4, 0.5, np.float32), OPTIMIZERS[name](0.1, 0.2)
    gradient.flags.writeable = False
    optimizer.start(theta, np.ones(4, np.float32))
    optimizer.step(theta, gradient, 0.1)
    assert (theta != 1).all()
    assert {vector.dtype.name for vector in (theta, *optimizer.state.values())} == {"float32"}
    assert set(optimizer.state) == set(optimizer.vectors)


@every_optimizer
def test_an_equal_optimizer_can_be_made_from_the_settings(name):
    optimizer = OPTIMIZERS[name](0.1, 0.2, **CASES[name][0])
    twin = OPTIMIZERS[name](**optimizer.settings())
    assert np.array_equal(steps(twin), steps(optimizer))


@every_optimizer
def test_goes_downhill(name):
    theta = np.array([4.0, -7.0])  # of the bowl theta^2 / 2, whose gradient is theta
    optimizer = OPTIMIZERS[name](0.05)
    optimizer.start(theta, np.zeros(2))
    for _ in range(400):
        optimizer.step(theta, theta.copy(), 0.05)
    assert np.abs(theta).max() < 0.1


@pytest.mark.parametrize("backend", nn.available_backends())
@every_optimizer
def test_a_step_in_parts_is_the_step_in_one_piece_bit_for_bit(name, backend):
    """In whatever order: threads share the parts of a long vector."""
    before = nn.backend()
    nn.set_backend(backend)
    try:
        rng = np.random.default_rng(0)
        start = rng.standard_normal(1003).astype(np.float32)
        mask = (rng.random(1003) < 0.5).astype(np.float32)
        gradients = rng.standard_normal((3, 1003)).astype(np.float32)
        results = []
        for cuts in ([0, 1003], [0, 1, 9, 500, 996, 1003], [*range(0, 1003, 13), 1003], range(1004)):
            theta, optimizer = start.copy(), OPTIMIZERS[name](0.1, 0.2)
            optimizer.start(theta, mask)
            for gradient in gradients:
                if len(cuts) == 2:
                    optimizer.step(theta, gradient, 0.1)
                    continue
                optimizer.t += 1
                for part in reversed([slice(*ends) for ends in itertools.pairwise(cuts)]):
                    optimizer.step_part(part, theta, gradient, 0.1)
            results.append([theta.tobytes(), *(vector.tobytes() for vector in optimizer.state.values())])
        assert all(result == results[0] for result in results[1:])
    finally:
        nn.set_backend(before)


def test_weight_decay_spares_biases_and_normalisation():
    network = nn.Sequential([nn.Conv2D(2, 3), nn.BatchNorm(), nn.Flatten(), nn.Dense(3)], (1, 5, 5))
    network.theta[:] = 1
    optimizer = nn.SGD(0.5, weight_decay=0.5)
    optimizer.start(network.theta, network.decay_mask)
    optimizer.step(network.theta, np.zeros_like(network.theta), 0.5)
    moved = {name for name, value in network.parameters.items() if (value != 1).all()}
    stayed = {name for name, value in network.parameters.items() if (value == 1).all()}
    assert moved == {"conv1.W", "dense1.W"}
    assert stayed == {"conv1.b", "batchnorm1.gamma", "batchnorm1.beta", "dense1.b"}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.SGD(0), "learning rate is 0: give a number above 0"),
        (lambda: nn.Adam(-1e-3), "learning rate is -0.001"),
        (lambda: nn.Adam(float("nan")), "learning rate is nan"),
        (lambda: nn.Adam(float("inf")), "learning rate is inf"),
        (lambda: nn.SGD(0.1, -1), "weight_decay of SGD is -1: give a number of at least 0"),
        (lambda: nn.Momentum(0.1, momentum=1), "momentum of Momentum is 1: give a number of at least 0 and below 1"),
        (lambda: nn.Nesterov(0.1, momentum=-0.5), "momentum of Nesterov is -0.5"),
        (lambda: nn.RMSProp(0.1, decay=1.5), "decay of RMSProp is 1.5"),
        (lambda: nn.Adam(0.1, beta1=1.0), "beta1 of Adam is 1.0"),
        (lambda: nn.AdamW(0.1, beta2=float("nan")), "beta2 of AdamW is nan"),
        (lambda: nn.Adam(0.1, eps=-1e-8), "eps of Adam is -1e-08"),
    ],
)
def test_settings_out_of_range_are_refused(make, words):
    with pytest.raises(nn.UsageError, match=words):
        make()


def test_an_optimizer_without_a_formula_says_so():
    optimizer = Optimizer(0.1)
    optimizer.start(np.ones(1), np.ones(1))
    with pytest.raises(NotImplementedError, match="Optimizer has no update method"):
        optimizer.step(np.ones(1), np.ones(1), 0.1)


# ---- clipping and averaging


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(10.0, [3, -4]), (5.0, [3, -4]), (2.5, [1.5, -2]), (1.0, [0.6, -0.8])],
)
def test_clipping_by_the_global_norm(limit, expected):
    clipped, norm = ops.clip_global_norm(np.array([3.0, -4.0]), limit)
    assert norm == 5
    np.testing.assert_allclose(clipped, expected, rtol=1e-15)


def test_average():
    average = np.array([1.0, 10.0])
    for theta in ([2.0, 20.0], [3.0, 0.0]):
        ops.average_update(average, np.array(theta), decay=0.75)
    # 0.75 * 1 + 0.25 * 2 = 1.25, 0.75 * 1.25 + 0.25 * 3; 0.75 * 10 + 0.25 * 20 = 12.5, 0.75 * 12.5
    assert average.tolist() == [1.6875, 9.375]


def test_clipping_survives_lengths_whose_square_overflows():
    g = np.full(4, 1e30, np.float32)
    clipped, norm = ops.clip_global_norm(g, 1.0)
    assert norm == pytest.approx(2e30, rel=1e-6)
    np.testing.assert_allclose(clipped, 0.5, rtol=1e-6)
