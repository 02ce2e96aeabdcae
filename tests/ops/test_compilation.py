"""The compiler: never asked for where it is not needed, and done without where it cannot be had."""

import importlib
import os
import pickle
import subprocess
import sys

import pytest

from tests.tools.checks import needs_compiler
from tests.tools.commands import ROOT, only_run

TWO_KERNELS = """
import numpy as np, nnscratch as nn
nn.set_backend("numba")
x = np.linspace(1, 2, 128).reshape(1, 4, 4, 8)
print(nn.ops.relu_forward(x)[0].sum() + nn.ops.avgpool2d_forward(x, (2, 2), (2, 2)).sum())
"""

MODELS = ("lenet5", "logistic")
WITHOUT_NUMBA = """
import runpy, sys
from importlib.machinery import PathFinder
find = PathFinder.find_spec
hidden = lambda name, *rest: None if name.split(".")[0] in ("numba", "llvmlite") else find(name, *rest)
PathFinder.find_spec = staticmethod(hidden)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def python(code, *arguments, cwd, **environment):
    result = subprocess.run(
        [sys.executable, "-W", "default", "-c", code, *map(str, arguments)],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout, result.stderr


@pytest.fixture
def unwritable(tmp_path):
    """A folder that even root cannot make: below a file."""
    (tmp_path / "file").write_text("in the way")
    return tmp_path / "file" / "cache"


def compiled(tmp_path, **places):
    """Compile two kernels with these folders for caches, in a process of its own; return its stderr."""
    (tmp_path / "temporary").mkdir(exist_ok=True)
    places = {"NUMBA_CACHE_DIR": "", "TMPDIR": tmp_path / "temporary"} | places
    out, err = python(TWO_KERNELS, cwd=tmp_path, **{name: str(place) for name, place in places.items()})
    assert float(out)
    assert not list((tmp_path / "temporary").iterdir())  # it leaves nothing temporary
    return err


def user_caches(home):
    """What sets the user's folder for caches, and that folder."""
    if sys.platform == "win32":
        return {"LOCALAPPDATA": home}, home
    if sys.platform == "darwin":
        return {"HOME": home}, home / "Library" / "Caches"
    return {"XDG_CACHE_HOME": home}, home


@pytest.mark.slow
@needs_compiler
def test_code_is_kept_with_the_users_caches_and_damaged_code_is_compiled_anew(tmp_path):
    beside = ROOT / "nnscratch" / "ops" / "compiled" / "__pycache__"
    before = set(beside.glob("*.nb?"))
    setting, caches = user_caches(tmp_path / "caches")
    assert compiled(tmp_path, **setting) == ""
    kept = {path: path.stat().st_mtime_ns for path in caches.rglob("*.nb?")}
    assert len(kept) > 4
    assert {path.parents[1] for path in kept} == {caches / "nnscratch"}
    assert set(beside.glob("*.nb?")) == before  # what is uninstalled leaves nothing there
    assert compiled(tmp_path, **setting) == ""
    assert {path: path.stat().st_mtime_ns for path in caches.rglob("*.nb?")} == kept
    for number, path in enumerate(sorted(kept)):
        path.write_bytes((b"", bytes(100), b"garbage", path.read_bytes()[:-9])[number % 4])
    assert compiled(tmp_path, **setting) == ""
    assert all(pickle.loads(path.read_bytes()) for path in caches.rglob("*.nbi"))
    assert {path for path in caches.rglob("*.nb?") if path.stat().st_mtime_ns > kept[path]}


@pytest.mark.slow
@needs_compiler
def test_a_cache_that_cannot_be_written_is_replaced_by_the_users_with_one_warning(tmp_path, unwritable):
    setting, caches = user_caches(tmp_path / "caches")
    err = compiled(tmp_path, NUMBA_CACHE_DIR=unwritable, **setting)
    assert err.count("RuntimeWarning") == 1
    assert f"{unwritable} cannot be written: compiled code is kept in {caches / 'nnscratch'}" in err
    assert list(caches.rglob("*.nbc"))


