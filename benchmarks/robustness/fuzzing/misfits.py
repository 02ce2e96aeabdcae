"""What is put in the place of an argument that fits: other shapes, types, layouts, values, other kinds of things."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import numpy as np

from benchmarks.robustness.fuzzing.memory import LAYOUTS, Form

TYPES = ("f2", "f4", "f8", "g", ">f4", ">f8", "c8", "?", "i1", "u1", "i4", "i8", "u8", ">i4", ">i8", "O", "U3", "M8[s]")
INTEGERS = (-1, -2, 3, 4, 5, 6, 7, 8, 9, 100, 10**6, 2**31 - 1, 2**31, 2**40, 2**62, 2**63 - 1, -(2**31), -(2**63))
FLOATS = (np.nan, np.inf, -np.inf, 1e300, -1.0, -2.0, 0.0)
ODD: tuple[Any, ...] = (None, "0.5", "x", 1j, True, 0, -1, float("nan"), 10**400, [0.5], (), {}, np.float32(0.25))
ODD += (np.array([0.5, 0.25]), np.array(0.5), np.bool_(True), object)
PAIRS: tuple[Any, ...] = (
    None,
    "ab",
    3,
    (),
    (1,),
    (2, 1),
    (1, 2, 3),
    [1, 1],
    [2, 2],
    (0, 1),
    (-1, -1),
    (50, 50),
    ("a", 1),
)
PADDINGS: tuple[Any, ...] = (((1, 1), (1, 1)), ((-1, 0), (0, 0)), ((0, -3), (-1, 0)), ((0, 0),), ((9, 9), (9, 9)), [[0, 0], [0, 0]])  # fmt: skip  # noqa: E501
DTYPES = ("float16", ">f4", ">f8", "int32", "uint8", "bool", "complex64", "object", "U5", "nonsense", None, int, 7)
VALUED = ("strengths",)  # floats, of which not any will do
IMAGED = ("scale", "shift")  # a kernel is compiled for each


def misfit(rng: Random, key: str, value: Any, others: list[Any]) -> Any:
    """Return something else for the argument ``key``, that a caller might give by mistake."""
    if rng.random() < 0.06:
        return rng.choice(others)  # what belongs elsewhere
    if isinstance(value, Form):
        return spoiled(rng, key, value)
    if key == "dtype":
        return rng.choice(DTYPES)
    if key == "padding":
        return rng.choice((*PADDINGS, *PAIRS))
    if isinstance(value, tuple):
        return pair(rng, value)
    if isinstance(value, bool):
        return rng.choice((None, 0, 1, "", "x"))
    if key == "descriptor":
        return rng.choice((None, -1, 10**6, 2**40, "x", 1.5))
    odd = rng.choice(ODD)
    return None if key in IMAGED and isinstance(odd, int | float) and abs(odd) < 10**9 else odd


def everywhere(rng: Random, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments with all arrays changed alike: of another type, in a row, or with a size that is 0 or 1."""
    forms = {key: value for key, value in arguments.items() if isinstance(value, Form)}
    way = rng.random()
    if way < 0.1:
        changed = {key: form.with_values(form.values[None]) for key, form in forms.items()}
    elif way < 0.5:
        kind = rng.choice(TYPES)
        changed = {key: retyped(rng, form, kind) for key, form in forms.items() if form.values.dtype.kind == "f"}
    else:
        size = rng.choice(sorted({size for form in forms.values() for size in form.values.shape}))
        places = slice(0, rng.choice((0, 0, 1)))
        changed = {
            key: form.with_values(
                form.values[tuple(places if own == size else slice(None) for own in form.values.shape)]
            )
            for key, form in forms.items()
        }
    return arguments | changed


def pair(rng: Random, value: tuple[int, ...]) -> Any:
    """Return another pair of integers, or something else."""
    if rng.random() < 0.4 or not value or not all(isinstance(one, int) for one in value):
        return rng.choice(PAIRS)
    some = list(value)
    some[rng.randrange(len(some))] += rng.choice((-2, -1, 1, 2))
    return tuple(some)


def spoiled(rng: Random, key: str, form: Form) -> Any:
    """Return another array, or something that is none."""
    way = rng.random()
    if way < 0.4:
        return form.with_values(reshaped(rng, form.values)) if form.values.ndim else form
    if way < 0.6:
        return retyped(rng, form)
    if way < 0.75 and form.values.ndim:
        return replace(form, layout=rng.choice(LAYOUTS[1:]))
    if way < 0.82:
        return replace(form, writeable=False)
    if way < 0.94:
        return form.with_values(revalued(rng, key, form.values))
    return rng.choice((None, 3, 0.5, "x", form.values.tolist(), ..., ()))


def reshaped(rng: Random, values: Any) -> Any:
    """Return the array with an axis longer, shorter, empty, gone, more or elsewhere."""
    axis = rng.randrange(values.ndim)
    size = values.shape[axis]
    way = rng.randrange(8)
    if way < 4:
        sizes = (size - 1, size + 1, size // 2, 2 * size, 0, 1, size + 8)
        places = np.arange(max(rng.choice(sizes), 0)) % max(size, 1)
        return np.take(values, places, axis) if size else values
    if way == 4:
        return values[None] if rng.random() < 0.5 else values[..., None]
    if way == 5:
        return values.take(0, axis) if size else values
    if way == 6:
        return np.ascontiguousarray(values.T)
    return values.ravel()


def retyped(rng: Random, form: Form, kind: str = "") -> Form:
    """Return the array as another type of numbers, or of what is none."""
    kind = kind or rng.choice(TYPES)
    with np.errstate(all="ignore"):
        values = form.values.real if form.values.dtype.kind == "c" else form.values
        if values.dtype.kind not in "fiub":
            return form
        return form.with_values(values.astype("i8" if kind == "M8[s]" else kind).astype(kind))


def revalued(rng: Random, key: str, values: Any) -> Any:
    """Return the array with one number out of its range, where numbers have one."""
    values = values.copy()
    if not values.size or values.dtype.kind not in "iuf" or (values.dtype.kind == "f" and key not in VALUED):
        return values
    bits = 8 * values.dtype.itemsize
    value = rng.choice(FLOATS if values.dtype.kind == "f" else INTEGERS)
    if values.dtype.kind != "f":
        value = (value + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1) if values.dtype.kind == "i" else value % 2**bits
    values.flat[rng.randrange(values.size)] = value
    return values
