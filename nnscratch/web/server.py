"""The server under the page: waitress takes requests, and processes, one for each core, work on them.

All processes take from one queue, so that none has nothing to do while requests wait for another.
"""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures.process import BrokenProcessPool
from types import FrameType
from typing import NoReturn

from waitress.server import create_server

from nnscratch.errors import DataError
from nnscratch.processes import Processes
from nnscratch.sequential import Sequential
from nnscratch.web.answers import replied
from nnscratch.web.api import RequestError
from nnscratch.web.app import create_app

THREADS = 8  # wait for answers; with 4 the processes sometimes have nothing to do
WAITING = 200  # connections that may be open
TRIES = 2  # of a request, when the process that works on it dies


def serve(models: Mapping[str, Sequential], host: str, port: int, workers: int, ready: Callable[[int], None]) -> None:
    """Answer until SIGINT or SIGTERM, then finish what is being worked on. ``ready`` is told the port.

    Raises DataError when the address cannot be listened on.
    """
    logging.getLogger("waitress").setLevel(logging.ERROR)  # not a warning for each request that waits
    with _listen(host, port) as listening:
        crew = Crew(models, workers)
        try:
            _answer(models, crew, listening, lambda: ready(int(listening.getsockname()[1])))
        finally:
            crew.end()


class Crew:
    """The processes that work on requests; they are started anew when one has died."""

    def __init__(self, models: Mapping[str, Sequential], workers: int) -> None:
        self._models, self._workers = dict(models), workers
        self._renewing = threading.Lock()
        self._processes = self._start()

    def _start(self) -> Processes:
        processes = Processes(self._workers, _hold, self._models)
        for _ in range(self._workers):
            processes.submit(_hold, {})  # now, and not with the first requests
        return processes

    def reply(self, body: bytes) -> str:
        """Return the answer's JSON to a request's; errors are those of the page's application."""
        for _ in range(TRIES):
            processes = self._processes
            try:
                return processes.submit(_reply, body).result()
            except BrokenProcessPool:
                self._renew(processes)
        raise RequestError(503, "failed", "the process that worked on this died: try again")

    def _renew(self, broken: Processes) -> None:
        with self._renewing:
            if self._processes is broken:  # the first request to see it
                broken.end_now()
                self._processes = self._start()

    def end(self) -> None:
        """End the processes."""
        self._processes.end_now()


_held: dict[str, Sequential] = {}  # a process's models


def _hold(models: dict[str, Sequential]) -> None:
    _held.update(models)


def _reply(body: bytes) -> str:
    return replied(body, _held)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(WAITING)
    except (OSError, ValueError, OverflowError) as error:
        listening.close()
        told = getattr(error, "strerror", None) or error
        raise DataError(f"{host}:{port} cannot be listened on ({told}): give another --host or --port") from None
    return listening


def _answer(models: Mapping[str, Sequential], crew: Crew, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Take requests until told to end."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    def waiting() -> int:
        return len(server.task_dispatcher.queue)

    server = create_server(
        create_app(models, reply=crew.reply, waiting=waiting),
        sockets=[listening],
        threads=THREADS,
        ident=None,
        max_request_body_size=2_000_000,  # the application has its own, lower limit, and answers in JSON
        channel_timeout=30,
        connection_limit=WAITING,
        clear_untrusted_proxy_headers=True,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        ready()
        server.run()
    except KeyboardInterrupt:
        pass
    finally:
        server.task_dispatcher.shutdown(cancel_pending=False, timeout=5)
