"""The server under the page: waitress takes requests, and a crew of processes works on them."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Callable, Mapping
from types import FrameType
from typing import NoReturn

from waitress.server import create_server

from nnscratch.errors import DataError
from nnscratch.sequential import Sequential
from nnscratch.web.app import create_app
from nnscratch.web.crew import Crew

MORE_THREADS = 4  # than workers: they take requests and wait for a free worker
WAITING = 200  # connections that may be open


def serve(models: Mapping[str, Sequential], host: str, port: int, workers: int, ready: Callable[[int], None]) -> None:
    """Answer until SIGINT or SIGTERM, then finish what is being worked on. ``ready`` is told the port.

    Raises DataError when the address cannot be listened on.
    """
    logging.getLogger("waitress").setLevel(logging.ERROR)  # not a warning for each request that waits
    with _listen(host, port) as listening:
        crew = Crew(models, workers)
        try:
            _answer(models, crew, listening, workers + MORE_THREADS, lambda: ready(int(listening.getsockname()[1])))
        finally:
            crew.end()


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


def _answer(
    models: Mapping[str, Sequential], crew: Crew, listening: socket.socket, threads: int, ready: Callable[[], None]
) -> None:
    """Take requests until told to end."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    def waiting() -> int:
        return len(server.task_dispatcher.queue)

    server = create_server(
        create_app(models, reply=crew.reply, waiting=waiting),
        sockets=[listening],
        threads=threads,
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