@pytest.mark.slow
@needs_compiler
def test_where_nothing_can_be_written_code_is_kept_in_memory_with_one_warning(tmp_path, unwritable):
    setting, caches = user_caches(unwritable)
    err = compiled(tmp_path, NUMBA_CACHE_DIR=unwritable / "numba", **setting)
    assert err.count("RuntimeWarning") == 1
    assert f"{unwritable / 'numba'} and {caches} cannot be written: every process compiles anew" in err


def test_a_full_disk_and_functions_of_others(tmp_path, monkeypatch):
    caching = pytest.importorskip("numba.core.caching")
    cache = importlib.import_module("nnscratch.ops.compiled.cache")
    file = caching.IndexDataCacheFile(str(tmp_path), "kernel", "stamp")

    def full(name, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(file, "_save_data", full)
    file.save("key", "code")
    assert file.load("key") is None
    assert cache._Locator.from_function(test_a_full_disk_and_functions_of_others, __file__) is None
    assert cache._Locator.from_function(cache._warn, cache.__file__ + ".zip") is None


@pytest.mark.slow
def test_without_numba_everything_runs_with_one_notice(tmp_path):
    short = ("--limit", 500, "--epochs", 1, "--val-size", 100)
    out, err = python(WITHOUT_NUMBA, ROOT / "train.py", *MODELS, *short, cwd=tmp_path)
    assert err == ""
    assert out.count("Numba is not installed") == 1
    assert "backend  numpy" in out
    assert out.count("epoch 1/1") == 2
    out, err = python(WITHOUT_NUMBA, ROOT / "predict.py", "test:0", "--all", cwd=tmp_path)
    assert out.count("test:0: ") == 3
    assert "umba" not in out + err


@pytest.mark.parametrize("command", ["", "predict test:0 --model FILE", "predict digit.png --model FILE", "models"])
def test_numba_is_not_imported(command, place):
    code = (
        "import sys, nnscratch; from nnscratch.cli.main import main\n"
        "code = main(sys.argv[1:]) if sys.argv[1:] else 0\n"
        "print(code, 'numba' in sys.modules)"
    )
    arguments = [part.replace("FILE", str(only_run(place) / "lenet5" / "model.npz")) for part in command.split()]
    assert python(code, *arguments, cwd=place)[0].splitlines()[-1] == "0 False"


def test_two_processes_that_compile_at_once_do_not_swap_their_code(tmp_path):
    """Numba's own way gives both files the number 1: the index then names the one's code as the other's."""
    caching = pytest.importorskip("numba.core.caching")
    importlib.import_module("nnscratch.ops.compiled.cache")
    one, other, later = (caching.IndexDataCacheFile(str(tmp_path), "kernel", "stamp") for _ in range(3))
    write = one._save_data

    def while_the_other_writes(name, data):
        other.save("other", "code of the other")
        write(name, data)

    one._save_data = while_the_other_writes
    other._load_index = dict  # read before the one wrote its own
    one.save("one", "code of the one")
    assert later.load("one") in ("code of the one", None)
    assert later.load("other") in ("code of the other", None)


def test_a_process_that_is_killed_leaves_no_older_code(tmp_path):
    caching = pytest.importorskip("numba.core.caching")
    importlib.import_module("nnscratch.ops.compiled.cache")
    caching.IndexDataCacheFile(str(tmp_path), "kernel", "before").save("old", "old code")
    killed = caching.IndexDataCacheFile(str(tmp_path), "kernel", "after")

    def kill(name, data):
        raise KeyboardInterrupt

    killed._save_data = kill
    with pytest.raises(KeyboardInterrupt):
        killed.save("new", "new code")
    assert caching.IndexDataCacheFile(str(tmp_path), "kernel", "after").load("new") is None
