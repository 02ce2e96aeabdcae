"""The IDX reader: every type and rank comes back as written; every broken file is a DataError."""

import gzip
import hashlib
import re
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nnscratch.data import read_idx
from nnscratch.data.formats.idx import idx_sha256, read_idx_images, read_idx_labels
from nnscratch.errors import DataError
from tests.tools.data_files import CODES, digits, idx_bytes, write

SMALL = np.arange(6, dtype=np.int16).reshape(2, 3)
any_array = st.sampled_from(sorted(CODES)).flatmap(
    lambda name: hnp.arrays(name, hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4))
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(values=any_array, packed=st.booleans())
def test_every_type_and_rank_comes_back_as_written(tmp_path_factory, values, packed):
    path = write(tmp_path_factory.getbasetemp() / "round.idx", idx_bytes(values), packed)
    got = read_idx(path)
    assert got.dtype == values.dtype and got.dtype.isnative
    assert got.shape == values.shape and got.flags.c_contiguous
    np.testing.assert_array_equal(got, values)


def test_a_known_file_byte_by_byte(tmp_path):
    content = bytes.fromhex("00000B02 00000002 00000002 0001 0100 FFFF 8000")
    np.testing.assert_array_equal(read_idx(write(tmp_path / "x", content)), [[1, 256], [-1, -32768]])


@pytest.mark.parametrize("name", sorted(CODES))
def test_big_endian_values(tmp_path, name):
    values = np.array([0, 1, 2, 100], dtype=name)
    np.testing.assert_array_equal(read_idx(write(tmp_path / "x", idx_bytes(values))), values)


@pytest.mark.parametrize("packed", [False, True])
def test_gzip_is_told_by_the_bytes_not_by_the_name(tmp_path, packed):
    path = write(tmp_path / ("plain-name" if packed else "name.gz"), idx_bytes(SMALL), packed)
    np.testing.assert_array_equal(read_idx(path), SMALL)
    np.testing.assert_array_equal(read_idx(str(path)), SMALL)


def test_members_of_gzip_are_joined(tmp_path):
    content = idx_bytes(SMALL)
    path = write(tmp_path / "x", gzip.compress(content[:9]) + gzip.compress(content[9:]))
    np.testing.assert_array_equal(read_idx(path), SMALL)


@pytest.mark.parametrize("packed", [False, True])
def test_truncation_at_every_byte(tmp_path, packed):
    whole = write(tmp_path / "whole", idx_bytes(SMALL), packed).read_bytes()
    for length in range(len(whole)):
        path = write(tmp_path / "short", whole[:length])
        with pytest.raises(DataError, match=r"short: .*(empty|truncated|cut short|not an IDX)"):
            read_idx(path)
    np.testing.assert_array_equal(read_idx(write(tmp_path / "short", whole)), SMALL)


def test_truncated_content_inside_sound_gzip(tmp_path):
    content = idx_bytes(SMALL)
    for length in range(len(content)):
        with pytest.raises(DataError, match=r"empty|truncated"):
            read_idx(write(tmp_path / "x", content[:length], packed=True))


@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.integers(0, 200), value=st.integers(1, 255))
def test_a_changed_byte_in_gzip_is_never_another_exception(tmp_path, place, value):
    values = np.arange(400, dtype=np.int32)
    whole = bytearray(gzip.compress(idx_bytes(values), mtime=0))
    whole[place % len(whole)] ^= value
    try:
        got = read_idx(write(tmp_path / "x", bytes(whole)))
    except DataError:
        return
    np.testing.assert_array_equal(got, values)  # fields of the gzip header that do not matter, such as the time


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=40) | st.binary(max_size=40).map(lambda tail: b"\0\0\x08" + tail))
def test_any_bytes_are_an_array_or_a_data_error(tmp_path, content):
    try:
        got = read_idx(write(tmp_path / "x", content))
    except DataError:
        return
    assert idx_bytes(got) == content


@pytest.mark.parametrize("packed", [False, True])
def test_trailing_bytes(tmp_path, packed):
    with pytest.raises(DataError, match="x: the header announces 2 x 3 int16, 12 bytes, but the file has more"):
        read_idx(write(tmp_path / "x", idx_bytes(SMALL) + b"\0", packed))


