"""How the kernels are compiled, which arrays are let in, and what notes their calls for a recording (``tape.py``).

- ``nogil``: shards run side by side on threads.
- fast-math without ``nnan`` and ``ninf``: sums may be reordered, which is what lets a reduction use vector
  instructions; NaN and infinity keep their meaning, so a training that diverges still shows it.
- ``elementwise`` allows ``contract`` alone: with more, the machine code for a vector's ends may round otherwise than
  that for its middle, and where a vector is cut would show in the bits.
- ``cache``: machine code is kept on disk (``cache.py``).

A kernel would read and write past the end of an array that is too short. So the function around each first asks
whether the arguments fit (``same_floats``, ``alike``, ...), and calls the readable function where they do not, which
gives the right answer or says what is wrong. A recording asks nothing: it holds arrays that were let in.
"""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import numba
import numpy as np
from numba import types

from nnscratch.arrays import Array
from nnscratch.ops.compiled.cache import CACHED, INTERPRETED
from nnscratch.ops.compiled.intrinsics import call

FASTMATH = {"contract", "reassoc", "arcp", "nsz", "afn"}
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))  # in the machine's byte order, as a kernel takes them
NUMBERS = (*FLOATS, *(np.dtype(f"{sign}{size}") for sign in "ui" for size in (1, 2, 4, 8)))
REAL = (float, int, np.floating, np.integer)


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
