"""The processes that work on requests, one for each core: the interpreter does one thing at a time in each."""

from __future__ import annotations

import logging
import pickle
import signal
import threading
import time
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
from nnscratch.web.request_log import place_of

TRIES = 3  # of a request, when the process that works on it dies
LONGEST = 20.0  # seconds that a request may take; the longest that is accepted takes two
LOOK = 0.5  # seconds from one look at how long each takes to the next
PAUSE = 1.0  # seconds before another try, where no process can be started
log = logging.getLogger("nnscratch.web")


class WorkerPool:
    """Workers, of whom whoever is free takes the next request; one that has died, or takes too long, is replaced."""

    def __init__(self, models: Mapping[str, Sequential], workers: int) -> None:
        self._models = pickle.dumps(dict(models))
        self._workers: list[Worker] = []
        self._free: SimpleQueue[Worker | None] = SimpleQueue()  # None: there will be none any more
        self._lock = threading.Lock()  # of the list, so that none is begun after the end
        self._ended = threading.Event()
        for _ in range(workers):
            threading.Thread(target=self._start_one, daemon=True).start()
        threading.Thread(target=self._watch, daemon=True).start()

    def reply(self, body: bytes) -> str:
        """Return the answer's JSON to a request's, from any thread. Errors: RequestError and DataError."""
        for _ in range(TRIES):
            worker = self._take()
            try:
                answer = worker.ask(body)
            except (EOFError, OSError):
                self._replace(worker)
                if worker.took_too_long:
                    raise RequestError(503, "too_long", "this took too long: ask for less") from None
                continue
            self._free.put(worker)
            if isinstance(answer, str):
                return answer
            raise answer
        raise RequestError(503, "failed", "the processes that worked on this died: try again")

    def end(self) -> None:
        """End them all, whatever they do; requests that still wait for an answer are told so (503)."""
        with self._lock:
            self._ended.set()
        self._free.put(None)
        for worker in self._workers:  # which nobody changes any more
            worker.kill()

    def _take(self) -> Worker:
        """Wait for a free worker; one that has died meanwhile is replaced."""
        while worker := self._free.get():
            if worker.is_alive():
                return worker
            self._replace(worker)
        self._free.put(None)  # for the next who waits
        raise _ending()

    def _replace(self, worker: Worker) -> None:
        """Begin another one, in a thread of its own: this request need not wait for it. RequestError at the end."""
        with self._lock:
            if self._ended.is_set():
                raise _ending()
            self._workers.remove(worker)
        worker.kill()
        why = f"took more than {LONGEST:g} s" if worker.took_too_long else "has died"
        log.warning("worker %s %s: another one takes its place", worker.pid, why)
        threading.Thread(target=self._start_one, daemon=True).start()

    def _start_one(self) -> None:
        """Start a worker, again if need be; it is free when it has read the models."""
        while not self._ended.is_set():
            worker = None
            try:
                with self._lock:
                    if self._ended.is_set():
                        return
                    worker = Worker()
                    self._workers.append(worker)
                worker.ask(self._models)
                self._free.put(worker)
                return
            except (EOFError, OSError):
                with self._lock:
                    if worker is not None and not self._ended.is_set():
                        self._workers.remove(worker)
                        worker.kill()
            if not self._ended.wait(PAUSE):
                log.warning("a worker ended while it started: it is tried again")

    def _watch(self) -> None:
        """Kill whoever works too long on one thing; the thread that waits for it then meets the end of its pipe."""
        while not self._ended.wait(LOOK):
            with self._lock:
                for worker in self._workers:
                    worker.kill_if_late()


def _ending() -> RequestError:
    return RequestError(503, "ending", "the server is being ended: try again in a minute")


class Worker:
    """A process that is sent the models first, and then answers one request after the other."""

    def __init__(self) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self.pid = self._process.pid
        self.took_too_long = False
        self._since: float | None = None  # when what it works on was sent

    def ask(self, message: bytes) -> str | Exception:
        """Return the answer, or what was met instead. Raises EOFError or OSError when the process has died.

        Either half may wait for ever, where the process hangs: whoever watches it kills it.
        """
        self._since = time.monotonic()
        try:
            self._pipe.send_bytes(message)
            answer = self._pipe.recv()
        finally:
            self._since = None
        if isinstance(answer, Failure):
            log.error("a request failed: %s", answer)
            return RequestError(500, "internal", "something went wrong in the server; it has noted what")
        return answer if isinstance(answer, Exception) else str(answer)

    def is_alive(self) -> bool:
        """Return whether the process is there."""
        return self._process.is_alive()

    def kill_if_late(self) -> None:
        """Kill the process if it has worked on one thing for longer than LONGEST."""
        since = self._since
        if since is not None and time.monotonic() - since > LONGEST:
            self.took_too_long = True
            self._process.kill()

    def kill(self) -> None:
        """End the process, whatever it does: it holds nothing that could be lost."""
        self._process.kill()
        self._process.join()


class Failure(Exception):
    """What a worker did not expect, as a line for the log."""


def _work(pipe: Connection) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends with its parent, after the requests in flight
    use_one_thread()
    with suppress(EOFError, OSError):  # the parent has ended
        models: dict[str, Sequential] = pickle.loads(pipe.recv_bytes())
        pipe.send("ready")
        while True:
            pipe.send(_answer(pipe.recv_bytes(), models))


def _answer(body: bytes, models: dict[str, Sequential]) -> str | Exception:
    try:
        return handle(body, models)
    except (RequestError, DataError) as error:
        return error
    except Exception as error:
        return Failure(place_of(error))
