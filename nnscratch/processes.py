"""Processes that work side by side, each with one thread, and end with the one that started them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context, parent_process
from typing import Any

from nnscratch.threads import one_blas_thread, set_threads

_for_life = ExitStack()  # of this process


class Processes(ProcessPoolExecutor):
    """``count`` processes that take calls from one queue; each first calls ``prepare`` with ``arguments``, if given.

    One thread in each: work side by side needs no hand-over between threads.
    """

    def __init__(self, count: int, prepare: Callable[..., None] | None = None, *arguments: Any) -> None:
        super().__init__(count, get_context("spawn"), initializer=_prepare, initargs=(prepare, arguments))

    def end_now(self) -> None:
        """End without waiting for what is being worked on."""
        for process in list((self._processes or {}).values()):
            process.kill()
        self.shutdown(wait=True, cancel_futures=True)


def _prepare(prepare: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    threading.Thread(target=_end_with_parent, daemon=True).start()
    set_threads(1)
    _for_life.enter_context(one_blas_thread())
    if prepare is not None:
        prepare(*arguments)


def _end_with_parent() -> None:
    """Nobody is left to take a result when the parent was killed."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
