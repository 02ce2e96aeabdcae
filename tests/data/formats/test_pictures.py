"""Folders of pictures: order, labels, the way of a 28 x 28 picture and of any other, and refusals."""

import numpy as np
import pytest
from PIL import Image

from nnscratch.data.formats.pictures import class_folders, read_pictures
from nnscratch.data.source import load_dataset
from nnscratch.errors import DataError
from nnscratch.pictures.preprocess import to_mnist, to_square
from nnscratch.pictures.reading import read_image
from tests.tools.data_files import write


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def stroke(height=28, width=28, ink=255, paper=0, at=10):
    """A vertical bar."""
    pixels = np.full((height, width), paper, np.uint8)
    pixels[height // 4 : -height // 4, at : at + max(width // 10, 2)] = ink
    return pixels


def test_pictures_of_28_by_28_are_taken_as_they_are_but_light_on_dark(tmp_path):
    every_level = np.arange(784).reshape(28, 28).astype(np.uint8)
    save(tmp_path / "3" / "levels.png", every_level)
    save(tmp_path / "0" / "paper.png", stroke(ink=0, paper=255))
    save(tmp_path / "4" / "dark levels.png", 255 - every_level)
    images, labels, notes = read_pictures(tmp_path)
    assert images.dtype == np.uint8 and images.shape == (3, 28, 28)
    np.testing.assert_array_equal(images, [stroke(), every_level, every_level])
    assert labels.tolist() == [0, 3, 4]
    assert notes == "2 of 3 pictures, 28 x 28 and not light on black, were made so"


def test_pictures_of_28_by_28_on_transparent_paper(tmp_path):
    alpha = stroke()
    save(tmp_path / "1" / "ink.png", np.stack([0 * alpha, 0 * alpha, 0 * alpha, alpha], axis=-1))
    save(tmp_path / "1" / "light ink.png", np.stack([alpha, alpha, alpha, alpha], axis=-1))
    images, _, notes = read_pictures(tmp_path)
    np.testing.assert_array_equal(images, [stroke(), stroke()])
    assert notes.startswith("1 of 2 pictures")


def test_sixteen_bits_are_rounded(tmp_path):
    levels = (65535 * np.linspace(0, 1, 784).reshape(28, 28) ** 3).astype(np.uint16)
    for name, picture in (("dark", 65535 - levels), ("light", levels)):
        save(tmp_path / "3" / f"{name}.png", picture)
    np.testing.assert_array_equal(read_pictures(tmp_path).images, [np.rint(levels / 257)] * 2)


def test_other_sizes_are_brought_into_mnists_form(tmp_path):
    path = save(tmp_path / "1" / "large.png", stroke(90, 120, ink=20, paper=240, at=80))
    save(tmp_path / "1" / "wide.png", stroke(28, 29))
    images, labels, notes = read_pictures(tmp_path)
    assert notes == ""
    np.testing.assert_array_equal(images[0], to_mnist(read_image(path)))
    rows, columns = np.nonzero(images[0] > 60)
    assert np.ptp(rows) + 1 >= 20 and abs(rows.mean() - 14) <= 0.6 and abs(columns.mean() - 14) <= 1
    assert images[0].max() == 255 and images[0][0].max() == 0  # white on black now
    np.testing.assert_array_equal(images[1], to_mnist(stroke(28, 29)))
    assert labels.tolist() == [1, 1]


def test_order_is_by_digit_and_name_and_the_rest_is_left_alone(tmp_path):
    for digit, name, at in [("9", "b", 3), ("9", "a", 4), ("2", "c", 5), ("2", "B", 6), ("2", "10", 7)]:
        save(tmp_path / digit / f"{name}.png", stroke(at=at))
    write(tmp_path / "9" / ".DS_Store", b"x")
    write(tmp_path / "README.txt", b"x")
    write(tmp_path / ".cache" / "x", b"x")
    (tmp_path / "5").mkdir()
    images, labels, _ = read_pictures(tmp_path)
    assert [int(image.any(axis=0).argmax()) for image in images] == [7, 6, 5, 4, 3]
    assert labels.tolist() == [2, 2, 2, 9, 9]


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (["dog", "cat", "Zebra"], ("Zebra", "cat", "dog")),
        (["10", "9", "100"], ("9", "10", "100")),
        (["1", "one"], ("1", "one")),
        (["1", "01", "٣"], ("01", "1", "٣")),
        (["9", "3"], tuple("0123456789")),
    ],
)
def test_classes_are_the_names_of_the_folders(tmp_path, names, classes):
    for name in names:
        save(tmp_path / name / "a.png", stroke())
    (tmp_path / "empty").mkdir()
    assert class_folders(tmp_path) == classes
    assert read_pictures(tmp_path).labels.tolist() == sorted(classes.index(name) for name in names)


