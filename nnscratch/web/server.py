"""The server under the page: waitress, with limits on everything that a stranger could make large."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from waitress.server import create_server

from nnscratch.errors import DataError
from nnscratch.sequential import Sequential
from nnscratch.web.app import create_app

THREADS = 4  # requests that are worked on at a time
WAITING = 200  # connections that may be open


def serve(models: Mapping[str, Sequential], host: str, port: int, ready: Callable[[int], None]) -> None:
    """Answer until KeyboardInterrupt, then finish what is being worked on. ``ready`` is told the port.

    Raises DataError when the address cannot be listened on.
    """
    logging.getLogger("waitress").setLevel(logging.ERROR)  # not a warning for each request that waits
    try:
        server = create_server(
            create_app(models),
            host=host,
            port=port,
            threads=THREADS,
            ident=None,
            max_request_body_size=2_000_000,  # the application has its own, lower limit, and answers in JSON
            channel_timeout=30,
            connection_limit=WAITING,
            clear_untrusted_proxy_headers=True,
        )
    except (OSError, ValueError, OverflowError) as error:
        told = getattr(error, "strerror", None) or error
        raise DataError(f"{host}:{port} cannot be listened on ({told}): give another --host or --port") from None
    try:
        ready(server.effective_port)
        server.run()
    finally:
        server.task_dispatcher.shutdown(cancel_pending=False, timeout=5)
        server.close()
