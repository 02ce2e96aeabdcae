"""What is installed and what is published holds what it needs, and says what is true elsewhere too."""

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from fnmatch import fnmatch

import pytest

from tests.tools.commands import ROOT

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
TEXT = SETTINGS["project"]["readme"]["text"]


def test_all_files_of_the_package_are_installed():
    patterns = SETTINGS["tool"]["setuptools"]["package-data"]["nnscratch"]
    package = ROOT / "nnscratch"
    files = [path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()]
    data = [name for name in files if not name.endswith((".py", ".pyc")) and "__pycache__" not in name]
    assert len(data) > 40
    assert [name for name in data if not any(fnmatch(name, one.replace("**/", "*")) for one in patterns)] == []


def test_all_files_of_the_tests_are_in_the_source_distribution():
    rules = [line.split() for line in (ROOT / "MANIFEST.in").read_text("utf-8").splitlines()]
    grafted = {folder for rule, *folders in rules if rule == "graft" for folder in folders}
    included = {file for rule, *files in rules if rule == "include" for file in files}
    assert {"tests", "benchmarks"} <= grafted
    assert {"CHANGELOG.md", "train.py", "predict.py"} <= included
    assert [name for name in grafted | included if not (ROOT / name).exists()] == []


@pytest.mark.slow
def test_the_wheel_and_the_source_distribution_hold_every_file(tmp_path):
    pytest.importorskip("setuptools", minversion="77")
    source = tmp_path / "source"
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False).stdout.decode()
    if not files:
        pytest.skip("what belongs to the project is known to git alone")
    for name in files.rstrip("\0").split("\0"):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    build = "from setuptools.build_meta import *; build_sdist('..'); build_wheel('..')"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    (wheel,), (archive,) = tmp_path.glob("*.whl"), tmp_path.glob("*.tar.gz")
    package = {name for name in files.split("\0") if name.startswith("nnscratch/")}
    with zipfile.ZipFile(wheel) as packed:
        assert {name for name in packed.namelist() if ".dist-info/" not in name} == package
    with tarfile.open(archive) as packed:
        inside = {name.partition("/")[2] for name in packed.getnames()}
    assert set(files.rstrip("\0").split("\0")) <= inside


def test_what_an_index_shows_needs_no_other_file():
    targets = re.findall(r"\]\(([^)]*)\)|(?:src|href)=\"([^\"]*)", TEXT)
    assert [target for pair in targets for target in pair if target and not target.startswith("https://")] == []
    assert SETTINGS["project"]["description"].split(":")[0] in TEXT


@pytest.mark.slow
def test_the_example_that_an_index_shows_runs():
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    short = code.replace("_images", "_images[:64]").replace("_labels", "_labels[:64]").replace("epochs=3", "epochs=1")
    exec(short, {})
