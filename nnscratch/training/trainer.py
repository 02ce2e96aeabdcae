"""The epoch loop: shuffle, and for each batch the gradient of its loss and a step of the optimiser; then validate.

The gradient is ``step.py``, and who works on which images ``shards/``. Everything that changes during training is in
``state.TrainingState``, and all randomness is a function of the seed and the position in it, so a training that was
stopped anywhere goes on bit for bit as if it had not been.
"""

from __future__ import annotations

import math
import time
import warnings
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch.arrays import Array, Stream, aligned
from nnscratch.data.batches import Batches
from nnscratch.data.scaling import as_array
from nnscratch.errors import ConvergenceWarning, DivergedError
from nnscratch.layers.network import Network
from nnscratch.training.bounds import BOUNDS
from nnscratch.training.callbacks import Callback, as_callbacks, wants_each_batch
from nnscratch.training.losses import constant_loss, is_regression, training_targets
from nnscratch.training.metrics import count_correct, r2_score
from nnscratch.training.plan import Plan, check_training
from nnscratch.training.shards import Ranks, Shards
from nnscratch.training.state import TrainingState, unchanged

ENOUGH = 50  # batches in which a training should have learned something
CALL = 0.05  # seconds that the steps of one call take


class Trainer:
    """One training of a network. ``run()`` ends with the epochs, with ``patience``, or when ``stop()`` was called.

    With ``ranks``, each process has a trainer of its own, of the same network, images and plan. ``weights`` (N,), of
    mean 1, is how much the loss of each image counts. ``is_regression`` is true where the labels are no classes.
    Raises UsageError for images, labels and a network that do not go together.
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
        weights: Array | None = None,
    ) -> None:
        self.network, self.images, self.plan = network, images, plan
        self.callbacks = as_callbacks(callbacks)
        outputs = network.shapes[-1]
        self.labels = training_targets(as_array(labels, "labels"), len(images), outputs, plan.loss)
        self.validation = validation
        if validation is not None:
            held_out, truth = validation
            self.validation = held_out, training_targets(truth, len(held_out), outputs, plan.loss)
        check_training(network, plan, self.labels)
        self.weights = weights
        self.is_regression = is_regression(self.labels, outputs[0], plan.loss)
        self.shards = Shards(network, plan, ranks)
        self.steps = plan.epochs * -(-len(images) // plan.batch_size)
        self.batch_loss = self.first_loss = math.nan
        self.recent_losses: deque[float] = deque(maxlen=ENOUGH)
        self.compiled: float | None = None  # seconds
        self.seconds_of_step = 0.0  # of those that were played last; none yet
        self.set_rate: float | None = None  # the learning rate that a callback has set
        self.first_epoch = 0  # how many epochs were done when patience began to count
        plan.optimizer.start(network.theta, network.decay_mask)
        average = {"average": aligned(network.theta)} if plan.ema else {}
        self.state = TrainingState(network, plan.optimizer, average)

    # ---- the loop

    def run(self) -> list[dict[str, float]]:
        """Train; leave the network with the weights that ``plan.keep`` says. Return the history, a row an epoch."""
        self.compile()
        try:
            with self.shards:
                for callback in self.callbacks:
                    callback.on_begin(self)
                while not self.finished and not self.stopped:
                    self.train_epoch()
                    if self.state.position >= len(self.images):
                        self.end_epoch()
        finally:
            for callback in self.callbacks:
                callback.close()
        if self.finished:
            self.state.use_best()
            self.warn_if_nothing_learned()
        return self.state.history

    def train_epoch(self) -> None:
        """Go through the images that this epoch has left, in its own shuffled order: a step for each batch."""
        state, size = self.state, self.plan.batch_size
        rng = np.random.default_rng((self.plan.seed, Stream.SHUFFLE, state.epoch))
        for indices in self.shards.batches(self.images, rng, state.position, self.at_once):
            played = self.play(indices)
            for first in range(played, 0 if self.stopped else len(indices), size):
                batch, start = indices[first : first + size], time.perf_counter()
                loss, correct = self.shards.gradient(
                    self.images, self.labels, batch, weights=self.weights, epoch=state.epoch, step=state.step
                )
                self.check_finite(loss)
                self.shards.update(self.learning_rate, state.step + 1, state.vectors.get("average"))
                self.end_batches(len(batch), [loss], [correct], time.perf_counter() - start)
                if self.stopped:
                    break
            if self.stopped:
                break

    def play(self, indices: Array) -> int:
        """Do a step for each full batch of these images, indices (n,), in one call, where all of that is recorded.

        Returns how many of the images have been learnt from.
        """
        state, size, start = self.state, self.plan.batch_size, time.perf_counter()
        batches = indices[: len(indices) - len(indices) % size].reshape(-1, size)
        if not len(batches) or self.weights is not None:
            return 0
        if not self.shards.can_play(self.images, self.labels, batches, state):
            return 0
        rates = [self.rate_of_step(state.step + k) for k in range(len(batches))]
        losses, correct = self.shards.play(self.images, self.labels, batches, state, rates)
        self.seconds_of_step = (time.perf_counter() - start) / len(batches)
        self.end_batches(size, losses.tolist(), correct.tolist(), self.seconds_of_step)
        return batches.size

    def end_batches(self, images: int, losses: Sequence[float], correct: Sequence[float], seconds: float) -> None:
        """Note what came of batches of so many images, ``seconds`` each, and call the callbacks after the last."""
        for loss, right in zip(losses, correct, strict=True):
            self.check_finite(loss)
            self.batch_loss = loss
            self.first_loss = self.first_loss if self.recent_losses else loss
            self.recent_losses.append(loss)
            self.state.count(images, loss, int(right), seconds)
        for callback in self.callbacks:
            callback.on_batch_end(self)

    def at_once(self) -> int:
        """Return how many steps may be done in one call: one, where a callback wants to see each batch.

        Else as many as take CALL seconds: then comes whatever waits, such as Ctrl-C.
        """
        if not self.seconds_of_step or any(map(wants_each_batch, self.callbacks)):
            return 1
        return max(min(int(CALL / self.seconds_of_step), self.shards.blocks.most), 1)

    def end_epoch(self) -> None:
        """Validate, and let the state write the history's row and keep the weights if they are the best."""
        self.check_finite(float(self.state.weights.sum()), "the sum of the weights")
        validated = None if self.validation is None else self.validate(*self.validation)
        rate = self.rate_of_step(self.state.step - 1)
        self.state.end_epoch(
            len(self.images),
            rate,
            validated,
            keep_last=self.plan.keep == "last",
            min_delta=self.plan.min_delta,
            regression=self.is_regression,
        )
        for callback in self.callbacks:
            callback.on_epoch_end(self)

    def validate(self, images: Batches, labels: Array) -> dict[str, float]:
        """Return loss and accuracy (of a regression, R^2) on these images, of the weights that are evaluated."""
        with unchanged(self.network):
            self.network.theta[:] = self.state.weights
            out = self.shards.outputs(images)
        loss, _ = self.plan.loss(out, labels.T)
        self.check_finite(loss, "the validation loss")
        if self.is_regression:
            return {"validation_loss": loss, "validation_r2": r2_score(out.T, labels.reshape(len(labels), -1))}
        return {"validation_loss": loss, "validation_accuracy": count_correct(out, labels) / len(labels)}

    if not TYPE_CHECKING:  # a class that answers for any name would not be checked

        def __getattr__(self, name: str) -> Any:
            """Answer for what the trainer's state does now."""
            if name not in ("arrays", "restore", "best_weights", "use_best_weights"):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            now = "use_best" if name == "use_best_weights" else name
            warnings.warn(f"{name} of a trainer is {now} of its state now", DeprecationWarning, stacklevel=2)
            return getattr(self.state, now)

    # ---- how far it is, and when it ends

    @property
    def learning_rate(self) -> float:
        """The learning rate of the step that comes. Once it is set, it stays, whatever the schedule says."""
        return self.rate_of_step(self.state.step)

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        BOUNDS["learning_rate"].check("the learning rate", rate)
        self.set_rate = float(rate)

    def rate_of_step(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        if self.set_rate is not None:
            return self.set_rate
        return self.plan.optimizer.learning_rate * self.plan.schedule.factor(step, self.steps)

    @property
    def finished(self) -> bool:
        """True when there is nothing left to do: all epochs are done, or ``patience`` has run out."""
        waited = self.state.epoch - max(self.state.best_epoch, self.first_epoch)
        out_of_patience = self.validation is not None and 0 < self.plan.patience <= waited
        return self.state.epoch >= self.plan.epochs or out_of_patience

    def stop(self) -> None:
        """End the training after the batch that runs. Safe to call from a signal handler or another thread."""
        self.shards.ranks.stop()

    @property
    def stopped(self) -> bool:
        """True when the training is to end after the batch that runs."""
        return self.shards.ranks.stopped

    def compile(self) -> float:
        """Make everything ready, on a batch that changes nothing: :meth:`Shards.warm_up`.

        Returns the seconds that it took, now or before: next to nothing when the machine code was on disk.
        """
        if self.compiled is None:
            start = time.perf_counter()
            held_out = self.validation[0] if self.validation else None
            self.shards.warm_up(self.images, self.labels, held_out, self.weights)
            self.compiled = time.perf_counter() - start
        return self.compiled

    def warn_if_nothing_learned(self) -> None:
        """Give a ConvergenceWarning where the weights that are kept do no better than one answer for all images.

        Their epoch's loss must be that of the best such answer, or worse, but for a hundredth; so must the loss of the
        last batches where they are the last weights, since an epoch's mean also has its beginning; and its accuracy
        must not be above the share of the most frequent class, but for three standard deviations. A run of fewer than
        ENOUGH batches has not had the time, and one whose loss is on its way down there only needs more of it.
        """
        if self.network.theta.size and not self.network.trainable_parts:
            warnings.warn("all layers are frozen, so nothing was trained", ConvergenceWarning, stacklevel=5)
            return
        constant = constant_loss(self.plan.loss, self.labels, self.network.shapes[-1][0], self.weights)
        state, row = self.state, self.state.history[self.state.best_epoch - self.state.epoch - 1]
        if not constant or len(self.recent_losses) < ENOUGH or self.shards.ranks.rank:
            return
        losses = [row["loss"]]
        if state.best_epoch == state.epoch:
            losses.append(float(np.mean(self.recent_losses)))
        if min(losses) < 0.99 * constant or self._beats_chance(row.get("accuracy", 0.0)):
            return
        if min(losses) > 1.02 * constant and self._on_its_way(min(losses)):
            return
        warnings.warn(
            f"the training has learned nothing: its loss is {min(losses):.4g}, and always giving the same answer has "
            f"{constant:.4g}; try another learning rate than {self.plan.optimizer.learning_rate:g} or more epochs, and "
            f"check that inputs vary and belong to their labels, and that numbers are scaled to about -1 to 1",
            ConvergenceWarning,
            stacklevel=5,  # of whoever has called fit
        )

    def _on_its_way(self, loss: float) -> bool:
        """Return whether the loss is well below that of the first batch, and fell within the last ones."""
        earlier, later = np.array_split(self.recent_losses, 2)
        return bool(loss < 0.8 * self.first_loss and later.mean() < 0.99 * earlier.mean())

    def _beats_chance(self, accuracy: float) -> bool:
        """Return whether the accuracy is above the share of the most frequent class, by more than chance."""
        if self.is_regression:
            return False
        n = len(self.labels)
        labels = self.labels if self.labels.ndim == 1 else self.labels.argmax(axis=1)
        share = float(np.bincount(labels).max()) / n
        return accuracy > share + 3 * math.sqrt(share * (1 - share) / n)

    def check_finite(self, value: float, what: str = "the loss") -> None:
        """Raise DivergedError when the value is infinite or NaN."""
        if math.isfinite(value):
            return
        batch = min(self.state.position, len(self.images) - 1) // self.plan.batch_size + 1
        happened = f"{what} became {value} in epoch {self.state.epoch + 1}, batch {batch}"
        if self.state.step == 0:
            raise DivergedError(f"{happened}, before any step: look at the images, labels, loss and weights")
        rate = self.set_rate or self.plan.optimizer.learning_rate
        raise DivergedError(f"{happened}: most likely the learning rate {rate:g} is too high", rate)
