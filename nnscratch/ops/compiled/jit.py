"""How the kernels are compiled, where the machine code is kept, and how a run of kernels is recorded and played again.

- ``nogil``: shards run side by side on threads.
- fast-math without ``nnan`` and ``ninf``: sums may be reordered, which is what lets a reduction use vector
  instructions; NaN and infinity keep their meaning, so a training that diverges still shows it.
- ``elementwise`` allows ``contract`` alone: with more, the machine code for a vector's ends may round otherwise than
  that for its middle, and where a vector is cut would show in the bits.
- ``cache``: machine code is kept on disk, in ``nnscratch`` below NUMBA_CACHE_DIR or, where that is not given or cannot
  be written, below the user's cache folder; where that cannot be written either, in memory alone.

A kernel would read and write past the end of an array that is too short. So the function around each first asks
whether the arguments fit (``same_floats``, ``alike``, ...), and calls the readable function where they do not, which
gives the right answer or says what is wrong. A recording asks nothing: it holds arrays that were let in.
"""

import hashlib
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import partial, wraps
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import caching
from numba.extending import intrinsic

from nnscratch.arrays import Array

INTERPRETED = bool(numba.config.DISABLE_JIT)  # NUMBA_DISABLE_JIT=1: the kernels are plain Python
FASTMATH = {"contract", "reassoc", "arcp", "nsz", "afn"}
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))  # in the machine's byte order, as a kernel takes them
NUMBERS = (*FLOATS, *(np.dtype(f"{sign}{size}") for sign in "ui" for size in (1, 2, 4, 8)))
REAL = (float, int, np.floating, np.integer)


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


Call = tuple["Kernel", tuple[Array, ...]]
Settings = tuple[Array, dict[str, int]]  # numbers of a kernel, and the places of those that each step has its own of


class Recorded:
    """Calls of kernels, and those of their arrays that are constants, but for the settings of a step."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.constants: list[Array] = []
        self.settings: list[Settings] = []
        self.marks: list[tuple[int, tuple[str, str]]] = []  # after how many calls another part of the work began

    def mark(self, part: str, direction: str) -> None:
        """Note that what follows belongs to this part of the work."""
        self.marks.append((len(self.calls), (part, direction)))


class _Recorder(threading.local):
    """What this thread records, or None."""

    into: Recorded | None = None


recorder = _Recorder()


class Kernel:
    """A compiled function of flat arrays, whose geometry it knows from its factory; it returns nothing.

    Inside, the arrays are pointers, so there are neither lengths nor negative indices, nor the tests that these need.
    """

    def __init__(
        self, function: Callable[..., Any], *, small: bool = False, fastmath: set[str] | bool = FASTMATH
    ) -> None:
        self.function, self.run = function, _run_small if small else _run
        self.options = {"cache": CACHED, "error_model": "numpy", "fastmath": fastmath}
        self.codes: dict[tuple[Any, ...], Any] = {}

    def __call__(self, *arrays: Array) -> None:
        """Run for these arrays, each in one piece of memory; compile for their types, or take that from the cache."""
        if INTERPRETED:
            self.function(*arrays)
            return
        self.run(self.code(arrays), *arrays)
        if recorder.into is not None:
            recorder.into.calls.append((self, arrays))

    def code(self, arrays: tuple[Array, ...]) -> int:
        """Return the address of the machine code for arrays of these types."""
        key = tuple([array.dtype for array in arrays])
        if key not in self.codes:
            signature = types.void(*(types.CPointer(numba.from_dtype(dtype)) for dtype in key))
            self.codes[key] = numba.cfunc(signature, **self.options)(self.function)
        return int(self.codes[key].address)


# These are asked thousands of times a second: plain loops, and dtypes by identity first, which all but copies have.


def same_floats(*arrays: Array) -> bool:
    """Return whether all arrays are float32, or all float64, in the machine's byte order, and none is empty."""
    number = arrays[0].dtype
    if number not in FLOATS:
        return False
    for array in arrays:  # noqa: SIM110
        if (array.dtype is not number and array.dtype != number) or not array.size:
            return False
    return True


def alike(*arrays: Array) -> bool:
    """Return whether they are the :func:`same_floats`, of one shape."""
    shape = arrays[0].shape
    for array in arrays:
        if array.shape != shape:
            return False
    return same_floats(*arrays)


def vectors(read: Array, *changed: Array) -> bool:
    """Return whether all are vectors, :func:`alike`, in one piece, and ``changed`` may be written to."""
    shape, number = read.shape, read.dtype
    if len(shape) != 1 or number not in FLOATS or not (read.flags.c_contiguous and read.flags.aligned):
        return False
    for array in changed:
        if array.shape != shape or (array.dtype is not number and array.dtype != number) or not array.flags.carray:
            return False
    return True


