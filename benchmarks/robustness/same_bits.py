"""Digests of what nnscratch computes: one seed must give the same ones with any threads, resumed, in any process."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator

import numpy as np
from threadpoolctl import threadpool_limits

import nnscratch as nn
from benchmarks.robustness import architectures
from benchmarks.robustness.architectures import Architecture
from nnscratch.files.npz import weights_digest
from nnscratch.training.callbacks import Callback
from nnscratch.training.plan import SHARD, Plan
from nnscratch.training.trainer import Trainer

THREADS = (1, 2, 4)
STEPS = 3  # kernels are recorded in the first step, compared with their recording in the second, replayed in the third
IMAGES = 1000  # of a training on MNIST


@contextlib.contextmanager
def few_threads(count: int) -> Iterator[None]:
    """Within the block, trainings have so many threads."""
    before = nn.threads()
    nn.set_threads(count)
    yield
    nn.set_threads(before)


def step_digest(drawn: Architecture, threads: int) -> str:
    """Return the digest of gradient, weights and running statistics after some steps of training.

    A batch is four shards, of which the last is one image short, so that it is filled up; of a network that mixes
    images it is one. ``shard`` asks for that: for none of the small networks would the library find threads worth it.
    """
    network = architectures.build(drawn)
    rng = np.random.default_rng((drawn.seed, drawn.number, 3))
    batch = drawn.n if network.couples_batch else max(4 * drawn.n - 1, 4)
    images = rng.random((batch * STEPS, *drawn.input_shape))
    labels = rng.integers(0, network.shapes[-1][0], len(images))
    loss = nn.mean_squared_error if drawn.loss == "squared error" else nn.softmax_cross_entropy
    plan = Plan(
        batch_size=batch,
        shard=drawn.n,
        optimizer=nn.Momentum(1e-3),
        loss=loss,
        label_smoothing=architectures.smoothing(drawn),
        seed=drawn.number,
    )
    with few_threads(threads):
        trainer = Trainer(network, network.batches(images), labels, plan)
        trainer.run()
    assert trainer.state.step == STEPS
    found = {"theta": network.theta, "gradient": network.gradient, **network.buffers}
    return architectures.digest(found | {"loss": np.array([row["loss"] for row in trainer.state.history])})


def free_digest(drawn: Architecture, threads: int) -> str:
    """Return the digest of the gradients where BLAS may use so many threads, as in a call of one's own."""
    with threadpool_limits(threads, "blas"):
        return architectures.digest(architectures.gradients(drawn, architectures.build(drawn)))


class StopAt(Callback):
    """Stops a training after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_batch_end(self, trainer: Trainer) -> None:
        """Stop."""
        if trainer.state.step == self.step:
            trainer.stop()


def trained_network(name: str) -> nn.Sequential:
    """Return LeNet-5; or one with everything that has state: batch normalisation, dropout."""
    if name == "lenet5":
        return nn.build("lenet5", seed=3)
    layers = [nn.Conv2D(4, 5, stride=2), nn.BatchNorm(), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Dropout(0.3)]
    return nn.Sequential([*layers, nn.Dense(10)], seed=3)


def make_trainer(name: str, images: int, callbacks: tuple[Callback, ...] = ()) -> Trainer:
    """Return a training on digits of MNIST that uses all that a training may."""
    mnist = nn.load_mnist()
    network = trained_network(name)
    plan = Plan(
        epochs=2,
        batch_size=2 * SHARD,
        optimizer=nn.AdamW(3e-3, weight_decay=0.01),
        schedule=nn.OneCycle(),
        label_smoothing=0.1,
        clip=1.0,
        ema=0.9,
        seed=5,
    )
    validation = network.batches(mnist.test_images[:100]), mnist.test_labels[:100]
    data = network.batches(mnist.train_images[:images])
    return Trainer(network, data, mnist.train_labels[:images], plan, validation=validation, callbacks=callbacks)


def training_digest(name: str, threads: int, *, resumed: bool = False, images: int = IMAGES) -> str:
    """Return the digest of a trained network, the optimiser's vectors and the losses; or of one stopped and resumed."""
    with few_threads(threads):
        trainer = make_trainer(name, images, (StopAt(middle(name, images)),) if resumed else ())
        trainer.run()
        if resumed:
            assert not trainer.finished
            numbers = json.loads(json.dumps(trainer.state.numbers()))
            arrays = {key: value.copy() for key, value in trainer.state.arrays().items()}
            trainer = make_trainer(name, images)
            trainer.state.restore(numbers, arrays)
            trainer.run()
    assert trainer.finished
    kept = {key: value for key, value in trainer.state.arrays().items() if key != "theta"}
    history = [{key: value for key, value in row.items() if "second" not in key} for row in trainer.state.history]
    told = weights_digest({**trainer.network.parameters, **kept}) + json.dumps(history)
    return hashlib.sha256(told.encode()).hexdigest()


def middle(name: str, images: int) -> int:
    """Return a step inside the second epoch."""
    trainer = make_trainer(name, images)
    return trainer.steps // 2 + 1 + trainer.steps // 8
