"""The short form of benchmarks/robustness/fuzz.py: some 150 mutants, the same each time; and that its guard sees what
is wrong.
"""

import json
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from random import Random

import numpy as np
import pytest

import nnscratch as nn
from tests.tools.commands import ROOT

pytest.importorskip("flask")
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="it watches processes by /proc"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),  # Python 3.12 and later
]
CASES = 150


@pytest.fixture(scope="module")
def fuzz():
    """The script."""
    from benchmarks.robustness import fuzz

    return fuzz


@pytest.mark.slow
def test_mutants_are_accepted_or_refused_in_one_sentence():
    """In a process of its own: it is watched by an audit hook, and forks."""
    script = [
        sys.executable,
        "-m",
        "benchmarks.robustness.fuzz",
        "--quick",
        "--cases",
        str(CASES),
        "--seed",
        "11",
        "--json",
    ]
    ended = subprocess.run(script, capture_output=True, text=True, timeout=300, check=False, cwd=ROOT)
    assert ended.returncode == 0, ended.stderr
    results = json.loads(ended.stdout)
    assert results["findings"] == []
    assert sum(row["cases"] for row in results["rows"]) >= CASES
    for row in results["rows"]:
        assert row["messages"] > 1, f"all mutants of {row['door']} die at the same check"
    assert sum(row["accepted"] > 0 for row in results["rows"]) >= len(results["rows"]) - 2


def test_a_case_is_the_same_each_time(fuzz, tmp_path):
    from benchmarks.robustness.fuzzing.targets import TARGETS

    def files(name):
        TARGETS["pictures"][0](Random("3 pictures 5"), tmp_path / name)
        return [path.read_bytes() for path in sorted((tmp_path / name).iterdir())]

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert files("a") == files("b")


def outside():
    Path("../outside.txt").write_text("x")


def moved():
    Path("inside.txt").write_text("x")
    os.rename("inside.txt", "../outside.txt")  # noqa: PTH104


def loud():
    print("debug")


def warned():
    np.float32(3e38) * np.full(1, 10, np.float32)


def unpickled():
    pickle.loads(pickle.dumps(Path))


def large():
    np.ones(80_000_000)


def slow():
    for _ in range(10**9):
        pass


def started():
    subprocess.run(["true"], check=False)


def failed():
    {}["key"]


SINS = {
    outside: "outside its folder",
    moved: "outside its folder",
    loud: "printed 'debug",
    warned: "RuntimeWarning",
    unpickled: "pickle.find_class",
    started: "subprocess.Popen",
    failed: "KeyError",
    large: "MB",
}


@pytest.mark.parametrize("sin", SINS, ids=lambda sin: sin.__name__)
def test_the_guard_sees(sin, fuzz, tmp_path, monkeypatch):
    from benchmarks.robustness.fuzzing import guard

    monkeypatch.setattr(guard, "MOST_MB", guard.megabytes("VmRSS") + 300)
    outcome = guard.tried("target", lambda rng, folder: sin, 0, 0, tmp_path)
    assert any(SINS[sin] in text for text in outcome.wrong), outcome


def test_the_guard_lets_pass(fuzz, tmp_path, monkeypatch):
    from benchmarks.robustness.fuzzing import guard

    monkeypatch.setattr(guard, "MOST_MB", 10**6)  # this process is large itself, after all other tests

    def fine():
        Path("inside.txt").write_text("x")
        warnings.warn("not shown", DeprecationWarning, stacklevel=1)

    def refused():
        raise nn.DataError("this came, that was wanted: do so")

    assert guard.tried("target", lambda rng, folder: fine, 0, 0, tmp_path).wrong == []
    outcome = guard.tried("target", lambda rng, folder: refused, 0, 0, tmp_path)
    assert outcome.wrong == [] and not outcome.accepted and outcome.message.startswith("this came")
    assert len(str(nn.DataError("x" * 5_000))) < 700


def test_who_hangs_or_dies_is_ended_and_told(fuzz, tmp_path, monkeypatch):
    from benchmarks.robustness.fuzzing import guard, pool

    monkeypatch.setattr(guard, "MOST_MB", 10**6)
    monkeypatch.setattr(pool, "MOST_ALIVE", 10**6)
    sins = {"slow": (lambda rng, folder: slow, 1), "dies": (lambda rng, folder: lambda: os._exit(3), 1)}
    sins["fine"] = (lambda rng, folder: lambda: None, 1)
    monkeypatch.setattr(pool, "TARGETS", sins)
    monkeypatch.setattr(pool, "LONGEST", 0.1)
    monkeypatch.setattr(pool, "ADDRESS_SPACE", pool.resource.RLIM_INFINITY)
    outcomes = pool.all_tried([(name, 0) for name in sins], 0, tmp_path, 1)
    told = {one.target: "; ".join(one.wrong) for one in outcomes}
    assert "hangs" in told["slow"] and "ended its process (3)" in told["dies"] and told["fine"] == ""
