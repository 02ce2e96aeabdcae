"""The time of a training step by layer, what part of the machine's peak that is, and what threads gain."""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.batches import Batches
from nnscratch.layers.network import Network
from nnscratch.ops.backend import backend
from nnscratch.parallel.threads import Team, one_blas_thread, threads
from nnscratch.study.profile.trace import (
    IMAGES,
    LOSS,
    UPDATE,
    Label,
    Trace,
    clocked,
    gradient_pieces,
    joined,
    play,
    update_pieces,
)
from nnscratch.training.plan import Plan
from nnscratch.training.state import unchanged
from nnscratch.training.trainer import Trainer

STEPS = 64  # at most, that are timed in a row
SECONDS = 0.06  # that steps in a row take, about
ROUNDS = 12  # in each of which all numbers of threads take their turn: what disturbs the machine disturbs all
WARM = 3  # steps, after which what can be recorded is
SIDE, TRIES = 512, 3  # of the matrices whose product stands for the peak; how often it is made in a round


@dataclass(frozen=True)
class Row:
    """A line of the table: seconds of a step, forward and backward where it has them, and FLOP in them."""

    name: str
    forward: float
    backward: float
    seconds: float
    flop: float = 0.0

    @property
    def rate(self) -> float:
        """FLOP/s; 0 for what has no multiplications with weights."""
        return self.flop / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Timing:
    """Steps on a number of threads.

    ``seconds`` is the mean of the faster half of all steps, since others use the machine too, ``work`` (n,) that of
    each piece, of whatever thread, and ``peak`` the FLOP/s of NumPy's matrix product on as many threads. ``median`` is
    the trace of the median of these steps.
    """

    threads: int
    seconds: float
    work: Array = field(repr=False)
    peak: float
    median: Trace = field(repr=False)

    @property
    def waiting(self) -> float:
        """Seconds that all threads together do nothing in a step."""
        return self.threads * self.seconds - float(self.work.sum())


@dataclass(frozen=True)
class Profile:
    """Where the time of a training's steps goes.

    ``flop`` has that of each layer's forward and backward, for a batch. ``hindrances`` say what is
    not recorded, and why: that was timed by the clock in Python. ``load`` is how many processes wanted the ``cores``
    before, of the last minute; None where the system does not say.
    """

    layers: list[str]
    flop: dict[Label, float]
    timings: list[Timing]
    batch_size: int
    dtype: str
    backend: str
    hindrances: list[str]
    cores: int
    load: float | None

    @property
    def recorded(self) -> bool:
        """Whether all of the step is."""
        return not self.hindrances

    def rows(self, timing: Timing) -> list[Row]:
        """Return the lines of a timing's table, which add up to its step: images, layers, loss, update, waiting.

        The time of work is that of all threads, by their number: what it adds to the step.
        """
        spent: dict[Label, float] = {}
        for piece, seconds in zip(timing.median.pieces, timing.work / timing.threads, strict=True):
            spent[piece.label] = spent.get(piece.label, 0.0) + float(seconds)

        def other(label: Label) -> Row:
            return Row(label[0], 0.0, 0.0, spent.get(label, 0.0))

        rows = [other(IMAGES)]
        for name in self.layers:
            there, back = (spent.get((name, direction), 0.0) for direction in ("forward", "backward"))
            rows.append(Row(name, there, back, there + back, self.flop_of(name)))
        return [*rows, other(LOSS), other(UPDATE), Row(self.idle, 0.0, 0.0, timing.waiting / timing.threads)]

    @property
    def idle(self) -> str:
        """What to call the time between the pieces."""
        return "waiting" if self.recorded else "waiting, Python between"

    def flop_of(self, name: str) -> float:
        """Return the FLOP of a layer, forward and backward."""
        return self.flop.get((name, "forward"), 0.0) + self.flop.get((name, "backward"), 0.0)


def one_step(trainer: Trainer, batch: Array) -> None:
    """Do a step of training on a batch, indices (n,)."""
    state = trainer.state
    trainer.shards.gradient(trainer.images, trainer.labels, batch, epoch=state.epoch, step=state.step)
    trainer.shards.update(trainer.learning_rate, state.step + 1, state.vectors.get("average"))


def profile(network: Network, images: Batches, labels: Array, plan: Plan) -> Profile:
    """Return where the time of a training goes, on one thread and on all of :func:`threads`.

    A copy of the network is trained for a moment. Raises UsageError for what does not go together, as training does.
    """
    plan = replace(plan, batch_size=min(plan.batch_size, len(images)), label_smoothing=0.0)  # the loss has it already
    trainer = Trainer(copy.deepcopy(network), images, labels, plan)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    trainer.compile()
    counts = sorted({1, threads()})
    with trainer.shards:
        take, hindered = timed_steps(trainer)
        traces, peaks = in_turns(trainer.network, take, counts)
    runs = runs_of(trainer.network)
    names = {run[0]: " + ".join(run) for run in runs}
    timings = [timing(count, joined(traces[count]).renamed(names), peaks[count]) for count in counts]
    flop = flop_of(trainer.network, plan.batch_size)
    return Profile(
        list(names.values()),
        flop,
        timings,
        plan.batch_size,
        str(np.dtype(network.dtype)),
        backend(),
        hindered,
        os.cpu_count() or 1,
        load,
    )


