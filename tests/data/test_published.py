"""Data sets in the forms in which they are published: images upright, labels, names of classes, counts."""

import zipfile

import numpy as np
import pytest
from PIL import Image

import nnscratch as nn
from nnscratch.data.distorted_copies import write_copies
from nnscratch.data.formats.class_names import FASHION, K49, KMNIST
from nnscratch.data.source import add_examples
from nnscratch.errors import DataError
from nnscratch.pictures.preprocess import to_mnist, to_square
from tests.tools import published
from tests.tools.commands import ROOT
from tests.tools.data_files import FOUR, idx_bytes, write, write_csv, write_four

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def holds(data, train, test):
    for got, wanted in zip(
        (data.train_images, data.train_labels, data.test_images, data.test_labels), (*train, *test), strict=True
    ):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("mapping", [True, False])
@pytest.mark.parametrize("split", published.EMNIST_CLASSES)
def test_emnist(tmp_path, split, mapping):
    parts = published.write_emnist(tmp_path, split, packed=mapping, mapping=mapping)
    data = nn.load_dataset(tmp_path)
    holds(data, *parts)
    wanted = {"letters": LETTERS, "balanced": published.MERGED, "bymerge": published.MERGED}
    assert data.classes == tuple(wanted.get(split, published.BY_CLASS[: published.EMNIST_CLASSES[split]]))


def test_of_several_splits_one_is_named_by_a_file(tmp_path):
    letters = published.write_emnist(tmp_path, "letters")
    published.write_emnist(tmp_path, "digits")
    with pytest.raises(DataError, match=r"holds several data sets \(emnist-digits, emnist-letters\): give the path of"):
        nn.load_dataset(tmp_path)
    for name in ("emnist-letters-train-images-idx3-ubyte.gz", "emnist-letters-test-labels-idx1-ubyte.gz"):
        holds(nn.load_dataset(tmp_path / name), *letters)


def test_letters_that_begin_at_0_are_refused(tmp_path):
    published.write_emnist(tmp_path, "letters", packed=False)
    labels = np.zeros(130, np.uint8)
    write(tmp_path / "emnist-letters-train-labels-idx1-ubyte", idx_bytes(labels))
    with pytest.raises(DataError, match="holds the label 0, but EMNIST's letters are 1 to 26"):
        nn.load_dataset(tmp_path)


def test_emnist_as_csv(tmp_path):
    images, labels = published.examples(52, 26)
    path = write_csv(tmp_path / "emnist-letters-train.csv", images.swapaxes(1, 2), labels + 1)
    data = nn.load_dataset(path)
    assert data.classes == tuple(LETTERS)
    kept = np.array([(images == image).all(axis=(1, 2)).argmax() for image in data.train_images])
    np.testing.assert_array_equal(labels[kept], data.train_labels)
    np.testing.assert_array_equal(images[kept], data.train_images)


@pytest.mark.parametrize("packed", [True, False])
def test_qmnist(tmp_path, packed):
    data = nn.load_dataset((published.write_qmnist(tmp_path, packed), tmp_path)[1])
    holds(data, *published.write_qmnist(tmp_path, packed))
    assert data.is_digits and data.notes == ""


def test_names_with_dots_and_test_for_t10k(tmp_path):
    arrays = write_four(tmp_path, packed=FOUR[:1])
    (tmp_path / FOUR[1]).rename(tmp_path / "train-labels.idx1-ubyte")
    (tmp_path / FOUR[2]).rename(tmp_path / "test-images.idx3-ubyte")
    values = list(arrays.values())
    holds(nn.load_dataset(tmp_path), values[:2], values[2:])


@pytest.mark.parametrize(
    ("name", "classes"), [("FashionMNIST", FASHION), ("KMNIST", KMNIST), ("MNIST", tuple("0123456789"))]
)
def test_folders_of_torchvision(tmp_path, name, classes):
    values = list(write_four(tmp_path / name / "raw").values())
    for path in (tmp_path, tmp_path / name, tmp_path / name / "raw"):
        data = nn.load_dataset(path)
        holds(data, values[:2], values[2:])
        assert data.classes == classes
    published.write_qmnist(tmp_path / "QMNIST" / "raw")
    with pytest.raises(DataError, match=r"holds several data sets .*QMNIST/raw"):
        nn.load_dataset(tmp_path)


