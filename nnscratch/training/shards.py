"""Who does what: a batch is cut into shards of a fixed size, which threads and ranks work on side by side.

Each shard has a replica of the network: the same parameters, activations and gradients of its own. Where the cuts lie
depends on the batch and the network, never on the number of threads, and the shards' gradients are added in order: so
one seed gives the same bits with any number. Processes (``parallel/mpi.py``) share a batch's shards in the same way.
What a shard goes through is ``step.py``; with compiled kernels it is soon recorded and replayed (``ops/replay.py``).
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Self

import numpy as np

from nnscratch import ops
from nnscratch.arrays import Array, Stream
from nnscratch.data.batches import Batches
from nnscratch.errors import UsageError
from nnscratch.layers.construction import only
from nnscratch.layers.network import Network
from nnscratch.ops import replay
from nnscratch.ops.backend import resolve_backend
from nnscratch.ops.distort import rng_streams
from nnscratch.ops.replay import Replay
from nnscratch.parallel.mpi import Ranks as Ranks  # the trainer has them from here
from nnscratch.parallel.threads import Team, one_blas_thread, threads
from nnscratch.parallel.tree import add_shards
from nnscratch.training.losses import Loss, smoothing_of
from nnscratch.training.plan import SHARD, Plan, shard_size
from nnscratch.training.state import unchanged
from nnscratch.training.step import loss_gradient

WIDEST = 1 << 16  # images; wider ones are not filled up, lest a batch_size that means all of them fill the memory
RECORD_FROM = 16 * SHARD  # images; from here on recording pays where only the output is wanted
# Parameters that a thread updates at a time: Python between smaller chunks costs more than it saves.
CHUNK = 1 << 17
NO_STREAMS: Array = np.zeros(1, np.uint64)  # streams, where nothing is distorted


class Shards:
    """The threads of one training or evaluation; a context manager, which may be entered again when it has ended.

    Of what ``ranks`` share, these threads do their own rank's part. Without a plan they are good for :meth:`outputs`.

    Raises UsageError for ranks that would share a batch whose images a layer mixes.
    """

    def __init__(self, network: Network, plan: Plan | None = None, ranks: Ranks | None = None) -> None:
        self.network, self.plan, self.ranks = network, plan or Plan(), ranks or Ranks()
        if self.ranks.size > 1 and network.couples_batch:
            raise UsageError("batch normalisation mixes the images of a batch, which ranks cannot share: leave it out")
        self.size = shard_size(network, self.plan.batch_size, self.plan.shard)
        # every shard but those of a network that mixes images has this width: kernels are compiled for it
        self.width = 0 if network.couples_batch or self.size > WIDEST else self.size
        self.distortion = self.plan.distortion if self.plan.distortion else None
        self._reset()

    def _reset(self) -> None:
        self.team, self._open = Team(1), ExitStack()
        self.replicas: list[Network] = [self.network]  # the first shard works on the network itself
        self.pending_gradients: list[Array] = []  # gradients that are still to be added to the network's own
        self.replays: dict[int, Replay] | None = None  # of the shards by their place among the replicas

    def __enter__(self) -> Self:
        self._reset()
        resolve_backend()
        recordable = self.network.replayable and len(self.network.shapes[-1]) == 1
        self.replays = {} if recordable and smoothing_of(self.plan.loss) is not None else None
        self._open.enter_context(one_blas_thread())
        self.team = Team(threads())
        self._open.callback(self.team.close)
        return self

    def __exit__(self, *error: object) -> None:
        for recorded in (self.replays or {}).values():
            recorded.release()
        self._open.close()

    def __getstate__(self) -> dict[str, Any]:
        """Return what to pickle or to copy: threads and recordings belong to the arrays that they were made with."""
        running = ("team", "_open", "replicas", "pending_gradients", "replays")
        return {name: value for name, value in vars(self).items() if name not in running}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Become a copy, which has not been entered."""
        self.__dict__.update(state)
        self._reset()

    # ---- a step of learning

    def batches(self, images: Batches, rng: np.random.Generator, start: int) -> Iterator[Array]:
        """Yield an epoch's batches of indices from a position on; only this rank's part of the images is read."""
        part = self.part if self.ranks.size > 1 else None
        return images.epoch(rng, self.plan.batch_size, start, team=self.team, part=part)

    def cut(self, batch: Array) -> list[Array]:
        """Return the indices (n,) in shards of ``size``; the last may be shorter."""
        return [batch[start : start + self.size] for start in range(0, len(batch), self.size)]

    def part(self, n: int) -> slice:
        """Return which of the ``n`` images of a batch this rank works on."""
        starts = self.ranks.part(range(0, n, self.size))
        return slice(starts[0], min(starts[-1] + self.size, n)) if starts else slice(0)

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

        weights: (N,), how much the loss of each of all images counts; such batches are not recorded.
        Returns the mean loss of the batch and how many of its images were classified correctly, of all ranks.
        """
        shards = self.cut(batch)
        numbers = self.ranks.part(range(len(shards)))
        while len(self.replicas) < len(numbers):
            self.replicas.append(self.network.replica())
        recordable = self.replays is not None and labels.ndim == 1 and weights is None
        is_full_batch = recordable and len(batch) == self.plan.batch_size

        def work(place: int) -> Array:
            network, shard = self.replicas[place], shards[numbers[place]]
            shard_streams = None if self.distortion is None else rng_streams(self.plan.seed, epoch, shard)
            if is_full_batch and len(shard) == self.width:
                return self._replayed(place, images, shard, labels[shard], shard_streams)
            network.reseed((self.plan.seed, Stream.LAYERS, step, numbers[place]))
            x = images.x(shard, self.width, self.distortion, shard_streams)
            own = None if weights is None else weights[shard]
            return loss_gradient(network, x, labels[shard], self.plan.loss, len(shard) / len(batch), own)

        totals = self.team.map(work, range(len(numbers)))
        gradients = [replica.gradient for replica in self.replicas[: len(numbers)]]
        self.pending_gradients = gradients[1:] if self.ranks.size == 1 else []
        sums = [sum(float(loss) for loss, _ in totals), sum(int(correct) for _, correct in totals)]
        loss, correct = self.ranks.add(gradients, len(shards), self.network.gradient, sums)
        return loss, int(correct)

    def _replayed(self, place: int, images: Batches, shard: Array, labels: Array, shard_streams: Array | None) -> Array:
        """Do the same by a recording, which holds the arrays that the images are in and which of their rows."""
        assert self.replays is not None
        network, (buffer, rows) = self.replicas[place], images.buffered(shard)
        if place not in self.replays:
            self.replays[place] = self._recorder(network)
        given = (images, buffer, self.plan.loss, network.theta, *parameters(network))
        return self.replays[place](rows, labels, NO_STREAMS if shard_streams is None else shard_streams, given=given)

    def _recorder(self, network: Network) -> Replay:
        inputs = [np.zeros(self.width, dtype) for dtype in (np.int64, np.int64, np.uint64)]
        distortion, fraction = self.distortion, self.width / self.plan.batch_size

        def work(
            rows: Array, labels: Array, shard_streams: Array, images: Batches, buffer: Array, loss: Loss, *_: Array
        ) -> Array:
            x = images.x(rows, 0, distortion, shard_streams, buffer=buffer)
            return loss_gradient(network, x, labels, loss, fraction)

        return Replay(work, inputs, outputs=[network.gradient])

    def update(self, rate: float, step: int, average: Array | None = None) -> None:
        """Add the shards' gradients up in ``network.gradient``, and do the optimiser's step number ``step`` with them.

        ``average`` (P,), the EMA of the weights, takes its step too. A long vector is done in chunks that stay in
        the cache between all of these, shared among the threads; only clipping has to see all of the gradient first.
        Parameters of frozen layers stay as they are.
        """
        plan, theta, gradient = self.plan, self.network.theta, self.network.gradient
        trained = self.network.trainable_parts
        whole = not plan.clip and trained == [slice(0, theta.size)]
        decay = min(plan.ema, step / (step + 10))  # young averages forget faster: random initial weights do not linger
        if not whole:
            self.team.map(self.add_gradients, chunks(theta.size))
        if plan.clip:
            gradient = only(gradient, trained)
            gradient, _ = ops.clip_global_norm(gradient, plan.clip)
        plan.optimizer.t += 1

        def optimizer_step(chunk: slice) -> None:
            if whole:
                self.add_gradients(chunk)
            plan.optimizer.step_part(chunk, theta, gradient, rate)
            if average is not None:
                ops.average_update(average[chunk], theta[chunk], decay=decay)

        self.team.map(optimizer_step, [chunk for part in trained for chunk in chunks(part.stop, part.start)])

    def add_gradients(self, chunk: slice) -> None:
        """Add up a chunk of the shards' gradients, in the network's own."""
        add_shards([gradient[chunk] for gradient in (self.network.gradient, *self.pending_gradients)])

    # ---- what needs no gradient

    def outputs(self, images: Batches, most: int | None = None) -> Array:
        """Return the network's output (K, N) for all images, or ``most``, with dropout off and running statistics."""
        n = len(images) if most is None else min(most, len(images))
        recorded = n >= RECORD_FROM and self.network.replayable
        recordings: dict[int, Callable[[Array], Array]] = {}  # one for each thread

        def infer(shard: Array) -> Array:
            if not recorded or len(shard) < SHARD:
                return self.network.infer(images.x(shard, SHARD))[:, : len(shard)]
            own = threading.get_ident()
            if own not in recordings:
                recordings[own] = recorded_forward(self.network.replica(), images)
            return recordings[own](shard)

        starts = self.ranks.part(range(0, n, SHARD))
        start, stop = (starts[0], min(starts[-1] + SHARD, n)) if starts else (0, 0)
        parts = [np.zeros((*self.network.shapes[-1], 0), self.network.dtype)]
        for window in images.epoch(None, images.window(SHARD), start, stop, team=self.team):
            parts += self.team.map(infer, [window[i : i + SHARD] for i in range(0, len(window), SHARD)])
        return self.ranks.gather(np.concatenate(parts, axis=1))

    def warm_up(
        self, images: Batches, labels: Array, validation: Batches | None = None, weights: Array | None = None
    ) -> None:
        """Run each kernel once, on a batch that changes nothing, so that no step waits for a compiler."""
        n, size = len(images), self.plan.batch_size
        sizes = {min(n, size)}
        if self.network.couples_batch:  # the last batch has a geometry of its own
            sizes.add(n % size or min(n, size))
        with unchanged(self.network), Shards(self.network, self.plan) as local:  # without the other ranks
            local.replays = None
            for count in sizes:
                for batch in images.epoch(None, count, stop=count, team=local.team):
                    local.gradient(images, labels, batch, weights=weights)
            replay.warm_up()
            if validation is not None:
                local.outputs(validation, most=SHARD)
        theta = self.network.theta.copy()
        optimizer = copy.deepcopy(self.plan.optimizer)
        optimizer.step(theta, np.zeros_like(theta), 0.0)
        ops.average_update(theta, theta.copy(), decay=0.5)


