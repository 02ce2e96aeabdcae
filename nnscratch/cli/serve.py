"""Serve the page: draw a digit, see what the networks think, and why. Ctrl-C ends it."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from types import FrameType
from typing import NoReturn

from nnscratch.cli.predict import ALL, find_model
from nnscratch.errors import DataError, UsageError
from nnscratch.sequential import Sequential

THREADS = 8  # requests that are worked on at a time


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    parser.add_argument("--host", default="127.0.0.1", metavar="NAME", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8000, metavar="N", help="port to listen on; 0: any (%(default)s)")
    parser.add_argument(
        "--model",
        action="append",
        metavar="NAME|FILE",
        help=f"a network to show, again for more; default: {', '.join(ALL)}",
    )


def run(args: argparse.Namespace) -> int:
    """Do it; return the exit code."""
    if not 0 <= args.port <= 65_535:
        raise UsageError(f"--port is {args.port}: give 0 to 65535")
    try:
        import waitress
        from waitress.server import create_server

        from nnscratch.web.app import create_app
    except ImportError as error:
        raise UsageError(f'the page needs {error.name}: pip install "nnscratch[web]"') from None
    models = named([find_model(name) for name in args.model or ALL])
    logging.getLogger("waitress").setLevel(logging.ERROR)
    try:
        server = create_server(
            create_app(models),
            host=args.host,
            port=args.port,
            threads=THREADS,
            ident=None,
            max_request_body_size=2_000_000,  # the application has its own, lower limit, and answers in JSON
            channel_timeout=30,
            connection_limit=200,
            clear_untrusted_proxy_headers=True,
        )
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or error
        raise DataError(
            f"{args.host}:{args.port} cannot be listened on ({told}): give another --host or --port"
        ) from None
    _stop_on_sigterm()
    print(f"http://{args.host}:{server.effective_port}/ (Ctrl-C ends it)", flush=True)
    try:
        server.run()
    except KeyboardInterrupt:
        print("ended", file=sys.stderr)
    finally:
        server.task_dispatcher.shutdown(cancel_pending=False, timeout=5)
        server.close()
    assert waitress
    return 0


def _stop_on_sigterm() -> None:
    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)


def named(models: list[tuple[str, Sequential]]) -> dict[str, Sequential]:
    """Return the models by name; a name that comes again gets a number."""
    found: dict[str, Sequential] = {}
    for name, model in models:
        called, count = name, 1
        while called in found:
            count += 1
            called = f"{name} {count}"
        found[called] = model
    return found
