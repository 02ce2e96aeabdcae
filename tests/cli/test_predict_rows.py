"""predict.py on files of many images: what it writes is what the model says, and a fault leaves nothing behind."""

import csv
import gzip
import json
import os

import numpy as np
import pytest
from PIL import Image

import nnscratch as nn
from nnscratch.models.pretrained import pretrained
from tests.tools.commands import run_inside
from tests.tools.data_files import csv_lines, idx_bytes, write
from tests.tools.glyphs import LETTERS, glyphs

N = 30
HEADER = ",".join(f"pixel{k}" for k in range(784))


@pytest.fixture(scope="module")
def images():
    return nn.load_mnist().test_images[:N]


@pytest.fixture(scope="module")
def labels():
    return nn.load_mnist().test_labels[:N]


@pytest.fixture(scope="module")
def expected(images):
    return [str(k) for k in nn.load(pretrained("logistic")).predict(images)]


def lines_of(images):
    return [line.split(",", 1)[1] for line in csv_lines(images, np.zeros(len(images), int))]


def predict(place, *arguments):
    return run_inside(*arguments, "--model", pretrained("logistic"), cwd=place, script="predict.py")


def answers(text):
    return list(csv.DictReader(text.splitlines()))


def files(images, labels):
    lines = lines_of(images)
    plain = "\n".join(lines).encode()
    labeled = "\n".join([f"{HEADER},label", *(f"{line},{k}" for line, k in zip(lines, labels, strict=True))]).encode()
    quoted = "\r\n\r\n".join('"' + line.replace(",", '","') + '"' for line in lines).encode()
    return {
        "plain.csv": plain,
        "kaggle.CSV": f"{HEADER}\n".encode() + plain + b"\n",
        "packed.csv.gz": gzip.compress(plain),
        "labeled.csv": labeled,
        "windows.csv": b"\xef\xbb\xbf" + HEADER.encode() + b"\r\n" + quoted,
        "t10k-images-idx3-ubyte": idx_bytes(images),
        "t10k-images-idx3-ubyte.gz": gzip.compress(idx_bytes(images)),
        "emnist-digits-test-images-idx3-ubyte": idx_bytes(images.swapaxes(1, 2)),
        "größe.idx": idx_bytes(images),
    }


ALL = list(files(np.zeros((1, 28, 28), np.uint8), [0]))


@pytest.mark.parametrize("name", ALL)
def test_each_kind_of_file(tmp_path, images, labels, expected, name):
    write(tmp_path / name, files(images, labels)[name])
    code, out, err = predict(tmp_path, name, "--output", "out.csv")
    assert (code, out) == (0, ""), err
    rows = answers((tmp_path / "out.csv").read_text())
    assert [row["label"] for row in rows] == expected
    assert [row["index"] for row in rows] == [str(k) for k in range(N)]
    right = np.mean([int(k) for k in expected] == labels)
    assert ("accuracy" in err) == (name == "labeled.csv")
    assert name != "labeled.csv" or f"accuracy {100 * right:.2f} %" in err


ARRAYS = {
    "x_test": lambda x: {"x_test": x, "x_train": x[:1]},
    "images": lambda x: {"images": x.reshape(-1, 784)},
    "arr_0": lambda x: {"arr_0": x.reshape(-1, 1, 28, 28) / 255},
    "any": lambda x: {"any": x.astype(np.float32)[..., None]},
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_each_form_of_an_archive(tmp_path, images, expected, kind):
    np.savez(tmp_path / "a.npz", **ARRAYS[kind](images))
    code, out, err = predict(tmp_path, "a.npz")
    assert code == 0, err
    assert [row["label"] for row in answers(out)] == expected


def test_kaggle_and_json(tmp_path, images, labels, expected):
    np.savez(tmp_path / "a.npz", x_test=images, y_test=labels)
    code, out, _ = predict(tmp_path, "a.npz", "--kaggle", "--output", "out.csv", "--json")
    assert code == 0
    text = (tmp_path / "out.csv").read_text().splitlines()
    assert text == ["ImageId,Label", *(f"{k},{label}" for k, label in enumerate(expected, 1))]
    [said] = json.loads(out)
    assert said["n"] == N and said["accuracy"] == np.mean([int(k) for k in expected] == labels)


def faults(images):
    lines = lines_of(images)
    few, odd, infinite = lines[:3], lines[:3], lines[:3]
    few[2], odd[1] = few[2].rsplit(",", 1)[0], "x" + odd[1]
    infinite[1] = "inf" + infinite[1][1:]
    objects = np.array([{}], object)
    return {
        "few.csv": ("\n".join(few).encode(), "few.csv, line 3: has 783 columns, but 784 pixels"),
        "odd.csv": ("\n".join(odd).encode(), "odd.csv, line 2: pixel 1 of 784 is 'x0'"),
        "inf.csv": ("\n".join(infinite).encode(), "inf.csv, line 2: pixel 1 of 784 is 'inf'"),
        "empty.csv": (b"", "empty.csv: holds no rows"),
        "header.csv": (HEADER.encode(), "header.csv: holds no rows"),
        "unnamed.csv": (("7," + lines[0]).encode(), "give a header line that calls it label"),
        "label.csv": (f"label,{HEADER}\n12,{lines[0]}".encode(), "label 12, but the model knows 0 to 9"),
        "cut.idx": (idx_bytes(images)[:-5], "truncated"),
        "labels-idx1-ubyte": (idx_bytes(np.arange(9, dtype=np.uint8)), "holds 9 uint8, but images of 28 x 28"),
        "small.idx": (idx_bytes(images[:, 1:]), "holds 30 x 27 x 28 uint8"),
        "small.npy": (images[:, 1:], "its images are (30, 27, 28) uint8"),
        "nan.npy": (np.full((2, 28, 28), np.nan), "NaN or infinite"),
        "none.npy": (images[:0], "its images are (0, 28, 28)"),
        "objects.npy": (objects, "numbers, not objects"),
        "text.npz": (b"no archive", "not a NumPy archive"),
        "packed.csv.gz": (gzip.compress(lines[0].encode())[:-9], "damaged or cut short"),
    }


@pytest.mark.parametrize("name", list(faults(np.zeros((N, 28, 28), np.uint8))))
def test_a_fault_is_told_and_nothing_is_lost(tmp_path, images, name):
    content, told = faults(images)[name]
    if isinstance(content, bytes):
        write(tmp_path / name, content)
    else:
        np.save(tmp_path / name, content)
    write(tmp_path / "out.csv", b"old")
    code, out, err = predict(tmp_path, name, "--output", "out.csv")
    assert (code, out) == (1, "") and told in err
    assert (tmp_path / "out.csv").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "out.csv"])


