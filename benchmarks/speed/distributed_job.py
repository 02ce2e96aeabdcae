"""What bench_distributed.py runs on every rank: trainings, and sums of vectors.

    mpiexec -n 2 python -m benchmarks.speed.distributed_job '{"steps": 40, "repeats": 20}'

Rank 0 prints JSON.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import statistics
import sys
import time
from typing import Any

import numpy as np
from mpi4py import MPI

import nnscratch as nn
from benchmarks import harness
from benchmarks.speed.distributed_model import MODELS, SHARD_SIZES
from nnscratch.models.zoo import build
from nnscratch.parallel.mpi import Ranks, join
from nnscratch.parallel.tree import nodes_within
from nnscratch.runs.settings import Settings, for_ranks
from nnscratch.training.plan import shard_size
from nnscratch.training.shards import Shards
from nnscratch.training.trainer import Trainer

BATCHES = (64, 512)
SIZES = tuple(1 << power for power in range(10, 24))  # bytes of a vector
WARM = 10  # steps that do not count: kernels are recorded in them


def job(steps: int, repeats: int) -> None:
    """Train and add up, on this rank; rank 0 prints what came of it."""
    nn.set_threads(1)
    ranks, _ = join("mpi")
    with ranks.abort_together():
        told = {
            "mpi": MPI.Get_library_version().splitlines()[0].strip(),
            "trainings": [train(model, batch, steps, ranks) for model in MODELS for batch in BATCHES],
            "sums": [add_up(size, repeats, ranks) for size in SIZES] if ranks.size > 1 else [],
            "alone": [one_shard(model, n, steps) for model in MODELS for n in SHARD_SIZES] if ranks.size == 1 else [],
        }
    if ranks.rank == 0:
        print(json.dumps(told))


def train(model: str, batch: int, steps: int, ranks: Ranks) -> harness.Row:
    """Return the seconds of a step, and those of it that went into the sum (the wait for other ranks included)."""
    settings = Settings(batch_size=batch)
    if ranks.size > 1:
        settings = for_ranks(settings, ranks.size, build(model))
    sums: list[float] = []
    plain, cut = ranks.add, -(-batch // shard_size(build(model), batch, settings.shard or 0))

    def timed(*arguments: Any) -> list[float]:
        start = time.perf_counter()
        numbers = plain(*arguments)
        sums.append(time.perf_counter() - start)
        return numbers

    ranks.add = timed  # type: ignore[method-assign]
    digest, parameters, ends = weights(model, settings, steps, ranks)
    ranks.add = plain  # type: ignore[method-assign]
    same = ranks.rank > 0 or ranks.size == 1 or digest == weights(model, settings, steps, None)[0]
    ranks.any(False)  # the others wait for rank 0
    seconds = [end - start for start, end in itertools.pairwise(ends)][WARM:]
    own = ranks.part(range(cut))
    held = len(nodes_within((own.start, own.stop), (0, cut)))
    sent = 4 * (held + 1) * (ranks.size - 1) * -(-parameters // ranks.size)  # pieces of what it holds, then of the sum
    row = {"model": model, "batch": batch, "ranks": ranks.size, "shards": cut, "parameters": parameters}
    row |= {"seconds": statistics.median(seconds), "sum_seconds": statistics.median(sums[WARM:] or [0.0])}
    return row | {"bytes_sent": sent, "same_bits": same}


def one_shard(model: str, images: int, steps: int) -> harness.Row:
    """Return the seconds of a shard of so many images, forward to backward, and of the update after it."""

    class Watched(Ranks):
        def add(self, *arguments: Any) -> list[float]:
            between.append(time.perf_counter())
            return super().add(*arguments)

    between: list[float] = []
    plain, Shards.can_play = Shards.can_play, lambda *_: False  # type: ignore[method-assign]  # gradient, then update
    _, parameters, ends = weights(model, Settings(batch_size=images, shard=images), steps, Watched())
    Shards.can_play = plain  # type: ignore[method-assign]
    between = between[-len(ends) :]  # without the warming up before the first step
    work = [added - end for end, added in zip(ends[WARM - 1 :], between[WARM:], strict=False)]
    update = [end - added for end, added in zip(ends[WARM:], between[WARM:], strict=True)]
    row = {"model": model, "images": images, "parameters": parameters}
    return row | {"shard_seconds": statistics.median(work), "update_seconds": statistics.median(update)}


def weights(model: str, settings: Any, steps: int, ranks: Ranks | None) -> tuple[str, int, list[float]]:
    """Train for so many steps; return a digest of the weights, their number, and when each step ended."""
    ends: list[float] = []

    class Clock(nn.Callback):
        def on_batch_end(self, trainer: Trainer) -> None:
            ends.append(time.perf_counter())

    mnist, network = nn.load_mnist(), nn.build(model, seed=0)
    n = min(steps * settings.batch_size, len(mnist.train_labels) // settings.batch_size * settings.batch_size)
    plan = settings.plan()
    plan.epochs = math.ceil(steps * settings.batch_size / n)
    images = network.batches(mnist.train_images[:n])
    Trainer(network, images, mnist.train_labels[:n], plan, callbacks=[Clock()], ranks=ranks).run()
    return hashlib.sha256(network.theta.tobytes()).hexdigest(), network.theta.size, ends


def add_up(size: int, repeats: int, ranks: Any) -> harness.Row:
    """Return the median seconds of adding up a float32 vector of ``size`` bytes of each rank, in two ways."""
    vector, total = np.ones(size // 4, np.float32), np.zeros(size // 4, np.float32)
    ways = {
        "allreduce": lambda: ranks.comm.Allreduce(vector, total, MPI.SUM),
        "ordered": lambda: ranks.add([vector], ranks.size, total, [0.0, 0.0]),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, add in ways.items():
            ranks.comm.Barrier()
            start = time.perf_counter()
            add()
            seconds[way].append(time.perf_counter() - start)
    return {"ranks": ranks.size, "bytes": size, **{way: statistics.median(times) for way, times in seconds.items()}}


if __name__ == "__main__":
    job(**json.loads(sys.argv[1]))
