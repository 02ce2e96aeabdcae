"""The safetensors format: arrays in a file that holds no code, and that many libraries read.

    8 bytes     length of the header, little-endian
    header      JSON: {"__metadata__": {text: text}, name: {"dtype", "shape", "data_offsets": [from, to]}, ...}
    the rest    the arrays' bytes, row by row, little-endian, one after the other without a gap

What nnscratch needs besides the weights is in the metadata, as JSON texts: architecture, temperature, ...
"""

import json
import math
import os
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import DataError
from nnscratch.files.atomic import atomic_write, check_regular, plain
from nnscratch.files.npz import LARGEST, VERSIONS, digest

SUFFIX = ".safetensors"
LONGEST_HEADER = 10_000_000  # bytes: far above any header of ours, and its JSON fits into memory
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}  # those that weights have
METADATA = "__metadata__"
ENTRY = {"dtype", "shape", "data_offsets"}


def write(path: str | Path, header: dict[str, Any], arrays: dict[str, Array], version: int = 1) -> None:
    """Write ``arrays`` (float32 or float64) and ``header`` (fit for JSON) to ``path``, whole or not at all.

    The same content gives the same bytes. Raises DataError when the file cannot be written.
    """
    header = plain(header)
    metadata = {key: json.dumps(value) for key, value in header.items()}
    own = {"format": "nnscratch", "version": str(version), "digest": digest(header, arrays)}
    content: dict[str, Any] = {METADATA: own | metadata}
    names = {np.dtype(code): name for name, code in DTYPES.items()}
    order = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))  # each begins at a multiple of its size
    start = 0
    for name in order:
        array = arrays[name]
        entry = {"dtype": names[array.dtype], "shape": list(array.shape), "data_offsets": [start, start + array.nbytes]}
        content[name] = entry
        start += array.nbytes
    text = json.dumps(content, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with atomic_write(path) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in order:
            file.write(np.ascontiguousarray(arrays[name], arrays[name].dtype.newbyteorder("<")).tobytes())


def read(path: str | Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return header and arrays of a file that :func:`write` made. The arrays are read-only.

    Where the metadata has no digest, as when somebody else has changed the weights, none is compared.
    Raises DataError when the file is missing, damaged, changed, or has no metadata of nnscratch.
    """
    metadata, arrays = read_arrays(path)
    if metadata.pop("format", None) != "nnscratch" or "version" not in metadata:
        raise DataError(
            f"{path} holds weights, but not the architecture that nnscratch keeps in the metadata: "
            f"give a file that nnscratch wrote"
        )
    version = metadata.pop("version")
    if version not in map(str, VERSIONS):
        reads = f"1 to {VERSIONS[-1]}"
        raise DataError(f"{path} has version {version[:20]}, but this nnscratch reads {reads}: update nnscratch")
    claimed = metadata.pop("digest", None)
    try:
        header = {key: json.loads(value) for key, value in metadata.items()}
        same = claimed in (None, digest(header, arrays))
    except (ValueError, RecursionError):
        raise DataError(f"{path} has metadata that are not JSON: it was changed after it was saved") from None
    if not same:
        raise DataError(
            f"{path} was changed or damaged after it was saved: its digest does not match "
            f"(whoever changed it on purpose leaves the digest out of the metadata)"
        )
    return header, arrays


def read_arrays(path: str | Path) -> tuple[dict[str, str], dict[str, Array]]:
    """Return the metadata and the arrays of any safetensors file of real numbers; the arrays are read-only.

    Raises DataError when the file is missing, or is not in every respect as its header says.
    """
    check_regular(path)
    try:
        with Path(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > LARGEST:
                _refuse(path, f"it has {size:,} bytes, and at most {LARGEST:,} are read")
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(size - 8, LONGEST_HEADER):
                _refuse(path, f"its header claims {length:,} bytes, and the file has {size:,}")
            metadata, entries = _parsed(path, file.read(length))
            data = file.read(size - 8 - length)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist: give the path of a safetensors file") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error})") from None
    return metadata, _arrays(path, entries, data)


def _refuse(path: str | Path, why: str) -> NoReturn:
    raise DataError(f"{path} is damaged, or no safetensors file: {why}")


def _parsed(path: str | Path, text: bytes) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the metadata, and what the header says of each array."""
    try:
        header = json.loads(text.decode(), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        _refuse(path, f"its header is not JSON ({str(error)[:80]})")
    if not isinstance(header, dict):
        _refuse(path, "its header is no JSON object")
    metadata = header.pop(METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        _refuse(path, "its metadata are not texts")
    return metadata, header


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of the JSON. Of two values by one name, libraries differ in which counts: ValueError."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def _arrays(path: str | Path, entries: dict[str, Any], data: bytes) -> dict[str, Array]:
    """Return views of ``data``, which the entries must cover from the first byte to the last, without an overlap."""
    spans = {name: _span(path, name, entry) for name, entry in entries.items()}
    arrays, end = {}, 0
    for name in sorted(spans, key=spans.__getitem__):
        start, stop = spans[name]
        if start != end:
            _refuse(path, f"{name[:40]!r} begins at byte {start}, where {end} is due")
        end = stop
        dtype = np.dtype(DTYPES[entries[name]["dtype"]])
        if stop > len(data):
            _refuse(path, f"{name[:40]!r} ends at byte {stop}, and there are {len(data)}")
        arrays[name] = np.frombuffer(data, dtype, (stop - start) // dtype.itemsize, start)
        arrays[name] = arrays[name].reshape(entries[name]["shape"])
    if end != len(data):
        _refuse(path, f"its arrays have {end} bytes, and there are {len(data)}")
    return {name: arrays[name] for name in entries}


def _span(path: str | Path, name: str, entry: Any) -> tuple[int, int]:
    """Return where an array's bytes begin and end, once its type, shape and place agree with each other."""
    if not isinstance(entry, dict) or set(entry) != ENTRY:
        _refuse(path, f"{name[:40]!r} is not described by dtype, shape and data_offsets")
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(kind, str) or kind not in DTYPES:
        raise DataError(f"{path}: {name[:40]!r} is of type {str(kind)[:20]}, but weights are {', '.join(DTYPES)}")
    if not _whole_numbers(shape) or len(shape) > 32 or not _whole_numbers(offsets) or len(offsets) != 2:
        _refuse(path, f"shape or place of {name[:40]!r} are no whole numbers")
    size = math.prod(shape) * np.dtype(DTYPES[kind]).itemsize
    if offsets[1] - offsets[0] != size:
        _refuse(path, f"{name[:40]!r} has another number of bytes than its shape and type say")
    return offsets[0], offsets[1]


def _whole_numbers(values: Any) -> bool:
    """Return whether this is a list of integers from 0 up to more than any file has."""
    return isinstance(values, list) and all(type(value) is int and 0 <= value <= LARGEST for value in values)


def is_safetensors(path: str | Path) -> bool:
    """Return whether a file of this name is written and read in the safetensors format; all others are .npz."""
    return str(path).endswith(SUFFIX)
