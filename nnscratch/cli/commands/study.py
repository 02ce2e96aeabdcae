"""See backpropagation: one step on one digit, a whole training, or what a network has learnt; and exercises."""

from __future__ import annotations

import argparse
import importlib

STUDIES = {
    "step": "one training step on one digit, every number of it, as a page and as text",
    "train": "watch a training: activations, gradients, weights and updates of each layer",
    "network": "what a trained network has learnt: filters, templates, maps, favourite digits",
    "exercise": "write a network yourself, function by function, and have each checked",
    "progress": "see which exercises you have done, and which comes next",
    "grade": "grade the exercises that a class handed in",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="study", required=True, metavar="STUDY")
    for name, text in STUDIES.items():
        module = importlib.import_module(f"nnscratch.cli.commands.studies.{name}")
        command = commands.add_parser(
            name, help=text, description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        module.add_arguments(command)
        command.set_defaults(do=module.run)


def run(args: argparse.Namespace) -> int:
    return int(args.do(args))
