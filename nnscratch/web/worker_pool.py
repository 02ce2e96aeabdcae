"""The processes that work on requests, one for each core: the interpreter does one thing at a time in each."""

from __future__ import annotations

import logging
import signal
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from queue import SimpleQueue

from nnscratch.errors import DataError
from nnscratch.models.sequential import Sequential
from nnscratch.parallel.processes import use_one_thread
from nnscratch.web.answers import handle
from nnscratch.web.api import RequestError

TRIES = 2  # of a request, when the process that works on it dies
LONGEST = 20.0  # seconds that a request may take; the longest that is accepted takes two
PATIENCE = 5  # seconds that a process gets to end
log = logging.getLogger("nnscratch.web")


class WorkerPool:
    """Workers, of whom whoever is free takes the next request; one that has died is replaced."""

    def __init__(self, models: Mapping[str, Sequential], workers: int) -> None:
        self._models = dict(models)
        self._workers = {Worker(self._models) for _ in range(workers)}
        self._free: SimpleQueue[Worker] = SimpleQueue()
        for worker in self._workers:
            self._free.put(worker)

    def reply(self, body: bytes) -> str:
        """Return the answer's JSON to a request's, from any thread. Errors: RequestError and DataError."""
        worker = self._free.get()
        try:
            for _ in range(TRIES):
                try:
                    return worker.reply(body)
                except TimeoutError:  # which is an OSError too
                    worker = self._replaced(worker)
                    raise RequestError(503, "too_long", "this took too long: ask for less") from None
                except (EOFError, OSError):
                    worker = self._replaced(worker)
            raise RequestError(503, "failed", "the process that worked on this died: try again")
        finally:
            self._free.put(worker)

    def _replaced(self, worker: Worker) -> Worker:
        worker.end(0)
        self._workers.discard(worker)
        new = Worker(self._models)
        self._workers.add(new)
        return new

    def end(self) -> None:
        """End them all, whatever they do; nobody waits for a reply any more."""
        for worker in self._workers:
            worker.end(PATIENCE)


class Worker:
    """A process that holds the models and answers one request after the other."""

    def __init__(self, models: dict[str, Sequential]) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(models, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def reply(self, body: bytes) -> str:
        """Return the answer. Raises what the process met; EOFError or OSError when it has died, and TimeoutError."""
        self._pipe.send_bytes(body)
        if not self._pipe.poll(LONGEST):
            raise TimeoutError
        answer = self._pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    def end(self, patience: float) -> None:
        """End the process, which sees that the pipe is closed; after so many seconds by force."""
        self._pipe.close()
        self._process.join(patience)
        self._process.kill()
        self._process.join()


def _work(models: dict[str, Sequential], pipe: Connection) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends with its parent, after the requests in flight
    use_one_thread()
    with suppress(EOFError, OSError):  # the parent has ended
        while True:
            pipe.send(_answer(pipe.recv_bytes(), models))


def _answer(body: bytes, models: dict[str, Sequential]) -> str | Exception:
    try:
        return handle(body, models)
    except (RequestError, DataError) as error:
        return error
    except Exception:
        log.exception("a request failed")
        return RequestError(500, "internal", "something went wrong in the server; it has noted what")
