"""The epoch loop: shuffle, and for each batch forward, loss, backward, one step of the optimiser; then validate.

Everything that changes during training is in ``plan.TrainingState``, and all randomness is a function of the seed and
the position in it, so a training that was stopped anywhere goes on bit for bit as if it had not been.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from nnscratch import ops
from nnscratch.arrays import Array, aligned
from nnscratch.data.batches import Batches
from nnscratch.errors import DivergedError, UsageError
from nnscratch.layers.network import Network
from nnscratch.ops.backend import tapes
from nnscratch.ops.replay import can_replay
from nnscratch.parallel.mpi import Ranks
from nnscratch.training.learning import Learner
from nnscratch.training.metrics import count_correct
from nnscratch.training.plan import Plan, TrainingState
from nnscratch.training.shards import SHARD, Workers

SHUFFLE = 1  # name of a stream of random numbers: (seed, stream, ...); another one is in learning.py


class Callback:
    """Something that watches a training. Override any method; ``trainer.stop()`` ends it after this batch."""

    def on_begin(self, trainer: Trainer) -> None:
        """Called once before the first batch."""

    def on_batch_end(self, trainer: Trainer) -> None:
        """Called after each batch, with ``trainer.batch_loss`` at hand."""

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Called after each epoch's validation, with ``trainer.state.history[-1]`` at hand."""

    def close(self) -> None:
        """Called when the training has ended in any way, errors included."""


