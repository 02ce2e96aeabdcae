"""Files that take the place of others: the old content or the new, whatever happens."""

import errno
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import nnscratch as nn
from nnscratch.files import atomic
from nnscratch.files.atomic import LOCK, locked, write_bytes

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


HOLD = """
import sys, time
from nnscratch.files.atomic import locked
if sys.argv[2] == "library":
    sys.modules["fcntl"] = None
with locked(sys.argv[1]):
    print("locked", flush=True)
    time.sleep(100)
"""


def without_fcntl(monkeypatch):
    """As on Windows; filelock is imported anew, since it looks for what there is."""
    for name in [name for name in sys.modules if name.split(".")[0] == "filelock"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that Linux without fcntl has but its second best
        pytest.importorskip("filelock")


@pytest.mark.parametrize("means", ["fcntl", "library"])
def test_a_folder_is_locked_until_its_process_ends_even_by_a_kill(means, tmp_path, monkeypatch):
    if means == "library":
        without_fcntl(monkeypatch)
    else:
        pytest.importorskip("fcntl")
    folder = tmp_path / "run"
    with subprocess.Popen([sys.executable, "-c", HOLD, folder, means], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "locked\n"
        try:
            for _ in range(2):
                with pytest.raises(nn.DataError, match=r"another process is writing to .*run: wait for its end, or"):
                    enter(folder)
        finally:
            process.kill()
    (folder / ".config.json.1.tmp").touch()  # what the killed one left half written
    with locked(folder):
        assert [path.name for path in folder.iterdir()] == [LOCK]
        (folder / "result").touch()
        with pytest.raises(nn.DataError, match="another process"):
            enter(folder)
    assert [path.name for path in folder.iterdir()] == ["result"]
    with locked(tmp_path / "empty"):
        pass
    assert not (tmp_path / "empty").exists()


def enter(folder):
    with locked(folder):
        pass


def test_without_fcntl_a_folder_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    without_fcntl(monkeypatch)
    (tmp_path / "file").touch()
    with pytest.raises(nn.DataError, match=r"file/run cannot be written \(Not a directory\)"):
        enter(tmp_path / "file" / "run")
    (tmp_path / "run" / LOCK).mkdir(parents=True)
    with pytest.raises(nn.DataError, match="run cannot be written"):
        enter(tmp_path / "run")


def test_where_there_are_no_locks_the_folder_is_written_all_the_same(tmp_path, monkeypatch):
    """As on some network drives."""
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with locked(tmp_path / "run"):
        (tmp_path / "run" / "result").touch()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["result"]