def timed_steps(trainer: Trainer) -> tuple[Callable[[int], Trace], list[str]]:
    """Return what times some steps with so many threads, and why they cannot be played from a recording, if so."""
    images, plan, shards = trainer.images, trainer.plan, trainer.shards
    many = min(STEPS, shards.blocks.most)
    found = next(shards.batches(images, np.random.default_rng(plan.seed), 0, lambda: many))
    batches = found[: len(found) - len(found) % plan.batch_size].reshape(-1, plan.batch_size)
    for _ in range(WARM):
        start = time.perf_counter()
        one_step(trainer, batches[0])
    recorded = shards.can_play(images, trainer.labels, batches, trainer.state)
    hindered = [] if recorded else hindrances(trainer)
    seconds = time.perf_counter() - start
    if recorded:
        trainer.play(batches.ravel())
        seconds = trainer.seconds_of_step
    steps = max(min(math.ceil(SECONDS / seconds), len(batches)), 1)
    return (recording(trainer, steps) if recorded else partial(clocked, trainer, batches[0], steps)), hindered


def in_turns(
    network: Network, take: Callable[[int], Trace], counts: Sequence[int]
) -> tuple[dict[int, list[Trace]], dict[int, float]]:
    """Return for each number of threads what ``take`` says in each round, and the highest peak, in FLOP/s."""
    traces: dict[int, list[Trace]] = {count: [] for count in counts}
    peaks = dict.fromkeys(counts, 0.0)
    for _ in range(ROUNDS):
        for count in counts:
            with unchanged(network):  # each time the same moment of the training
                traces[count].append(take(count))
            peaks[count] = max(peaks[count], peak(count, network.dtype))
    return traces, peaks


def hindrances(trainer: Trainer) -> list[str]:
    """Return what of a trainer's step is not recorded, and why, as sentences."""
    if backend() != "numba":
        return ["NumPy's functions serve, not compiled kernels."]
    gradient, update = trainer.shards.gradients.replay, trainer.shards.blocks.update.replay
    found = []
    if gradient is None:
        found.append("The gradient is not: a layer or the loss is not the library's, or the labels are no classes.")
    elif not gradient.trusted:
        found.append("The gradient is not: a layer does what no kernel does.")
    if update is None:
        found.append("The update is not: it clips the gradient, or the optimiser is not the library's.")
    elif not update.trusted:
        found.append("The update is not: the optimiser does what no kernel does.")
    return found or ["It is not the same from step to step."]


def recording(trainer: Trainer, steps: int) -> Callable[[int], Trace]:
    """Return what plays ``steps`` steps, as they were recorded, on a number of threads."""
    shards = trainer.shards
    gradient, update, program = shards.gradients.replay, shards.blocks.update.replay, shards.blocks.program
    assert gradient is not None and update is not None
    pieces = gradient_pieces(gradient) + update_pieces(update)

    def take(count: int) -> Trace:
        return play(program, pieces, shards.team if count == shards.team.size else Team(1), steps)

    return take


def timing(count: int, trace: Trace, peak: float) -> Timing:
    """Return what the steps of a trace say."""
    fast = np.argsort(trace.seconds, kind="stable")[: -(-len(trace.seconds) // 2)]
    work = (trace.spans[fast, :, 1] - trace.spans[fast, :, 0]).mean(axis=0)
    place = int(fast[len(fast) // 2])
    shown = Trace(trace.pieces, *(array[place : place + 1] for array in (trace.threads, trace.spans, trace.bounds)))
    return Timing(count, float(trace.seconds[fast].mean()), work, peak, shown)


def peak(count: int, dtype: object) -> float:
    """Return the most FLOP/s of NumPy's matrix product on a number of threads: of as many products, side by side."""
    a = np.full((SIDE, SIDE), 0.5, dtype)  # type: ignore[call-overload]
    outs, team = [np.empty_like(a) for _ in range(count)], Team(count)

    def rate(out: Array) -> float:
        start = time.perf_counter()
        np.matmul(a, a, out=out)
        return float(2 * SIDE**3 / (time.perf_counter() - start))

    with one_blas_thread():
        most = max(sum(team.map(rate, outs)) for _ in range(TRIES))
    team.close()
    return most


def flop_of(network: Network, n: int) -> dict[Label, float]:
    """Return the FLOP of each layer for ``n`` images: two for a multiply-add.

    On the way back as many for the gradient of the weights, and as many again for that of the input, which the first
    layer with weights has no use for.
    """
    work = {layer.name: row[3] for layer, row in zip(network.layers, network.table(), strict=True)}
    steps, found = network.steps(), dict[Label, float]()
    first = next((i for i, step in enumerate(steps) if step.parameters), len(steps))
    for i, run in enumerate(runs_of(network)):
        forward = 2.0 * n * sum(work[name] for name in run)
        found[" + ".join(run), "forward"] = forward
        found[" + ".join(run), "backward"] = forward * (0 if i < first else 1 if i == first else 2)
    return found


def runs_of(network: Network) -> list[list[str]]:
    """Return the names of the layers that each step of a network does: one, or those that are fused.

    A step has the name of its first layer.
    """
    begins, runs = {step.name for step in network.steps()}, list[list[str]]()
    for layer in network.layers:
        if layer.name in begins:
            runs.append([])
        runs[-1].append(layer.name)
    return runs
