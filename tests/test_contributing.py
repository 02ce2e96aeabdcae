"""What those find who carry on: commands and files that exist, and a version that is the package's."""

import re
import shlex
import tomllib

import pytest

from nnscratch.version import __version__
from tests.tools.commands import ROOT

yaml = pytest.importorskip("yaml")
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text("utf-8"))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
GUIDE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
KNOWN = {"python", "pip", "ruff", "mypy", "uv", "nnscratch", ".", "pre-commit"}


def commands():
    steps = [step["run"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "run" in step]
    blocks = re.findall(r"```bash\n(.*?)```", GUIDE, re.DOTALL)
    entries = [hook["entry"] for repo in HOOKS["repos"] for hook in repo["hooks"]]
    lines = [line for text in (*steps, *blocks, *entries) for line in text.splitlines()]
    return [shlex.split(re.sub(r"\$\{\{.*?\}\}", "X", part)) for line in lines for part in line.split("&&")]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_commands_are_known_and_name_what_is_there(words):
    assert words[0] in KNOWN
    for word in words:
        assert not word.startswith("tests/") or (ROOT / word).exists(), word
        for extras in re.findall(r"^\.\[(.*)\]$", word):
            assert set(extras.split(",")) <= set(EXTRAS)


def test_the_workflow_tries_what_the_package_says_it_supports():
    matrix = WORKFLOW["jobs"]["suite"]["strategy"]["matrix"]
    assert matrix["python"] == ["3.11", "3.12", "3.13", "3.14"] and matrix["jit"] == ["on", "off"]
    assert {system.partition("-")[0] for system in matrix["os"]} == {"ubuntu", "macos", "windows"}
    versions = WORKFLOW["jobs"]["dependencies"]["strategy"]["matrix"]["versions"]
    assert versions == ["lowest-direct", "highest"]


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert str(citation["version"]) == __version__ and citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(citation)


def test_paths_that_the_guide_names_are_there():
    paths = re.findall(r"`((?:nnscratch|tests|docs|\.github|\.ci)/[\w./-]+)`", GUIDE)
    assert len(paths) > 10 and [path for path in paths if not (ROOT / path).exists()] == []
