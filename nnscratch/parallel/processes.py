"""Processes that work side by side, each with one thread, and end with the one that started them."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context, parent_process

from nnscratch.parallel.threads import one_blas_thread, set_threads

_for_life = ExitStack()  # of this process


class Processes(ProcessPoolExecutor):
    """``count`` processes, each with one thread: work side by side needs no hand-over between threads."""

    def __init__(self, count: int) -> None:
        super().__init__(count, get_context("spawn"), initializer=_prepare)

    def end_now(self) -> None:
        """End without waiting for what is being worked on."""
        for process in list((self._processes or {}).values()):
            process.kill()
        self.shutdown(wait=True, cancel_futures=True)


def _prepare() -> None:
    use_one_thread()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def use_one_thread() -> None:
    """Let this process, for all its life, use one thread, and leave it to its parent when it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_threads(1)
    _for_life.enter_context(one_blas_thread())


def _end_with_parent() -> None:
    """Nobody is left to take a result when the parent was killed."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
