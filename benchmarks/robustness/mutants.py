"""Mutation testing: break the package deliberately, one line at a time, and see which test notices.

    python -m benchmarks.robustness.mutants                        # hours: 60 breaks, each through the whole suite
    python -m benchmarks.robustness.mutants --quick                # only the tests of the folder that is broken
    python -m benchmarks.robustness.mutants --list
    python -m benchmarks.robustness.mutants --only conv-bias adamw-class
    python -m benchmarks.robustness.mutants --tree ../another-clone

The breaks are in mutants.toml. Each is done in a fresh copy of what git knows of the tree, in a temporary folder: the
tests of its folder run until one fails, and if none does, the rest of the suite. A test counts as having caught a break
if it fails once more by itself, and passes in a copy without the break; any other is left out, and the rest run again.
The exit code is 1 when a break has survived, 2 when one cannot be made. Results go to benchmarks/results/mutants.json.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import harness

BREAKS = Path(__file__).with_name("mutants.toml")
OWN_TEST = "tests/benchmarks/test_mutants.py"  # it looks for the old texts, and would see every break
PYTEST = [sys.executable, "-m", "pytest", "-x", "-q", "-rfE", "-p", "no:cacheprovider", f"--ignore={OWN_TEST}"]
FAILED = re.compile(r"^(?:FAILED|ERROR) ([^\s:]+\.py(?:::.*?)?)(?: - .*)?$", re.MULTILINE)
LONGEST = 7200  # seconds of a run of tests: a break may make one wait for ever


class Place(NamedTuple):
    """A text in a file, and what it is replaced by."""

    file: str
    old: str
    new: str

    def count(self, tree: Path) -> int:
        """Return how often the file of a tree holds the old text."""
        path = tree / self.file
        return path.read_text("utf-8").count(self.old) if path.is_file() else 0


@dataclass(frozen=True)
class Break:
    """A mutant: its name, the folder of the package, what is broken, and alternatives of how."""

    id: str
    folder: str
    what: str
    places: tuple[Place, ...]

    def place(self, tree: Path) -> Place:
        """Return the first place that applies to a tree. Raises LookupError where none does."""
        for place in self.places:
            if place.count(tree) == 1:
                return place
        told = ", ".join(f"{place.count(tree)} times in {place.file}" for place in self.places)
        raise LookupError(f"the break {self.id} does not apply: its old text is found {told}; mend {BREAKS.name}")


def main() -> None:
    """Parse the arguments, do it, write, print."""
    parser = harness.parser(__doc__)
    parser.add_argument("--list", action="store_true", help="print the breaks, and do none")
    parser.add_argument("--only", nargs="+", metavar="ID", help="these breaks; nothing is written")
    parser.add_argument("--tree", type=Path, default=harness.ROOT, help="another clone to break; nothing is written")
    args = parser.parse_args()
    try:
        breaks = chosen(args.only)
        places = [one.place(args.tree) for one in breaks]
    except LookupError as error:
        parser.exit(2, f"{error.args[0]}\n")
    if args.list:
        for one, place in zip(breaks, places, strict=True):
            print(f"{one.id:20} {one.folder:14} {one.what} ({place.file})")
        return
    results = measure(breaks, args.tree, folder_only=args.quick)
    args.quick = args.quick or args.only is not None or args.tree.resolve() != harness.ROOT.resolve()
    harness.finish(args, "mutants", results, table)
    sys.exit(1 if any(row["caught_by"] is None for row in results["rows"]) else 0)


def chosen(ids: Sequence[str] | None) -> list[Break]:
    """Return the breaks of these names, or all. Raises LookupError for a name that is unknown."""
    known = {
        name: Break(name, told["folder"], told["what"], tuple(Place(*place) for place in told["places"]))
        for name, told in tomllib.loads(BREAKS.read_text("utf-8")).items()
    }
    for name in ids or ():
        if name not in known:
            raise LookupError(f"the break {name!r} is unknown: choose from {', '.join(known)}")
    return [known[name] for name in ids or known]


def measure(breaks: Sequence[Break], tree: Path, *, folder_only: bool) -> dict[str, Any]:
    """Do the breaks one after the other, and return what caught them."""
    environment, rows = harness.environment(1, tree), []
    with tempfile.TemporaryDirectory(prefix="nnscratch-mutants-") as room:
        whole = Copy(Path(room).resolve() / "whole", Path(room).resolve() / "cache")
        copy_tree(tree, whole.path)
        for one in breaks:
            rows.append(tried(one, whole, folder_only=folder_only))
            caught_by, seconds = rows[-1]["caught_by"], rows[-1]["seconds"]
            print(f"{one.id}: {caught_by or 'nothing: it survived'}, {seconds:.0f} s", file=sys.stderr, flush=True)
    return {"folder_only": folder_only, "rows": rows, "environment": environment}


def copy_tree(tree: Path, to: Path) -> None:
    """Copy what git knows of a tree, as it is now."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=tree, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (tree / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(tree / name, to / name)


