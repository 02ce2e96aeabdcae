"""Files of arrays that are whole or absent, and say what they are: .npz without pickle, with a header and a digest.

A file is a zip of .npy arrays, readable with ``numpy.load``. The entry ``header`` is JSON in UTF-8: the format's
version, the kind of file, a SHA-256 over everything else, and what the writer put there.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import DataError
from nnscratch.files import replacing

VERSION = 1
HEADER = "header"
LARGEST = 1 << 30  # bytes, unpacked: far above any network here, far below a machine's memory


def write(path: str | Path, kind: str, header: dict[str, Any], arrays: dict[str, Array]) -> None:
    """Write ``arrays`` and ``header`` (fit for JSON) to ``path``. A kill at any moment leaves the old file or the new.

    Raises DataError when the file cannot be written.
    """
    content = {**header, "format": "nnscratch", "version": VERSION, "kind": kind}
    content["digest"] = digest(content, arrays)
    packed = np.frombuffer(json.dumps(content).encode(), np.uint8)
    with replacing(path) as file:
        np.savez(file, allow_pickle=False, **{HEADER: packed}, **arrays)


def digest(header: dict[str, Any], arrays: dict[str, Array]) -> str:
    """Return the SHA-256, in hex, of a header without its digest and of every array's name, type, shape and bytes."""
    told = {key: value for key, value in header.items() if key != "digest"}
    sha = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        sha.update(f"{name} {array.dtype.str} {array.shape}".encode())
        sha.update(array.tobytes())
    return sha.hexdigest()


def read(path: str | Path, kind: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return header and arrays of a file that :func:`write` made for this ``kind``.

    Raises DataError when the file is missing, damaged, changed, of another kind or of a newer version.
    """
    try:
        with Path(path).open("rb") as file:
            arrays = _unpack(file)
        header = json.loads(arrays.pop(HEADER).tobytes())
        if header["format"] != "nnscratch":
            raise KeyError("format")
        version, found, expected = header["version"], header["kind"], header["digest"]
    except FileNotFoundError:
        raise DataError(f"{path} does not exist: give the path of a file that nnscratch saved") from None
    except (OSError, zipfile.BadZipFile, zlib.error, struct.error, EOFError) as error:
        raise DataError(f"{path} cannot be read: it is damaged or not a model file ({error})") from None
    except (ValueError, KeyError, TypeError, NotImplementedError, RuntimeError, MemoryError, SyntaxError):
        raise DataError(f"{path} is not a file that nnscratch saved, or it is damaged") from None
    if version != VERSION:
        raise DataError(f"{path} has format version {version}, but this nnscratch reads {VERSION}: update nnscratch")
    if found != kind:
        raise DataError(f"{path} holds a {found}, but a {kind} is wanted here: give another file")
    if digest(header, arrays) != expected:
        raise DataError(f"{path} was changed or damaged after it was saved: its digest does not match")
    return header, arrays


def _unpack(file: IO[bytes]) -> dict[str, Array]:
    """Return the arrays of an .npz file, refusing pickles and anything that unpacks to more than ``LARGEST`` bytes."""
    with zipfile.ZipFile(file) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > LARGEST:
            raise ValueError("too large")
    file.seek(0)
    with np.load(file, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
