"""How many threads work, the team that they form, and BLAS, which is held to one of its own while they do.

NumPy, BLAS and the compiled kernels release the interpreter lock, so plain threads serve.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import numpy as np

from nnscratch.errors import UsageError, is_whole, short_repr

MOST_THREADS = 1024

T = TypeVar("T")
U = TypeVar("U")
_chosen_threads: int | None = None


def set_threads(threads: int) -> None:
    """Let training and evaluation use so many threads from now on. Raises UsageError outside 1..1024."""
    global _chosen_threads
    if not is_whole(threads, 1, MOST_THREADS):
        came = short_repr(threads)
        raise UsageError(f"the number of threads is {came}: give a whole number from 1 to {MOST_THREADS}")
    _chosen_threads = int(threads)


def threads() -> int:
    """Return the number of threads in use: what :func:`set_threads` said, else the cores this process may run on."""
    if _chosen_threads is not None:
        return _chosen_threads
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Team:
    """The calling thread and ``size - 1`` helpers, who wait for work until :meth:`close`.

    A batch of LeNet-5 takes half a millisecond, of which a ThreadPoolExecutor would need a fifth to hand out its two
    parts. Here the caller takes part itself, and each helper waits on a lock of its own.
    """

    def __init__(self, size: int) -> None:
        self.helpers: list[_Helper] = []
        self.size = size

    def map(
        self, function: Callable[[T], U], items: Sequence[T], give_up: Callable[[], None] = lambda: None
    ) -> list[U]:
        """Return [function(item), ...] in order. The first item's error is raised, when all have ended.

        Where items wait for each other, ``give_up()`` has to end that: one of them has failed, or was never begun,
        since Ctrl-C may come between any two lines. An overflow is not warned of: the trainer meets the infinite loss,
        and says what it comes from.
        """
        results: list[Any] = [None] * len(items)
        errors: dict[int, BaseException] = {}
        waiting = deque(range(len(items)))  # what the threads share: taking from it is atomic

        def work(take: Callable[[], int] = waiting.pop) -> None:
            while waiting:
                try:
                    i = take()
                except IndexError:  # another thread was faster
                    return
                try:
                    results[i] = function(items[i])
                except BaseException as error:  # carried to the caller
                    errors[i] = error
                    give_up()

        wanted, complete = max(min(self.size, len(items)) - 1, 0), False
        try:
            while len(self.helpers) < wanted:
                self.helpers.append(_Helper())
            for helper in self.helpers[:wanted]:
                helper.begin(work)
            with np.errstate(over="ignore", invalid="ignore"):
                work(waiting.popleft)
            complete = True
        finally:
            if not complete:
                give_up()
            for helper in self.helpers[:wanted]:
                helper.wait()
        if errors:
            raise errors[min(errors)]
        return results

    def close(self) -> None:
        """Let the helpers go."""
        for helper in self.helpers:
            helper.begin(None)
        self.helpers = []


class _Helper(threading.Thread):
    """A thread that does one job after the other."""

    def __init__(self) -> None:
        super().__init__(name="nnscratch", daemon=True)
        self.job: Callable[[], None] | None = None
        self.begun = False  # whether somebody has to wait
        self.given, self.finished = threading.Lock(), threading.Lock()
        self.given.acquire()
        self.finished.acquire()
        self.start()

    def begin(self, job: Callable[[], None] | None) -> None:
        """Start a job, after which ``finished`` can be acquired; None ends the thread."""
        self.job, self.begun = job, True
        self.given.release()

    def wait(self) -> None:
        """Return when the job, if one was begun, is done, and only then, even if Ctrl-C comes meanwhile."""
        interrupt: KeyboardInterrupt | None = None
        while self.begun:
            try:
                # an interrupt may have come just after this was acquired: then the job is done, and nothing follows
                if self.finished.acquire(timeout=-1 if interrupt is None else 0.1) or self.job is None:
                    self.begun = False
            except KeyboardInterrupt as error:
                interrupt = error
        if interrupt is not None:
            raise interrupt

    def run(self) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            while True:
                self.given.acquire()
                if self.job is None:
                    return
                self.job()
                self.job = None
                self.finished.release()


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
                _release_control_of_blas()
                self.limiter = _loaded_libraries().limit(limits=1, user_api="blas")
            self.users += 1
        try:
            yield
        finally:
            with self.lock:
                self.users -= 1
                if self.users == 0:
                    _release_control_of_blas()
                    self.limiter.restore_original_limits()
                    _release_control_of_blas()


@cache
def _loaded_libraries() -> Any:
    """Return the controller of NumPy's BLAS; to look for it takes a millisecond, a call with 64 images half of one."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _release_control_of_blas() -> None:
    """Let any thread set BLAS's limit next: a newer threadpoolctl ignores all but the first thread that did."""
    from threadpoolctl import OpenBLASController

    release = getattr(OpenBLASController, "clear_controlling_thread", None)
    if release is not None:
        release(force=True)


one_blas_thread = _BlasLimit()