@pytest.mark.parametrize(
    "given",
    [
        ("a.csv", "b.csv"),
        ("a.csv", "--all"),
        ("a.csv", "--top", "2"),
        ("a.csv", "--json"),
        ("a.csv", "--multi"),
        ("a.csv", "--output", "a.csv"),
        ("test:3", "--kaggle"),
    ],
)
def test_what_does_not_go_together(tmp_path, images, given):
    write(tmp_path / "a.csv", "\n".join(lines_of(images)).encode())
    arguments = given if "--all" in given else (*given, "--model", pretrained("logistic"))
    code, out, err = run_inside(*arguments, cwd=tmp_path, script="predict.py")
    assert (code, out) == (2, "") and "Traceback" not in err


def test_letters(tmp_path):
    data = glyphs(LETTERS)
    model = nn.build("logistic", classes=LETTERS, seed=1)
    model.save(tmp_path / "letters.npz")
    words = [LETTERS[k] for k in data.test_labels]
    rows = [f"{word},{line}" for word, line in zip(words, lines_of(data.test_images), strict=True)]
    write(tmp_path / "letters.csv", "\n".join([f"label,{HEADER}", *rows]).encode())
    code, out, err = run_inside("letters.csv", "--model", "letters.npz", cwd=tmp_path, script="predict.py")
    assert code == 0, err
    said = [row["label"] for row in answers(out)]
    assert said == [LETTERS[k] for k in model.predict(data.test_images)]
    right = np.mean([a == b for a, b in zip(said, words, strict=True)])
    assert f"accuracy {100 * right:.2f} %" in err


@pytest.mark.parametrize(
    "source, told",
    [
        ("https://example.org/test.csv", "is a web address: download the file"),
        ("https://example.org/a.png", "is a web address: download the picture"),
        ("", "The path is empty"),
        ("missing.csv", "there is no such file"),
        ("folder.csv", "holds no picture"),
        ("pipe.csv", "is a device or a pipe"),
        ("dangling.csv", "there is no such file"),
        ("tabs.csv", "line 1: has 1 column"),
    ],
)
def test_odd_sources(tmp_path, source, told):
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "dangling.csv").symlink_to("nowhere.csv")
    write(tmp_path / "tabs.csv", b"1\t" * 783 + b"1\n")
    code, out, err = predict(tmp_path, source)
    assert (code, out) == (1, "") and told in err


def test_evaluate_says_what_a_web_address_is(tmp_path):
    code, _, err = run_inside("evaluate", pretrained("logistic"), "--data", "https://example.org/x", cwd=tmp_path)
    assert code == 1 and "is a web address" in err


def test_a_picture_named_as_rows_stays_a_picture(tmp_path, images):
    Image.fromarray(images[0]).resize((140, 140)).save(tmp_path / "digit.csv", "PNG")
    code, out, _ = predict(tmp_path, "digit.csv")
    assert code == 0 and "reads 7" in out


def test_evaluate_shows_top_k(tmp_path, monkeypatch):
    report = nn.Sequential.evaluate
    monkeypatch.setattr(nn.Sequential, "evaluate", lambda *given: report(*given) | {"top_5_accuracy": 0.875})
    given = ("evaluate", pretrained("logistic"))
    code, out, err = run_inside(*given, cwd=tmp_path)
    assert code == 0 and "top 5    87.50 %" in out, err


def test_a_picture_of_a_letter(tmp_path):
    """The whole picture goes to the model as it is, since it has the size already."""
    image = glyphs(LETTERS).test_images[7]
    model = nn.build("logistic", classes=LETTERS, seed=1)
    model.save(tmp_path / "letters.npz")
    Image.fromarray(image).save(tmp_path / "h.png")
    code, out, err = run_inside("h.png", "--model", "letters.npz", "--json", cwd=tmp_path, script="predict.py")
    assert code == 0, err
    [said] = json.loads(out)[0]["predictions"]
    assert said["class"] == LETTERS[model.predict(image[None])[0]]
    assert len(said["probabilities"]) == 26
