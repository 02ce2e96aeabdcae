"""The threads of a training: a batch is cut into shards of a fixed size, which threads and ranks work on side by side.

Each shard has a replica of the network: the same parameters, activations and gradients of its own. Where the cuts lie
depends on the batch and the network, never on the number of threads, and the shards' gradients are added in order: so
one seed gives the same bits with any number. Processes (``parallel/mpi.py``) share a batch's shards in the same way.
What a shard goes through is ``step.py``; with compiled kernels it is soon recorded, and then many steps are played in
one call (``blocks.py``).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, Self

import numpy as np

from nnscratch import ops
from nnscratch.arrays import Array
from nnscratch.data.batches import Batches
from nnscratch.errors import UsageError
from nnscratch.layers.network import Network
from nnscratch.ops import replay
from nnscratch.ops.backend import resolve_backend
from nnscratch.ops.distort import rng_streams
from nnscratch.parallel.mpi import Ranks as Ranks  # the trainer has them from here
from nnscratch.parallel.threads import Team, one_blas_thread, threads
from nnscratch.training.inference import outputs as inference
from nnscratch.training.plan import SHARD, Plan
from nnscratch.training.shards.blocks import Blocks
from nnscratch.training.shards.gradient import ShardGradients
from nnscratch.training.shards.update import Update
from nnscratch.training.state import TrainingState, unchanged
from nnscratch.training.step import loss_gradient


class Shards:
    """The threads of one training or evaluation; a context manager, which may be entered again when it has ended.

    Of what ``ranks`` share, these threads do their own rank's part. Without a plan they are good for :meth:`outputs`.

    Raises UsageError for ranks that would share a batch which a layer needs in one piece.
    """

    def __init__(self, network: Network, plan: Plan | None = None, ranks: Ranks | None = None) -> None:
        self.network, self.plan, self.ranks = network, plan or Plan(), ranks or Ranks()
        if self.ranks.size > 1 and network.couples_whole_batch:
            raise UsageError("a layer needs the images of a batch together, which ranks cannot share: leave it out")
        self._reset()

    def _reset(self) -> None:
        self.team, self._open = Team(1), ExitStack()
        self.gradients = ShardGradients(self.network, self.plan, self.ranks)
        self.updates = Update(self.network, self.plan)
        self.blocks = Blocks(self.gradients, self.updates)
        self.pending: Sequence[Array] = []  # gradients of the shards, which are still to be added up
        self.pending_full = False  # whether they are those of a full batch

    def __enter__(self) -> Self:
        self._reset()
        resolve_backend()
        self._open.enter_context(one_blas_thread())
        self.team = Team(threads())
        self._open.callback(self.team.close)
        self.gradients.open(self.team)
        return self

    def __exit__(self, *error: object) -> None:
        for part in (self.blocks, self.gradients, self.updates):
            part.close()
        self._open.close()

    def __getstate__(self) -> dict[str, Any]:
        """Return what to pickle or to copy: threads and recordings belong to the arrays that they were made with."""
        return {name: getattr(self, name) for name in ("network", "plan", "ranks")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Become a copy, which has not been entered."""
        self.__dict__.update(state)
        self._reset()

    # ---- a step of learning

    def batches(
        self, images: Batches, rng: np.random.Generator, start: int, many: Callable[[], int] = lambda: 1
    ) -> Iterator[Array]:
        """Yield an epoch's indices from a position on, ``many()`` batches or fewer at a time.

        Only this rank's part of the images is read.
        """
        part = self.gradients.part if self.ranks.size > 1 else None
        return images.epoch(rng, self.plan.batch_size, start, team=self.team, part=part, many=many)

    def gradient(
        self,
        images: Batches,
        labels: Array,
        batch: Array,
        *,
        weights: Array | None = None,
        epoch: int = 0,
        step: int = 0,
    ) -> tuple[float, int]:
        """Fill the gradients of all shards of a batch, indices (n,); :meth:`update` then adds them up.

        weights: (N,), how much the loss of each of all images counts; such batches are never replayed.
        Returns the mean loss of the batch and how many of its images were classified correctly, of all ranks.
        """
        of, n = self.gradients, len(batch)
        of.prepare(n, step)
        shards, numbers = of.cut(batch), of.numbers(n)

        def work(place: int) -> Array:
            shard = shards[numbers[place]]
            streams = None if of.distortion is None else rng_streams(self.plan.seed, epoch, shard)
            x = images.x(shard, of.width, of.distortion, streams)
            own = None if weights is None else weights[shard]
            return loss_gradient(of.replicas[place], x, labels[shard], self.plan.loss, len(shard) / n, own)

        if weights is None and of.is_recorded(labels, n):
            totals = of.replayed(images, labels, batch, epoch, step)
        elif of.shared:
            totals = of.met(images, labels, batch, weights, epoch)
        else:
            totals = of.team.map(work, range(len(numbers)))
        gradients = [replica.gradient for replica in of.replicas[: len(totals)]]
        self.pending_full = len(batch) == self.plan.batch_size
        self.pending = gradients if self.ranks.size == 1 else [self.network.gradient]
        sums = sum(totals, start=np.zeros(2))  # one by one, as blocks do: sum() of floats rounds in another way
        loss, correct = self.ranks.add(gradients, len(shards), self.network.gradient, sums.tolist())
        return loss, int(correct)

    def update(self, rate: float, step: int, average: Array | None = None) -> None:
        """Add the shards' gradients up in ``network.gradient``, and do the optimiser's step number ``step`` with them.

        ``average`` (P,), the EMA of the weights, takes its step too.
        """
        self.updates(self.pending, rate, step, average, self.team, full=self.pending_full)

    def can_play(self, images: Batches, labels: Array, batches: Array, state: TrainingState) -> bool:
        """Return whether steps for these batches, indices (B, n), can be played as they were recorded."""
        return self.ranks.size == 1 and self.blocks.ready(images, labels, batches, state.vectors.get("average"))

    def play(
        self, images: Batches, labels: Array, batches: Array, state: TrainingState, rates: Sequence[float]
    ) -> tuple[Array, Array]:
        """Do a step for each batch, indices (B, n), with these learning rates; return the losses and correct, (B,)."""
        return self.blocks.play(images, labels, batches, epoch=state.epoch, step=state.step, rates=rates)

    # ---- what needs no gradient

    def outputs(self, images: Batches, most: int | None = None) -> Array:
        """Return the network's output (K, N) for all images, or ``most``: see ``inference/outputs.py``."""
        return inference.team_outputs(self.network, images, self.team, self.ranks, most)

    def warm_up(
        self, images: Batches, labels: Array, validation: Batches | None = None, weights: Array | None = None
    ) -> None:
        """Run each kernel once, on a batch that changes nothing, so that no step waits for a compiler."""
        n, size = len(images), self.plan.batch_size
        sizes = {min(n, size)}
        if self.network.couples_whole_batch:  # the last batch has a geometry of its own
            sizes.add(n % size or min(n, size))
        plan = copy.copy(self.plan)
        plan.optimizer = copy.deepcopy(self.plan.optimizer)
        with unchanged(self.network), Shards(self.network, plan) as local:  # without the other ranks
            for count in sizes:
                for batch in images.epoch(None, count, stop=count, team=local.team):
                    local.gradient(images, labels, batch, weights=weights)
            local.update(0.0, 1)
            replay.warm_up()
            if validation is not None:
                local.outputs(validation, most=SHARD)
        theta = self.network.theta
        ops.average_update(theta.copy(), theta, decay=0.5)