def test_names_of_classes_in_a_file(tmp_path):
    write_four(tmp_path)
    write(tmp_path / "classes.txt", "".join(f"thing {k}\n" for k in range(10)).encode())
    data = nn.load_dataset(tmp_path)
    assert data.classes[3] == "thing 3" and not data.is_digits
    write(tmp_path / "classes.txt", b"one\ntwo\n")
    with pytest.raises(DataError, match="holds the label 9, but the labels of its classes are 0 to 1"):
        nn.load_dataset(tmp_path)
    write(tmp_path / "classes.txt", b"one\none\n")
    with pytest.raises(DataError, match=r"classes\.txt: two classes are named 'one'"):
        nn.load_dataset(tmp_path)


@pytest.mark.parametrize(("word", "classes"), [("kmnist", KMNIST), ("k49", K49)])
def test_kuzushiji(tmp_path, word, classes):
    parts = published.write_kuzushiji(tmp_path, word, len(classes))
    for path in (tmp_path, tmp_path / f"{word}-train-imgs.npz"):
        data = nn.load_dataset(path)
        holds(data, *parts)
        assert data.classes == classes and len(set(classes)) == len(classes) in (10, 49)
    lines = ["index,codepoint,char", *(f"{k},U+0041,{chr(65 + k)}" for k in range(len(classes)))]
    write(tmp_path / f"{word}_classmap.csv", "\n".join(lines).encode())
    assert nn.load_dataset(tmp_path).classes[:3] == ("A", "B", "C")
    (tmp_path / f"{word}-train-labels.npz").unlink()
    with pytest.raises(DataError, match=f"lacks {word}-train-labels"):
        nn.load_dataset(tmp_path)


@pytest.mark.parametrize("scale", [None, 1, 255])
def test_kerass_archive(tmp_path, scale):
    parts = published.write_keras(tmp_path / "mnist.npz", scale)
    for path in (tmp_path, tmp_path / "mnist.npz"):
        holds(nn.load_dataset(path), *parts)


@pytest.mark.parametrize(
    ("images", "labels", "shape"),
    [("X", "y", (40, 784)), ("images", "labels", (40, 28, 28, 1)), ("arr_0", "arr_1", (40, 1, 28, 28))],
)
def test_archives_without_a_test_set(tmp_path, images, labels, shape):
    pictures, truth = published.mnist_digits(40)
    np.savez(tmp_path / "x.npz", **{images: pictures.reshape(shape), labels: truth[:, None].astype(np.int64)})
    data = nn.load_dataset(tmp_path / "x.npz")
    assert (len(data.train_labels), len(data.test_labels)) == (35, 5) and "held out" in data.notes
    assert sum(data.train_images.sum(axis=(0, 1))) + sum(data.test_images.sum(axis=(0, 1))) == pictures.sum()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((3, 28, 28), object), "y": np.zeros(3, int)}, "numbers, not objects, are wanted"),
        ({"x": np.zeros((3, 28, 28, 3)), "y": np.zeros(3, int)}, r"grey ones, \(n, height, width\), are wanted"),
        ({"x": np.zeros((3, 28, 28)), "y": np.full(3, 0.5)}, "n whole numbers from 0"),
        ({"x": np.zeros((3, 28, 28)), "y": np.zeros((3, 10))}, "n whole numbers from 0"),
        ({"x": np.zeros((3, 28, 28)), "y": np.zeros(2, int)}, "holds 3 images, but 2 labels"),
        ({"x": np.zeros((3, 28, 28)), "y": np.array([0, 1, -1])}, "holds the label -1"),
        ({"x": np.zeros((3, 28, 28)), "y": np.array([0, 1, 1000])}, "holds the label 1000"),
        ({"x": np.full((3, 28, 28), np.nan), "y": np.zeros(3, int)}, "its pixels go from nan"),
        ({"x": np.full((3, 32, 32), 40.0), "y": np.zeros(3, int)}, "its pixels go from 40 to 40, but known"),
        ({"other": np.zeros(3)}, "holds 'other': give arrays x_train"),
        ({"x": np.zeros((100_000, 28, 28), np.uint8), "y": np.zeros(100_000, int)}, "unpacks to more than"),
    ],
)
def test_archives_that_are_none(tmp_path, arrays, message):
    np.savez_compressed(tmp_path / "x.npz", **arrays)
    with pytest.raises(DataError, match=message):
        nn.load_dataset(tmp_path / "x.npz")


