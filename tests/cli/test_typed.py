"""Hints name a command that there is, in the way in which this process was started."""

import sys
from pathlib import Path

import pytest

import nnscratch
from nnscratch.cli.typed import typed
from tests.tools.commands import run_inside


@pytest.mark.parametrize(
    ("started", "command", "hint"),
    [
        ("/venv/bin/nnscratch", "train", "nnscratch train"),
        ("nnscratch.exe", "sweep", "nnscratch sweep"),
        ("/site-packages/nnscratch/__main__.py", "train", "python -m nnscratch train"),
        ("train.py", "train", "python train.py"),
        ("../a b/train.py", "train", "python '../a b/train.py'"),
        ("train.py", "predict", "python -m nnscratch predict"),
        ("", "runs", "python -m nnscratch runs"),
    ],
)
def test_what_to_type(monkeypatch, started, command, hint):
    monkeypatch.setattr(sys, "argv", [started])
    assert typed(command) == hint


def test_runs_list_names_a_command_that_there_is(tmp_path):
    code, out, _ = run_inside("runs", "list", cwd=tmp_path)
    assert code == 0 and "'python -m nnscratch train' makes one" in out


def test_nothing_that_is_printed_names_a_script():
    """A package that is installed has no train.py; documentation for readers of the source may name it."""
    root = Path(nnscratch.__file__).parent
    lines = [
        f"{path.name}: {line.strip()}"
        for path in root.rglob("*.py")
        for line in path.read_text("utf-8").splitlines()
        if ("train.py" in line or "predict.py" in line) and not line.lstrip().startswith('"""') and "bench_" not in line
    ]
    assert lines == []
