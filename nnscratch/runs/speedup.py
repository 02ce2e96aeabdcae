"""Whether a training on several ranks is faster than in one process, measured on steps that change nothing.

A sum of gradients takes as long for a small batch as for a large one. So small batches, or many ranks, can make a step
slower than it was in one process, and nothing else would tell.
"""

from __future__ import annotations

import copy
import statistics
import time
from itertools import count

import numpy as np

from nnscratch.parallel.mpi import Ranks
from nnscratch.training.shards import Shards
from nnscratch.training.trainer import Trainer

STEPS = 20  # at most, of which the first does not count
SECONDS = 1.0  # after which no further step begins


def advice(trainer: Trainer) -> str:
    """Return a sentence when ranks make the steps slower than in one process with as many threads; "" when they do not.

    All ranks call it, and rank 0 has the word.
    """
    ranks = trainer.shards.ranks
    alone, steps = (0.0, 0) if ranks.rank else step_seconds(trainer, Ranks())
    ranks.any(False)  # the others wait
    together, _ = step_seconds(trainer, ranks, ranks.broadcast(steps))
    if ranks.rank or together <= alone:
        return ""
    return (
        f"a step takes {1e3 * together:.2f} ms on {ranks.size} ranks, and {1e3 * alone:.2f} ms in one process: give a "
        f"larger --batch-size, start fewer ranks, or one process with --threads {ranks.size}"
    )


def step_seconds(trainer: Trainer, ranks: Ranks, steps: int | None = None) -> tuple[float, int]:
    """Return the median seconds of a step on a copy of the training, and of how many steps that is.

    One process cuts a batch as suits it, however the ranks do. ``steps``: so many; None: what there is time for.
    """
    network, plan = copy.deepcopy(trainer.network), copy.copy(trainer.plan)
    plan.optimizer = copy.deepcopy(plan.optimizer)
    if ranks.size == 1:
        plan.shard = 0
    seconds: list[float] = []
    begin = time.perf_counter()
    with Shards(network, plan, ranks) as shards:
        batch = next(iter(shards.batches(trainer.images, np.random.default_rng(0), 0)))
        for step in count():
            start = time.perf_counter()
            shards.gradient(trainer.images, trainer.labels, batch, weights=trainer.weights, step=step)
            shards.update(trainer.learning_rate, step + 1)
            now = time.perf_counter()
            if step:
                seconds.append(now - start)
            else:  # a kernel may have been compiled
                begin = now
            enough = len(seconds) == STEPS or (seconds and now - begin > SECONDS)
            if enough if steps is None else len(seconds) == steps:
                break
    return statistics.median(seconds), len(seconds)
