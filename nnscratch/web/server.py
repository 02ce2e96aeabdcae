"""The server under the page: waitress takes requests, and a pool of processes works on them."""

import json
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.task import ErrorTask

from nnscratch.errors import DataError, printable
from nnscratch.models.sequential import Sequential
from nnscratch.web.app import HEADERS, create_app
from nnscratch.web.worker_pool import WorkerPool

MORE_THREADS = 4  # than workers: they take requests and wait for a free worker
WAITING = 200  # connections that may be open
PATIENCE = 25.0  # seconds for the requests in flight when told to end: longer than any may take


def serve(models: Mapping[str, Sequential], host: str, port: int, workers: int, ready: Callable[[int], None]) -> None:
    """Answer until SIGINT or SIGTERM, then finish what is being worked on. ``ready`` is told the port.

    Raises DataError when the address cannot be listened on.
    """
    logging.getLogger("waitress").setLevel(logging.ERROR)  # not a warning for each request that waits
    with _listen(host, port) as listening:
        pool = WorkerPool(models, workers)
        try:
            _answer(models, pool, listening, workers + MORE_THREADS, lambda: ready(int(listening.getsockname()[1])))
        finally:
            pool.end()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(WAITING)
    except (OSError, ValueError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{host}:{port} cannot be listened on ({reason}): give another --host or --port") from None
    return listening


def _answer(
    models: Mapping[str, Sequential],
    pool: WorkerPool,
    listening: socket.socket,
    threads: int,
    ready: Callable[[], None],
) -> None:
    """Take requests until told to end, then answer those that have come."""
    ending = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        ending.set()
        server.pull_trigger()  # the loop wakes up

    def waiting() -> int:
        return len(server.task_dispatcher.queue)

    server = create_server(
        create_app(models, reply=pool.reply, waiting=waiting),
        sockets=[listening],
        threads=threads,
        ident=None,
        max_request_body_size=20_000_000,  # the application refuses most of that, once it has been read
        channel_timeout=30,
        connection_limit=WAITING,
        clear_untrusted_proxy_headers=True,
    )
    server.channel_class = Channel
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    ready()
    while not ending.is_set():
        _turn(server, 1)
    _drain(server)


def _turn(server: Any, seconds: float) -> None:
    """Let the server's loop go round once, or wait so long for something to do."""
    server.asyncore.loop(seconds, use_poll=server.adj.asyncore_use_poll, map=server._map, count=1)


def _drain(server: Any) -> None:
    """Answer the requests in flight, at most PATIENCE long."""
    _turn(server, 0)  # what has come by now is taken
    server.del_channel()  # and nobody else let in
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and any(_is_busy(channel) for channel in server.active_channels.values()):
        _turn(server, 0.02)
    server.task_dispatcher.shutdown(cancel_pending=True, timeout=1)


def _is_busy(channel: HTTPChannel) -> bool:
    return bool(channel.requests or channel.total_outbufs_len)


class Refusal(ErrorTask):  # type: ignore[misc]
    """Answers what is not even HTTP, or too large to be read, as the application answers: in JSON."""

    def execute(self) -> None:
        """Write the answer."""
        error = self.request.error
        code = error.reason.lower().replace(" ", "_")
        body = json.dumps({"error": {"code": code, "message": printable(str(error.body))}}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.extend([("Content-Type", "application/json"), *HEADERS.items()])
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection whose refusals are JSON."""

    error_task_class = Refusal
