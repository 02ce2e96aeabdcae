"""The breaks of ``benchmarks/robustness/mutants.py`` fit the package as it is, and what their tests say is told."""

import subprocess
import sys

import pytest

from benchmarks.robustness import mutants
from benchmarks.robustness.mutants import Break, Copy, Place
from tests.tools.commands import ROOT

BREAKS = mutants.chosen(None)
FOLDERS = {path.parent.relative_to(ROOT / "nnscratch").parts[0] for path in (ROOT / "nnscratch").glob("*/__init__.py")}
PACKAGE = {"package.py": "def double(x):\n    return x + x\n"}
TESTS = {
    "tests/ops/test_package.py": "from package import double\ndef test_two():\n    assert double(2) == 4\n",
    "tests/ops/test_failing.py": "def test_fails_anyway():\n    assert not 1\n",
    "tests/layers/test_package.py": "from package import double\ndef test_one():\n    assert double(1) == 2\n",
}
SUM = "return x + x"


@pytest.mark.parametrize("one", BREAKS, ids=lambda one: one.id)
def test_a_break_applies_once_and_compiles(one):
    place = one.place(ROOT)  # a LookupError tells which one does not apply, and where it looked
    text = (ROOT / place.file).read_text("utf-8")
    broken = text.replace(place.old, place.new)
    assert broken != text
    compile(broken, place.file, "exec")


def test_the_breaks_are_all_over_the_package():
    assert len(BREAKS) == 60
    assert {one.folder for one in BREAKS} == FOLDERS | {"ops/compiled"}
    for one in BREAKS:
        assert one.place(ROOT).file.startswith(f"nnscratch/{one.folder}/")


def test_a_break_that_does_not_apply_is_named(tmp_path):
    (tmp_path / "package.py").write_text("twice twice")
    places = Place("package.py", "twice", "once"), Place("gone.py", "twice", "once")
    with pytest.raises(LookupError, match=r"break mine does not apply: .* 2 times in package.py, 0 times in gone.py"):
        Break("mine", "ops", "", places).place(tmp_path)
    assert Break("mine", "ops", "", (*places, Place("package.py", "twice twice", ""))).place(tmp_path).new == ""


def test_an_unknown_break_is_one_sentence():
    command = [sys.executable, "-m", "benchmarks.robustness.mutants", "--only", "conv-bias", "nothing"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("the break 'nothing' is unknown: choose from conv-bias, ")
    assert ended.stderr.count("\n") == 1


@pytest.fixture
def whole(tmp_path):
    """A small project, of which one test fails without any break."""
    for name, text in (PACKAGE | TESTS).items():
        (tmp_path / "whole" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "whole" / name).write_text(text)
    return Copy(tmp_path / "whole", tmp_path / "cache")


@pytest.mark.parametrize(
    ("new", "folder", "caught_by", "stage"),
    [
        ("return x * 3", "ops", "tests/ops/test_package.py::test_two", "folder"),
        ("return x * x", "ops", "tests/layers/test_package.py::test_one", "rest"),
        ("return 2 * x", "layers", None, None),
        ("import nothing", "layers/experimental", "tests/layers/test_package.py::test_one", "folder"),
    ],
)
def test_what_catches_a_break_is_told(new, folder, caught_by, stage, whole):
    one = Break("mine", folder, "double is wrong", (Place("package.py", SUM, new),))
    row = mutants.tried(one, whole, folder_only=False)
    assert (row["caught_by"], row["stage"]) == (caught_by, stage)
    told = mutants.table({"rows": [row]})
    assert (caught_by or "**survived**") in told and f"{int(caught_by is None)} survived" in told


def test_tests_that_do_not_mirror_the_package_are_all_run(whole):
    assert mutants.tests_of("ops/compiled", whole.path) == "tests/ops"
    assert mutants.tests_of("training", whole.path) == "tests"
