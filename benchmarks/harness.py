"""What the benchmarks share: what a figure depends on, how it is summed up, and where it is written.

Every script takes ``--quick`` (a taste, nothing is written), ``--json`` (JSON on stdout instead of a table) and writes
``results/NAME.json``: {"benchmark", "command", "rows": [...], "environment": {...}}. ``tables.py`` makes the
tables of README.md and docs/results, and the bar chart, of these files.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
ROOT = Path(__file__).parent.parent

Row = dict[str, Any]


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser with the flags that every benchmark has."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--quick", action="store_true", help="a taste: few repetitions, nothing is written")
    made.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return made


def environment(threads: int, tree: Path = ROOT) -> dict[str, Any]:
    """Return what the figures depend on. Call it before measuring: the load is that of the moment.

    ``tree`` is what is measured.
    """
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, cwd=tree, check=False
    )
    return {
        "machine": f"{cpu()}, {platform.system()}",
        "cores": cores(),
        "threads": threads,
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "versions": {"python": platform.python_version(), **versions("numpy", "numba", "llvmlite")},
        "commit": commit.stdout.strip(),
        "date": time.strftime("%Y-%m-%d"),
    }


def cores() -> int:
    """Return the number of cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu() -> str:
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of the packages that are installed here."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Return median, least, most and count: what stands for repeated measurements."""
    return {"median": statistics.median(values), "least": min(values), "most": max(values), "n": len(values)}


@dataclass(frozen=True)
class Ended:
    """A process that has ended: its wall time, the most memory that it had at a time, and what it printed."""

    seconds: float
    peak_bytes: int
    stdout: str
    stderr: str


def run(command: Sequence[str], *, cwd: Path, env: dict[str, str] | None = None) -> Ended:
    """Run a command in a fresh process; ``env`` is added to the environment. Raises RuntimeError when it fails.

    The peak is at least that of the process that calls this, so scripts that ask for it do without NumPy themselves.
    """
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=stdout, stderr=stderr, cwd=cwd, env=os.environ | (env or {}))
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)  # it is waited for: Popen must not do it again
        stdout.seek(0)
        stderr.seek(0)
        texts = stdout.read(), stderr.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {texts[1].strip()}")
    return Ended(seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024), *texts)


def command() -> str:
    """Return how the script that runs was started, without its flags."""
    spec = sys.modules["__main__"].__spec__
    return f"python -m {spec.name}" if spec else f"python {sys.argv[0]}"


def finish(
    args: argparse.Namespace, name: str, results: dict[str, Any], table: Callable[[dict[str, Any]], str]
) -> None:
    """Write the results file, unless this was only a taste, and print JSON or the table."""
    results = {"benchmark": name, "command": command(), **results}
    if not args.quick:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results) if args.json else table(results))


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table: the first column left, of the others those right that hold figures."""
    marks = ["---:" if is_figures([row[k] for row in rows]) else "---" for k in range(1, len(header))]
    lines = ["| " + " | ".join(header) + " |", "|" + "|".join(["---", *marks]) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def is_figures(cells: Sequence[str]) -> bool:
    """Whether most of a column's cells begin with a number."""
    filled = [cell for cell in cells if cell]
    return 2 * sum(re.match(r"\W*\d", cell) is not None for cell in filled) > len(filled)
