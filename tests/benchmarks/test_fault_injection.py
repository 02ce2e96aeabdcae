"""The short form of ``benchmarks/robustness/fault_injection.py``: some kills, and every fault."""

import json
import os
import subprocess
import sys

import pytest

from tests.tools.commands import ROOT

ENV = os.environ | {"PYTHONPATH": str(ROOT)}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="lives are forked")
def test_nothing_is_lost():
    command = [sys.executable, "-m", "benchmarks.robustness.fault_injection", "--quick", "--kills", "4", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=ENV)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told["kills"]["kills"] >= 4  # a run is gone through to its end
    assert told["kills"]["finished_runs"] >= 1
    codes = {row["fault"]: row["code"] for row in told["rows"]}
    rank = codes.pop("rank killed", 1)  # where there is an mpiexec
    assert rank != 0
    assert codes == {
        "disk full": 1,
        "folder becomes read only": 1,
        "folder removed": 1,
        "two runs in one folder": 1,
        "clock goes backwards": 0,
        "worker killed": 0,
        "worker killed each time": 1,
        "cluster worker killed": 0,
    }
