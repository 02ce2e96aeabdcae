"""Spoil every kind of input in many ways: no traceback, no hang, no memory eaten, no file written elsewhere.

    python -m benchmarks.robustness.fuzz                   # 12,000 cases, two minutes
    python -m benchmarks.robustness.fuzz --cases 100000 --seed 7
    python -m benchmarks.robustness.fuzz --only npz:317    # one case again; its files are kept

A fuzz target is one way into the library: the function that a command uses for it, now and then the whole command. Most
mutants are made by somebody who knows the format, with right checksums and lengths, so that they get past the first
check; hypothesis draws what is nearly a valid setting or drawing. What must come of each: it is accepted, or refused
with one sentence.

Wrong is: any exception but nnscratch's own, several lines, a warning, control characters, more than 2 s of the
processor, more than 500 MB of memory, a file opened for writing, renamed or removed outside the case's folder, a
process begun, a pickle read. Results go to benchmarks/results/fuzz.json.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections import Counter, defaultdict
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

import nnscratch as nn
from benchmarks import harness
from benchmarks.robustness.fuzzing import web
from benchmarks.robustness.fuzzing.guard import Outcome
from benchmarks.robustness.fuzzing.pool import all_tried, warm
from benchmarks.robustness.fuzzing.seeds import seeds
from benchmarks.robustness.fuzzing.targets import TARGETS, counts

CASES = 12_000
SHOWN = 40  # findings that are printed


def main() -> None:
    """Parse the arguments, do it, write, print."""
    parser = harness.parser(__doc__)
    parser.add_argument("--cases", type=int, default=CASES, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--targets", nargs="+", default=list(TARGETS), choices=list(TARGETS), metavar="TARGET")
    parser.add_argument("--only", metavar="TARGET:NUMBER", help="one case, in a folder that is kept")
    args = parser.parse_args()
    if args.only is not None:
        name, number = args.only.split(":")
        results = measure([(name, int(number))], args.seed, keep=True)
        args.quick = True
    else:
        wanted = counts(600 if args.quick and args.cases == CASES else args.cases, args.targets)
        cases = [(name, number) for name, count in wanted.items() for number in range(count)]
        Random(args.seed).shuffle(cases)  # so that what one case leaves behind meets all others
        args.quick = args.quick or len(args.targets) < len(TARGETS)
        results = measure(cases, args.seed)
    harness.finish(args, "fuzz", results, table)
    for found in results["findings"][:SHOWN] if not args.quick else results["findings"]:
        print(f"{found['door']}:{found['number']}  {'; '.join(found['wrong'])}", file=sys.stderr)
    sys.exit(1 if results["findings"] else 0)


def measure(
    cases: list[tuple[str, int]], seed: int, *, keep: bool = False, workers: int | None = None
) -> dict[str, Any]:
    """Try the cases, and return what came of them."""
    told = harness.environment(1)
    with contextlib.ExitStack() as stack:
        room = Path(tempfile.mkdtemp() if keep else stack.enter_context(tempfile.TemporaryDirectory())).resolve()
        stack.enter_context(contextlib.chdir(room))
        seeds()
        warm()
        if any(name == "sockets" for name, _ in cases):
            web.running.append(web.Server())
        before = sentinel(room)
        outcomes = list(all_tried(cases, seed, room / "cases", workers or min(harness.cores(), 8)))
        findings = [finding(one) for one in outcomes if one.wrong]
        findings += [{"door": "all", "number": -1, "wrong": [text]} for text in changed(before, sentinel(room))]
        if web.running:
            findings += [{"door": "sockets", "number": -1, "wrong": [text]} for text in web.running.pop().end()]
        if keep:
            print(f"{outcomes}\nfiles in {room / 'cases'}", file=sys.stderr)
    return {"seed": seed, "rows": rows(outcomes), "findings": findings, "environment": told}


def sentinel(room: Path) -> dict[str, int]:
    """Return what lies around the cases' folder, with the time of its last change."""
    places = [*room.iterdir(), *seeds().rglob("*"), *Path.home().iterdir(), *Path(nn.__file__).parent.rglob("*.*")]
    return {
        str(path): os.lstat(path).st_mtime_ns for path in places if not path.is_dir() and "pycache" not in str(path)
    }


def changed(before: dict[str, int], after: dict[str, int]) -> list[str]:
    """Return in words what is new, gone or changed."""
    return [
        f"{path} is new, gone or changed"
        for path in before.keys() | after.keys()
        if before.get(path) != after.get(path)
    ]


def finding(outcome: Outcome) -> dict[str, Any]:
    """Return what the results say of a case that went wrong; they call its target a door."""
    fields = asdict(outcome)
    return {"door": fields.pop("target"), **fields}


def rows(outcomes: list[Outcome]) -> list[dict[str, Any]]:
    """Return for each target what came of its cases."""
    by_target: dict[str, list[Outcome]] = defaultdict(list)
    for one in outcomes:
        by_target[one.target].append(one)
    return [row(name, by_target[name]) for name in TARGETS if name in by_target]


def row(name: str, outcomes: list[Outcome]) -> dict[str, Any]:
    """Return the figures of a target."""
    slowest = max(outcomes, key=lambda one: one.seconds)
    messages = Counter(shape(one.message) for one in outcomes if one.message)
    return {
        "door": name,
        "cases": len(outcomes),
        "accepted": sum(one.accepted and not one.wrong for one in outcomes),
        "refused": sum(not one.accepted and not one.wrong for one in outcomes),
        "findings": sum(bool(one.wrong) for one in outcomes),
        "messages": len(messages),
        "most_frequent": max(messages.values(), default=0),
        "slowest_case": slowest.number,
        "slowest_seconds": round(slowest.seconds, 2),
        "peak_megabytes": max(one.megabytes for one in outcomes),
    }


def shape(message: str) -> str:
    """Return a message without what came from outside: paths, what stands in quotes or brackets, and numbers."""
    text = re.sub(r"\S*/\S*|'[^']*'|\"[^\"]*\"|\([^()]*\)|\[[^][]*\]", "…", message)
    return re.sub(r"[-+]?\d[\d,.e+-]*|0x[0-9a-f]+", "#", text)[:70]


def table(results: dict[str, Any]) -> str:
    """Return Markdown."""
    header = ["fuzz target", "cases", "accepted", "refused", "findings", "different messages", "slowest", "peak memory"]
    told, lines = results["rows"], []
    for one in told:
        shares = [f"{100 * one[key] / one['cases']:.0f} %" for key in ("accepted", "refused")]
        lines.append([one["door"], f"{one['cases']:,}", *shares, str(one["findings"]), str(one["messages"])])
        lines[-1] += [f"{one['slowest_seconds']:.2f} s", f"{one['peak_megabytes']} MB"]
    whole = ["**all**", f"{sum(one['cases'] for one in told):,}"]
    whole += [
        f"{100 * sum(o[key] for o in told) / sum(o['cases'] for o in told):.0f} %" for key in ("accepted", "refused")
    ]
    whole += [str(len(results["findings"])), str(sum(one["messages"] for one in told))]
    whole += [f"{max(o['slowest_seconds'] for o in told):.2f} s", f"{max(o['peak_megabytes'] for o in told)} MB"]
    return harness.markdown(header, [*lines, whole])


if __name__ == "__main__":
    main()
