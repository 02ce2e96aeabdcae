"""load_dataset: the three forms, how they are told apart, and what is said of anything else."""

import gzip

import numpy as np
import pytest
from PIL import Image

from nnscratch.data import Dataset, load_dataset, load_mnist, source
from nnscratch.errors import DataError
from nnscratch.models.confidence import Prediction
from nnscratch.models.sequential import Sequential
from tests.tools.commands import run_inside
from tests.tools.data_files import FOUR, csv_lines, digits, idx_bytes, light_digits, write, write_csv, write_four

FORMS = r"give \(1\) a folder with .* MNIST.*\(2\) a folder of pictures.*\(3\) a \.csv.*\(4\) a NumPy archive"


def write_pictures(folder, images, labels):
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / str(label) / f"{number:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)


def same_arrays(data, train_images, train_labels, test_images, test_labels):
    np.testing.assert_array_equal(data.train_images, train_images)
    np.testing.assert_array_equal(data.train_labels, train_labels)
    np.testing.assert_array_equal(data.test_images, test_images)
    np.testing.assert_array_equal(data.test_labels, test_labels)


@pytest.mark.parametrize("packed", [(), FOUR, FOUR[1:3]])
def test_four_files(tmp_path, packed):
    arrays = write_four(tmp_path / "fashion", packed=packed)
    data = load_dataset(str(tmp_path / "fashion"))
    assert isinstance(data, Dataset)
    same_arrays(data, *arrays.values())
    assert (data.name, data.source, data.notes) == ("fashion", str(tmp_path / "fashion"), "")


@pytest.mark.parametrize("name", FOUR)
def test_one_of_the_four_missing(tmp_path, name):
    write_four(tmp_path, packed=FOUR[:2])
    (tmp_path / (f"{name}.gz" if name in FOUR[:2] else name)).unlink()
    with pytest.raises(DataError, match=rf": lacks {name} \(or with \.gz\)"):
        load_dataset(tmp_path)


def test_three_of_the_four_missing(tmp_path):
    write(tmp_path / FOUR[0], idx_bytes(digits(2)[0]))
    with pytest.raises(DataError, match=f"lacks {FOUR[1]} and {FOUR[2]} and {FOUR[3]}"):
        load_dataset(tmp_path)


