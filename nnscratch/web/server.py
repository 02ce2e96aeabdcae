"""The server under the page: waitress, in a process for each core, with limits on what a stranger could make large."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from waitress.server import create_server

from nnscratch.errors import DataError
from nnscratch.sequential import Sequential
from nnscratch.web.app import create_app

THREADS = 1  # more would wait for each other at the interpreter's lock: 319 instead of 358 requests a second
PAUSE = 0.5  # seconds
WAITING = 200  # connections that may be open in a process


def serve(models: Mapping[str, Sequential], host: str, port: int, workers: int, ready: Callable[[int], None]) -> None:
    """Answer until SIGINT or SIGTERM, then finish what is being worked on. ``ready`` is told the port.

    With more than one worker, processes share the socket: the interpreter does one thing at a time in each. Raises
    DataError when the address cannot be listened on.
    """
    logging.getLogger("waitress").setLevel(logging.ERROR)  # not a warning for each request that waits
    listening = _listen(host, port)
    bound = int(listening.getsockname()[1])
    with listening:
        if workers == 1 or not hasattr(os, "fork"):
            _answer(models, listening, lambda: ready(bound))
        else:
            children = {_start(models, listening) for _ in range(workers)}
            _watch(models, listening, children, lambda: ready(bound))


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


def _answer(models: Mapping[str, Sequential], listening: socket.socket, ready: Callable[[], None]) -> None:
    """Serve in this process until it is told to end."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    def waiting() -> int:
        return len(server.task_dispatcher.queue)

    server = create_server(
        create_app(models, waiting=waiting),
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


def _start(models: Mapping[str, Sequential], listening: socket.socket) -> int:
    """Start a process that serves; return its number."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        _answer(models, listening, lambda: None)
        code = 0
    finally:
        sys.stdout.flush()
        os._exit(code)


def _watch(
    models: Mapping[str, Sequential], listening: socket.socket, children: set[int], ready: Callable[[], None]
) -> None:
    """Start another process for one that has died, until this one is told to end; then end them all."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        ready()
        while True:
            child, _ = os.wait()
            children.discard(child)
            time.sleep(PAUSE)  # one that cannot live shall not keep us busy
            children.add(_start(models, listening))
    except KeyboardInterrupt:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
        for child in children:
            with suppress(ChildProcessError):
                os.waitpid(child, 0)
