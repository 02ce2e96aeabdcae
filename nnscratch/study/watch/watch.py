"""A callback that looks inside a network while it trains, and leaves the training as it is, bit for bit.

    from nnscratch.study.watch.page import write_record
    from nnscratch.study.watch.watch import Watch

    watch = Watch()
    model.fit(images, labels, epochs=3, callbacks=[watch])
    watch.samples[-1].layers["conv1"].gradient_norm
    watch.findings()                        # what is wrong, in words
    write_record("training.html", watch, "my network")

Any ``Sequential`` will do, one with layers of one's own as well.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import UsageError
from nnscratch.layers.base import whole
from nnscratch.study.watch.diagnosis import Finding, findings
from nnscratch.study.watch.sample import Sample, add_updates, first_filters, layer_samples, recorded_pass
from nnscratch.training.callbacks import Callback
from nnscratch.training.trainer import Trainer

SHARE = 0.03  # of the time that the training takes
MOST_SAMPLES = 400  # unless a rhythm is asked for


class Watch(Callback):
    """Looks now and then at every layer, on the same ``images`` training images each time: see :class:`Sample`.

    A sample is a recorded pass before a batch, and the share by which the batch then moves each parameter. There is
    one before the first batch, at least one in each epoch, and as many more as fit into ``share`` of the time since
    then; when there are MOST_SAMPLES, every second is dropped, and from then on they are fewer. ``every`` asks for
    one before every so many batches instead, however long that takes, and all are kept.

    ``samples`` are all that are complete; ``losses``, ``accuracies`` and learning ``rates`` are those of each batch,
    ``history`` is the training's. ``clock`` tells the seconds. Raises UsageError for arguments out of range.
    """

    def __init__(
        self,
        *,
        every: int | None = None,
        images: int = 64,
        share: float = SHARE,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.every = None if every is None else whole(every, "the number of batches from sample to sample")
        self.images = whole(images, "the number of images to watch")
        if not 0 < share < 1:
            raise UsageError(f"the share of the time to watch is {share!r}: give a number above 0 and below 1")
        self.share, self.clock = share, clock
        self.samples: list[Sample] = []
        self.losses, self.accuracies, self.rates = array("d"), array("d"), array("d")
        self.history: list[dict[str, float]] = []
        self.unfinished: Sample | None = None  # it waits for its batch
        self.before: Array | None = None  # theta at that moment
        self.began, self.spent, self.cost = 0.0, 0.0, 0.0  # seconds; spent since then, and on the last sample
        self.first_cost, self.last_time = 0.0, 0.0
        self.ended: float | None = None

    # ---- what the trainer calls

    def on_begin(self, trainer: Trainer) -> None:
        """Choose the images, compile what is not yet, and take the first sample."""
        n = len(trainer.images)
        self.chosen = np.linspace(0, n - 1, min(self.images, n)).astype(np.int64)
        self.x, self.labels = trainer.images.x(self.chosen), trainer.labels[self.chosen]
        self.couples_batch = trainer.network.couples_batch
        self.parameters, self.steps = int(trainer.network.theta.size), trainer.steps
        self.steps_per_epoch = trainer.steps // trainer.plan.epochs
        self.samples, self.losses, self.accuracies = [], array("d"), array("d")
        self.rates = array("d", [trainer.learning_rate])
        self.history = trainer.state.history
        self.seen, self.correct = trainer.state.position, trainer.state.correct
        self.sampled_in_epoch, self.last_step, self.gap = False, 0, 1
        recorded_pass(trainer.network, self.x, self.labels, trainer.plan.loss)
        self.take(trainer)
        self.first_cost, self.spent = self.cost, 0.0
        self.began, self.ended = self.clock(), None

    def on_batch_end(self, trainer: Trainer) -> None:
        """Finish the sample that waits for this batch, and take one before the next where it is due."""
        now = self.clock()
        self.finish(trainer)
        state = trainer.state
        self.losses.append(trainer.batch_loss)
        self.accuracies.append((state.correct - self.correct) / (state.position - self.seen))
        if state.step < trainer.steps:
            self.rates.append(trainer.learning_rate)  # the next batch's
        self.seen, self.correct = state.position, state.correct
        left = len(trainer.images) - state.position
        self.spent += self.clock() - now
        if left > 0 and not trainer.stopped and self.is_due(trainer, left):
            self.take(trainer)

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Begin another epoch."""
        self.seen, self.correct, self.sampled_in_epoch = 0, 0, False
        if not trainer.finished and not trainer.stopped and self.is_due(trainer, len(trainer.images)):
            self.take(trainer)

    def close(self) -> None:
        """Keep the last sample, though its batch has not come."""
        if self.unfinished is not None:
            self.samples.append(self.unfinished)
        self.before = self.unfinished = None
        self.ended = self.clock()

    # ---- when

    def is_due(self, trainer: Trainer, left: int) -> bool:
        """Return whether to look before the next batch, with so many images left in the epoch."""
        step = trainer.state.step
        if self.every is not None:
            return step % self.every == 0
        if left <= trainer.plan.batch_size and not self.sampled_in_epoch:
            return True
        now = self.clock()
        affordable = self.spent + self.cost <= self.share * (now - self.began)
        rested = self.cost <= self.share * (now - self.last_time)  # what was saved is not spent all at once
        return affordable and rested and step >= self.last_step + self.gap

    @property
    def share_spent(self) -> float:
        """The share of the time since the training began that went into watching, the first sample included."""
        end = self.clock() if self.ended is None else self.ended
        return (self.first_cost + self.spent) / max(self.first_cost + end - self.began, 1e-9)

    # ---- a sample

    @property
    def newest(self) -> Sample | None:
        """The newest complete sample; in the beginning the one that waits for its batch."""
        return self.samples[-1] if self.samples else self.unfinished

    def take(self, trainer: Trainer) -> None:
        """Look at the network as it is, and remember theta until the next batch has moved it."""
        start = self.clock()
        network, step = trainer.network, trainer.state.step
        replica, loss, accuracy = recorded_pass(network, self.x, self.labels, trainer.plan.loss)
        epochs, rate = step / self.steps_per_epoch, trainer.learning_rate
        self.unfinished = Sample(step, epochs, rate, loss, accuracy, layer_samples(replica), first_filters(network))
        self.before = network.theta.copy()
        self.sampled_in_epoch, self.last_step = True, step
        self.last_time = self.clock()
        self.cost = self.last_time - start
        self.spent += self.cost

    def finish(self, trainer: Trainer) -> None:
        """Complete the sample that waits, now that its batch has been."""
        if self.unfinished is None or self.before is None:
            return
        add_updates(self.unfinished, trainer.network, self.before)
        self.samples.append(self.unfinished)
        self.before = self.unfinished = None
        if self.every is None and len(self.samples) >= MOST_SAMPLES:
            self.samples = self.samples[::2]
            self.gap = (self.samples[-1].step - self.samples[0].step) // len(self.samples)

    def findings(self) -> list[Finding]:
        """Return what was found wrong in the samples: see ``diagnosis.py``."""
        return findings(self.samples)
