"""Experiments that break learning on purpose, and why they do: predict what happens, then see.

Without a name the experiments are listed. Each run prints its figures and writes a page, NAME.html, and its picture.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from nnscratch.cli import flags
from nnscratch.cli.console import Output
from nnscratch.errors import UsageError
from nnscratch.files.atomic import write_bytes, write_text
from nnscratch.lab.base import Data, LabExperiment, Outcome, lab_data
from nnscratch.lab.catalogue import EXPERIMENTS, experiment
from nnscratch.lab.page import lab_page

ALL = "all"
WIDTH = 100  # characters of a line, at most


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help=f"{', '.join(EXPERIMENTS)}, or {ALL}")
    parser.add_argument("--predict", type=int, metavar="N", help="your answer to the question, instead of being asked")
    parser.add_argument("--out", default="lab", metavar="DIR", help="where pages and pictures go (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of images, weights and order (%(default)s)")
    parser.add_argument("--images", type=int, default=5000, metavar="N", help="images to train on (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    flags.add_machine(parser)


def run(args: argparse.Namespace) -> int:
    output = Output(as_json=args.json)
    if args.name is None:
        if args.predict is not None:
            raise UsageError("--predict answers an experiment's question: give its name too")
        _list(output, args.prog)
        return 0
    chosen = list(EXPERIMENTS.values()) if args.name == ALL else [experiment(args.name)]
    if args.name == ALL and args.predict is not None:
        raise UsageError("--predict answers one question, and all were asked for: give one experiment's name")
    chosen[0].check_prediction(args.predict)
    folder = flags.folder(args.out)
    flags.use_machine(args)
    data = lab_data(args.seed, args.images)
    outcomes = [_run_one(each, data, args.predict, folder, output) for each in chosen]
    output.result(outcomes if args.name == ALL else outcomes[0])
    return 0


def _list(output: Output, prog: str) -> None:
    output.listing({name: each.title for name, each in EXPERIMENTS.items()})
    output.say(f"\n{prog} NAME asks for a prediction, runs it and says why; {prog} {ALL} runs all of them.")
    output.result(
        [
            {"name": each.name, "title": each.title, "question": each.question, "choices": list(each.choices)}
            for each in EXPERIMENTS.values()
        ]
    )


def _run_one(each: LabExperiment, data: Data, prediction: int | None, folder: Path, output: Output) -> dict[str, Any]:
    """Ask, run, print, write the page and the picture; return the figures."""
    output.say(f"{each.name}: {each.title}\n")
    _say(output, each.question)
    for place, choice in enumerate(each.choices, 1):
        _say(output, f"{place}. {choice}", indent="  ")
    output.say()
    if prediction is None:
        prediction = ask(each, output)
    with _progress(output) as tell:
        outcome = each.measure(replace(data, tell=tell))
    output.table(each.table(outcome))
    for text in (each.describe(outcome), each.feedback(outcome, prediction), *each.explanation):
        _say(output, text)
        output.say()
    output.say(textwrap.indent(each.formula, "    ") + "\n")
    _say(output, "In the code: " + "; ".join(f"{name} in {file}" for file, name in each.where) + ".")
    page = _write(each, outcome, prediction, data, folder)
    output.say(f"\npage: {page}\n")
    return {
        "name": each.name,
        "seed": data.seed,
        "images": len(data.images),
        "prediction": prediction,
        "answer": outcome.answer,
        "expected": each.answer,
        "verdict": each.describe(outcome),
        "figures": outcome.figures,
        "page": str(page),
    }


def _write(each: LabExperiment, outcome: Outcome, prediction: int | None, data: Data, folder: Path) -> Path:
    about = (
        f"nnscratch lab {each.name} --seed {data.seed} --images {len(data.images)}: trained on {len(data.images):,} of "
        f"MNIST's training images, evaluated on {len(data.validation[0]):,} others of them; no test image is used."
    )
    page = folder / f"{each.name}.html"
    write_text(page, lab_page(each, outcome, prediction, about, data))
    write_bytes(folder / f"{each.name}.png", outcome.plot)
    return page


def _say(output: Output, text: str, indent: str = "") -> None:
    output.paragraph(text, indent, indent + "   " * bool(indent), WIDTH)


def ask(each: LabExperiment, output: Output) -> int | None:
    """Ask for a prediction until one of the choices comes; None for an empty line, the end of stdin, or no terminal."""
    if output.as_json or sys.stdin is None or not (sys.stdin.isatty() and output.stream.isatty()):
        return None
    numbers = [str(place) for place in range(1, len(each.choices) + 1)]
    while True:
        output.stream.write(f"Your prediction, 1 to {numbers[-1]} (Enter: none): ")
        output.stream.flush()
        line = sys.stdin.readline().strip()
        if not line:
            return None
        if line in numbers:
            return int(line)


@contextmanager
def _progress(output: Output) -> Iterator[Callable[[str], None]]:
    """Give a function that shows on a terminal what is being done, and leaves nothing behind."""
    if not output.stream.isatty():
        yield lambda text: None
        return
    from rich.console import Console

    with Console(file=output.stream).status("preparing") as status:
        yield lambda text: status.update(f"training: {text}".replace("[", "\\["))