def test_a_cut_archive(tmp_path):
    published.write_keras(tmp_path / "mnist.npz")
    content = (tmp_path / "mnist.npz").read_bytes()
    for end in (0, 100, len(content) - 30):
        with pytest.raises(DataError, match=r"not a NumPy archive \(\.npz\), or damaged"):
            nn.load_dataset(write(tmp_path / "cut.npz", content[:end]))


def test_kaggles_folder(tmp_path):
    images, _ = published.write_kaggle(tmp_path)
    data = nn.load_dataset(tmp_path)
    assert len(data.train_images) + len(data.test_images) == len(images)
    assert "test.csv has no labels and is left alone" in data.notes and "held out" in data.notes


def test_sign_language(tmp_path):
    images, _ = published.examples(48, 2)
    labels = np.array([label for label in range(25) if label != 9] * 2, np.uint8)
    header = "label," + ",".join(f"pixel{number}" for number in range(1, 785))
    for part in ("train", "test"):
        write_csv(tmp_path / f"sign_mnist_{part}.csv", images, labels, header)
    data = nn.load_dataset(tmp_path)
    holds(data, (images, labels), (images, labels))
    assert len(data.classes) == 25 and "25 classes, of which 9 have no images" in data.notes


def in_form(image):
    """A digit of 8 x 8 pixels, each as 4 x 4, in MNIST's form."""
    return to_mnist(np.kron(image / 16, np.ones((4, 4))).astype(np.float32))


def test_digits_of_scikit_learn(tmp_path):
    images, _ = published.write_sklearn(tmp_path / "digits.csv.gz")
    data = nn.load_dataset(tmp_path / "digits.csv.gz")
    wanted = {in_form(image).tobytes() for image in images}
    assert {image.tobytes() for image in (*data.train_images, *data.test_images)} == wanted
    assert "50 images of 8 x 8 pixels were brought into MNIST's form" in data.notes and data.is_digits


def test_optdigits(tmp_path):
    images, labels = published.write_optdigits(tmp_path)
    data = nn.load_dataset(tmp_path)
    np.testing.assert_array_equal(data.train_labels, labels[:50])
    np.testing.assert_array_equal(data.test_labels, labels[50:])
    np.testing.assert_array_equal(data.test_images[3], in_form(images[53]))
    assert len(nn.load_dataset(tmp_path / "optdigits.tra").train_labels) == 43


def rows(pixels, labels):
    return "\n".join(f"{label}," + ",".join(map(str, row)) for label, row in zip(labels, pixels, strict=True)).encode()


def test_a_table_of_words_and_another_size(tmp_path):
    pixels = np.random.default_rng(0).uniform(-1, 1, (20, 256)).round(3)
    data = nn.load_dataset(write(tmp_path / "x.csv", rows(pixels, ["tree", "house"] * 10)))
    assert data.classes == ("house", "tree") and len(data.train_labels) == 18
    wanted = {to_square(((row.reshape(16, 16) + 1) / 2).astype(np.float32)).tobytes() for row in pixels}
    got = np.array([image.tobytes() in wanted for image in (*data.train_images, *data.test_images)])
    assert got.mean() > 0.8  # single levels may be rounded to the other side


def test_a_word_that_training_has_not(tmp_path):
    pixels = np.zeros((2, 784), int)
    write(tmp_path / "train.csv", rows(pixels, ["a", "b"]))
    write(tmp_path / "test.csv", rows(pixels, ["b", "c"]))
    with pytest.raises(DataError, match=r"test\.csv, line 2: the label is 'c', but one of 'a, b' is wanted"):
        nn.load_dataset(tmp_path)
    write(tmp_path / "test.csv", rows(pixels, ["b", "a"]))
    assert nn.load_dataset(tmp_path).test_labels.tolist() == [1, 0]


def test_a_scale_that_cannot_be_told(tmp_path):
    pixels = np.tile(np.arange(100) % 64, (4, 1))
    with pytest.raises(DataError, match="its pixels go from 0 to 63, but known are"):
        nn.load_dataset(write(tmp_path / "x.csv", rows(pixels, [0, 1, 0, 1])))


def test_a_table_with_fractions_is_scaled(tmp_path):
    images, labels = published.mnist_digits(20)
    pixels = images.reshape(20, 784) / 255
    data = nn.load_dataset(write(tmp_path / "x.csv", rows(pixels, labels)))
    assert sorted(image.tobytes() for image in (*data.train_images, *data.test_images)) == sorted(
        image.tobytes() for image in images
    )