@pytest.mark.parametrize("at", [0, 2])
def test_images_and_labels_swapped(tmp_path, at):
    arrays = write_four(tmp_path)
    for name, other in ((FOUR[at], FOUR[at + 1]), (FOUR[at + 1], FOUR[at])):
        write(tmp_path / name, idx_bytes(arrays[other]))
    with pytest.raises(DataError, match=rf"{FOUR[at]}: holds labels .* swapped"):
        load_dataset(tmp_path)
    write(tmp_path / FOUR[at], idx_bytes(arrays[FOUR[at]]))
    write(tmp_path / FOUR[at + 1], idx_bytes(arrays[FOUR[at]]))
    with pytest.raises(DataError, match=rf"{FOUR[at + 1]}: holds images .* swapped"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(("at", "n"), [(0, 20), (2, 10)])
def test_counts_differ(tmp_path, at, n):
    write_four(tmp_path)
    write(tmp_path / FOUR[at + 1], idx_bytes(digits(13)[1]))
    with pytest.raises(DataError, match=rf"{FOUR[at]}: holds {n} images, but {FOUR[at + 1]} holds 13 labels"):
        load_dataset(tmp_path)


def test_no_images_at_all(tmp_path):
    write_four(tmp_path, test=0)
    with pytest.raises(DataError, match=f"{FOUR[2]}: holds no images"):
        load_dataset(tmp_path)


def test_damage_inside_one_of_the_four(tmp_path):
    write_four(tmp_path)
    write(tmp_path / FOUR[2], b"")
    with pytest.raises(DataError, match=f"{FOUR[2]}: is empty"):
        load_dataset(tmp_path)


def test_pictures_with_train_and_test(tmp_path):
    train, test = light_digits(10, 1), light_digits(4, 2)
    write_pictures(tmp_path / "train", *train)
    write_pictures(tmp_path / "test", *test)
    data = load_dataset(tmp_path)
    same_arrays(data, *train, *test)
    assert data.notes == ""


def test_pictures_without_a_test_set(tmp_path):
    images, labels = light_digits(30)
    labels = labels % 3  # only some of the digits
    write_pictures(tmp_path / "mine", images, labels)
    data = load_dataset(tmp_path / "mine")
    assert (len(data.train_labels), len(data.test_labels)) == (26, 4)
    assert set(data.test_labels.tolist()) == {0, 1, 2}
    everything = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    assert len(everything) == 30
    for image, label in zip(
        [*data.train_images, *data.test_images], [*data.train_labels, *data.test_labels], strict=True
    ):
        assert everything.pop(image.tobytes()) == label
    assert "4 of its 30 images are held out" in data.notes and data.name == "mine"
    assert load_dataset(tmp_path / "mine").digest == data.digest


def test_black_on_white_trains_as_mnist_and_is_read_as_it_was_trained(tmp_path, monkeypatch):
    """A hundred test digits as scans: what is loaded, and what predict feeds the network, are those digits."""
    mnist = load_mnist()
    images, labels = mnist.test_images[:100], mnist.test_labels[:100]
    write_pictures(tmp_path / "dark", 255 - images, labels)
    write_pictures(tmp_path / "light", images, labels)
    dark, light = load_dataset(tmp_path / "dark"), load_dataset(tmp_path / "light")
    assert dark.notes.startswith("100 of 100 pictures, 28 x 28 and not light on black, were made so; ")
    assert "turned" not in light.notes
    order = np.lexsort((np.arange(100), labels))
    train, test = source.stratified_split(labels[order], 14, seed=7)
    for data in (dark, light):
        same_arrays(data, images[order][train], labels[order][train], images[order][test], labels[order][test])
    fed = []
    monkeypatch.setattr(
        Sequential, "read", lambda self, given: fed.extend(given) or [Prediction(8, 0.6, [0.1] * 10, "")]
    )
    for folder in ("dark", "light"):
        paths = sorted(map(str, (tmp_path / folder).rglob("*.png")))
        assert run_inside(*paths, "--model", "logistic", cwd=tmp_path, script="predict.py")[0] == 0
    np.testing.assert_array_equal(fed, np.concatenate([images[order]] * 2))


def test_pictures_that_were_turned_are_told_of_each_part(tmp_path):
    images, labels = light_digits(6)
    write_pictures(tmp_path / "train", images, labels)
    images[1:3] = 255 - images[1:3]
    write_pictures(tmp_path / "test", images, labels)
    assert load_dataset(tmp_path).notes == ("test: 2 of 6 pictures, 28 x 28 and not light on black, were made so")


@pytest.mark.parametrize("name", ["digits.csv", "digits.csv.gz", "DIGITS.CSV"])
def test_one_csv_file(tmp_path, name):
    images, labels = digits(70)
    data = load_dataset(write_csv(tmp_path / name, images, labels, packed=name.endswith("gz")))
    assert np.bincount(data.test_labels).tolist() == [1] * 10 and len(data.train_labels) == 60
    assert "10 of its 70 images are held out" in data.notes
    assert data.name.lower().startswith("digits") and data.source == str(tmp_path / name)


def test_the_held_out_choice_is_fixed(tmp_path):
    """A change of the seed or of the algorithm would change everybody's test set: not by accident."""
    images, labels = digits(21)
    data = load_dataset(write_csv(tmp_path / "x.csv", images, labels))
    held_out = [int(np.flatnonzero((images == image).all(axis=(1, 2)))[0]) for image in data.test_images]
    assert held_out == [3, 6, 10]


def test_a_csv_of_two_and_of_one(tmp_path):
    data = load_dataset(write_csv(tmp_path / "x.csv", *digits(2)))
    assert (len(data.train_images), len(data.test_images)) == (1, 1)
    with pytest.raises(DataError, match="holds 1 image, but at least 2 are wanted"):
        load_dataset(write_csv(tmp_path / "x.csv", *digits(1)))


@pytest.mark.parametrize("names", [("mnist_train.csv", "mnist_test.csv.gz"), ("TRAIN.CSV", "Test.csv.gz")])
def test_csv_train_and_test(tmp_path, names):
    train, test = digits(10, 1), digits(4, 2)
    write_csv(tmp_path / names[0], *train)
    write_csv(tmp_path / names[1], *test, packed=True)
    write(tmp_path / "readme.txt", b"x")
    data = load_dataset(tmp_path)
    same_arrays(data, *train, *test)
    assert data.notes == ""


def test_a_test_file_is_as_its_training_file(tmp_path):
    """A test file of one row, or of one class, tells nothing of its own: its images used to be shifted."""
    rng = np.random.default_rng(1)
    pixels, labels = rng.integers(0, 256, (30, 784)), rng.integers(0, 10, 30)
    pixels[:, [0, -1]] = 0
    table = np.column_stack([pixels, labels])
    for rows in (1, 3):
        table[:rows, -1] = 7
        for name, part in (("train.csv", table[rows:]), ("test.csv", table[:rows])):
            np.savetxt(tmp_path / name, part, "%d", ",")
        data = load_dataset(tmp_path)
        assert data.test_labels.tolist() == [7] * rows
        np.testing.assert_array_equal(data.test_images.reshape(rows, -1), pixels[:rows])
        np.testing.assert_array_equal(data.train_images.reshape(30 - rows, -1), pixels[rows:])


def test_csv_faults_name_the_file(tmp_path):
    write_csv(tmp_path / "train.csv", *digits(3))
    lines = csv_lines(*digits(3))
    write(tmp_path / "test.csv", "\n".join([*lines, "5,5"]).encode())
    with pytest.raises(DataError, match=r"test\.csv, line 4: has 2 columns"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train.csv"], "'test' in its name is wanted, but there is none"),
        (["test.csv"], "'train' in its name is wanted, but there is none"),
        (["train.csv", "test.csv", "test2.csv"], "'test' in its name is wanted, but there is test.csv, test2.csv"),
        (["train.csv", "train.csv.gz", "test.csv"], "'train' .* there is train.csv, train.csv.gz"),
    ],
)
def test_a_csv_folder_needs_one_of_each(tmp_path, names, message):
    for name in names:
        write_csv(tmp_path / name, *digits(2))
    with pytest.raises(DataError, match=message):
        load_dataset(tmp_path)


