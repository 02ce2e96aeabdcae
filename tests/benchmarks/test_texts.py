"""What the texts say of the benchmarks: their commands exist, and their tables are those of the results."""

import importlib.util
import re
import subprocess
import sys

import pytest

from tests.tools.commands import ROOT

RESULTS = sorted(f"docs/results/{path.name}" for path in (ROOT / "docs/results").glob("*.md"))
TEXTS = ["benchmarks/README.md", "CHANGELOG.md", *(name for name in RESULTS if not name.endswith("index.md"))]


@pytest.mark.parametrize("name", TEXTS)
def test_commands_exist(name):
    named = set(re.findall(r"python -m\s+(benchmarks(?:\.\w+)+)", (ROOT / name).read_text("utf-8")))
    assert named
    assert {one for one in named if importlib.util.find_spec(one) is None} == set()


def test_scripts_of_the_table_exist():
    named = re.findall(r"^\| `([\w/]+\.py)", (ROOT / "benchmarks/README.md").read_text("utf-8"), re.MULTILINE)
    assert len(named) > 20
    assert [name for name in named if not (ROOT / "benchmarks" / name).is_file()] == []


@pytest.mark.skipif(sys.platform == "win32", reason="some scripts import what Windows does not have")
def test_the_texts_tell_the_results():
    command = [sys.executable, "-m", "benchmarks.tables", "--check"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert ended.returncode == 0, ended.stderr
