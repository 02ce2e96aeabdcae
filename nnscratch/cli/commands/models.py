"""Show the models: layers, output shapes, parameters and multiply-adds."""

from __future__ import annotations

import argparse

from nnscratch.cli.console import Output
from nnscratch.models.zoo import MODELS, build


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"{', '.join(MODELS)}; default: all")


def run(args: argparse.Namespace) -> int:
    output = Output()
    for name in args.models or MODELS:
        output.say(f"{name}\n{build(name).summary()}\n")
    return 0
