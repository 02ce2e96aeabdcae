"""The step on one page, and how far it is from the epoch loop."""

import inspect

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.training.losses import shard_loss
from nnscratch.training.plan import Plan
from nnscratch.training.step import loss_gradient
from nnscratch.training.trainer import Trainer


class Seen(nn.ReLU):
    """Notes who called it."""

    frames = ()

    def forward(self, x, training=False):
        if training:
            Seen.frames = tuple(frame.function for frame in inspect.stack())
        return super().forward(x, training)


@pytest.fixture
def numpy_alone():
    before = nn.backend(), nn.threads()
    nn.set_backend("numpy")
    nn.set_threads(1)
    yield
    nn.set_backend(before[0])
    nn.set_threads(before[1])


@pytest.mark.usefixtures("numpy_alone")
def test_from_the_epoch_loop_to_the_step_are_six_frames():
    images, labels = np.zeros((20, 28, 28), np.uint8), np.arange(20) % 10
    model = nn.Sequential([nn.Flatten(), nn.Dense(12), Seen(), nn.Dense(10)])
    Trainer(model, model.batches(images), labels, Plan(batch_size=8)).run()
    names = Seen.frames[::-1]
    way = names[names.index("train_epoch") : names.index("loss_gradient") + 1]
    assert len(way) <= 6, way
    assert names[names.index("loss_gradient") + 1] == "forward"


@pytest.mark.parametrize("loss", [nn.softmax_cross_entropy, nn.mean_squared_error])
def test_parts_of_a_batch_add_up_to_it(loss):
    """Loss, correct ones and gradient; what fills a part up does not count."""
    rng = np.random.default_rng(0)
    x, labels = rng.random((1, 12, 12, 10)), rng.integers(0, 10, 10)
    targets = labels if loss is nn.softmax_cross_entropy else np.eye(10)[labels]
    network = nn.Sequential(
        [nn.Conv2D(3, 5), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(10)], (1, 12, 12), dtype="float64"
    )
    whole = loss_gradient(network, x, targets, loss)
    gradient, totals, summed = network.gradient.copy(), np.zeros(2), np.zeros_like(network.gradient)
    for start, stop in ((0, 6), (6, 10)):
        columns = np.resize(np.arange(start, stop), 6)  # the second part is filled up with two of its own
        totals += loss_gradient(network, x[..., columns], targets[start:stop], loss, (stop - start) / 10)
        summed += network.gradient
    np.testing.assert_allclose(totals, whole, rtol=1e-12)
    np.testing.assert_allclose(summed, gradient, rtol=1e-10, atol=1e-14)


def test_a_loss_of_a_kind_says_what_is_missing():
    with pytest.raises(nn.UsageError, match="a loss returns"):
        shard_loss(lambda out, labels: (0.0, np.zeros(3)), np.zeros((10, 4)), np.zeros(4, int), 1.0)
