"""Serve the page: draw a digit, see what the networks think, and why. Ctrl-C ends it."""

from __future__ import annotations

import argparse
import sys

from nnscratch.cli.commands.predict import find_models
from nnscratch.cli.flags import DEFAULT_MODELS
from nnscratch.errors import UsageError
from nnscratch.models.sequential import Sequential
from nnscratch.parallel.threads import one_blas_thread, threads

MOST_WORKERS = 16
OPEN = "everyone in this network can open the page, which has no password: --host 127.0.0.1 keeps it to this machine"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--host", default="127.0.0.1", metavar="NAME", help="address to listen on (%(default)s)")
    where.add_argument("--lan", action="store_true", help="let phones and others in this network open the page")
    parser.add_argument("--port", type=int, default=8000, metavar="N", help="port to listen on; 0: any (%(default)s)")
    parser.add_argument(
        "--model",
        action="append",
        metavar="NAME|FILE",
        help=f"a network to show, again for more; default: {', '.join(DEFAULT_MODELS)}",
    )
    parser.add_argument("--workers", type=int, metavar="N", help="processes that answer; default: one for each core")
    parser.add_argument("--log", metavar="FILE", help="add a line for each request to this file, not to stderr")
    parser.add_argument("--quiet", action="store_true", help="log only what goes wrong in the server")


def run(args: argparse.Namespace) -> int:
    if args.workers is not None and not 1 <= args.workers <= MOST_WORKERS:
        raise UsageError(f"--workers is {args.workers}: give 1 to {MOST_WORKERS}")
    if not 0 <= args.port <= 65_535:
        raise UsageError(f"--port is {args.port}: give 0 to 65535")
    try:
        from nnscratch.web.addresses import LAN, is_open, urls
        from nnscratch.web.request_log import start_log
        from nnscratch.web.server import serve
    except ImportError as error:
        raise UsageError(f'the page needs {error.name}: pip install "nnscratch[web]"') from None
    models = named(find_models(args.model or DEFAULT_MODELS))
    workers = min(threads(), MOST_WORKERS) if args.workers is None else args.workers

    host = LAN if args.lan else args.host

    def ready(address: str, port: int) -> None:
        first, *others = urls(host, port)
        print(f"{first} (Ctrl-C ends it)", flush=True)
        for url in others:
            print(f"{url} on a phone or another computer in this network", flush=True)
        if is_open(address):
            print(OPEN, file=sys.stderr)

    start_log(args.log, quiet=args.quiet)
    with one_blas_thread():  # the networks are small: more would wait for each other
        serve(models, host, args.port, workers, ready)
    return 0


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