class Trainer:
    """One training of a network. ``run()`` ends with the epochs, with ``patience``, or when ``stop()`` was called.

    With ``ranks``, each process has a trainer of its own, of the same network, images and plan.
    """

    def __init__(
        self,
        network: Network,
        images: Batches,
        labels: Array,
        plan: Plan,
        *,
        validation: tuple[Batches, Array] | None = None,
        callbacks: Sequence[Callback] = (),
        ranks: Ranks | None = None,
    ) -> None:
        for some, truth in ((images, labels), *([validation] if validation else [])):
            if len(some) != len(truth) or len(some) == 0:
                raise UsageError(f"{len(some)} images and {len(truth)} labels came: give as many of both, at least 1")
        if plan.distortion and (len(network.input_shape) != 3 or network.input_shape[0] != 1):
            raise UsageError(f"distortion is for pictures of one channel, and this network takes {network.input_shape}")
        for layer in network.layers:
            if not all(np.may_share_memory(value, network.theta) for value in layer.parameters.values()):
                raise UsageError(
                    f"{layer.name} is a layer of another network, and would not be trained: make a new one"
                )
        self.ranks = ranks or Ranks()
        if self.ranks.size > 1 and network.mixes_images:
            raise UsageError("batch normalisation mixes the images of a batch, which ranks cannot share: leave it out")
        self.network, self.images, self.labels, self.plan = network, images, np.asarray(labels), plan
        self.validation, self.callbacks = validation, callbacks
        self.learner = Learner(network, images, self.labels, plan)
        self.steps = plan.epochs * -(-len(images) // plan.batch_size)
        self.batch_loss = math.nan
        self.compiled: float | None = None  # seconds
        self.state = TrainingState()
        plan.optimizer.start(network.theta, network.decay_mask)
        if plan.ema:
            self.state.vectors["average"] = aligned(network.theta)

    def stop(self) -> None:
        """End the training after the batch that runs. Safe to call from a signal handler or another thread."""
        self.ranks.stop()

    @property
    def stopped(self) -> bool:
        """True when the training is to end after the batch that runs."""
        return self.ranks.stopped

    @property
    def finished(self) -> bool:
        """True when there is nothing left to do: all epochs are done, or ``patience`` has run out."""
        waited = self.state.epoch - self.state.best_epoch
        out_of_patience = self.validation is not None and 0 < self.plan.patience <= waited
        return self.state.epoch >= self.plan.epochs or out_of_patience

    def run(self) -> list[dict[str, float]]:
        """Train; leave the network with the weights that ``plan.keep`` says. Return the history, a row an epoch."""
        self.compile()
        try:
            with Workers(self.network, self.plan.batch_size, shard=self.plan.shard, ranks=self.ranks) as workers:
                self.learner.begin()
                for callback in self.callbacks:
                    callback.on_begin(self)
                while not self.finished and not self.stopped:
                    self.train_epoch(workers)
                    if self.state.position >= len(self.images):
                        self.end_epoch(workers)
        finally:
            self.learner.end()
            for callback in self.callbacks:
                callback.close()
        if self.finished:
            self.use_best_weights()
        return self.state.history

    def compile(self) -> float:
        """Run each kernel once, on a batch that changes nothing, so that no step waits for a compiler.

        Returns the seconds that it took, now or before: next to nothing when the machine code was on disk.
        """
        if self.compiled is None:
            start = time.perf_counter()
            buffers = {name: value.copy() for name, value in self.network.buffers.items()}
            with Workers(self.network, self.plan.batch_size, shard=self.plan.shard) as workers:
                n, size = len(self.images), self.plan.batch_size
                self.images.ready(np.arange(min(n, size)), 0, size)
                # the last batch of a network that mixes images has a geometry of its own
                for images in {min(n, size), n % size or size} if self.network.mixes_images else {min(n, size)}:
                    workers.shard_gradients(np.arange(images), self.learn)
                if can_replay(self.network):
                    tapes().Tape(([], [])).play()
                if self.validation is not None:
                    workers.outputs(self.validation[0], most=SHARD)
            for name, value in self.network.buffers.items():
                value[...] = buffers[name]
            theta = self.network.theta.copy()
            optimizer = copy.deepcopy(self.plan.optimizer)
            optimizer.step(theta, np.zeros_like(theta), 0.0)
            ops.average_update(theta, theta.copy(), decay=0.5)
            self.compiled = time.perf_counter() - start
        return self.compiled

    # ---- an epoch

    def train_epoch(self, workers: Workers) -> None:
        """Go through the images that this epoch has left, in its own shuffled order."""
        state, size = self.state, self.plan.batch_size
        rng = np.random.default_rng((self.plan.seed, SHUFFLE, state.epoch))
        order = self.images.order(rng, size)
        while state.position < len(order) and not self.stopped:
            start = time.perf_counter()
            indices = order[state.position : state.position + size].astype(np.int64, copy=False)
            self.images.ready(order, state.position, size, workers.team, workers.part)
            self.train_batch(workers, indices)
            state.position += len(indices)
            state.seconds += time.perf_counter() - start
            for callback in self.callbacks:
                callback.on_batch_end(self)

    def train_batch(self, workers: Workers, indices: Array) -> None:
        """One step down the gradient of the mean loss over these images."""
        network, plan, state = self.network, self.plan, self.state
        loss, correct = workers.shard_gradients(indices, self.learn)
        self.check_finite(loss)
        if plan.clip:
            workers.add_gradients()
            clipped, _ = ops.clip_global_norm(network.gradient, plan.clip)
            workers.each_part(self.stepper(clipped))
        else:
            workers.add_gradients(then=self.stepper(network.gradient))
        state.step += 1
        self.batch_loss = loss
        state.loss_sum += loss * len(indices)
        state.correct += correct

    def learn(self, network: Network, shard: Array, share: float, number: int) -> tuple[float, int]:
        """Fill the gradient of a part of the batch, on a thread: see :class:`Learner`."""
        return self.learner.learn(network, shard, share, number, epoch=self.state.epoch, step=self.state.step)

    def stepper(self, gradient: Array) -> Callable[[slice], None]:
        """Begin a step of the optimiser; return what does it for a part of the parameters, and moves their average."""
        theta, plan, rate, step = self.network.theta, self.plan, self.learning_rate, self.state.step + 1
        average = self.state.vectors.get("average")
        decay = min(plan.ema, step / (step + 10))  # young averages forget faster: random first weights do not linger
        plan.optimizer.t += 1

        def step_part(part: slice) -> None:
            plan.optimizer.step_part(part, theta, gradient, rate)
            if average is not None:
                ops.average_update(average[part], theta[part], decay=decay)

        return step_part

    @property
    def learning_rate(self) -> float:
        """The learning rate of the step that comes."""
        return self.plan.optimizer.learning_rate * self.plan.schedule.factor(self.state.step, self.steps)

    def check_finite(self, value: float, what: str = "the loss") -> None:
        """Raise DivergedError when the value is infinite or not a number."""
        if math.isfinite(value):
            return
        rate = self.plan.optimizer.learning_rate
        batch = min(self.state.position, len(self.images) - 1) // self.plan.batch_size + 1
        raise DivergedError(
            f"{what} became {value} in epoch {self.state.epoch + 1}, batch {batch}: most likely the learning "
            f"rate {rate:g} is too high, try --lr {rate / 10:g} or --clip 1"
        )

    # ---- the end of an epoch

    def end_epoch(self, workers: Workers) -> None:
        """Validate, remember the best weights, write the history's row."""
        state, n = self.state, len(self.images)
        row = {
            "epoch": state.epoch + 1,
            "learning_rate": self.plan.optimizer.learning_rate * self.plan.schedule.factor(state.step - 1, self.steps),
            "loss": state.loss_sum / n,
            "accuracy": state.correct / n,
            "seconds": state.seconds,
            "images_per_second": n / state.seconds,
        }
        weights = state.vectors.get("average", self.network.theta)
        self.check_finite(float(weights.sum()), "the sum of the weights")
        if self.validation is None:
            self.remember(weights, state.epoch + 1)
        else:
            loss, accuracy = self.validate(workers, weights)
            self.check_finite(loss, "the validation loss")
            row |= {"validation_loss": loss, "validation_accuracy": accuracy}
            if self.plan.keep == "last" or (accuracy, -loss) > (state.best_accuracy, -state.best_loss):
                state.best_accuracy, state.best_loss = accuracy, loss
                self.remember(weights, state.epoch + 1)
        state.history.append(row)
        state.epoch += 1
        state.position, state.loss_sum, state.correct, state.seconds = 0, 0.0, 0, 0.0
        for callback in self.callbacks:
            callback.on_epoch_end(self)

    def validate(self, workers: Workers, weights: Array) -> tuple[float, float]:
        """Return loss and accuracy of ``weights`` on the validation images."""
        assert self.validation is not None
        images, labels = self.validation
        with self.using(weights):
            out = workers.outputs(images)
        loss, _ = self.plan.loss(out, labels.T)
        return loss, count_correct(out, labels) / len(labels)

    def remember(self, weights: Array, epoch: int) -> None:
        """Keep a copy of these weights, and of the running statistics, as the best so far."""
        self.state.best_epoch = epoch
        self.state.vectors["best"] = weights.copy()
        for name, value in self.network.buffers.items():
            self.state.vectors[f"best.{name}"] = value.copy()

    def use_best_weights(self) -> None:
        """Give the network the weights of its best epoch, and the running statistics that it had then."""
        self.network.theta[:] = self.state.vectors["best"]
        for name, value in self.network.buffers.items():
            value[...] = self.state.vectors[f"best.{name}"]

    @contextmanager
    def using(self, weights: Array) -> Iterator[None]:
        """Within the block, the network has these weights."""
        own = self.network.theta.copy()
        buffers = {name: value.copy() for name, value in self.network.buffers.items()}
        self.network.theta[:] = weights
        try:
            yield
        finally:
            self.network.theta[:] = own
            for name, value in self.network.buffers.items():
                value[...] = buffers[name]

    @contextmanager
    def best_weights(self) -> Iterator[None]:
        """Within the block, the network is as it was after its best epoch."""
        with self.using(self.state.vectors["best"]):
            self.use_best_weights()
            yield

    # ---- to disk and back

    def arrays(self) -> dict[str, Array]:
        """Return every array that the rest of the training depends on."""
        optimizer = {f"optimizer.{name}": value for name, value in self.plan.optimizer.state.items()}
        buffers = {f"buffer.{name}": value for name, value in self.network.buffers.items()}
        return {"theta": self.network.theta, **optimizer, **buffers, **self.state.vectors}

    def restore(self, numbers: dict[str, Any], arrays: dict[str, Array]) -> None:
        """Continue from what ``state.numbers()`` and :meth:`arrays` returned in a training of the same plan.

        Raises UsageError when an array is missing, unknown or of another length, TypeError for an unknown number.
        """
        own = self.arrays()
        extra = {"best": self.network.theta} | {f"best.{k}": v for k, v in self.network.buffers.items()}
        wanted = own | (extra if numbers.get("best_epoch") else {})
        shapes = {name: value.shape for name, value in wanted.items()}
        if shapes != {name: value.shape for name, value in arrays.items()}:
            raise UsageError("the saved training is of another model or optimiser: resume it with its own settings")
        for name, value in own.items():
            value[...] = arrays[name]
        vectors = {name: arrays[name].copy() for name in wanted if name in extra}
        self.state = TrainingState(**numbers, vectors=vectors | self.state.vectors)
        self.plan.optimizer.t = self.state.step
