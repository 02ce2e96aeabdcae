"""Processes that train one network together: each works on its shards of every batch, and their gradients are added.

The order of addition is fixed (``tree.py``), where ``MPI.SUM`` leaves it to the library: so any number of ranks has the
bits of one process. Each rank adds what it holds of the tree; the rest is done in common memory where all ranks are on
one machine (``shared_memory.py``), and else through messages (``messages.py``).
"""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import math
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import DataError, NNScratchError, UsageError, unknown
from nnscratch.parallel.messages import Messages
from nnscratch.parallel.shared_memory import Allocate, SharedMemory
from nnscratch.parallel.tree import Node, nodes_within

KINDS = ("mpi",)
POLL = 0.005  # seconds between two looks while waiting for what takes long: MPI itself would spin, and take a core
FIRST_WORD = 1.0  # seconds that rank 0 has to tell an error that all ranks have, before another does
SHARED = Path("/dev/shm")  # where Linux keeps memory that processes share
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
        """Set ``total`` (P,) to the sum of the gradients (P,) of all ranks' ``shards``, added in the order of the tree.

        The gradients hold parts of the sum afterwards. Returns the sums of the numbers, and carries the wish to stop
        along. Alone, the sum is left to the threads.
        """
        return list(numbers)

    def exchange(self, rows: Array, mine: slice) -> None:
        """Fill in what the others know: of the rows (S, ...), each rank has its :meth:`part` of S, ``mine``."""

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

    ``lost`` is the error that its calls raise, such as when another process has died. ``allocate`` gives memory that
    all of them see, where they are on one machine.
    """

    def __init__(self, comm: Any, lost: type[Exception], allocate: Allocate | None = None) -> None:
        super().__init__()
        self.lost = lost
        self.comm, self.rank, self.size = comm, comm.Get_rank(), comm.Get_size()
        self.agreed = False
        self.held: dict[int, list[list[Node]]] = {}  # the tree's nodes of each rank, by the number of shards
        self.reduction = Messages(comm) if allocate is None else SharedMemory(comm, allocate)

    def part(self, items: Sequence[T]) -> Sequence[T]:
        start = sum(self.counts(len(items))[: self.rank])
        return items[start : start + self.counts(len(items))[self.rank]]

    def counts(self, n: int) -> list[int]:
        """Return how many of ``n`` items each rank has."""
        return [n // self.size + (rank < n % self.size) for rank in range(self.size)]

    def add(self, gradients: Sequence[Array], shards: int, total: Array, numbers: Sequence[float]) -> list[float]:
        if shards not in self.held:
            starts = (0, *accumulate(self.counts(shards)))
            self.held[shards] = [nodes_within(part, (0, shards)) for part in pairwise(starts)]
        told = np.array([*numbers, self.asked], np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # the trainer meets the infinite loss
            *sums, asked = self.reduction.sum(gradients, self.held[shards], total, told).sum(axis=0)
        self.agreed = self.agreed or asked > 0
        return [float(number) for number in sums]

    def exchange(self, rows: Array, mine: slice) -> None:
        counts = [count * math.prod(rows.shape[1:]) for count in self.counts(len(rows))]
        self.comm.Allgatherv(rows[mine].copy(), [rows, counts])

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
    neighbours = world.Split_type(mpi.COMM_TYPE_SHARED)
    together = neighbours.Get_size() == world.Get_size()
    return MpiRanks(world, mpi.Exception, _allocate(mpi, neighbours) if together else None), neighbours.Get_size()


def _allocate(mpi: Any, comm: Any) -> Allocate:
    """Return what allocates memory for all ranks of a machine."""

    def allocate(size: int) -> tuple[list[Any], Callable[[], None]] | None:
        if not all(comm.allgather(_has_room(2 * size * comm.Get_size()))):
            return None
        window = mpi.Win.Allocate_shared(size, 1, mpi.INFO_NULL, comm)
        window.Lock_all()

        def wait() -> None:
            window.Sync()  # what was written is seen by others, on any processor
            comm.Barrier()
            window.Sync()

        return [window.Shared_query(rank)[0] for rank in range(comm.Get_size())], wait

    return allocate


def _has_room(size: int) -> bool:
    """Return whether common memory has so many bytes: too many would be promised, and the process killed later."""
    return not SHARED.is_dir() or shutil.disk_usage(SHARED).free >= size
