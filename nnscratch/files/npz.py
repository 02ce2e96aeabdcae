"""Files of arrays that are whole or absent, and say what they are: .npz without pickle, with a header and a digest.

A file is a zip of .npy arrays, readable with ``numpy.load``, and of ``header.json``: the format's version, the kind of
file, what the writer put there, and a SHA-256 over all of that and the arrays' bytes. The digest is compared before
any array is parsed.
"""

import hashlib
import io
import json
import math
import re
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import DataError, short_repr
from nnscratch.files.atomic import atomic_write, check_regular, plain

VERSIONS = (1, 2, 3)  # 2, 3: a model that a reader of the one before would misunderstand
HEADER = "header.json"
KINDS = ("model", "training")
ARRAY = re.compile(  # how an .npy file begins: version 1, the header's length, and a header of plain numbers in C order
    rb"\x93NUMPY\x01\x00..\{'descr': '([<>|](?:[iu][1248]|f[248]|b1))', "
    rb"'fortran_order': False, 'shape': \(([\d, ]{0,99})\), \} *\n",
    re.DOTALL,
)
LARGEST = 1 << 30  # bytes, unpacked: far above any network here, far below a machine's memory


def write(path: str | Path, kind: str, header: dict[str, Any], arrays: dict[str, Array], version: int = 1) -> None:
    """Write ``arrays`` and ``header`` (fit for JSON) to ``path``. A kill at any moment leaves the old file or the new.

    The same content gives the same bytes. Raises DataError when the file cannot be written.
    """
    packed = {f"{name}.npy": _pack(value) for name, value in arrays.items()}
    content = {**plain(header), "format": "nnscratch", "version": version, "kind": kind}
    content["digest"] = _digest(content, packed)
    with atomic_write(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, data in {HEADER: json.dumps(content, indent=1).encode(), **packed}.items():
            archive.writestr(zipfile.ZipInfo(name), data)  # without the clock's time


def read(path: str | Path, kind: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return header and arrays of a file that :func:`write` made for this ``kind``.

    Raises DataError when the file is missing, damaged, changed, of another kind or of a newer version.
    """
    header, packed = _unzip(path)
    if header.get("format") != "nnscratch" or not {"version", "kind", "digest"} <= header.keys():
        raise DataError(f"{path} is not a file that nnscratch saved: give another file")
    if header["version"] not in VERSIONS:
        raise DataError(
            f"{path} has format version {short_repr(header['version'])}, but this nnscratch reads 1 to {VERSIONS[-1]}: "
            "update nnscratch"
        )
    if header["kind"] != kind:
        came = header["kind"] if header["kind"] in KINDS else short_repr(header["kind"])
        raise DataError(f"{path} holds a {came}, but a {kind} is wanted here: give another file")
    if not _same(header, packed):
        raise DataError(f"{path} was changed or damaged after it was saved: its digest does not match")
    return header, {name.removesuffix(".npy"): _unpack(path, name, data) for name, data in packed.items()}


def _same(header: dict[str, Any], packed: dict[str, bytes]) -> bool:
    """Return whether the digest in the header is that of the content."""
    try:
        return bool(_digest(header, packed) == header["digest"])
    except (RecursionError, ValueError):  # lists in lists in lists that could be read, but not be written again
        return False


def weights_digest(arrays: dict[str, Array]) -> str:
    """Return a SHA-256, in hex, over the arrays' names, types, shapes and bytes."""
    return digest({}, arrays)


def digest(header: dict[str, Any], arrays: dict[str, Array]) -> str:
    """Return a SHA-256, in hex, over the header (fit for JSON) and the arrays' names, types, shapes and bytes."""
    return _digest(header, {name: _pack(value) for name, value in arrays.items()})


def _pack(array: Array) -> bytes:
    """Return the array as the bytes of an .npy file. Pickles are refused on this way and the way back."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def _unpack(path: str | Path, name: str, data: bytes) -> Array:
    """Return the array of an .npy file, if it is as :func:`_pack` makes it. NumPy would read the header as Python."""
    match = ARRAY.match(data)
    size = math.prod(sizes := [int(one) for one in match[2].split(b",") if one.strip()]) if match else 0
    if match is None or (len(data) - match.end()) != size * np.dtype(match[1].decode()).itemsize:
        raise DataError(f"{path} holds an array that cannot be read, {short_repr(name)}: give another file")
    return np.frombuffer(data, match[1].decode(), offset=match.end()).reshape(sizes).copy()


def _digest(header: dict[str, Any], packed: dict[str, bytes]) -> str:
    hashed = {key: value for key, value in header.items() if key != "digest"}
    sha = hashlib.sha256(json.dumps(hashed, sort_keys=True).encode())
    for name in sorted(packed):
        sha.update(f"\n{name} {len(packed[name])}\n".encode())
        sha.update(packed[name])
    return sha.hexdigest()


def _unzip(path: str | Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the header and the other entries' bytes.

    Nothing larger than ``LARGEST`` is read, nor more than the file itself has: entries are not packed.
    """
    check_regular(path)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            repeated = len({entry.filename for entry in entries}) < len(entries)
            large = sum(entry.file_size for entry in entries) > min(LARGEST, Path(path).stat().st_size)
            if repeated or large or any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise zipfile.BadZipFile
            packed = {entry.filename: archive.read(entry) for entry in entries}
        header = json.loads(packed.pop(HEADER))
    except FileNotFoundError:
        raise DataError(f"{path} does not exist: give the path of a file that nnscratch saved") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error})") from None
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError):
        raise DataError(f"{path} is damaged, or not a file that nnscratch saved") from None
    except (KeyError, ValueError, RecursionError):
        raise DataError(f"{path} is not a file that nnscratch saved: it has no readable {HEADER}") from None
    if not isinstance(header, dict):
        raise DataError(f"{path} is not a file that nnscratch saved: its {HEADER} is not an object")
    return header, packed