def fillable(array: Array | None, shape: tuple[int, ...], like: Array) -> bool:
    """Return whether a kernel can fill ``array``: of this shape, the type of ``like``, in one piece; or it is None."""
    return array is None or (array.shape == shape and array.dtype == like.dtype and array.flags.carray)


def real(*values: Any) -> bool:
    """Return whether each value is one real number, and no array or text that NumPy would make one of."""
    for value in values:  # noqa: SIM110
        if type(value) is not float and not isinstance(value, REAL):
            return False
    return True


def whole(numbers: Array) -> bool:
    """Return whether ``numbers`` is a vector of integers, and not empty."""
    return numbers.ndim == 1 and numbers.dtype.kind in "iu" and numbers.size > 0


def within(numbers: Array, count: int) -> bool:
    """Return whether ``numbers`` is such a vector, of 0..count - 1."""
    if not whole(numbers):
        return False
    unsigned = np.ascontiguousarray(numbers, np.int64).view(np.uint64)  # so negative ones are the largest of all
    return bool(unsigned.max() < count)


def constant(array: Array) -> Array:
    """Return an array that a function made for its kernel, and that says the same in every call."""
    if recorder.into is not None:
        recorder.into.constants.append(array)
    return array


def settings(*numbers: float, **of_step: int) -> Array:
    """Return numbers for a kernel; ``of_step`` are the places of those that another step has others of, by name."""
    array = constant(np.array(numbers, np.float64))
    if recorder.into is not None:
        recorder.into.settings.append((array, of_step))
    return array


kernel = Kernel  # it lets other threads run
# What takes a few microseconds keeps the interpreter lock: to give it back and to wait for it again would take longer.
small_kernel = partial(Kernel, small=True)
exact_kernel = partial(Kernel, small=True, fastmath=False)  # for formulas whose order is what keeps them precise
# For formulas on the numbers of vectors: the bits of each do not depend on where in the vector it is.
elementwise_kernel = partial(Kernel, fastmath={"contract"})


@intrinsic
def call(context: Any, code: Any, pointers: Any) -> Any:
    """Call the machine code at an address with a tuple of pointers: arrays, or addresses as integers."""
    if any(isinstance(kind, types.Array) and kind.layout != "C" for kind in pointers):
        raise numba.TypingError("an array is not in one piece of memory: the kernel would work beside it")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        given = []
        for k, kind in enumerate(pointers):
            value = builder.extract_value(arguments[1], k)
            if isinstance(kind, types.Array):
                given.append(builder.bitcast(context.make_array(kind)(context, builder, value).data, byte))
            else:
                given.append(builder.inttoptr(value, byte))
        function = ir.FunctionType(ir.VoidType(), [byte] * len(given)).as_pointer()
        builder.call(builder.inttoptr(arguments[0], function), given)
        return context.get_dummy_value()

    return types.void(code, pointers), generate


@intrinsic
def atomic_load(context: Any, array: Any, place: Any) -> Any:
    """Return a number of an array of int64 that other threads change, and see all that they wrote before."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _element(context, builder, signature, arguments)
        return builder.load_atomic(pointer, "acquire", 8, typ=ir.IntType(64))

    return types.int64(array, place), generate


@intrinsic
def atomic_add(context: Any, array: Any, place: Any, change: Any) -> Any:
    """Add to a number of an array of int64, at once with what other threads do; return what it was."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _element(context, builder, signature, arguments)
        number = context.cast(builder, arguments[2], signature.args[2], types.int64)
        return builder.atomic_rmw("add", pointer, number, "acq_rel")

    return types.int64(array, place, change), generate


def _element(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    place = context.cast(builder, arguments[1], signature.args[1], types.int64)
    return builder.gep(array.data, [place])


@intrinsic
def call_c(context: Any, address: Any, arguments: Any) -> Any:
    """Call the C function at an address, which returns nothing, with a tuple of numbers and pointers as they are."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        values = [builder.extract_value(given[1], k) for k in range(len(arguments))]
        function = ir.FunctionType(ir.VoidType(), [value.type for value in values]).as_pointer()
        builder.call(builder.inttoptr(given[0], function), values)
        return context.get_dummy_value()

    return types.void(address, arguments), generate


@numba.njit(nogil=True, cache=CACHED)
def _run(code: int, *arrays: Array) -> None:
    call(code, arrays)


@numba.njit(cache=CACHED)
def _run_small(code: int, *arrays: Array) -> None:
    call(code, arrays)


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

# For arrays of any shape; such functions cannot be recorded.
jit: Decorator = partial(numba.njit, nogil=True, cache=CACHED, fastmath=FASTMATH, error_model="numpy")
# For what kernels made with ``elementwise_kernel`` call.
elementwise: Decorator = partial(numba.njit, nogil=True, cache=CACHED, fastmath={"contract"}, error_model="numpy")
