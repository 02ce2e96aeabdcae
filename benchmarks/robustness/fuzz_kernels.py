"""Call every compiled function with arguments that do not fit: none may end the process, or work beside its arrays.

    python -m benchmarks.robustness.fuzz_kernels                           # 20,000 cases
    python -m benchmarks.robustness.fuzz_kernels --cases 100000 --seed 7
    python -m benchmarks.robustness.fuzz_kernels --only adam_update:317    # one case again, in words

Compiled code has bare pointers: an array that is too short is read and written past its end. So each case is tried in a
process that may die, with every array between two pages that nobody may touch, and other bytes around it that must stay
as they are. Arguments have other shapes, lengths, strides, types, byte orders and values, or are something else; from
none to three of a call. The call must raise, or agree with the readable function called with the same, in its results
and in what it changed, and it must change nothing else. Results go to benchmarks/results/fuzz_kernels.json.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from benchmarks import harness
from benchmarks.robustness.fuzzing.calls import CALLS
from benchmarks.robustness.fuzzing.kernels import Verdict, tried

CASES = 20_000
LONGEST = 60.0  # seconds, in which much is compiled
SHOWN = 40  # findings that are printed

Case = tuple[str, int]


def main() -> None:
    """Parse the arguments, do it, write, print."""
    parser = harness.parser(__doc__)
    parser.add_argument("--cases", type=int, default=CASES, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--functions", nargs="+", default=list(CALLS), choices=list(CALLS), metavar="FUNCTION")
    parser.add_argument("--only", metavar="FUNCTION:NUMBER", help="one case")
    args = parser.parse_args()
    count = -(-(300 if args.quick and args.cases == CASES else args.cases) // len(args.functions))
    cases = [(name, number) for name in args.functions for number in range(count)]
    if args.only is not None:
        name, _, number = args.only.partition(":")
        cases = [(name, int(number))]
    args.quick = args.quick or args.only is not None or len(args.functions) < len(CALLS)
    results = measure(cases, args.seed)
    harness.finish(args, "fuzz_kernels", results, table)
    for found in results["findings"][: None if args.quick else SHOWN]:
        print(f"{found['name']}:{found['number']}  {'; '.join(found['wrong'])}\n    {found['call']}", file=sys.stderr)
    if args.only is not None:
        print(f"{results['verdicts'][0]}", file=sys.stderr)
    sys.exit(1 if results["findings"] else 0)


def measure(cases: list[Case], seed: int) -> dict[str, Any]:
    """Try the cases, and return what came of them."""
    told = harness.environment(1)
    verdicts = list(all_tried(cases, seed))
    findings = [asdict(one) for one in verdicts if one.wrong]
    results = {"seed": seed, "rows": rows(verdicts), "findings": findings, "environment": told}
    return results | ({"verdicts": [asdict(one) for one in verdicts]} if len(verdicts) == 1 else {})


def all_tried(cases: list[Case], seed: int) -> Iterator[Verdict]:
    """Yield the verdict on each case, one after the other; who ends or stops a process is told, and others go on."""
    done = 0
    while done < len(cases):
        ours, theirs = get_context("fork").Pipe()
        process: Any = get_context("fork").Process(target=work, args=(theirs, ours, cases[done:], seed), daemon=True)
        process.start()
        theirs.close()
        while done < len(cases):
            try:
                if not ours.poll(LONGEST):  # its verdict may still come: it is that of a case which took too long
                    process.kill()
                    process.join()
                    raise EOFError
                verdict = ours.recv()
            except EOFError:
                process.join()
                yield Verdict(*cases[done], "", [f"ended its process ({ending(process.exitcode)})"])
                done += 1
                break
            yield verdict
            done += 1
        process.kill()
        process.join()
        ours.close()


def work(pipe: Connection, other_end: Connection, cases: list[Case], seed: int) -> None:
    """Try the cases in this process, and tell of each, as long as somebody listens."""
    other_end.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.disable()  # a death is found out, and need not be described
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what libraries in C print
    for name, number in cases:
        pipe.send(tried(name, number, seed))


def ending(code: int) -> str:
    """Return in words how a process ended."""
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def rows(verdicts: list[Verdict]) -> list[dict[str, Any]]:
    """Return for each file of compiled functions what came of its cases."""
    by_group: dict[str, list[Verdict]] = defaultdict(list)
    for one in verdicts:
        by_group[CALLS[one.name].group].append(one)
    return [
        {
            "group": group,
            "functions": len({one.name for one in some}),
            "cases": len(some),
            "agrees": sum(not one.wrong and not one.raised for one in some),
            "raises": sum(not one.wrong and bool(one.raised) for one in some),
            "exceptions": dict(Counter(one.raised for one in some if one.raised)),
            "findings": sum(bool(one.wrong) for one in some),
        }
        for group, some in by_group.items()
    ]


def table(results: dict[str, Any]) -> str:
    """Return Markdown."""
    told = list(results["rows"])
    whole = {key: sum(one[key] for one in told) for key in ("functions", "cases", "agrees", "raises", "findings")}
    lines = [
        [
            one["group"],
            str(one["functions"]),
            f"{one['cases']:,}",
            *(f"{100 * one[key] / one['cases']:.0f} %" for key in ("agrees", "raises")),
            str(one["findings"]),
        ]
        for one in [*told, {"group": "**all**", **whole}]
    ]
    return harness.markdown(["compiled", "functions", "cases", "agrees", "raises", "findings"], lines)


if __name__ == "__main__":
    main()
