"""CSV files: what is written comes back, by either parser; faults are named by file and line."""

import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnscratch.data.formats import table, table_rows
from nnscratch.data.formats.table import read_csv
from nnscratch.errors import DataError
from tests.tools.data_files import csv_lines, digits, write, write_csv

NAMES = "label," + ",".join(f"{row}x{column}" for row in range(1, 29) for column in range(1, 29))
NUMBERED = "label," + ",".join(map(str, range(784)))
IMAGES, LABELS = digits(7)
LINES = csv_lines(IMAGES, LABELS)


def comes_back(path, images=IMAGES, labels=LABELS):
    got_images, got_labels, _ = read_csv(path)
    assert got_images.dtype == got_labels.dtype == np.uint8
    np.testing.assert_array_equal(got_images, images)
    np.testing.assert_array_equal(got_labels, labels)


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(n=st.integers(1, 20), seed=st.integers(0, 100), header=st.sampled_from([None, NAMES]), packed=st.booleans())
def test_round_trip(tmp_path, n, seed, header, packed):
    images, labels = digits(n, seed)
    comes_back(write_csv(tmp_path / "x.csv", images, labels, header, packed), images, labels)


def test_extremes(tmp_path):
    images = np.stack([np.zeros((28, 28), np.uint8), np.full((28, 28), 255, np.uint8)])
    comes_back(write_csv(tmp_path / "x.csv", images, [0, 9]), images, [0, 9])


@pytest.mark.parametrize("block", [3000, 4000, 10_000])
def test_many_blocks(tmp_path, monkeypatch, block):
    monkeypatch.setattr(table, "_BLOCK", block)
    comes_back(write_csv(tmp_path / "x.csv", IMAGES, LABELS, NAMES))
    broken = [NAMES, *LINES[:5], LINES[5].replace(",", ",x", 1), LINES[6]]
    with pytest.raises(DataError, match="line 7: pixel 1 of 784 is 'x"):
        read_csv(write(tmp_path / "x.csv", "\n".join(broken).encode()))


def variants():
    plain = "\n".join(LINES)
    yield "no newline at the end", plain
    yield "Windows line ends", plain.replace("\n", "\r\n") + "\r\n"
    yield "blank lines", "\n" + plain.replace("\n", "\n\n  \n") + "\n\n\n"
    yield "spaces", plain.replace(",", " , ")
    yield "tabs", plain.replace(",", ",\t")
    yield "byte order mark", "\ufeff" + plain
    yield "byte order mark and header", "\ufeff" + NAMES + "\n" + plain
    yield "header with numbers", NUMBERED + "\n" + plain
    yield "quoted header", '"' + NAMES.replace(",", '","') + '"\n' + plain
    yield "header with a column too few", "label,pixel\n" + plain
    yield "floats", plain.replace(",", ".0,").replace("\n", ".0\n") + ".0"
    yield "floats, Windows", plain.replace(",", ".0,").replace("\n", ".0\r\n") + ".0\r\n"
    yield "longer floats", plain.replace(",", ".00,")
    yield "exponents", ",".join(f"{int(v):.18e}" if "\n" not in v else v for v in plain.split(","))
    yield "signs", plain.replace(",", ",+")


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in variants()])
def test_other_ways_to_write_the_same(tmp_path, text):
    comes_back(write(tmp_path / "x.csv", text.encode()))


def test_sound_rows_take_the_fast_parser(tmp_path, monkeypatch):
    monkeypatch.setattr(table_rows, "_parse_line", None)
    for text in (
        "\r\n".join(LINES),
        "\n".join(LINES).replace(",", ".0,").replace("\n", ".0\n") + ".0\n",
        "\n".join(LINES).replace(",", ", "),
        "\n".join(LINES).replace(",", ".00,"),
    ):
        comes_back(write(tmp_path / "x.csv", text.encode()))