def test_trailing_bytes_after_gzip(tmp_path):
    with pytest.raises(DataError, match="x: the gzip data is damaged"):
        read_idx(write(tmp_path / "x", gzip.compress(idx_bytes(SMALL)) + b"tail"))


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n" + bytes(20), b"\0\0\x0a\1" + bytes(5), b"\0\1\x08\1" + bytes(5)]
)
def test_not_idx(tmp_path, content):
    start = re.escape(content[:4].hex(" "))
    with pytest.raises(DataError, match=f"x: starts with the bytes {start}, so it is not an IDX file"):
        read_idx(write(tmp_path / "x", content))


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DataError, match="nowhere: there is no such file"):
        read_idx(tmp_path / "nowhere")
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(tmp_path)


def test_permission_denied(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(DataError, match=r"x: cannot be read \(Permission denied\)"):
        read_idx(tmp_path / "x")


@pytest.mark.parametrize("packed", [False, True])
def test_a_lying_header_costs_no_memory(tmp_path, packed):
    path = write(tmp_path / "x", struct.pack(">BBBBII", 0, 0, 8, 2, 60_000, 60_000) + bytes(1000), packed)
    tracemalloc.start()
    with pytest.raises(DataError, match=r"60000 x 60000 uint8, 3,600,000,000 bytes, but the file ends after 1,000"):
        read_idx(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


def test_a_gzip_bomb_costs_no_more_than_the_header_says(tmp_path):
    path = write(tmp_path / "x", struct.pack(">BBBBI", 0, 0, 8, 1, 1000) + bytes(64 << 20), packed=True)
    tracemalloc.start()
    with pytest.raises(DataError, match="1,000 bytes, but the file has more"):
        read_idx(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


@pytest.mark.parametrize(
    "shape", [(2**32 - 1, 2), (0, 2**32 - 1, 2**32 - 1), (2**20, 2**20, 2**20), (1,) * 33, (2**32 - 1,) * 255]
)
def test_headers_beyond_the_limits(tmp_path, shape):
    header = struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape)
    with pytest.raises(DataError, match="at most 32 dimensions and 4 GiB can be read") as caught:
        read_idx(write(tmp_path / "x", header + b"\0"))
    assert len(str(caught.value)) < 400 + len(str(tmp_path))


def test_32_dimensions_are_read(tmp_path):
    assert read_idx(write(tmp_path / "x", idx_bytes(np.ones((1,) * 32, np.uint8)))).shape == (1,) * 32


def test_swapped_files_are_named(tmp_path):
    images, labels = digits(3)
    with pytest.raises(DataError, match=r"x: holds labels .* where images .* swapped"):
        read_idx_images(write(tmp_path / "x", idx_bytes(labels)))
    with pytest.raises(DataError, match=r"x: holds images .* where labels .* swapped"):
        read_idx_labels(write(tmp_path / "x", idx_bytes(images)))


@pytest.mark.parametrize("values", [np.zeros((2, 0, 32), np.uint8), np.zeros((2, 28, 28), np.float32)])
def test_other_images_are_refused(tmp_path, values):
    with pytest.raises(DataError, match=r"x: holds 2 x .* but images must be n x height x width uint8"):
        read_idx_images(write(tmp_path / "x", idx_bytes(values)))


@pytest.mark.parametrize("values", [np.zeros(3, np.float32), np.zeros((3, 0), np.uint8), np.array(3, np.uint8)])
def test_other_labels_are_refused(tmp_path, values):
    with pytest.raises(DataError, match=r"x: holds .* but labels must be n"):
        read_idx_labels(write(tmp_path / "x", idx_bytes(values)))


@pytest.mark.parametrize("kind", ["uint8", "int8", "int16", "int32"])
def test_labels_of_any_integers(tmp_path, kind):
    labels = np.array([9, 100, 0], kind)
    np.testing.assert_array_equal(read_idx_labels(write(tmp_path / "x", idx_bytes(labels))), labels)
    table = np.stack([labels, labels + 1], axis=1)
    np.testing.assert_array_equal(read_idx_labels(write(tmp_path / "x", idx_bytes(table))), labels)


def test_sha256_is_that_of_the_file():
    images, labels = digits(5)
    for values in (images, labels, images[::2]):
        assert idx_sha256(values) == hashlib.sha256(idx_bytes(values)).hexdigest()


def test_a_packed_bomb_is_refused_before_it_fills_the_memory(tmp_path):
    packer = zlib.compressobj(wbits=31)
    parts = [packer.compress(idx_bytes(np.zeros((0, 28, 28), np.uint8))[:4] + struct.pack(">III", 2_000_000, 28, 28))]
    parts += [packer.compress(bytes(1_000_000)) for _ in range(150)]
    (tmp_path / "x").write_bytes(b"".join([*parts, packer.flush()]))
    tracemalloc.start()
    with pytest.raises(DataError, match="unpacks to more than 30 times its size"):
        read_idx(tmp_path / "x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 120_000_000
