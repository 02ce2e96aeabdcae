"""Kill trainings at random moments, and take disk, folder, clock and workers away from them: nothing may be lost.

    python benchmarks/torture.py                # 1,000 kills, some ten minutes
    python benchmarks/torture.py --kills 50

Kills: a run of two models is begun, killed (SIGKILL) after a random time, resumed, killed, ... until it is finished;
then the next one, until there were so many kills. After each, every file that is found must load, and a finished run
must have the weights, bit for bit, of one that nobody disturbed. Lives are forked from this process, so that the time
between kills is spent in training, saving and writing reports, and not in starting Python.

Faults: each must end in one sentence, with the last good state on disk. Results go to benchmarks/results/torture.json.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import harness
from PIL import Image

import nnscratch as nn
from nnscratch import checkpoint
from nnscratch.cli.main import main as command
from nnscratch.experiment import STATE_KIND
from nnscratch.training import Trainer

TRAINING = ["logistic", "mlp", "--hidden", "16", "--limit", "1200", "--epochs", "4", "--backend", "numpy"]
MODELS = ("logistic", "mlp")
KILLS, QUICK_KILLS = 1000, 20
LIVES = (0.2, 1.2)  # at most, of what a whole run takes: some die while they begin, or write the report; some finish


def main() -> None:
    """Parse the arguments, do it, write, print."""
    parser = harness.parser(__doc__)
    parser.add_argument("--kills", type=int, metavar="N", help=f"{KILLS:,}")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the moments")
    args = parser.parse_args()
    harness.finish(args, "torture", measure(args.kills or (QUICK_KILLS if args.quick else KILLS), args.seed), table)


def measure(kills: int, seed: int) -> dict[str, Any]:
    """Do everything below a temporary folder, and return what came of it."""
    told = harness.environment(nn.threads())
    nn.load_mnist()  # once, for all lives
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        faults = [{"fault": fault.__name__.replace("_", " "), **fault()} for fault in FAULTS]
        killed = kill_many(kills, random.Random(seed))
    return {"rows": faults, "kills": killed, "environment": told}


# ---- kills


def kill_many(kills: int, moments: random.Random) -> dict[str, Any]:
    """Return how many lives were ended where, and whether anything was lost."""
    expected, start = weights(uninterrupted()), time.monotonic()
    assert life(["train", *TRAINING, "--out", "again"], None) == 0
    whole = time.monotonic() - start
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


def uninterrupted() -> Path:
    """Return the folder of a run that nobody disturbed."""
    if not Path("whole").exists():
        assert life(["train", *TRAINING, "--out", "whole"], None) == 0
    return Path("whole")


def life(arguments: list[str], seconds: float | None, before: Callable[[], Any] = lambda: None) -> int | None:
    """Return a command's exit code, done in a forked process; None when it was killed after so many seconds."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):  # noqa: PTH123
                os.dup2(nothing.fileno(), 2)
                before()
                code = command(arguments)
        finally:
            os._exit(code)
    deadline = time.monotonic() + (seconds if seconds is not None else 300)
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def stage(folder: Path) -> str:
    """Return what a killed run was at."""
    if not (folder / "run.json").is_file():
        return "beginning"
    if all((folder / model / "metrics.json").is_file() for model in MODELS):
        return "writing the report"
    if list(folder.rglob(".*.tmp")):
        return "writing a file"
    return "training or judging"


def check_files(folder: Path) -> None:
    """Raise AssertionError unless every file loads; what is hidden is half written, and nobody reads it."""
    for path in (path for path in folder.rglob("[!.]*") if path.is_file()):
        try:
            READERS[path.suffix](path)
        except Exception as error:
            raise AssertionError(f"{path} does not load: {error}") from error


def read_npz(path: Path) -> None:
    """Load a model or a training's state."""
    if path.name == "model.npz":
        nn.load(path)
    else:
        checkpoint.read(path, STATE_KIND)


def read_page(path: Path) -> None:
    """Check that a page is whole."""
    assert path.read_text().endswith("</html>\n")


