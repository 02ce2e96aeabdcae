"""Distillation: a network learns from what several of its own kind say of the very images that it is shown.

Teachers are trained first, as the recipe says, each from other first weights and in another order. Their mean answer is
better than any of them alone, and says more than a label: that this 4 is nearly a 9. It becomes the target, for each
image as it is distorted in the epoch that comes, so that the pupil meets millions of images with a target of their own.
What was trained is one network, as small as each teacher. What is no digit needs no teacher: they are trained without,
and its targets stay as they are.

G. Hinton, O. Vinyals, J. Dean: Distilling the Knowledge in a Neural Network, 2015, section 2, at temperature 1.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from nnscratch import ops
from nnscratch.arrays import Array, Stream
from nnscratch.data.augment import Distortion
from nnscratch.data.batches import Batches
from nnscratch.models.saving import load
from nnscratch.models.sequential import Sequential
from nnscratch.ops.distort import rng_streams
from nnscratch.parallel.threads import Team, threads
from nnscratch.runs.settings import Settings
from nnscratch.training.callbacks import Callback
from nnscratch.training.inference.outputs import outputs
from nnscratch.training.trainer import Trainer

PART = 500  # images that a thread distorts at a time
Watch = Callable[[str], Callback]


def no_watch(name: str) -> Callback:
    """Show nothing of a training."""
    return Callback()


@dataclass
class Distillation(Callback):
    """Teaches a trainer: its targets become its teachers' answers, anew before each epoch.

    images: (N, 28, 28) uint8, those of the trainer as they enter its network, and its targets (N, K). ``make`` returns
    a new network for a seed. In the folder of a run, teachers are kept when they are trained; one that was interrupted
    begins again. ``watch`` shows the training of one. ``answering`` is how many seconds their answers took.
    """

    settings: Settings
    images: Array
    targets: Array
    make: Callable[[int], Sequential]
    folder: Path
    watch: Watch = no_watch
    teachers: list[Sequential] = field(default_factory=list)
    answering: float = 0.0

    def __post_init__(self) -> None:
        self.known = np.flatnonzero(np.ptp(self.targets, axis=1))  # what belongs to a class
        self.images, self.targets = self.images[self.known], self.targets[self.known]

    def on_begin(self, trainer: Trainer) -> None:
        """Train the teachers that are missing, and answer for the epoch that comes."""
        while len(self.teachers) < self.settings.teachers and not trainer.stopped:
            self._add_teacher(trainer)
        self.on_epoch_end(trainer)

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Answer for the epoch that comes."""
        if not (trainer.finished or trainer.stopped):
            start = time.perf_counter()
            self.answer(trainer)
            self.answering += time.perf_counter() - start

    @property
    def seconds(self) -> float:
        """How long the teachers were trained, whenever that was, and have answered here."""
        return self.answering + float(sum(teacher.info.get("seconds", 0) for teacher in self.teachers))

    def answer(self, trainer: Trainer) -> None:
        """Make the trainer's targets what the teachers say, on average, of its images as this epoch distorts them."""
        streams = rng_streams(trainer.plan.seed, trainer.state.epoch, self.known)
        shown = distorted(self.images, trainer.plan.distortion, streams)
        trainer.labels[self.known] = mean_answer(self.teachers, shown)

    def _add_teacher(self, trainer: Trainer) -> None:
        """Load the next teacher, or train and keep it, unless the pupil's trainer is stopped meanwhile.

        Ranks share the work on it, and are stopped together, as that on the pupil.
        """
        number, ranks = len(self.teachers), trainer.shards.ranks
        path = self.folder / f"teacher-{number + 1}.npz"
        kept = (self.folder.parent / "config.json").is_file()  # whose settings are those of the teachers
        if ranks.broadcast(kept and path.is_file()):
            self.teachers.append(load(path))
            return
        seed = teacher_seed(self.settings.seed, number)
        network = self.make(seed)
        plan = replace(self.settings, seed=seed, epochs=self.settings.teacher_epochs or self.settings.epochs).plan()
        own = Trainer(
            network,
            as_they_enter(network, self.images),
            self.targets,
            plan,
            validation=trainer.validation,
            callbacks=[self.watch(f"teacher {number + 1} of {self.settings.teachers}")] if ranks.rank == 0 else [],
            ranks=ranks,
        )
        own.run()
        if own.finished:
            network.info |= {"seconds": sum(row["seconds"] for row in own.state.history)}
            self.teachers.append(network)
            if ranks.rank == 0 and kept:
                self.folder.mkdir(exist_ok=True)
                network.save(path)


def teacher_seed(seed: int, number: int) -> int:
    """Return the seed of a teacher of the training with ``seed``."""
    return int(np.random.SeedSequence((seed, Stream.TEACHERS, number)).generate_state(1)[0])


def distorted(images: Array, distortion: Distortion, streams: Array) -> Array:
    """Return images (N, 28, 28) uint8 as a training shows them whose random streams these are, (N,), but in uint8."""
    if not distortion:
        return images

    def part(start: int) -> Array:
        some = slice(start, start + PART)
        return distortion.copies(images[some], streams[some])

    team = Team(threads())
    try:
        return np.concatenate(team.map(part, range(0, len(images), PART)))
    finally:
        team.close()


def as_they_enter(network: Sequential, images: Array) -> Batches:
    """Return images (N, 28, 28) uint8 ready for the network, which is not to deskew them again."""
    return Batches(images[:, None], network.input_shape, network.normalisation, network.dtype, network.by_image)


def mean_answer(networks: list[Sequential], images: Array) -> Array:
    """Return the mean of the networks' probabilities for images (N, 28, 28) uint8 as they enter, (N, K) float32."""
    batches = as_they_enter(networks[0], images)
    answers = [ops.softmax_forward(outputs(network, batches)) for network in networks]
    return np.asarray(np.mean(answers, axis=0).T, np.float32)
