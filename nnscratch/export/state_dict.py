"""A state dict as ``torch.load(path, weights_only=True)`` reads it, written without PyTorch.

Such a file is a zip, unpacked: ``data.pkl`` is a pickle of a dict from names to tensors, in which each tensor names the
entry ``data/0``, ``data/1``, ... that has its bytes. The pickle is put together here from the few operations that it
takes; ``pickle`` itself would want to import torch for its names.
"""

import pickle
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from nnscratch.arrays import Array
from nnscratch.files.atomic import atomic_write

STORAGES = {"f4": "FloatStorage", "f8": "DoubleStorage", "i8": "LongStorage"}


def write_tensors(path: str | Path, tensors: dict[str, Array]) -> None:
    """Write arrays of float32, float64 or int64, whole or not at all. The same arrays give the same bytes.

    Raises DataError when the file cannot be written.
    """
    entries = {"data.pkl": pickled(tensors), "byteorder": b"little", "version": b"3\n"}
    for number, array in enumerate(tensors.values()):
        entries[f"data/{number}"] = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    with atomic_write(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, data in entries.items():
            archive.writestr(zipfile.ZipInfo(f"archive/{name}"), data)  # without the clock's time


def pickled(tensors: dict[str, Array]) -> bytes:
    """Return the pickle: {name: torch._utils._rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())}."""
    parts = [pickle.PROTO + b"\x02", pickle.EMPTY_DICT, pickle.MARK]
    for number, (name, array) in enumerate(tensors.items()):
        strides = [stride // array.itemsize for stride in np.empty(array.shape, array.dtype).strides]
        arguments = [_storage(number, array), _int(0), _tuple(map(_int, array.shape)), _tuple(map(_int, strides))]
        arguments += [pickle.NEWFALSE, _global("collections", "OrderedDict") + pickle.EMPTY_TUPLE + pickle.REDUCE]
        parts += [_text(name), _global("torch._utils", "_rebuild_tensor_v2"), _tuple(arguments), pickle.REDUCE]
    return b"".join([*parts, pickle.SETITEMS, pickle.STOP])


def _storage(number: int, array: Array) -> bytes:
    """Return ("storage", torch.FloatStorage, "0", "cpu", size), marked as something that lies outside the pickle."""
    kind = _global("torch", STORAGES[array.dtype.str[1:]])
    return _tuple([_text("storage"), kind, _text(str(number)), _text("cpu"), _int(array.size)]) + pickle.BINPERSID


def _global(module: str, name: str) -> bytes:
    return pickle.GLOBAL + f"{module}\n{name}\n".encode()


def _text(text: str) -> bytes:
    data = text.encode()
    return pickle.BINUNICODE + len(data).to_bytes(4, "little") + data


def _int(number: int) -> bytes:
    return pickle.BININT + number.to_bytes(4, "little", signed=True)


def _tuple(items: Iterable[bytes]) -> bytes:
    return pickle.MARK + b"".join(items) + pickle.TUPLE