READERS: dict[str, Callable[[Path], Any]] = {
    ".json": lambda path: json.loads(path.read_text()),
    ".npz": read_npz,
    ".png": lambda path: Image.open(path).load(),
    ".csv": lambda path: [float(cell) for line in path.read_text().splitlines()[1:] for cell in line.split(",")],
    ".html": read_page,
    ".md": lambda path: path.read_text().index("# "),
}


def weights(folder: Path) -> list[str]:
    """Return the digests of a finished run's weights."""
    return [json.loads((folder / model / "metrics.json").read_text())["weights_sha256"] for model in MODELS]


# ---- faults


def told_by(arguments: list[str], before: Callable[[], Any] = lambda: None) -> tuple[int, list[str]]:
    """Return exit code and stderr's lines of a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        before()
        try:
            code = command(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
    return code, err.getvalue().splitlines()


def outcome(code: int, lines: list[str], folder: Path | None) -> dict[str, Any]:
    """Return a row, after checking that one sentence came and that what is on disk is good."""
    assert code == 1 and len(lines) == 1, (code, lines)
    if folder is not None:
        check_files(folder)
    return {"code": code, "told": lines[0].replace(str(Path.cwd()), ".")}


def resumed(folder: Path) -> None:
    """Check that a run goes on to the weights of the undisturbed one."""
    code, lines = told_by(["train", "--resume", str(folder), "--backend", "numpy", "--quiet"])
    assert code == 0 and weights(folder) == weights(uninterrupted()), lines


@contextlib.contextmanager
def after_epochs(count: int, do: Callable[[], Any]) -> Iterator[None]:
    """Within the block, something happens before the state of a training is saved for the time after ``count``."""
    from nnscratch.experiment import Experiment

    saved, seen = Experiment.save_state, [0]

    def save_state(self: Experiment) -> None:
        seen[0] += 1
        if seen[0] == count + 1:
            do()
        saved(self)

    with mock.patch.object(Experiment, "save_state", save_state):
        yield


def disk_full() -> dict[str, Any]:
    """Let a small file system run full (where it may be mounted; else fsync fails as on a full disk)."""
    folder = Path("small").resolve()
    folder.mkdir()
    size = mounted(folder, "tmpfs", "size=1m")
    try:
        if size:
            fill = mock.patch("nnscratch.experiment.STATE_KIND", STATE_KIND)  # nothing changed
            filler = lambda: (folder / "other").write_bytes(bytes(free(folder) - 60_000))  # noqa: E731
        else:
            fill, filler = no_space()
        with fill, after_epochs(1, filler):
            code, lines = told_by(["train", *TRAINING, "--out", str(folder / "run"), "--quiet"])
        row = outcome(code, lines, folder / "run")
        (folder / "other").unlink(missing_ok=True)
        shutil.copytree(folder / "run", "moved")
        resumed(Path("moved"))
        return row | {"how": "a file system of 1 MB" if size else "an injected ENOSPC"}
    finally:
        unmounted(folder)


def no_space() -> tuple[Any, Callable[[], Any]]:
    """Return a patch of fsync, and what makes it fail from then on."""
    full = []

    def fsync(number: int) -> None:
        if full:
            raise OSError(28, "No space left on device")

    return mock.patch("nnscratch.files.os.fsync", fsync), lambda: full.append(1)


def free(folder: Path) -> int:
    """Return the bytes that are free there."""
    space = os.statvfs(folder)
    return space.f_bavail * space.f_frsize


def mounted(folder: Path, kind: str, options: str) -> bool:
    """Mount a file system, where that is allowed."""
    mount = shutil.which("mount")
    return mount is not None and subprocess.run(
        [mount, "-t", kind, "-o", options, kind, str(folder)], capture_output=True, check=False
    ).returncode == 0  # fmt: skip


def unmounted(folder: Path) -> None:
    """Unmount it, if it is."""
    if shutil.which("umount"):
        subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)


def folder_becomes_read_only() -> dict[str, Any]:
    """Let a model's folder be read only from the second epoch on."""
    folder = Path("locked").resolve()
    model = folder / "logistic"
    bind, lock = ["mount", "--bind", str(model), str(model)], ["mount", "-o", "remount,bind,ro", str(model)]

    how = []

    def do() -> None:
        if shutil.which("mount") and subprocess.run(bind, capture_output=True, check=False).returncode == 0:
            subprocess.run(lock, check=True)
            how.append("mounted read only")
        else:
            model.chmod(0o500)
            how.append("chmod")

    try:
        with after_epochs(1, do):
            code, lines = told_by(["train", *TRAINING, "--out", str(folder), "--quiet"])
        row = outcome(code, lines, folder) | {"how": how[0]}
    finally:
        unmounted(model)
        model.chmod(0o700)
    resumed(folder)
    return row