def parameters(network: Network) -> list[Array]:
    """Return the arrays that the layers work with now: with others a recording is worth nothing."""
    return [getattr(layer, name) for layer in network.layers for name in layer.parameters]


def recorded_forward(network: Network, images: Batches) -> Callable[[Array], Array]:
    """Return what gives the output (K, SHARD) of SHARD images by their indices, recorded when it is called first."""

    def work(rows: Array, buffer: Array, *_: Array) -> Array:
        return network.forward(images.x(rows, buffer=buffer))

    recording = Replay(work, [np.zeros(SHARD, np.int64)])

    def forward(shard: Array) -> Array:
        buffer, rows = images.buffered(shard)
        return recording(rows, given=(buffer, network.theta, *parameters(network))).copy()

    return forward


def chunks(stop: int, start: int = 0) -> list[slice]:
    """Return the part of a vector from ``start`` to ``stop`` cut into slices of CHUNK; a short one in one piece."""
    if stop - start <= 2 * CHUNK:
        return [slice(start, stop)]
    return [slice(first, min(first + CHUNK, stop)) for first in range(start, stop, CHUNK)]


def outputs(network: Network, batches: Batches) -> Array:
    """Return the network's output (K, N) for all images. Safe to call from many threads at once."""
    n = len(batches)
    if n == 0:
        return np.zeros((*network.shapes[-1], 0), network.dtype)
    if n <= SHARD:  # a handful is done before threads have started, or a compiler
        if n <= 1:
            return network.infer(batches.x(np.arange(n)))
        with one_blas_thread():
            return network.infer(batches.x(np.arange(n), SHARD))[:, :n]
    with Shards(network) as shards:
        return shards.outputs(batches)
