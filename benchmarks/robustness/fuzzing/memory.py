"""Arrays between pages that nobody may touch: who reads or writes past an end dies, and who writes beside is seen."""

from __future__ import annotations

import ctypes
import mmap
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

PAGE = mmap.PAGESIZE
FILLING = 0xFF  # around an array: NaN among floats, -1 among integers
LAYOUTS = ("C", "F", "every second", "backwards", "one for all", "off its place")

Array = np.ndarray[Any, np.dtype[Any]]
libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Form:
    """An array to be made: its values, how it lies in memory, whether it may be written to."""

    values: Array
    layout: str = "C"
    writeable: bool = True

    def with_values(self, values: Any) -> Form:
        """Return the same with other values; a single number lies as it does."""
        values = np.asarray(values)
        return replace(self, values=values, layout=self.layout if values.ndim else "C")

    def __str__(self) -> str:
        told = f"{self.values.dtype.str} {self.values.shape} {self.layout}"
        return told if self.writeable else f"{told} read-only"


class Placed:
    """An array of this form in memory of its own, at its end or at its beginning."""

    def __init__(self, form: Form, *, at_end: bool) -> None:
        self.form = form
        extent = len(memory_of(form))
        inner = -(-max(extent, 1) // PAGE) * PAGE
        self.offset = inner - extent if at_end else 0
        self.memory = guarded(inner)
        self.memory[self.offset : self.offset + extent] = memory_of(form)
        self.before = self.memory.copy()
        self.array = self._array(self.memory)
        self.array.flags.writeable = form.writeable

    def _array(self, memory: Array) -> Array:
        return seen_in(memory[self.offset :], self.form)

    @property
    def changed(self) -> bool:
        """Return whether any number of the array is another one than before."""
        return self.array.tobytes() != self._array(self.before).tobytes()

    @property
    def spilt(self) -> bool:
        """Return whether anything beside the array is another than before."""
        expected = self.before.copy()
        self._array(expected)[...] = self.array
        return not np.array_equal(expected, self.memory)


def guarded(size: int) -> Array:
    """Return (size,) uint8 between two pages that cannot be touched; ``size`` is that of whole pages."""
    pages = mmap.mmap(-1, size + 2 * PAGE)
    whole = np.frombuffer(pages, np.uint8)
    for page in (whole.ctypes.data, whole.ctypes.data + PAGE + size):
        if libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(PAGE), 0):
            raise OSError(ctypes.get_errno(), "mprotect")
    memory = whole[PAGE : PAGE + size]
    memory[...] = FILLING
    return memory


def carrier(form: Form) -> tuple[tuple[int, ...], int]:
    """Return the shape of what an array of this form is cut from, and at which byte that begins."""
    shape = form.values.shape
    if form.layout == "every second":
        shape = (*shape[:-1], 2 * shape[-1])
    if form.layout == "one for all":
        shape = (min(1, shape[0]), *shape[1:])
    return shape, int(form.layout == "off its place")


def seen_in(memory: Array, form: Form) -> Array:
    """Return the array of this form that begins where ``memory`` does."""
    shape, first = carrier(form)
    whole = np.ndarray(shape, form.values.dtype, memory, first, order="F" if form.layout == "F" else "C")
    if form.layout == "every second":
        return whole[..., ::2]
    if form.layout == "backwards":
        return whole[::-1]
    if form.layout == "one for all":
        strides = (0, *whole.strides[1:])
        return np.ndarray(form.values.shape, whole.dtype, memory, first, strides)
    return whole


def memory_of(form: Form) -> Array:
    """Return the bytes that an array of this form is made of, with what lies between its numbers."""
    shape, first = carrier(form)
    memory = np.full(first + int(np.prod(shape)) * form.values.dtype.itemsize, FILLING, np.uint8)
    values = form.values[:1] if form.layout == "one for all" else form.values
    seen_in(memory, replace(form, values=values))[...] = values
    return memory
