"""Faults of processes that work for a command: of a sweep, of a Dask cluster, of an MPI job."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import harness
from benchmarks.robustness.faults.subject import check_files, outcome, told_by

SWEEP = ["sweep", "logistic", "--vary", "lr=0.001,0.002,0.003", "--halving", "1", "--epochs", "2", "--limit", "3000"]
RANKS = ["train", "logistic", "--limit", "2000", "--epochs", "30", "--shard", "16", "--backend", "numpy"]
ENV = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
ENV |= {"PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe", "PYTHONPATH": str(harness.ROOT)}
BESIDE = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
MPIEXEC = shutil.which("mpiexec", path=BESIDE)


def worker_killed() -> dict[str, Any]:
    """Kill a process of a sweep, once."""
    code, lines = swept("once", ["--workers", "1"], kills=1)
    assert (code, lines) == (0, []), lines
    assert trials("once") == trials(undisturbed())
    return {"code": 0, "told": "nothing on stderr: its training is done again, same results", "how": "SIGKILL"}


def worker_killed_each_time() -> dict[str, Any]:
    """Kill every process of a sweep that comes in its place."""
    row = outcome(*swept("often", ["--workers", "1"], kills=99), None)
    code, lines = told_by(["sweep", "--resume", "often", "--workers", "1"])
    assert code == 0 and trials("often") == trials(undisturbed()), lines
    return row | {"how": "SIGKILL to each"}


def cluster_worker_killed() -> dict[str, Any]:
    """Kill one of the two workers of a Dask cluster in the midst of a sweep."""
    with cluster() as (address, workers), begun([*SWEEP, "--scheduler", address, "--out", "far"]) as process:
        first_trial(process)
        os.kill(workers[0], signal.SIGKILL)
        code, lines = ended(process)
    assert (code, lines) == (0, []), lines
    assert trials("far") == trials(undisturbed())
    return {"code": 0, "told": "nothing: its training is done again by another, same results", "how": "SIGKILL"}


def rank_killed() -> dict[str, Any]:
    """Kill one of three ranks of a job, which goes on with two."""
    assert MPIEXEC is not None
    code, lines = told_by([*RANKS, "--out", "alone", "--quiet"])
    assert code == 0, lines
    job = [*launcher(3), *RANKS, "--distributed", "mpi", "--out", "ranks"]
    with subprocess.Popen(job, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not Path("ranks/logistic/checkpoint.npz").exists():
            assert process.poll() is None, process.communicate()
        rank = next(pid for pid in below(process.pid) if "--distributed" in command_of(pid) and not below(pid))
        os.kill(rank, signal.SIGKILL)
        out, _ = process.communicate(timeout=60)
    assert process.returncode != 0 and not Path("ranks/logistic/metrics.json").exists()
    check_files(Path("ranks"))
    said = next(line.strip() for line in out.splitlines() if "when a rank dies" in line)
    job = [*launcher(2), "train", "--resume", "ranks", "--backend", "numpy", "--distributed", "mpi", "--quiet"]
    subprocess.run(job, env=ENV, check=True, capture_output=True)
    assert sha256(Path("ranks")) == sha256(Path("alone"))
    return {"code": process.returncode, "told": f"before: {said}; then mpiexec's words", "how": "SIGKILL to one of 3"}


# ---- sweeps


def undisturbed() -> str:
    """Return the folder of a sweep that nobody disturbed."""
    if not Path("calm").exists():
        assert told_by([*SWEEP, "--workers", "1", "--out", "calm"])[0] == 0
    return "calm"


def trials(folder: str) -> dict[str, Any]:
    """Return each trial's figures without its seconds."""
    found = {path.name: json.loads(path.read_text()) for path in Path(folder, "trials").glob("*.json")}
    assert len(found) == 3 and Path(folder, "best.toml").is_file()
    return {name: {key: value for key, value in told.items() if key != "seconds"} for name, told in found.items()}


def swept(folder: str, where: list[str], kills: int) -> tuple[int, list[str]]:
    """Return exit code and stderr's lines of a sweep whose processes are killed, so many times."""
    seen: set[int] = set()
    with begun([*SWEEP, *where, "--out", folder]) as process:
        if kills == 1:
            first_trial(process)
        while process.poll() is None and len(seen) < kills:
            new = {pid for pid in below(process.pid) if "spawn_main" in command_of(pid)} - seen
            for pid in new:
                os.kill(pid, signal.SIGKILL)
            seen |= new
        return ended(process)


@contextmanager
def begun(arguments: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Give a command as a process of its own."""
    script = [sys.executable, "-m", "nnscratch", *arguments]
    with subprocess.Popen(script, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield process


def first_trial(process: subprocess.Popen[str]) -> None:
    """Wait until a trial is finished."""
    assert process.stdout is not None
    while not process.stdout.readline().startswith("trial "):
        assert process.poll() is None


def ended(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    """Return exit code and stderr's lines."""
    _, err = process.communicate(timeout=120)
    return process.returncode, err.splitlines()


@contextmanager
def cluster() -> Iterator[tuple[str, list[int]]]:
    """Give the address of a Dask scheduler, and the numbers of its two workers."""
    processes: list[subprocess.Popen[str]] = []

    def begin(wanted: str, *arguments: str) -> re.Match[str]:
        script = [sys.executable, "-m", f"distributed.cli.{arguments[0]}", *arguments[1:], "--no-dashboard"]
        process = subprocess.Popen(script, env=ENV, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        processes.append(process)
        assert process.stderr is not None
        return next(found for line in process.stderr if (found := re.search(wanted, line)))

    try:
        address = begin(r"tcp://127\.0\.0\.1:\d+", "dask_scheduler", "--host", "127.0.0.1", "--port", "0")[0]
        for _ in range(2):
            begin("Registered to", "dask_worker", address, "--nthreads", "1", "--no-nanny")
        yield address, [process.pid for process in processes[1:]]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


# ---- processes


def launcher(ranks: int) -> list[str]:
    """Return what starts nnscratch on so many ranks."""
    return [str(MPIEXEC), "-n", str(ranks), sys.executable, "-m", "nnscratch"]


def sha256(run: Path) -> str:
    """Return the digest of a run's weights."""
    return str(json.loads((run / "logistic" / "metrics.json").read_text())["weights_sha256"])


def command_of(pid: int) -> str:
    """Return how a process was started; of one that has ended, nothing."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def below(pid: int) -> list[int]:
    """Return the processes that any thread of a process has started, and theirs."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            for child in children.read_text().split():
                found += [int(child), *below(int(child))]
        except OSError:  # it has ended
            continue
    return found


FAULTS = [worker_killed, worker_killed_each_time]
FAULTS += [cluster_worker_killed] if find_spec("distributed") else []
FAULTS += [rank_killed] if find_spec("mpi4py") and MPIEXEC else []