def test_pictures_of_other_classes_are_only_resized(tmp_path):
    picture = stroke(56, 28, ink=0, paper=200, at=3)
    save(tmp_path / "cat" / "a.png", picture)
    save(tmp_path / "dog" / "a.png", stroke(ink=0, paper=255))
    save(tmp_path / "dog" / "blank.png", np.full((28, 28), 255, np.uint8))
    images, labels, notes = read_pictures(tmp_path)
    wanted = [to_square(picture), stroke(ink=0, paper=255), np.full((28, 28), 255)]
    np.testing.assert_array_equal(images, wanted)
    assert labels.tolist() == [0, 1, 1] and notes == ""


def with_litter(folder):
    """Two good digits, four bad files, and what systems leave in folders."""
    save(folder / "1" / "a.png", stroke())
    save(folder / "2" / "b.png", stroke())
    save(folder / "2" / "blank.png", np.zeros((28, 28), np.uint8))
    for name in ("Thumbs.db", "desktop.ini", ".DS_Store", "notes.txt"):
        write(folder / "1" / name, b"litter")
    write(folder / "1" / "cut", b"\x89PNG\r\n\x1a\n")
    for name in ("empty.png", "other.tif"):
        write(folder / "1" / name, b"")
    for name in ("x", "y"):
        save(folder / "1" / name / "c.png", stroke())


def test_all_bad_pictures_are_named_at_once(tmp_path):
    with_litter(tmp_path)
    with pytest.raises(DataError) as caught:
        read_pictures(tmp_path)
    said = str(caught.value)
    assert "5 of 7 pictures cannot be used" in said and said.endswith("leave them out with --skip-bad (skip_bad=True)")
    assert [said.count(name) for name in ("blank.png", "cut", "empty.png", "other.tif", "(and 1 more)")] == [1] * 5
    assert not any(name in said for name in ("Thumbs", "ini", "DS_Store", "notes"))


def test_bad_pictures_are_skipped_when_asked(tmp_path):
    with_litter(tmp_path)
    images, labels, notes = read_pictures(tmp_path, skip_bad=True)
    assert len(images) == 2 and labels.tolist() == [1, 2]
    assert "3 files that are no pictures were left alone (Thumbs.db, desktop.ini, notes.txt)" in notes
    assert "5 of 7 pictures cannot be used and were left out" in notes


def test_of_many_bad_pictures_ten_are_named(tmp_path):
    for number in range(30):
        save(tmp_path / "1" / f"{number:02}.png", np.zeros((28, 28), np.uint8))
    with pytest.raises(DataError, match=r"30 of 30 .*1/08\.png, 1/09\.png shows no ink; and 20 more\): remove"):
        read_pictures(tmp_path)
    with pytest.raises(DataError, match="none is left"):
        read_pictures(tmp_path, skip_bad=True)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_no_picture_is_named(tmp_path, content):
    save(tmp_path / "1" / "a.png", stroke())
    write(tmp_path / "1" / "broken.png", content)
    with pytest.raises(DataError, match=r"broken\.png"):
        read_pictures(tmp_path)


@pytest.mark.parametrize("pixels", [np.zeros((28, 28), np.uint8), np.full((60, 40), 255, np.uint8)])
def test_a_picture_without_ink_is_named(tmp_path, pixels):
    save(tmp_path / "1" / "blank.png", pixels)
    with pytest.raises(DataError, match=r"1 of 1 pictures cannot be used \(1/blank\.png shows no ink\)"):
        read_pictures(tmp_path)


def test_a_folder_among_the_pictures_is_named(tmp_path):
    (tmp_path / "1" / "more").mkdir(parents=True)
    with pytest.raises(DataError, match="more is a folder where a picture was wanted"):
        read_pictures(tmp_path)


def test_no_pictures(tmp_path):
    (tmp_path / "1").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        read_pictures(tmp_path)


def test_an_unreadable_folder(tmp_path, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.iterdir", refuse)
    with pytest.raises(DataError, match=r"cannot be read \(Permission denied\)"):
        read_pictures(tmp_path)


def test_bad_pictures_of_train_and_test_are_named_at_once(tmp_path):
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            folder = tmp_path / part / name
            folder.mkdir(parents=True)
            Image.fromarray(np.full((9, 9), 100, np.uint8)).save(folder / "good.png")
        (tmp_path / part / "cat" / f"bad_{part}.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"(?s)bad_train\.png.*; and .*bad_test\.png"):
        load_dataset(tmp_path)
    assert load_dataset(tmp_path, skip_bad=True).classes == ("cat", "dog")
