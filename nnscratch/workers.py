"""A batch is cut into shards of a fixed size, which threads work on side by side.

NumPy and BLAS release the interpreter lock, so plain threads serve. Each shard has a replica of the network: the same
parameters, activations and gradients of its own. Where the cuts lie depends on the batch and the network, never on the
number of threads, and the shards' gradients are added in order: so one seed gives the same bits with any number.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Self, TypeVar

import numpy as np

from nnscratch.arrays import Array
from nnscratch.batches import Batches
from nnscratch.errors import UsageError
from nnscratch.network import Network
from nnscratch.ops.backend import settle_backend

SHARD = 32  # images: the activations of LeNet-5 for 32 fit into a core's second-level cache
MOST_SHARDS = 8  # of a batch, so that gradient buffers stay few
SMALL_BATCH = 2_000_000  # multiply-adds; below this handing a batch to threads costs more than it saves
MOST_THREADS = 1024
CHUNK = 128  # images at a time where only the output is wanted

T = TypeVar("T")
# (replica, indices of the shard, its share of the batch, its number) -> (loss, correct)
ShardWork = Callable[[Network, Array, float, int], tuple[float, int]]
_chosen_threads: int | None = None


def set_threads(threads: int) -> None:
    """Let training and evaluation use so many threads from now on. Raises UsageError outside 1..1024."""
    global _chosen_threads
    if not isinstance(threads, int) or not 1 <= threads <= MOST_THREADS:
        raise UsageError(f"the number of threads is {threads}: give a whole number from 1 to {MOST_THREADS}")
    _chosen_threads = threads


def threads() -> int:
    """Return the number of threads in use: what :func:`set_threads` said, else the cores this process may run on."""
    if _chosen_threads is not None:
        return _chosen_threads
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _BlasLimit:
    """Holds BLAS to one thread while anybody needs that, and gives it back when the last one has finished."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.limiter: Any = None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self.lock:
            if self.users == 0:
                from threadpoolctl import threadpool_limits

                self.limiter = threadpool_limits(limits=1, user_api="blas")
            self.users += 1
        try:
            yield
        finally:
            with self.lock:
                self.users -= 1
                if self.users == 0:
                    self.limiter.restore_original_limits()


one_blas_thread = _BlasLimit()


class Workers:
    """The threads of one training or evaluation; a context manager."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.threads = threads()
        self.multiply_adds = network.multiply_adds()
        self.replicas: list[Network] = []

    def __enter__(self) -> Self:
        settle_backend()
        self._blas = one_blas_thread()
        self._blas.__enter__()
        self.pool = ThreadPoolExecutor(self.threads) if self.threads > 1 else None
        return self

    def __exit__(self, *error: object) -> None:
        if self.pool is not None:
            self.pool.shutdown()
        self._blas.__exit__(None, None, None)

    def map(self, function: Callable[[Any], T], items: list[Any]) -> list[T]:
        """Return [function(item), ...] in order, computed by the threads.

        An overflow is not warned of: the trainer meets the infinite loss, and says what it comes from.
        """

        def quiet(item: Any) -> T:
            with np.errstate(over="ignore", invalid="ignore"):
                return function(item)

        if self.pool is None or len(items) == 1:
            return [quiet(item) for item in items]
        return list(self.pool.map(quiet, items))

    def cut(self, indices: Array) -> list[Array]:
        """Return ``indices`` (n,) in shards; in one piece where the network or the work asks for it."""
        n = len(indices)
        if self.network.mixes_images or n * self.multiply_adds < SMALL_BATCH:
            return [indices]
        size = max(SHARD, -(-n // MOST_SHARDS))
        return [indices[start : start + size] for start in range(0, n, size)]

    def gradient(self, indices: Array, work: ShardWork) -> tuple[float, int]:
        """Let ``work`` fill the gradients of each shard of ``indices``; leave their sum in the network's own.

        Returns the sums of the two numbers that ``work`` returns.
        """
        shards = self.cut(indices)
        while len(self.replicas) < len(shards):
            # the first shard works on the network itself
            self.replicas.append(self.network.replica() if self.replicas else self.network)

        def run(number: int) -> tuple[float, int]:
            return work(self.replicas[number], shards[number], len(shards[number]) / len(indices), number)

        results = self.map(run, list(range(len(shards))))
        for replica in self.replicas[1 : len(shards)]:
            self.network.gradient += replica.gradient
        return sum(loss for loss, _ in results), sum(correct for _, correct in results)

    def outputs(self, batches: Batches, most: int | None = None) -> Array:
        """Return the network's output (K, N) for all images, or ``most``, with dropout off and running statistics."""
        n = len(batches) if most is None else min(most, len(batches))

        def run(start: int) -> Array:
            indices = np.arange(start, min(start + CHUNK, n))
            return self.network.replica().forward(batches.gather(indices))

        return np.concatenate(self.map(run, list(range(0, n, CHUNK))), axis=1)


def outputs(network: Network, batches: Batches) -> Array:
    """Return the network's output (K, N) for all images. Safe to call from many threads at once."""
    if len(batches) <= CHUNK:  # a handful is done before threads have started
        return network.replica().forward(batches.gather(np.arange(len(batches))))
    with Workers(network) as workers:
        return workers.outputs(batches)


def count_correct(out: Array, labels: Array) -> int:
    """Return for how many columns of out (K, N) the largest number is the label's: (N,) or one-hot rows (N, K)."""
    truth = labels if labels.ndim == 1 else labels.argmax(axis=1)
    return int((out.argmax(axis=0) == truth).sum())