def write_pets(folder):
    for name, level in (("cat", 50), ("dog", 200)):
        for k in range(6):
            (folder / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((20 + k, 30), level, np.uint8)).save(folder / name / f"{k}.png")


ACCEPTED = {  # the formats of the documentation's table, and something that writes each
    "MNIST and what has its names": lambda folder: write_four(folder),
    "EMNIST": lambda folder: published.write_emnist(folder, "letters"),
    "QMNIST": published.write_qmnist,
    "torchvision's folder": lambda folder: write_four(folder / "KMNIST" / "raw"),
    "Kuzushiji-MNIST, Kuzushiji-49": lambda folder: published.write_kuzushiji(folder, "k49", 49),
    "NumPy's archive": lambda folder: published.write_keras(folder / "mnist.npz"),
    "CSV": published.write_kaggle,
    "scikit-learn's, UCI's digits": published.write_optdigits,
    "pictures": write_pets,
}


def test_the_documentation_names_these_formats():
    table = (ROOT / "docs/use/your-data.md").read_text("utf-8").partition("<!-- accepted data -->")[2].split("\n\n")[1]
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:]] == list(ACCEPTED)


@pytest.mark.parametrize("name", ACCEPTED)
def test_each_accepted_format_loads(tmp_path, name):
    ACCEPTED[name](tmp_path / "data")
    data = nn.load_dataset(tmp_path / "data")
    assert data.train_images.shape[1:] == (28, 28) and len(data.test_labels) > 0
    assert not data.is_digits or "warning: the digits" not in data.notes


def test_more_examples_to_train_with(tmp_path):
    arrays = list(write_four(tmp_path / "a").values())
    images, labels = published.mnist_digits(30)
    path = write_csv(tmp_path / "more.csv", images, labels)
    data = add_examples(nn.load_dataset(tmp_path / "a"), path)
    holds(data, (np.concatenate([arrays[0], images]), np.concatenate([arrays[1], labels])), arrays[2:])
    assert "30 training images are added" in data.notes
    own_test = add_examples(nn.load_dataset(path), tmp_path / "a")
    assert len(own_test.train_labels) == 26 + 20  # whose own test images are left out
    write_pets(tmp_path / "pets")
    with pytest.raises(DataError, match=r"pets: has the 2 classes cat, dog, but .* has the digits 0 to 9"):
        add_examples(data, tmp_path / "pets")


def test_labels_beyond_255_count_in_the_digest(tmp_path):
    images = np.zeros((300, 28, 28), np.uint8)
    for k, labels in enumerate((np.arange(300), np.arange(300) % 256 + 44 * (np.arange(300) == 299))):
        np.savez(tmp_path / f"{k}.npz", x_train=images, y_train=labels, x_test=images, y_test=np.arange(300))
    first, second = (nn.load_dataset(tmp_path / f"{k}.npz") for k in range(2))
    assert len(first.classes) == 300 and first.digest != second.digest


def test_copies_keep_the_names_of_classes(tmp_path):
    published.write_emnist(tmp_path / "letters", "letters")
    data = nn.load_dataset(tmp_path / "letters")
    write_copies(data, nn.Distortion(rotation=5), 30, tmp_path / "copies")
    assert nn.load_dataset(tmp_path / "copies").classes == data.classes


def test_words_in_another_encoding(tmp_path):
    content = rows(np.zeros((2, 784), int), ["é", "b"]).decode().encode("latin-1")
    with pytest.raises(DataError, match="no text in UTF-8: save it in UTF-8"):
        nn.load_dataset(write(tmp_path / "x.csv", content))


def test_pixels_of_0_and_1_are_warned_of(tmp_path):
    images, labels = published.mnist_digits(20)
    data = nn.load_dataset(write_csv(tmp_path / "x.csv", images // 255, labels))
    assert "warning: no pixel is above 1, and white is 255" in data.notes


@pytest.mark.parametrize(
    "header", [b"{'descr': '|u1', 'for", b"((((", b"{'descr': '|O', 'fortran_order': False, 'shape': (3,), }"]
)
def test_headers_are_not_read_as_python(tmp_path, header):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        for name in ("x.npy", "y.npy"):
            archive.writestr(name, b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\n")
    with pytest.raises(DataError, match=r"x\.npz: cannot be read .* numbers, not objects, are wanted"):
        nn.load_dataset(tmp_path / "x.npz")
