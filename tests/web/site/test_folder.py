"""The folder of the page: written whole or not at all, replaced cleanly, and nobody else's."""

import json

import pytest

from nnscratch.errors import DataError
from nnscratch.web.site import folder as folder_module
from nnscratch.web.site.folder import MARK, write_site

OLD = {"static/1/main.js": b"old", "static/1/engine/a.js": b"a", "networks/7/n.safetensors": b"7"}
NEW = {"static/2/main.js": b"new", "networks/7/n.safetensors": b"7"}


def entrances(text):
    return {"404.html": b"404", "index.html": text, "sw.js": text}


def held(folder):
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    files.pop(MARK, None)
    return files


@pytest.fixture
def out(tmp_path):
    """A folder with an older page."""
    write_site(tmp_path / "a" / "page", OLD, entrances(b"1"))
    assert held(tmp_path / "a" / "page") == OLD | entrances(b"1")
    return tmp_path / "a" / "page"


def test_a_newer_page_takes_the_place_of_an_older_one(out):
    write_site(out, NEW, entrances(b"2"))
    assert held(out) == NEW | entrances(b"2")
    assert not (out / "static" / "1").exists()  # no empty folder is left
    write_site(out, NEW, entrances(b"2"))
    assert held(out) == NEW | entrances(b"2")


def test_the_page_leads_to_files_that_are_there_at_any_moment(out, monkeypatch):
    """Whoever reads while it is written finds all of the old page or all of the new one."""
    seen, write = [], folder_module.write_bytes

    def watched(path, data):
        write(path, data)
        seen.append(held(out))

    monkeypatch.setattr(folder_module, "write_bytes", watched)
    write_site(out, NEW, entrances(b"2"))
    for files in seen:
        assert (OLD if files["index.html"] == b"1" else NEW).items() <= files.items()
        assert (OLD if files["sw.js"] == b"1" else NEW).items() <= files.items()
    assert {files["index.html"] for files in seen} == {b"1", b"2"}


@pytest.mark.parametrize("error", [DataError("the disk is full"), KeyboardInterrupt()])
def test_where_it_cannot_be_written_the_old_page_stays(out, monkeypatch, error):
    write = folder_module.write_bytes

    def full(path, data):
        if path.name == "n2":
            raise error
        write(path, data)

    with monkeypatch.context() as patched:
        patched.setattr(folder_module, "write_bytes", full)
        with pytest.raises(type(error)):
            write_site(out, NEW | {"networks/8/n2": b"8"}, entrances(b"2"))
        assert held(out) == OLD | entrances(b"1")
        with pytest.raises(type(error)):
            write_site(out.parent / "fresh", NEW | {"networks/8/n2": b"8"}, entrances(b"2"))
        assert not (out.parent / "fresh").exists()
    write_site(out, NEW, entrances(b"2"))
    assert held(out) == NEW | entrances(b"2")


def test_what_a_killed_process_has_left_is_mended(out, monkeypatch):
    write = folder_module.write_bytes

    class Killed(BaseException):
        pass

    def killed(path, data):
        write(path, data)
        if path.name == "main.js":
            (out / "static" / "2" / ".x.js.12345678.tmp").write_bytes(b"half")
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(folder_module, "write_bytes", killed)
        patched.setattr(folder_module, "_remove", lambda *_: None)  # nobody cleans up after a kill
        with pytest.raises(Killed):
            write_site(out, NEW, entrances(b"2"))
        patched.undo()
    mark = json.loads((out / MARK).read_text())
    (out / MARK).write_text(json.dumps(mark | {"files": sorted({*OLD, *NEW, *entrances(b"")})}))  # as it was then
    write_site(out, OLD, entrances(b"3"))
    assert held(out) == OLD | entrances(b"3")


@pytest.mark.parametrize("name", ["thesis.tex", "static/1/mine.js", ".git/config", "index.html"])
def test_a_folder_with_anything_else_is_refused(tmp_path, name):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(DataError, match=rf"holds {name}, which is not of an older page: give a new folder"):
        write_site(tmp_path, NEW, entrances(b"2"))
    assert held(tmp_path) == {name: b"mine"}


def test_what_somebody_put_beside_the_page_is_kept(out):
    (out / "CNAME").write_bytes(b"digits.example")
    before = held(out)
    with pytest.raises(DataError, match="holds CNAME"):
        write_site(out, NEW, entrances(b"2"))
    assert held(out) == before


def test_a_file_or_a_link_is_no_folder_of_ours(out, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="is a file: give the name of a folder"):
        write_site(tmp_path / "file", NEW, entrances(b"2"))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "main.js").write_bytes(b"precious")
    (out / "static" / "3").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="holds static/3"):
        write_site(out, NEW, entrances(b"2"))


@pytest.mark.parametrize("mark", [b"", b"[]", b"{}", b'{"made_by": "x", "files": ["index.html"]}', b"[" * 100_000])
def test_a_mark_of_another_program_is_none_of_ours(out, mark):
    (out / MARK).write_bytes(mark)
    with pytest.raises(DataError, match="which is not of an older page"):
        write_site(out, NEW, entrances(b"2"))
    assert held(out) == OLD | entrances(b"1")


def test_a_mark_cannot_make_us_remove_what_is_elsewhere(out, tmp_path):
    (tmp_path / "precious").write_bytes(b"mine")
    mark = json.loads((out / MARK).read_text())
    mark["files"] += ["../../precious", str(tmp_path / "precious"), 7]
    (out / MARK).write_text(json.dumps(mark))
    write_site(out, NEW, entrances(b"2"))
    assert (tmp_path / "precious").read_bytes() == b"mine" and held(out) == NEW | entrances(b"2")
