"""The server under the page: waitress takes requests, and a pool of processes works on them."""

import logging
import select
import signal
import socket
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from waitress.server import create_server

from nnscratch.errors import DataError
from nnscratch.models.sequential import Sequential
from nnscratch.version import __version__
from nnscratch.web.app import AT_ONCE, create_app
from nnscratch.web.connections import MOST_CONNECTIONS, Channel, Ending
from nnscratch.web.request_log import log
from nnscratch.web.worker_pool import WorkerPool

THREADS = AT_ONCE + 4  # those of predictions wait for workers, and never keep all others from being answered
WAITING = 200  # connections that have not been accepted yet
SILENCE = 30  # seconds that a connection may be silent
TICK = 1.0  # seconds from one look at what is late to the next
PATIENCE = 4.0  # seconds for the requests in flight when told to end
IDLE = 1.0  # of these, for connections on which nothing comes
REST = 0.5  # seconds more to say that they get no answer


def serve(
    models: Mapping[str, Sequential], host: str, port: int, workers: int, ready: Callable[[str, int], None]
) -> None:
    """Answer until SIGINT or SIGTERM, then finish what is being worked on, in 5 s.

    ``ready`` is told the address that is listened on, and the port. Raises DataError where that cannot be.
    """
    logging.getLogger("waitress").setLevel(logging.ERROR)  # not a warning for each request that waits
    with listen(host, port) as listening:
        pool = WorkerPool(models, workers)
        try:
            server = make_server(models, pool, listening)
            address, port, *_ = listening.getsockname()
            names = ", ".join(models)
            log.info("nnscratch %s begins: %s at %s, port %d, %d workers", __version__, names, address, port, workers)
            _end_by_signals(server)
            ready(address, port)
            run(server)
            drain(server, pool)
            log.info("ended")
        finally:
            pool.end()


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there. Raises DataError where that cannot be."""
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


def make_server(models: Mapping[str, Sequential], pool: WorkerPool, listening: socket.socket) -> Any:
    """Return waitress's server of the application, which begins to accept."""

    def waiting() -> int:
        return len(server.task_dispatcher.queue)

    server = create_server(
        create_app(models, reply=pool.reply, waiting=waiting),
        sockets=[listening],
        threads=THREADS,
        ident=None,
        max_request_header_size=16_384,
        max_request_body_size=20_000_000,  # the application refuses most of that, once it has been read
        channel_timeout=SILENCE,
        cleanup_interval=1,
        connection_limit=2 * MOST_CONNECTIONS,  # never reached while any connection waits for its client
        asyncore_use_poll=hasattr(select, "poll"),
        clear_untrusted_proxy_headers=True,
    )
    server.channel_class = Channel
    server.ending = False
    return server


def _end_by_signals(server: Any) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        server.ending = True
        server.pull_trigger()  # the loop wakes up

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def run(server: Any) -> None:
    """Take requests until the server is ending."""
    tick = time.monotonic()
    while not server.ending:
        _turn(server, TICK)
        if time.monotonic() - tick >= TICK:
            tick = time.monotonic()
            for channel in list(server.active_channels.values()):
                channel.keep_time()


def _turn(server: Any, seconds: float) -> None:
    """Let the server's loop go round once, or wait so long for something to do."""
    server.asyncore.loop(seconds, use_poll=server.adj.asyncore_use_poll, map=server._map, count=1)


def drain(server: Any, pool: WorkerPool) -> None:
    """Answer what has come, and what still comes on open connections, each of which is closed after its answer.

    What is not answered after PATIENCE seconds is told that the server ends (503), so that nobody is left without.
    """
    begun = time.monotonic()
    log.info("told to end: %d connections are open", len(server.active_channels))
    for _ in range(WAITING):  # whoever has been let in by the system
        if select.select([server.socket], [], [], 0)[0]:
            _turn(server, 0)
    server.del_channel()
    server.socket.close()  # and nobody else
    while server.active_channels and (taken := time.monotonic() - begun) < PATIENCE:
        _turn(server, 0.02)
        if taken > IDLE:
            _close_idle(server)
    pool.end()
    for channel in list(server.active_channels.values()):
        channel.refuse(Ending("the server is being ended: try again in a minute"))
    while any(not channel.is_idle for channel in server.active_channels.values()):
        if time.monotonic() - begun > PATIENCE + REST:
            break
        _turn(server, 0.02)
    server.task_dispatcher.shutdown(cancel_pending=True, timeout=0.1)
    for channel in list(server.active_channels.values()):
        channel.handle_close()


def _close_idle(server: Any) -> None:
    for channel in list(server.active_channels.values()):
        if channel.is_idle:
            channel.handle_close()
