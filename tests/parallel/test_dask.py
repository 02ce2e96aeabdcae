"""Sweeps on a Dask cluster: the local sweep's results, also (``test_fault_injection.py``) when a worker is lost."""

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import nnscratch as nn
from nnscratch.parallel.dask import Cluster
from tests.tools.commands import run, run_inside, start

pytest.importorskip("distributed")

SWEEP = ["sweep", "logistic", "--vary", "lr=0.001,0.004", "batch_size=64,128", "--halving", "2", "--epochs", "4"]
SWEEP += ["--limit", "3000"]


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A scheduler's address, its workers, and what makes another; all are processes of their own."""
    place, processes, workers = tmp_path_factory.mktemp("cluster"), [], []

    def begin(*arguments):
        command = [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]]
        process = subprocess.Popen(command, cwd=place, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        processes.append(process)
        return process

    scheduler = begin("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    for line in scheduler.stderr:
        if found := re.search(r"tcp://127\.0\.0\.1:\d+", line):
            break
    address = found.group(0)

    def begin_worker():
        worker = begin("dask_worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny")
        for line in worker.stderr:
            if "Registered to" in line:
                workers.append(worker)
                return
        raise AssertionError("the worker did not begin")

    yield address, workers, begin_worker
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def cluster(begun):
    """The same with two workers."""
    _, workers, begin_worker = begun
    workers[:] = [worker for worker in workers if worker.poll() is None]
    while len(workers) < 2:
        begin_worker()
    return begun


def results(folder):
    """Each trial's figures without its seconds."""
    found = {path.name: json.loads(path.read_text()) for path in (Path(folder) / "trials").glob("*.json")}
    return {name: {key: value for key, value in told.items() if key != "seconds"} for name, told in found.items()}


@pytest.mark.slow
def test_a_cluster_gives_the_local_results(tmp_path, cluster):
    address, *_ = cluster
    code, out, err = run(*SWEEP, "--scheduler", address, "--out", "far", cwd=tmp_path)
    assert code == 0, err
    assert "2 at a time" in out and (tmp_path / "far" / "best.toml").is_file()
    assert run_inside(*SWEEP, "--workers", "1", "--out", "near", cwd=tmp_path)[0] == 0
    assert len(results(tmp_path / "far")) > 4 and results(tmp_path / "far") == results(tmp_path / "near")


@pytest.mark.slow
def test_interrupting_keeps_what_is_finished(tmp_path, cluster):
    address, *_ = cluster
    longer = [*SWEEP[:-3], "60", *SWEEP[-2:]]
    sweep = start(*longer, "--scheduler", address, "--out", "far", cwd=tmp_path)
    for line in sweep.stdout:
        if line.startswith(b"trial "):
            break
    sweep.send_signal(signal.SIGINT)
    _, err = sweep.communicate(timeout=60)
    assert sweep.returncode == 130 and b"to go on" in err and results(tmp_path / "far")


@pytest.mark.slow
def test_without_workers_it_waits_for_another_and_says_so(tmp_path, cluster):
    address, workers, begin_worker = cluster
    sweep = start(*SWEEP, "--scheduler", address, "--out", "far", cwd=tmp_path)
    lines = iter(sweep.stdout.readline, b"")
    assert any(b"2 at a time" in line for line in lines)
    for worker in workers:
        worker.kill()
        worker.wait()
    assert any(line.startswith(b"waiting  the cluster has no workers left: start some") for line in lines)
    begin_worker()
    _, err = sweep.communicate(timeout=60)
    assert sweep.returncode == 0 and len(results(tmp_path / "far")) > 4, err


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--scheduler", "tcp://127.0.0.1:9"], 1, "no Dask scheduler answers"),
        (["--scheduler", "nonsense://x"], 1, "no Dask scheduler answers"),
        (["--scheduler", "tcp://127.0.0.1:9", "--workers", "2"], 2, "leave one of the two out"),
    ],
)
def test_bad_input_is_one_line(tmp_path, monkeypatch, arguments, code, told):
    monkeypatch.setattr("nnscratch.parallel.dask.PATIENCE", 1)
    got, _, err = run_inside(*SWEEP, *arguments, cwd=tmp_path)
    assert got == code and told in err.splitlines()[-1] and "Traceback" not in err
    assert not list(tmp_path.iterdir())


def test_something_else_listens_at_the_address(monkeypatch):
    monkeypatch.setattr("nnscratch.parallel.dask.PATIENCE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(nn.DataError, match="no Dask scheduler answers at tcp"):
            Cluster(address)
