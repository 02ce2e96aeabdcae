"""See which exercises you have done, and which comes next.

    nnscratch study progress            of the files in this folder
    nnscratch study progress FOLDER     of those in another

Whenever "nnscratch study exercise NAME FILE.py" finds that all is right, it notes so in nnscratch-progress.json, beside
your file.
"""

from __future__ import annotations

import argparse

from nnscratch.cli.console import Output
from nnscratch.cli.flags import folder
from nnscratch.errors import DataError, printable
from nnscratch.pages.blocks import Table
from nnscratch.study.exercises import EXERCISES
from nnscratch.study.exercises.progress import FILE, following, read_progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", default=".", metavar="FOLDER", help="where your files are; default: here")
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(args: argparse.Namespace) -> int:
    output, place = Output(as_json=args.json), folder(args.folder)
    if not place.is_dir():
        raise DataError(f"{place} is no folder: give the one in which your files are")
    passed = read_progress(place)
    upcoming = following(passed)
    rows = [
        [name, f"{passed[name]:%Y-%m-%d %H:%M}" if name in passed else "next" if name == upcoming else ""]
        for name in EXERCISES
    ]
    output.table(Table(("exercise", "passed"), rows))
    if not (place / FILE).exists():
        output.say(
            f"There is no {FILE} {'here' if args.folder == '.' else f'in {printable(str(place))}'}: give the folder "
            "in which your files are, if it is another one."
        )
    _say(sum(name in passed for name in EXERCISES), upcoming, args.prog, output)
    output.result(
        {
            "passed": {name: passed[name].isoformat() for name in EXERCISES if name in passed},
            "next": upcoming,
            "exercises": list(EXERCISES),
        }
    )
    return 0


def _say(done: int, upcoming: str | None, prog: str, output: Output) -> None:
    output.say(f"{done} of {len(EXERCISES)} exercises have passed.")
    if upcoming is None:
        output.say("That is all of them: a network of your own making, from the first layer to the last step.")
        return
    output.say(f"Next: {EXERCISES[upcoming].line}.")
    output.say(f"{prog} exercise {upcoming}")