def label_last(folder, part, images, labels):
    lines = [line.partition(",") for line in csv_lines(images, labels)]
    return write(folder / f"{part}.csv", "\n".join(f"{pixels},{label}" for label, _, pixels in lines).encode())


def test_what_each_csv_had_to_decide_is_told(tmp_path):
    train, test = digits(10, 1), digits(4, 2)
    label_last(tmp_path, "train", *train)
    label_last(tmp_path, "test", *test)
    data = load_dataset(tmp_path)
    same_arrays(data, *train, *test)
    told = "labels are taken from the last column: the first can hold none"
    assert data.notes == f"training: {told}; test: {told}"
    told = load_dataset(label_last(tmp_path, "all", *train)).notes
    assert "last column" in told and "1 of its 10 images are held out" in told


@pytest.mark.parametrize("n", [2, 30])
def test_a_single_class_is_warned_of(tmp_path, n):
    data = load_dataset(write_csv(tmp_path / "x.csv", digits(n)[0], np.full(n, 3)))
    assert "held out" in data.notes
    assert "; warning: every training image is labelled 3" in data.notes
    assert ("every test image is labelled 3" in data.notes) == (n > 2)
    assert "warning" not in load_dataset(write_csv(tmp_path / "x.csv", *digits(4))).notes


def test_a_single_class_is_warned_of_in_mnists_four_files(tmp_path):
    write_four(tmp_path)
    write(tmp_path / FOUR[3], idx_bytes(np.full(10, 7, np.uint8)))
    assert load_dataset(tmp_path).notes == "warning: every test image is labelled 7"


def test_the_same_content_has_the_same_digest_in_every_form(tmp_path):
    arrays = write_four(tmp_path / "idx", made=light_digits)
    train_images, train_labels, test_images, test_labels = arrays.values()
    order, test_order = np.argsort(train_labels, kind="stable"), np.argsort(test_labels, kind="stable")
    train, test = (train_images[order], train_labels[order]), (test_images[test_order], test_labels[test_order])
    for name, values in zip(FOUR, (*train, *test), strict=True):
        write(tmp_path / "idx" / name, idx_bytes(values))
    for part, pair in (("train", train), ("test", test)):
        write_csv(tmp_path / "csv" / f"{part}.csv", *pair)
        write_pictures(tmp_path / "pictures" / part, *pair)
    assert len({load_dataset(tmp_path / form).digest for form in ("idx", "csv", "pictures")}) == 1


@pytest.mark.parametrize("folders", [["train/1"], ["test/1"], ["train/1", "test/1", "1"], ["train/1", "0"]])
def test_train_and_test_go_together(tmp_path, folders):
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    with pytest.raises(DataError, match=f"train and test go together, alone: {FORMS}"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (["cats"], "has a sub-folder for one class alone, cats: two or more"),
        (["1", "cats"], "holds no pictures: put some into the sub-folders of its classes"),
        (["train", "test", "cats"], f"train and test go together, alone: {FORMS}"),
        (["train/a", "train/b", "test/a", "test/c"], "c: is a class that .*train has not"),
        (["a" * 101, "b"], "a class is named 'aaa"),
    ],
)
def test_sub_folders_that_are_no_data_set(tmp_path, folders, message):
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    with pytest.raises(DataError, match=message):
        load_dataset(tmp_path)


def test_an_empty_folder(tmp_path):
    with pytest.raises(DataError, match=f"this folder holds no data set: {FORMS}"):
        load_dataset(tmp_path)


@pytest.mark.parametrize("name", ["digits.pkl", "images-idx3-ubyte.gz", "5.png"])
def test_a_file_of_another_kind(tmp_path, name):
    with pytest.raises(DataError, match=f"{name}: this file is no data set: {FORMS}"):
        load_dataset(write(tmp_path / name, gzip.compress(b"x")))


def test_no_such_path(tmp_path):
    with pytest.raises(DataError, match="nowhere: there is no such file or folder"):
        load_dataset(tmp_path / "nowhere")
    with pytest.raises(DataError, match="cannot be read"):
        load_dataset("x" * 5000)


def test_the_name_of_the_present_folder(tmp_path, monkeypatch):
    write_four(tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    assert load_dataset(".").name == "here"
    assert source.load_dataset is load_dataset
