"""Contact sheets of misread drawings: which rows and cells they have, and that they are pictures."""

import io

import numpy as np
import pytest
from PIL import Image

from benchmarks.quality.confusion_sheets import CELLS, Errors, write_sheets
from benchmarks.quality.readings import Readings
from nnscratch.data.drawings import Drawing
from tests.tools.photos import DIGITS

CONDITIONS = ["small", "large"]


def errors(read, labels, writers, sure=False, refused=False):
    read = np.array(read)
    right = read == np.array(labels)
    confidence = np.linspace(0.5, 1, read.size).reshape(read.shape)
    flags = [np.full(read.shape, each) for each in (sure, refused)]
    drawings = [Drawing(DIGITS[7], label=label, writer=writer) for label, writer in zip(labels, writers, strict=True)]
    found = Readings(read, right, confidence, *flags)
    return Errors(drawings, found, CONDITIONS, lambda drawing, condition: np.zeros((28, 28), np.uint8))


def test_rows_of_confusions_and_of_writers():
    found = errors([[9, 3, 2, 3], [3, 3, 2, -1]], [9, 9, 2, 9], ["x-anna", "x-bob", "x-bob", ""], sure=True)
    first, second = found.by_confusion()
    assert (first.name, first.lines) == ("9 as 3", ("4 times", "in 3 drawings", "of 2 writers"))
    assert first.cells[0].lines[1] == "a 9 by x-bob, 2 of 2 times" and first.cells[0].alarm
    assert first.cells[0].lines[0] == "read 3, 86 %, sure"
    assert (second.name, second.cells[0].lines) == ("9 as nothing", ("read nothing, 100 %, sure", "a 9, 1 of 2 times"))
    worst = found.by_writer()
    assert [row.name for row in worst] == ["x-anna", "x-bob"] and worst[1].lines == (
        "50.0 % right",
        "misread: 1",
        "of 2 drawings",
    )


def test_judges_are_not_shown():
    writers = ["pendigits-train-w01", "pendigits-train-w03"]
    found = errors([[1, 2], [1, 2]], [7, 7], writers)
    assert [row.name for row in found.by_confusion()] == ["7 as 1"]
    assert [row.name for row in found.by_writer()] == ["pendigits-train-w01"]


def test_a_row_has_room_for_so_many():
    count = CELLS + 3
    found = errors(np.ones((2, count), int), [7] * count, [""] * count, refused=True)
    (row,) = found.by_confusion()
    assert len(row.cells) == CELLS and row.lines == (f"{2 * count} times", f"in {count} drawings")
    assert row.cells[0].lines[0].endswith("refused") and not row.cells[0].alarm


@pytest.mark.parametrize("read", [1, 7])
def test_pictures(read, tmp_path):
    write_sheets(tmp_path / "new", errors([[read] * 2] * 2, [7, 7], ["a", "b"]), "mlp", "mine.json")
    for name in ("confusion", "writer"):
        picture = Image.open(io.BytesIO((tmp_path / "new" / f"drawings-by-{name}.png").read_bytes()))
        assert picture.size[0] > 1000 and len(picture.getcolors(1 << 20)) > 10
    write_sheets(tmp_path, errors([[read]] * 2, [7], [""]), "mlp", "mine.json")
    assert not (tmp_path / "drawings-by-writer.png").exists()
