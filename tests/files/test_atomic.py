"""Files that take the place of others: the old content or the new, whatever happens."""

import errno
import os
from pathlib import Path

import pytest

import nnscratch as nn
from nnscratch.files import atomic
from nnscratch.files.atomic import write_bytes

OLD, NEW = b"old" * 1000, b"new" * 2000


@pytest.fixture
def path(tmp_path):
    write_bytes(tmp_path / "file", OLD)
    return tmp_path / "file"


def test_the_content_is_on_the_disk_before_the_name_is(path, monkeypatch):
    """Else a machine that loses its power may come back with an empty file of that name."""
    seen, replace = [], Path.replace

    def renamed(temporary, target):
        seen.append(("named", target))
        return replace(temporary, target)

    monkeypatch.setattr(atomic.os, "fsync", lambda number: seen.append(("on the disk", os.fstat(number).st_size)))
    monkeypatch.setattr(Path, "replace", renamed)
    write_bytes(path, NEW)
    assert seen == [("on the disk", len(NEW)), ("named", path)]
    assert path.read_bytes() == NEW


def test_who_reads_the_old_file_reads_it_to_its_end(path, tmp_path):
    os.link(path, tmp_path / "same file")
    write_bytes(path, NEW)
    assert path.read_bytes() == NEW
    assert (tmp_path / "same file").read_bytes() == OLD


def test_a_full_disk_leaves_the_old_file_and_nothing_else(path, tmp_path, monkeypatch):
    def full(number):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(nn.DataError, match=r"file cannot be written \(No space left on device\)"):
        write_bytes(path, NEW)
    assert path.read_bytes() == OLD
    assert list(tmp_path.iterdir()) == [path]
