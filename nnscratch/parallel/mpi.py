"""Processes that train one network together: each works on its shards of every batch, and their gradients are added.

The sum is an Allreduce whose order of addition is fixed: shard by shard, as one process adds. ``MPI.SUM`` leaves the
order to the library, and a training does not forgive that: one last bit more or less, and after some hundred steps of
Adam a ReLU or a maximum falls to the other side, and weights differ in the third digit. So the vector is cut into a
piece for each rank; everybody sends everybody their piece of each shard's gradient (Alltoallv), each adds the shards
up in their order, and the sums go round (Allgather), with each rank's few numbers behind them. That is what libraries
do for long vectors (R. Rabenseifner, ICCS 2004), so it sends no more than they do.
"""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import DataError, NNScratchError, UsageError, unknown

KINDS = ("mpi",)
POLL = 0.005  # seconds between two looks while waiting for what takes long: MPI itself would spin, and take a core
FIRST_WORD = 1.0  # seconds that rank 0 has to tell an error that all ranks have, before another does
SETTLE = 0.1  # seconds for mpiexec to pass on what was said, before the job is aborted

T = TypeVar("T")


class Ranks:
    """One process alone: it does everything, and there is nobody to wait for."""

    rank, size = 0, 1

    def __init__(self) -> None:
        self.asked = False  # to stop

    def part(self, items: Sequence[T]) -> Sequence[T]:
        """Return this rank's part of the items: neighbours, of which the first ranks have one more."""
        return items

    def add(self, gradients: Sequence[Array], shards: int, total: Array, numbers: Sequence[float]) -> list[float]:
        """Set ``total`` (P,) to the sum of the gradients (P,) of all ranks' ``shards``, added in the shards' order.

        Returns the sums of the numbers, and carries the wish to stop along. Alone, the sum is left to the threads.
        """
        return list(numbers)

    def exchange(self, rows: Array, mine: Sequence[int]) -> None:
        """Fill in the rows of an array that other ranks have filled; this one has filled ``mine``."""

    def gather(self, out: Array) -> Array:
        """Return the ranks' parts (K, n) side by side: (K, N)."""
        return out

    def any(self, value: bool) -> bool:
        """Return whether the value is true on any rank. The first ranks to come wait for the last, without haste."""
        return value

    def broadcast(self, value: T) -> T:
        """Return what rank 0 gave."""
        return value

    def stop(self) -> None:
        """Ask all ranks to stop. Safe in a signal handler."""
        self.asked = True

    @property
    def stopped(self) -> bool:
        """True when the ranks have agreed to stop, which takes them one :meth:`add`. Alone, at once."""
        return self.asked

    @contextmanager
    def abort_together(self) -> Iterator[None]:
        """Within the block, an error on one rank ends them all, when its message has been printed."""
        yield

    def abort(self, code: int) -> None:
        """Let all ranks end when this one does, without waiting for them."""


class MpiRanks(Ranks):
    """The processes that ``mpiexec`` started, at least two; ``comm`` is mpi4py's communicator, or what behaves like it.

    ``lost`` is the error that its calls raise, such as when another process has died.
    """

    def __init__(self, comm: Any, lost: type[Exception]) -> None:
        super().__init__()
        self.lost = lost
        self.comm, self.rank, self.size = comm, comm.Get_rank(), comm.Get_size()
        self.agreed = False
        self.buffers: dict[str, Array] = {}

    def part(self, items: Sequence[T]) -> Sequence[T]:
        start = sum(self.counts(len(items))[: self.rank])
        return items[start : start + self.counts(len(items))[self.rank]]

    def counts(self, n: int) -> list[int]:
        """Return how many of ``n`` items each rank has."""
        return [n // self.size + (rank < n % self.size) for rank in range(self.size)]

    def add(self, gradients: Sequence[Array], shards: int, total: Array, numbers: Sequence[float]) -> list[float]:
        length, dtype = -(-total.size // self.size), total.dtype  # of a piece
        sent = self._buffer("sent", (self.size, len(gradients), length), dtype)
        for rank, rows in enumerate(sent):
            for row, gradient in zip(rows, gradients, strict=True):
                piece = gradient[rank * length : (rank + 1) * length]
                row[: len(piece)] = piece
        received = self._buffer("received", (shards, length), dtype)
        counts = [count * length for count in self.counts(shards)]
        self.comm.Alltoallv([sent, [len(gradients) * length] * self.size], [received, counts])
        piece = received[0]
        for other in received[1:]:
            piece += other
        extra = np.array([*numbers, self.asked], np.float64).view(dtype)  # as they are, whatever the dtype
        summed = self._buffer("summed", (self.size, length + len(extra)), dtype)
        self.comm.Allgather(np.concatenate([piece, extra]), summed)
        total[:] = summed[:, :length].reshape(-1)[: total.size]
        *sums, asked = np.ascontiguousarray(summed[:, length:]).view(np.float64).sum(axis=0)
        self.agreed = self.agreed or asked > 0
        return [float(number) for number in sums]

    def _buffer(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return an array that is used again from step to step; what it holds after the data, such as padding, is 0."""
        key = f"{name} {shape} {dtype}"
        if key not in self.buffers:
            self.buffers[key] = np.zeros(shape, dtype)
        return self.buffers[key]

    def gather(self, out: Array) -> Array:
        return np.concatenate(self.comm.allgather(out), axis=1)

    def any(self, value: bool) -> bool:
        values = np.zeros(self.size, np.int8)
        request = self.comm.Iallgather(np.array([value], np.int8), values)
        while not request.Test():
            time.sleep(POLL)
        return bool(values.any())

    def broadcast(self, value: T) -> T:
        return self.comm.bcast(value)  # type: ignore[no-any-return]

    @property
    def stopped(self) -> bool:
        return self.agreed

    @contextmanager
    def abort_together(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            if self.rank:  # an error that rank 0 has too is told by rank 0, which then ends this process
                time.sleep(FIRST_WORD)
            self.abort(130 if isinstance(error, KeyboardInterrupt) else getattr(error, "exit_code", 1))
            if isinstance(error, self.lost):
                raise DataError(f"rank {self.rank} has lost another one: the job ends, and --resume goes on") from error
            if self.rank and isinstance(error, NNScratchError):
                raise type(error)(f"rank {self.rank}: {error}") from None
            raise

    def abort(self, code: int) -> None:
        atexit.register(_abort, self.comm.Abort, code)


def _abort(abort: Callable[[int], None], code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    time.sleep(SETTLE)
    abort(code)


def join(kind: str | None) -> tuple[Ranks, int]:
    """Return the ranks of this job, and how many of them share this machine. None: this process is alone.

    Raises UsageError for a kind that is unknown, or mpi4py not being installed.
    """
    if kind is None:
        return Ranks(), 1
    if kind not in KINDS:
        raise unknown("--distributed", kind, KINDS)
    if importlib.util.find_spec("mpi4py") is None:
        raise UsageError("--distributed mpi needs mpi4py, which is not installed: pip install 'nnscratch[mpi]'")
    try:
        mpi = importlib.import_module("mpi4py.MPI")
    except (ImportError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"mpi4py finds no MPI ({reason}): install one, such as pip install mpich") from None
    world = mpi.COMM_WORLD
    if world.Get_size() == 1:
        return Ranks(), 1
    return MpiRanks(world, mpi.Exception), world.Split_type(mpi.COMM_TYPE_SHARED).Get_size()
