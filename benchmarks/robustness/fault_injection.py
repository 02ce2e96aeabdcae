"""Kill trainings at random moments, and take disk, folder, clock and workers away from them: nothing may be lost.

    python -m benchmarks.robustness.fault_injection    # 1,000 kills, half an hour
    python -m benchmarks.robustness.fault_injection --kills 50

Kills: a run of two models is begun, killed (SIGKILL) after a random time, resumed, killed, ... until it is finished;
then the next one, until there were so many kills. One life in four is ended at a random moment of writing the report,
which is short. After each, every file that is found must load, and a finished run must have the weights, bit for bit,
of one that nobody disturbed. Lives are forked from this process, so that the time between kills is spent in training,
saving and writing reports, and not in starting Python. With ``--quick`` reports have no plots.

Faults (``faults/``): each ends in one sentence, with the last good state on disk, or changes nothing of the results.
Results go to benchmarks/results/torture.json.
"""

from __future__ import annotations

import contextlib
import io
import random
import shutil
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from PIL import Image

import nnscratch as nn
from benchmarks import harness
from benchmarks.robustness.faults import processes, surroundings
from benchmarks.robustness.faults.subject import TRAINING, check_files, life, trained, uninterrupted, weights
from nnscratch.pages import plots

KILLS, QUICK_KILLS = 1000, 20
LIVES = (0.2, 1.2)  # at most, of what a whole run takes: some die while they begin, some finish
AIMED = 0.25  # of the lives end while they write the report, or soon after


def main() -> None:
    """Parse the arguments, do it, write, print."""
    parser = harness.parser(__doc__)
    parser.add_argument("--kills", type=int, metavar="N", help=f"{KILLS:,}")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the moments")
    args = parser.parse_args()
    kills = args.kills or (QUICK_KILLS if args.quick else KILLS)
    drawn = mock.patch.object(plots, "as_png", _pixel) if args.quick else contextlib.nullcontext()
    with drawn:
        results = measure(kills, args.seed)
    harness.finish(args, "torture", results, table)


def _pixel(figure: Any) -> bytes:
    """Return a picture in place of a plot, which takes longer to draw than such a run to train."""
    file = io.BytesIO()
    Image.new("L", (1, 1)).save(file, "png")
    return file.getvalue()


def measure(kills: int, seed: int) -> dict[str, Any]:
    """Do everything below a temporary folder, and return what came of it."""
    told = harness.environment(nn.threads())
    nn.load_mnist()  # once, for all lives
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        faults = [
            {"fault": fault.__name__.replace("_", " "), **fault()}
            for fault in (*surroundings.FAULTS, *processes.FAULTS)
        ]
        killed = kill_many(kills, random.Random(seed))
    return {"rows": faults, "kills": killed, "environment": told}


# ---- kills


def kill_many(kills: int, moments: random.Random) -> dict[str, Any]:
    """Return how many lives were ended where, and whether anything was lost."""
    expected, (whole, report) = weights(uninterrupted()), durations()
    where: Counter[str] = Counter()
    runs = lives = 0
    while sum(where.values()) < kills:
        folder = Path(f"run{runs}")
        code = None
        while code != 0:
            lives += 1
            known = (folder / "run.json").is_file()
            arguments = ["--resume", str(folder), "--backend", "numpy"] if known else [*TRAINING, "--out", str(folder)]
            if not known:
                shutil.rmtree(folder, ignore_errors=True)  # killed before there was a run to go on with
            if moments.random() < AIMED:
                code = life(["train", *arguments], report * moments.random(), since=partial(trained, folder))
            else:
                code = life(["train", *arguments], whole * moments.uniform(0, moments.choice(LIVES)))
            if code is None:
                where[stage(folder)] += 1
            elif code != 0:
                raise AssertionError(f"{folder} ended with {code}")
            check_files(folder)
        assert weights(folder) == expected, f"{folder} has other weights"
        assert not list(folder.rglob(".*")), "something half written was left"
        shutil.rmtree(folder)
        runs += 1
    return {"kills": sum(where.values()), "lives": lives, "finished_runs": runs, "where": dict(where)}


def durations() -> tuple[float, float]:
    """Return the seconds of an undisturbed run, and those in which it writes its report."""
    start = time.time()
    assert life(["train", *TRAINING, "--out", "again"], None) == 0
    end = time.time()
    return end - start, end - max(path.stat().st_mtime for path in Path("again").rglob("metrics.json"))


def stage(folder: Path) -> str:
    """Return what a killed run was at."""
    if not (folder / "run.json").is_file():
        return "beginning"
    if trained(folder):
        return "writing the report"
    if list(folder.rglob(".*.tmp")):
        return "writing a file"
    return "training or judging"


def table(results: dict[str, Any]) -> str:
    """Return Markdown."""
    kills = results["kills"]
    where = ", ".join(f"{count:,} {stage}" for stage, count in sorted(kills["where"].items(), key=lambda one: -one[1]))
    above = (
        f"{kills['kills']:,} kills (SIGKILL; {where}) in {kills['finished_runs']:,} runs: every file that was found "
        "loaded, and every run ended with the weights of the undisturbed one, bit for bit. A run is logistic "
        "regression and a small MLP on 1,200 images, four epochs each, without compiled kernels."
    )
    lines = [[row["fault"], row["how"], row["told"]] for row in results["rows"]]
    return f"{above}\n\n{harness.markdown(['fault', 'how it was provoked', 'what was said'], lines)}"


if __name__ == "__main__":
    main()