def with_field(column, value, line=4):
    fields = LINES[line - 1].split(",")
    fields[column] = value
    return "\n".join([*LINES[: line - 1], ",".join(fields), *LINES[line:]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (with_field(0, "100"), "line 4: the label is '100', but a whole number 0 to 99 is wanted"),
        (with_field(0, "-1"), "line 4: the label is '-1'"),
        (with_field(0, "1.5"), "line 4: the label is '1.5'"),
        (with_field(0, "seven"), "line 4: the label is 'seven'"),
        (with_field(0, "seven", line=1), "line 1: the label is 'seven'"),
        (with_field(1, "256"), "line 4: pixel 1 of 784 is '256', but a whole number 0 to 255 is wanted"),
        (with_field(1, "511"), "line 4: pixel 1 of 784 is '511'"),
        (with_field(784, "-1"), "line 4: pixel 784 of 784 is '-1'"),
        (with_field(784, "99999999999999999999"), "line 4: pixel 784 of 784 is '99999999999999999999'"),
        (with_field(300, "0.5"), "line 4: pixel 300 of 784 is '0.5'"),
        (with_field(300, "12.0.0"), r"line 4: pixel 300 of 784 is '12\.0\.0'"),
        (with_field(300, "nan"), "line 4: pixel 300 of 784 is 'nan'"),
        (with_field(300, "inf"), "line 4: pixel 300 of 784 is 'inf'"),
        (with_field(300, ""), "line 4: pixel 300 of 784 is ''"),
        (with_field(300, "1 2"), "line 4: pixel 300 of 784 is '1 2'"),
        (with_field(300, "1_2"), "line 4: pixel 300 of 784 is '1_2'"),
        (with_field(300, "0x1F"), "line 4: pixel 300 of 784 is '0x1F'"),
        (with_field(300, "#"), "line 4: pixel 300 of 784 is '#'"),
        (with_field(300, '"5"'), "line 4: pixel 300 of 784 is '\"5\"'"),
        (with_field(300, "1,2"), "line 4: has 786 columns, but a label and 784 pixels"),
        (with_field(0, "seven\n1", line=2), "line 2: has 1 column, but"),
        ("\n".join(line + "," for line in LINES), "line 1: has 786 columns"),
        ("\n".join(line.partition(",")[2] for line in LINES), "line 1: has 784 columns"),
        ("\n".join(LINES).replace(",", ";"), "line 1: has 1 column, but a label and 784 pixels, separated by commas"),
        ("\n\n" + with_field(0, "x"), "line 6: the label is 'x'"),
        (NAMES + "\r\n\r\n" + with_field(0, "x").replace("\n", "\r\n"), "line 6: the label is 'x'"),
        (NAMES + "\n" + NAMES, "line 2: the label is 'label'"),
        (f"{LINES[0]}\n5,6", "line 2: has 2 columns"),
        ("5\n6\n", "line 1: has 1 column, but"),
        (with_field(784, "5#"), "line 4: pixel 784 of 784 is '5#'"),
        (f"{LINES[0]}\n" + "7" * (3 << 20), "line 2: is over 1 MiB long"),
        ("", "holds no rows"),
        ("\n \n", "holds no rows"),
        (NAMES, "holds no rows"),
    ],
)
def test_faults_are_named(tmp_path, text, message):
    for packed in (False, True):
        with pytest.raises(DataError, match=rf"x\.csv(, |: ){message}"):
            read_csv(write(tmp_path / "x.csv", text.encode(), packed))


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=60), row_first=st.booleans())
def test_any_bytes_are_rows_or_a_data_error(tmp_path, content, row_first):
    first = LINES[0].encode() + b"\n" if row_first else b""
    try:
        images, labels, _ = read_csv(write(tmp_path / "x.csv", first + content))
    except DataError:
        return
    assert row_first and len(images) == len(labels) == 1


@settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text('0123456789.+-eE_ xnaif\t"#', max_size=5))
def test_a_field_is_what_python_reads_or_a_data_error(tmp_path, text):
    try:
        value = float("x" if "_" in text else text)
    except ValueError:
        value = -1.0
    path = write(tmp_path / "x.csv", with_field(300, text).encode())
    if value in range(256):
        images = IMAGES.copy()
        images[3].flat[299] = value
        comes_back(path, images)
    else:
        with pytest.raises(DataError, match=r"line 4: pixel 300 of 784"):
            read_csv(path)


def reordered(images, labels, column):
    """Rows with the label in a column of 785."""
    rows = np.insert(images.reshape(len(images), -1), column, labels, axis=1)
    return [",".join(map(str, row)) for row in rows.tolist()]


def pixel_names(label, column):
    names = [f"pixel{number}" for number in range(1, 785)]
    names.insert(column, label)
    return ",".join(names)


@pytest.mark.parametrize("column", [0, 1, 400, 784])
@pytest.mark.parametrize("name", ["label", "Class", "DIGIT", '"target"', " label "])
def test_the_label_stands_where_the_header_names_it(tmp_path, column, name):
    lines = [pixel_names(name, column), *reordered(IMAGES, LABELS, column)]
    path = write(tmp_path / "x.csv", "\r\n".join(lines).encode(), packed=column == 784)
    comes_back(path)
    assert read_csv(path).notes == ""


def test_a_name_tells_even_where_both_ends_are_digits(tmp_path):
    images = np.where(IMAGES < 128, 0, IMAGES)
    images[:, 0, 0] = images[:, -1, -1] = np.arange(7) % 3
    for column in (0, 784):
        lines = [pixel_names("class", column), *reordered(images, LABELS, column)]
        comes_back(write(tmp_path / "x.csv", "\n".join(lines).encode()), images)