@dataclass(frozen=True)
class Copy:
    """A copy of a tree, to run tests in. Machine code is kept in ``cache``."""

    path: Path
    cache: Path

    def failure(self, *arguments: str) -> str | None:
        """Run pytest until a test fails; return which, or None. Raises RuntimeError when pytest cannot run."""
        surroundings = {"PYTHONPATH": str(self.path), "NUMBA_CACHE_DIR": str(self.cache)}
        code, out = run([*PYTEST, *arguments], self.path, os.environ | surroundings)
        found = FAILED.search(out)
        if code in (1, 2) and found:
            return found[1]
        if code is None or code < 0:
            return "(tests that do not end)" if code is None else f"(tests that end with signal {-code})"
        if code:
            raise RuntimeError(f"pytest ended with {code}: {out[-2000:]}")
        return None


def run(command: Sequence[str], cwd: Path, env: dict[str, str]) -> tuple[int | None, str]:
    """Run a command; return its exit code and what it printed. One that hangs is ended with all that it began: None."""
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=cwd, env=env, errors="replace", start_new_session=True, **streams) as process:
        try:
            out, _ = process.communicate(timeout=LONGEST)
            return process.returncode, out
        except subprocess.TimeoutExpired:
            return None, ""
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def tried(one: Break, whole: Copy, *, folder_only: bool) -> dict[str, Any]:
    """Do a break; return a row: the first test that caught it, of its "folder" or of the "rest", or None."""
    # machine code is kept from break to break, but by those that may change it
    cache = whole.path.with_name(one.id) if one.folder.startswith("ops") else whole.cache
    broken = Copy(whole.path.with_name("broken"), cache)
    shutil.rmtree(broken.path, ignore_errors=True)
    shutil.copytree(whole.path, broken.path, ignore=shutil.ignore_patterns("__pycache__"))
    place = one.place(broken.path)
    path = broken.path / place.file
    path.write_text(path.read_text("utf-8").replace(place.old, place.new), "utf-8")
    start = time.perf_counter()
    own = tests_of(one.folder, broken.path)
    stage, caught_by = "rest" if own == "tests" else "folder", first_failure(broken, whole, own)
    if caught_by is None and own != "tests" and not folder_only:
        stage, caught_by = "rest", first_failure(broken, whole, "tests", f"--ignore={own}")
    row = {"id": one.id, "folder": one.folder, "what": one.what, "file": place.file}
    row |= {"caught_by": caught_by, "stage": None if caught_by is None else stage}
    return row | {"seconds": round(time.perf_counter() - start, 1)}


def tests_of(folder: str, tree: Path) -> str:
    """Return where a folder's tests are: the folder of that name, or of one above it; at last all tests."""
    path = Path("tests", folder)
    return next(str(one) for one in (path, *path.parents) if (tree / one).is_dir())


def first_failure(broken: Copy, whole: Copy, *what: str) -> str | None:
    """Return the first test that fails with the break, and alone too, and passes without it; or None."""
    workers = ("-n", "2") if what[0] == "tests" else ()
    left_out: list[str] = []
    while (failed := broken.failure(*what, *workers, *left_out)) is not None:
        if failed.startswith("(") or (broken.failure(failed) is not None and whole.failure(failed) is None):
            return failed
        left_out += ["--deselect", failed] if "::" in failed else ["--ignore", failed]
    return None


def table(results: dict[str, Any]) -> str:
    """Return Markdown."""
    rows = results["rows"]
    stages = [row["stage"] for row in rows]
    above = (
        f"{len(rows)} breaks: {stages.count('folder')} caught by the tests of their folder, "
        f"{stages.count('rest')} by the rest of the suite, {stages.count(None)} survived."
    )
    lines = []
    for row in rows:
        caught_by = f"`{row['caught_by']}`" if row["caught_by"] else "**survived**"
        lines.append([row["what"], row["folder"], caught_by, f"{row['seconds']:.0f}"])
    return f"{above}\n\n{harness.markdown(['break', 'folder', 'caught by', 'seconds'], lines)}"


if __name__ == "__main__":
    main()
