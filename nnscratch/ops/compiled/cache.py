"""Where the machine code of the kernels is kept.

On disk, in ``nnscratch`` below NUMBA_CACHE_DIR or, where that is not given or cannot be written, below the user's cache
folder; where that cannot be written either, in memory alone. Numba's own cache is mended in what follows.
"""

import hashlib
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba.core import caching

INTERPRETED = bool(numba.config.DISABLE_JIT)  # NUMBA_DISABLE_JIT=1: the kernels are plain Python


def _user_caches() -> Path:
    """Return the folder for caches of this user. Raises RuntimeError where no home is known."""
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    if sys.platform == "darwin":
        return home / "Library" / "Caches"
    chosen = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return chosen if chosen.is_absolute() else home / ".cache"


def _cache_name() -> Path:
    """Return a path that is of these sources and versions alone: no code is taken for that of others."""
    digest = hashlib.sha256(f"{sys.implementation.cache_tag} {numba.__version__} {llvmlite.__version__}".encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return Path("nnscratch", digest.hexdigest()[:16])


def _cache_folder() -> Path | None:
    """Return the folder of the machine code, which can be written, or None where there is none."""
    places, refused = [Path(numba.config.CACHE_DIR)] if numba.config.CACHE_DIR else [], []
    with suppress(RuntimeError):
        places.append(_user_caches())
    for place in places:
        folder = place / _cache_name()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(bytes(4096))  # a full disk refuses this
        except OSError:
            refused.append(str(place))
            continue
        if refused:
            _warn(f"{refused[0]} cannot be written: compiled code is kept in {folder}")
        return folder
    told = " and ".join(refused) or "the home folder"
    _warn(f"{told} cannot be written: every process compiles anew; give a folder to NUMBA_CACHE_DIR")
    return None


def _warn(told: str) -> None:
    warnings.warn(told, RuntimeWarning, stacklevel=3)


class _Locator(caching.CacheImpl._locator_classes[0]):  # type: ignore[misc]  # that of NUMBA_CACHE_DIR
    """Where Numba keeps the code of this folder's functions; that of others stays where it was."""

    def __init__(self, function: Any, file: str) -> None:
        super().__init__(function, file)
        self._cache_path = str(CACHE)

    @classmethod
    def from_function(cls, function: Any, file: str) -> Any:
        """Return one for a function of a file of this folder, else None."""
        is_ours = Path(file).parent == Path(__file__).parent and Path(file).exists()  # not inside of a ZIP file
        return cls(function, file) if is_ours else None


def _save(self: Any, key: Any, data: Any) -> None:
    """In the place of ``IndexDataCacheFile.save``: a file's name says whose code it holds, and the index names it last.

    Numba numbers these files, and writes the index first. So of two processes that compile at the same time one may
    give its number to the other's code, and one that is killed leaves a number to an older file: then the machine code
    of one geometry runs on the arrays of another, and works beside them. Nor need a full disk end a training.
    """
    with suppress(OSError):
        overloads = self._load_index()
        digest = hashlib.sha256(repr((self._source_stamp, key)).encode()).hexdigest()[:24]
        overloads[key] = f"{self._index_name.removesuffix('.nbi')}.{digest}.nbc"
        self._save_data(overloads[key], data)
        self._save_index(overloads)


def _or(default: Callable[[], Any], load: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``load`` of a damaged or unreadable file with the result ``default()``, which compiles it anew."""

    @wraps(load)
    def loaded(*arguments: Any) -> Any:
        try:
            return load(*arguments)
        except Exception:  # whatever pickle makes of other bytes
            return default()

    return loaded


CACHE = None if INTERPRETED else _cache_folder()
CACHED = CACHE is not None
caching.CacheImpl._locator_classes.insert(0, _Locator)
_files: Any = caching.IndexDataCacheFile
_files.save, _files.load, _files._load_index = _save, _or(lambda: None, _files.load), _or(dict, _files._load_index)
