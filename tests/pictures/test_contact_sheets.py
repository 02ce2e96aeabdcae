"""Sheets: contact sheets of digits, and the stages of a picture."""

import numpy as np
import pytest
from PIL import Image

import nnscratch as nn
from nnscratch.cli.main import main
from nnscratch.pictures.contact_sheets import block, boxes_sheet, mistakes_sheet, stages_sheet
from nnscratch.pictures.preprocess import stages


def test_a_block_holds_ten_in_a_row():
    images = np.arange(12, dtype=np.uint8)[:, None, None] * np.ones((28, 28), np.uint8)
    made = block(images)
    assert made.shape == (280, 280)
    assert [made[0, 28 * k] for k in range(10)] == list(range(10))
    assert (made[28, 0], made[28, 28], made[28, 56]) == (10, 11, 0)


def test_stages_stand_side_by_side(tmp_path):
    digit = np.kron(nn.load_mnist().test_images[0], np.ones((4, 4), np.uint8))
    steps = stages(digit)
    (tmp_path / "stages.png").write_bytes(stages_sheet(steps))
    with Image.open(tmp_path / "stages.png") as picture:
        sheet = np.asarray(picture)
    assert sheet.shape[1] > len(steps) * 168
    last = sheet[34 : 34 + 168, -(12 + 168) : -12]
    assert np.abs(last[::6, ::6].astype(int) - steps["mnist"]).max() == 0


def test_the_command_shows_distortions(tmp_path, capsys):
    path = tmp_path / "sheet.png"
    assert main(["augment", "--show", str(path), "--elastic", "2", "--seed", "3"]) == 0
    assert "elastic 2" in capsys.readouterr().out
    with Image.open(path) as picture:
        sheet = np.asarray(picture)
    assert sheet.shape == (560, 1144)
    left, right = sheet[:, :560:1], sheet[:, 584:]
    assert not np.array_equal(left[:56, :56], left[:56, 56:112])  # one digit, each time another
    assert right.std() > 20


@pytest.mark.parametrize(
    "line", [["--digit", "10000"], ["--rotation", "-1"], ["--recipe", "none"], ["--show", "/dev/null/x.png"]]
)
def test_bad_arguments_are_one_line(line, capsys):
    assert main(["augment", *line]) in (1, 2)
    assert capsys.readouterr().err.count("\n") == 1


def test_predict_shows_the_stages(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.kron(nn.load_mnist().test_images[0], np.ones((4, 4), np.uint8))).save("seven.png")
    assert main(["predict", "seven.png", "--stages", "s.png"]) == 0
    assert "reads 7" in capsys.readouterr().out
    with Image.open("s.png") as picture:
        assert picture.size[0] > 1000
    for line in (["test:0"], ["seven.png", "seven.png"], ["."], ["seven.png", "--stages", "s.txt"]):
        assert main(["predict", "--stages", "x.png", *line]) == 2


@pytest.mark.parametrize("wrong", [0, 1, 30, 300, 1200])
def test_all_mistakes_are_on_the_sheet(tmp_path, wrong):
    labels = np.arange(1500) % 10
    predicted = labels.copy()
    predicted[:wrong] = (labels[:wrong] + 1) % 10
    images = np.full((1500, 28, 28), 200, np.uint8)
    (tmp_path / "m.png").write_bytes(mistakes_sheet(images, labels, predicted, np.linspace(0, 1, 1500), "title"))
    sheet = np.asarray(Image.open(tmp_path / "m.png"))
    columns = 12 if wrong <= 240 else 24
    assert sheet.shape == (max(-(-min(wrong, 1000) // columns), 1) * 100 + 48, columns * 78 + 24)
    assert (sheet == 55).sum() >= min(wrong, 1000) * 56 * 56  # as many digits as errors


def test_boxes_are_drawn_around_the_digits(tmp_path):
    gray = np.full((300, 400), 0.5, np.float32)
    boxes = [(50, 60, 40, 80), (200, 60, 40, 80)]
    (tmp_path / "b.png").write_bytes(boxes_sheet(gray, boxes, ["7 99%", "1 40%"], [True, False]))
    sheet = np.asarray(Image.open(tmp_path / "b.png")).astype(int)
    assert sheet.shape == (600, 800, 3)  # small pictures are shown larger
    coloured = np.ptp(sheet, axis=2) > 50
    rows, columns = np.nonzero(coloured[:, :200])
    assert abs(columns.min() - 2 * 47) <= 2 and abs(rows.max() - 2 * 143) <= 2
    assert np.ptp(sheet[130:270, 110:170], axis=2).max() == 0  # nothing inside
