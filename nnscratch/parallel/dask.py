"""Work sent to a Dask cluster that is running already: https://distributed.dask.org."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor
from typing import Any

from nnscratch.errors import DataError, UsageError

PATIENCE = 10  # seconds to find the scheduler
GLANCE = 2  # seconds between two looks for workers


class Cluster:
    """The workers of a Dask scheduler; what a lost worker had is done again by another.

    Raises UsageError where Dask is not installed, DataError when no scheduler answers at ``address``.
    """

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise UsageError('--scheduler needs Dask: pip install "nnscratch[dask]"') from None
        for name in ("distributed", "distributed.client"):  # which would tell of a lost scheduler in many lines
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        try:
            asyncio.run(_check_answer(address))
            self._client: Any = Client(address, timeout=PATIENCE, set_as_default=False)
        except Exception as error:  # anything, where something else than a scheduler listens
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(
                f"no Dask scheduler answers at {address} ({reason}): start one, or check --scheduler"
            ) from None
        self._to_start = f"start some with 'dask worker {address}'"
        self._left = threading.Event()
        if not self.threads:
            self._client.close()
            raise DataError(f"the Dask scheduler at {address} has no workers: {self._to_start}")

    @property
    def threads(self) -> int:
        """How many trainings it works on at a time."""
        return sum(self._client.nthreads().values())

    @property
    def executor(self) -> Executor:
        """Return it as an executor of the standard library."""
        made: Executor = self._client.get_executor(pure=False)
        return made

    def watch(self, say: Callable[[str], None]) -> None:
        """Say from now on when the last worker is lost, since all work then waits for another."""
        threading.Thread(target=self._watch, args=(say,), daemon=True).start()

    def _watch(self, say: Callable[[str], None]) -> None:
        working = True
        while not self._left.wait(GLANCE):
            before = working
            try:
                working = self.threads > 0
            except Exception:  # the scheduler is lost: whoever waits for results is told
                return
            if before and not working:
                say(f"waiting  the cluster has no workers left: {self._to_start}, or interrupt to go on later")

    def end_now(self) -> None:
        """Cancel what has not begun, and leave."""
        self._left.set()
        self._client.close(timeout=2)


async def _check_answer(address: str) -> None:
    """Raise an error unless a scheduler answers in time. A client that has waited in vain cannot be closed."""
    from distributed.comm import connect

    comm = await asyncio.wait_for(connect(address, timeout=PATIENCE), PATIENCE)
    await comm.close()


def lost_workers(error: Exception) -> bool:
    """Return whether an error means that the cluster was lost, or a training's workers again and again."""
    return isinstance(error, CancelledError) or type(error).__module__.split(".")[0] == "distributed"
