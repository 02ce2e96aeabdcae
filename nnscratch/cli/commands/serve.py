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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", metavar="NAME", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8000, metavar="N", help="port to listen on; 0: any (%(default)s)")
    parser.add_argument(
        "--model",
        action="append",
        metavar="NAME|FILE",
        help=f"a network to show, again for more; default: {', '.join(DEFAULT_MODELS)}",
    )
    parser.add_argument("--workers", type=int, metavar="N", help="processes that answer; default: one for each core")


def run(args: argparse.Namespace) -> int:
    if args.workers is not None and not 1 <= args.workers <= MOST_WORKERS:
        raise UsageError(f"--workers is {args.workers}: give 1 to {MOST_WORKERS}")
    if not 0 <= args.port <= 65_535:
        raise UsageError(f"--port is {args.port}: give 0 to 65535")
    try:
        from nnscratch.web.server import serve
    except ImportError as error:
        raise UsageError(f'the page needs {error.name}: pip install "nnscratch[web]"') from None
    models = named(find_models(args.model or DEFAULT_MODELS))
    workers = min(threads(), MOST_WORKERS) if args.workers is None else args.workers

    def ready(port: int) -> None:
        print(f"http://{args.host}:{port}/ (Ctrl-C ends it)", flush=True)

    with one_blas_thread():  # the networks are small: more would wait for each other
        serve(models, args.host, args.port, workers, ready)
    print("ended", file=sys.stderr)
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