def folder_removed() -> dict[str, Any]:
    """Remove the run's folder in the middle of its training."""
    end_epoch = Trainer.end_epoch

    def remove(trainer: Trainer, workers: Any) -> None:
        if trainer.state.epoch == 1:
            shutil.rmtree("removed")
        end_epoch(trainer, workers)

    with mock.patch.object(Trainer, "end_epoch", remove):
        code, lines = told_by(["train", *TRAINING, "--out", "removed", "--quiet"])
    assert not Path("removed/logistic/checkpoint.npz").exists()  # nothing is made anew that could not be resumed
    return outcome(code, lines, Path("removed")) | {"how": "rm -r"}


def two_runs_in_one_folder() -> dict[str, Any]:
    """Begin to resume a run that is still being written."""
    found: list[tuple[int, list[str]]] = []
    resume = ["train", "--resume", "twice", "--backend", "numpy", "--quiet"]
    with after_epochs(1, lambda: found.append(told_by(resume))):
        code, _ = told_by(["train", *TRAINING, "--out", "twice", "--quiet"])
    assert code == 0 and weights(Path("twice")) == weights(uninterrupted())
    return outcome(*found[0], Path("twice")) | {"how": "--resume meanwhile"}


def clock_goes_backwards() -> dict[str, Any]:
    """Let each look at the clock find an hour less than the one before."""
    now = [2e9]

    def earlier(*_: Any) -> float:
        now[0] -= 3600
        return now[0]

    with mock.patch("time.time", earlier):
        code, lines = told_by(["train", *TRAINING, "--out", "clock", "--quiet"])
    assert code == 0 and lines == [] and weights(Path("clock")) == weights(uninterrupted())
    check_files(Path("clock"))
    return {"code": 0, "told": "nothing: same weights, all files", "how": "an hour less at every look"}


def worker_killed() -> dict[str, Any]:
    """Kill a process of a sweep."""
    sweep = ["sweep", "logistic", "--vary", "lr=0.001,0.002,0.003", "--halving", "1", "--epochs", "2"]
    sweep += ["--limit", "3000", "--workers", "1", "--out", "sweep"]
    script = [sys.executable, "-m", "nnscratch", *sweep]
    with subprocess.Popen(script, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        while not process.stdout.readline().startswith("trial "):
            pass
        (worker,) = (child for child in children(process.pid) if "spawn_main" in command_of(child))
        os.kill(worker, signal.SIGKILL)
        process.stdout.read()
        lines = process.stderr.read().splitlines()
        code = process.wait()
    row = outcome(code, lines, None)
    done, _ = told_by(["sweep", "--resume", "sweep", "--workers", "1"])
    assert done == 0 and (Path("sweep") / "best.toml").is_file()
    return row | {"how": "SIGKILL"}


def command_of(pid: int) -> str:
    """Return how a process was started."""
    return Path(f"/proc/{pid}/cmdline").read_text()


def children(pid: int) -> list[int]:
    """Return the processes that any thread of a process has started."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for one in lists for child in one.read_text().split()]


FAULTS = [
    disk_full,
    folder_becomes_read_only,
    folder_removed,
    two_runs_in_one_folder,
    clock_goes_backwards,
    worker_killed,
]


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
