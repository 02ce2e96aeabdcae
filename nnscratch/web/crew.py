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
from nnscratch.processes import use_one_thread
from nnscratch.sequential import Sequential
from nnscratch.web.answers import replied
from nnscratch.web.api import RequestError

TRIES = 2  # of a request, when the process that works on it dies
PATIENCE = 5  # seconds that a process gets to finish
log = logging.getLogger("nnscratch.web")


class Crew:
    """Workers, of whom whoever is free takes the next request; one that has died is replaced."""

    def __init__(self, models: Mapping[str, Sequential], workers: int) -> None:
        self._models = dict(models)
        self._workers = workers
        self._free: SimpleQueue[Worker] = SimpleQueue()
        for _ in range(workers):
            self._free.put(Worker(self._models))

    def reply(self, body: bytes) -> str:
        """Return the answer's JSON to a request's, from any thread. Errors: RequestError and DataError."""
        worker = self._free.get()
        try:
            for _ in range(TRIES):
                try:
                    return worker.reply(body)
                except (EOFError, OSError):
                    worker.end()
                    worker = Worker(self._models)
            raise RequestError(503, "failed", "the process that worked on this died: try again")
        finally:
            self._free.put(worker)

    def end(self) -> None:
        """Let all finish what they do, and end."""
        for _ in range(self._workers):
            self._free.get().end()


class Worker:
    """A process that holds the models and answers one request after the other."""

    def __init__(self, models: dict[str, Sequential]) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(models, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def reply(self, body: bytes) -> str:
        """Return the answer. Raises what the process met, and EOFError or OSError when it has died."""
        self._pipe.send_bytes(body)
        answer = self._pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    def end(self) -> None:
        """End the process; it sees that the pipe is closed."""
        self._pipe.close()
        self._process.join(PATIENCE)
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
        return replied(body, models)
    except (RequestError, DataError) as error:
        return error
    except Exception:
        log.exception("a request failed")
        return RequestError(500, "internal", "something went wrong in the server; it has noted what")
