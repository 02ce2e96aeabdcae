"""Tables on narrow terminals: nothing is cut, whatever the command, the table and the width."""

import io
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

import nnscratch.cli.commands
from nnscratch.cli.console import Output
from nnscratch.cli.tables import drawn
from nnscratch.pages.blocks import Table
from tests.tools.commands import Terminal, run_inside
from tests.tools.data_files import light_digits, write_four
from tests.tools.tables import check_whole, plain, shown_again

COMMANDS = Path(nnscratch.cli.commands.__file__).parent
PRINTS = re.compile(r"output\.(table|network|listing)\(|write_comparison\(")
TINY = ("--limit", "100", "--data", "few")

# module -> command lines that make it print every table it has; RUN is a finished run
CASES = {
    "evaluate": [["evaluate", "logistic", "--data", "few"]],
    "gradcheck": [["gradcheck", "lenet5", "--layer", "conv2", "--samples", "1"]],
    "lab": [["lab"]],  # what its experiments print is in tests/lab
    "models": [["models"]],
    "profile": [["profile", "logistic", *TINY]],
    "runs": [["runs", "list"], ["runs", "compare", "RUN", "--out", "compared"]],
    "studies/exercise": [["study", "exercise"], ["study", "exercise", "relu_backward", "wrong.py"]],
    "studies/grade": [["study", "grade", "class", "--csv", "grades.csv", "--seed", "1"]],
    "studies/progress": [["study", "progress"]],
    "studies/race": [],  # three columns of numbers: tests/study/test_race.py
    "studies/network": [["study", "network", "logistic", "--data", "few"]],
    "sweep": [["sweep", "logistic", "--vary", "lr=0.001,0.01", "--vary", "ema=0.9,0.99", "--trials", "1", *TINY]],
    "train": [["train", "--resume", "RUN"], ["train", "lenet5-classic", "--dry-run", *TINY]],
    "train_simple": [["train", "logistic", "--simple", "--epochs", "1", *TINY]],
}


# columns of one word each, which stay in one line, between longer ones
words = st.text("abcdefghij0123456789.,%()äß数", min_size=1, max_size=12)
sentences = st.lists(words, max_size=6).map(" ".join)


@given(st.integers(1, 9).flatmap(lambda n: st.lists(st.lists(sentences, min_size=n, max_size=n), min_size=1)))
@settings(max_examples=15)
@example([["", ""], ["a" * 200, "b" * 200]])
@pytest.mark.parametrize("width", [30, 60, 80])
def test_no_character_of_a_table_is_lost(width, lines):
    parts = drawn(Table(lines[0], lines[1:]), width)
    out = io.StringIO()
    for part in parts:
        Console(file=out, width=width).print(part)
    assert all(cell_len(line) <= width for line in out.getvalue().split("\n"))
    first, others = [line[0] for line in lines], [cell for line in lines for cell in line[1:]]
    wanted = Counter("".join([*first * len(parts), *others]))
    del wanted[" "]
    assert Counter(re.sub("[\\s─]", "", out.getvalue())) == wanted


def test_a_table_that_fits_is_one_and_its_titles_are_whole():
    (part,) = drawn(Table(["run", "test accuracy"], [["a", "98.1 %"]]), 24)
    assert [column.header.plain for column in part.columns] == ["run", "test accuracy"]
    assert len(drawn(Table(["a long title", "b"], [["x", "1"]]), 12)) == 1  # over three lines
    assert len(drawn(Table(["a", "b", "c"], [["xxxx", "1" * 10, "2" * 10]]), 24)) == 2


def on_terminal(monkeypatch, *arguments, cwd):
    """Return the lines that a command shows on a terminal, and the tables and listings that it was to show."""
    tables, listings = [], []

    def recorded(method, made):
        def record(self, what):
            made.append(what)
            method(self, what)

        return record

    with monkeypatch.context() as patch:
        patch.setattr(Output, "table", recorded(Output.table, tables))
        patch.setattr(Output, "listing", recorded(Output.listing, listings))
        code, out, err = run_inside(*arguments, cwd=cwd, stream=Terminal)
    assert code in (0, 1), err
    return plain(out), tables, listings


def test_every_command_that_prints_a_table_is_here():
    files = {path.relative_to(COMMANDS).with_suffix("").as_posix(): path for path in COMMANDS.rglob("*.py")}
    assert {name for name, path in files.items() if PRINTS.search(path.read_text("utf-8"))} == set(CASES)


@pytest.fixture(scope="module")
def furnished(place):
    (place / "wrong.py").write_text("def relu_backward(dout, x):\n    return dout\n")
    (place / "class" / "ann").mkdir(parents=True)
    (place / "class" / "ann" / "relu_backward.py").write_text("def relu_backward(dout, x):\n    return dout\n")
    write_four(place / "few", train=200, test=50, made=light_digits)
    return place


@pytest.mark.parametrize("arguments", [case for cases in CASES.values() for case in cases], ids=" ".join)
def test_every_table_is_whole(monkeypatch, furnished, arguments):
    run = str(min((furnished / "runs").iterdir()))
    for name, value in {"COLUMNS": "60", "TERM": "xterm", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    given = [run if word == "RUN" else word for word in arguments]
    lines, tables, listings = on_terminal(monkeypatch, *given, cwd=furnished)
    assert tables or listings
    check_whole(lines, tables, listings, 60)
    monkeypatch.setenv("COLUMNS", "80")
    check_whole(shown_again(tables, listings), tables, listings, 80)