def test_a_header_of_numbers_that_names_the_label_last(tmp_path):
    lines = [",".join(map(str, range(784))) + ",label", *reordered(IMAGES, LABELS, 784)]
    comes_back(write(tmp_path / "x.csv", "\n".join(lines).encode()))


CORNERS = IMAGES.copy()
CORNERS[:, 0, 0] = CORNERS[:, -1, -1] = 0
BLACK = np.zeros((7, 28, 28), np.uint8)


@pytest.mark.parametrize("header", [[], [pixel_names("x", 784)], ["p1,p2"]])
@pytest.mark.parametrize("images", [IMAGES, CORNERS])
def test_without_a_name_the_label_is_the_end_that_can_be_it(tmp_path, images, header):
    for column, told in ((0, ""), (784, "labels are taken from the last column: the first can hold none")):
        path = write(tmp_path / "x.csv", "\n".join(header + reordered(images, LABELS, column)).encode(), column == 0)
        comes_back(path, images)
        assert read_csv(path).notes == told


def test_the_whole_file_tells_which_end_it_is(tmp_path, monkeypatch):
    """In the first blocks both ends are digits, and several; only the last row has a pixel that is none."""
    monkeypatch.setattr(table, "_BLOCK", 3000)
    images = CORNERS.copy()
    images[:, 0, 0] = images[:, -1, -1] = [0, 1, 0, 0, 0, 0, 200]
    for column in (0, 784):
        comes_back(write(tmp_path / "x.csv", "\n".join(reordered(images, LABELS, column)).encode()), images)


@pytest.mark.parametrize("header", [[], [pixel_names("x", 0)], ["label"]])
@pytest.mark.parametrize("column", [0, 784])
def test_two_ends_that_can_be_the_label_are_refused(tmp_path, header, column):
    images = CORNERS.copy()
    images[3, 0, 0] = images[3, -1, -1] = 9
    path = write(tmp_path / "x.csv", "\n".join(header + reordered(images, LABELS, column)).encode())
    with pytest.raises(DataError, match=r"x\.csv: the first .* and the last .* give a header .* the right one label$"):
        read_csv(path)


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("images", [BLACK, IMAGES])
def test_where_neither_end_can_be_it_the_label_is_first(tmp_path, images, n):
    comes_back(write_csv(tmp_path / "x.csv", images[:n], [4] * n), images[:n], [4] * n)


def test_a_header_of_two_labels_is_refused(tmp_path):
    header = pixel_names("label", 0).replace("pixel9,", "Class,")
    with pytest.raises(DataError, match=r"x\.csv: the header names label and class, but one column holds the label"):
        read_csv(write_csv(tmp_path / "x.csv", IMAGES, LABELS, header))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (784, "1000", "the label is '1000', but a whole number 0 to 999 is wanted"),
        (784, "seven", "the label is 'seven', but a whole number 0 to"),
        (0, "256", "pixel 1 of 784 is '256', but a whole number 0 to 255 is wanted"),
        (300, "x", "pixel 301 of 784 is 'x'"),
        (783, "-1", "pixel 784 of 784 is '-1'"),
    ],
)
def test_faults_are_named_where_the_label_is_last(tmp_path, column, value, message):
    lines = [pixel_names("class", 784), *reordered(CORNERS, LABELS, 784)]
    fields = lines[4].split(",")
    fields[column] = value
    lines[4] = ",".join(fields)
    for first in (0, 1) if value != "1000" else (0,):  # with the header and without
        with pytest.raises(DataError, match=rf"x\.csv, line {5 - first}: {message}"):
            read_csv(write(tmp_path / "x.csv", "\n".join(lines[first:]).encode()))


def test_truncated_gzip(tmp_path):
    whole = write_csv(tmp_path / "x.csv", IMAGES, LABELS, packed=True).read_bytes()
    for length in (2, 10, 100, len(whole) - 1):
        with pytest.raises(DataError, match=r"x\.csv: the gzip data is damaged or cut short"):
            read_csv(write(tmp_path / "x.csv", whole[:length]))


@pytest.mark.parametrize(
    ("piece", "said"), [(b"7" + b",0" * 784 + b"\n", "unpacks to more than"), (b"\n", "are blank")]
)
def test_a_packed_file_that_is_a_bomb_is_refused(tmp_path, piece, said):
    """A hundred kilobytes that would be a hundred megabytes."""
    packer, block = zlib.compressobj(wbits=31), piece * (1_000_000 // len(piece))
    (tmp_path / "x.csv.gz").write_bytes(b"".join([*(packer.compress(block) for _ in range(100)), packer.flush()]))
    with pytest.raises(DataError, match=said):
        read_csv(tmp_path / "x.csv.gz")


def test_a_hundred_blank_lines_are_none(tmp_path):
    path = write_csv(tmp_path / "x.csv", IMAGES, LABELS)
    path.write_bytes(b"\n" * 100 + path.read_bytes() + b"\n" * 100)
    comes_back(path)
