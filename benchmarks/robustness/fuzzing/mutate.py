"""Ways to spoil valid input: bytes, text, and values of JSON. All take their choices from the generator given."""

from __future__ import annotations

import copy
import json
import math
import struct
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

EXTREMES = (0, 1, 2, 7, 127, 128, 255, 256, 32767, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1, -1)
ODD_TEXTS = (
    "",
    " ",
    "\0",
    "\n",
    "a\nb\nc",
    "\x1b[31mred\x1b]0;t\x07",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "../../outside",
    "/etc/passwd",
    "\ud800",
    "\u202eabc",
    "ſ٣½",
    "nan",
    "-",
    "None",
    "%s%n{0}",
    "x" * 3000,
    "🙂" * 20,
)
ODD_NUMBERS = (0, 1, -1, 0.5, -0.0, 9, 10, 255, 2**31 - 1, 2**32, 2**53 + 1, 2**63, 2**64, -(2**63), 10**300, 10**400)
ODD_NUMBERS += (1e308, -1e308, 5e-324, 1e-300, math.nan, math.inf, -math.inf, 1.5)  # type: ignore[assignment]
DEEP = "@deep@"  # stands for lists in lists: json.dumps cannot write so many


def odd(rng: Random) -> Any:
    """Return a value that is rarely wanted."""
    kind = rng.randrange(7)
    if kind < 2:
        return rng.choice(ODD_NUMBERS)
    if kind == 2:
        return rng.choice(ODD_TEXTS)
    if kind == 3:
        return rng.choice([None, True, False])
    if kind == 4:
        return DEEP
    if kind == 5:
        return [rng.choice(ODD_NUMBERS) for _ in range(rng.randrange(4))]
    return {rng.choice(ODD_TEXTS): rng.choice(ODD_NUMBERS) for _ in range(rng.randrange(3))}


def number(rng: Random, size: int, order: str) -> bytes:
    """Return an extreme whole number as bytes."""
    return (rng.choice(EXTREMES) % 256**size).to_bytes(size, order)  # type: ignore[arg-type]


def spoiled(rng: Random, data: bytes, other: bytes = b"", times: int | None = None) -> bytes:
    """Return bytes after some random changes, most of them small; ``other`` is a file to splice with."""
    for _ in range(times or 1 + min(int(rng.expovariate(0.8)), 6)):
        data = rng.choice(WAYS)(rng, data, other)
    return data


def _flip(rng: Random, data: bytes, other: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 40)) if data else 0):
        changed[_place(rng, data)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _set(rng: Random, data: bytes, other: bytes) -> bytes:
    at, size = _place(rng, data), rng.choice((1, 2, 4, 4, 8))
    return data[:at] + number(rng, size, rng.choice(("little", "big"))) + data[at + size :]


def _float(rng: Random, data: bytes, other: bytes) -> bytes:
    at = _place(rng, data)
    value = struct.pack(rng.choice("<>") + "f", rng.choice((math.nan, math.inf, -math.inf, 3e38, -3e38, 1e-45)))
    return data[:at] + value + data[at + 4 :]


def _cut(rng: Random, data: bytes, other: bytes) -> bytes:
    return data[: _place(rng, data)]


def _delete(rng: Random, data: bytes, other: bytes) -> bytes:
    at = _place(rng, data)
    return data[:at] + data[at + rng.choice((1, 1, 4, 16, 200)) :]


def _insert(rng: Random, data: bytes, other: bytes) -> bytes:
    at = _place(rng, data)
    return data[:at] + rng.randbytes(rng.choice((1, 1, 4, 16, 200))) + data[at:]


def _repeat(rng: Random, data: bytes, other: bytes) -> bytes:
    at, size = _place(rng, data), rng.choice((1, 4, 20, 300))
    return data[:at] + data[at : at + size] * rng.choice((2, 3, 50)) + data[at + size :]


def _splice(rng: Random, data: bytes, other: bytes) -> bytes:
    return data[: _place(rng, data)] + other[_place(rng, other) :]


def _append(rng: Random, data: bytes, other: bytes) -> bytes:
    return data + rng.choice((b"\0", b"\n", rng.randbytes(50), data, other))


WAYS: Sequence[Callable[[Random, bytes, bytes], bytes]]
WAYS = (_flip, _flip, _flip, _set, _set, _set, _float, _cut, _delete, _insert, _repeat, _splice, _append)


def _place(rng: Random, data: bytes) -> int:
    """Return a place in the data, as often among the first 64 bytes as anywhere."""
    length = max(len(data), 1)
    return rng.randrange(min(length, 64)) if rng.random() < 0.5 else rng.randrange(length)


# ---- JSON


def spoiled_json(rng: Random, value: Any, times: int | None = None, special: Sequence[Any] = ()) -> Any:
    """Return a copy of a JSON value with some places changed; ``special`` are values that fit this format."""
    value = copy.deepcopy(value)
    for _ in range(times or 1 + min(int(rng.expovariate(1.2)), 4)):
        places = list(_places(value))
        if not places:
            return odd(rng)
        holder, key = rng.choice(places)
        _change(rng, holder, key, special)
    return value


def _places(value: Any) -> Any:
    """Yield (container, key) of everything in a value."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(min(len(value), 40)):
            yield value, key
            yield from _places(value[key])


def _change(rng: Random, holder: Any, key: Any, special: Sequence[Any]) -> None:
    kind = rng.randrange(10)
    if kind == 0:
        del holder[key]
    elif kind == 1:
        holder[key] = [holder[key]]
    elif kind == 2 and isinstance(holder, dict):
        holder[rng.choice((*ODD_TEXTS, key.upper(), key + "x"))] = holder.pop(key)
    elif kind == 2:
        holder.insert(key, odd(rng))
    elif kind == 3:
        holder[key] = str(holder[key])[:4000]
    elif kind == 4 and isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
        holder[key] = rng.choice((-holder[key], holder[key] + 1, holder[key] * 10, holder[key] + 0.5))
    elif kind == 5 and special:
        holder[key] = copy.deepcopy(rng.choice(special))
    else:
        holder[key] = odd(rng)


def json_text(rng: Random, value: Any) -> str:
    """Return a value as JSON text, NaN and lists in lists in lists included."""
    deep = rng.choice((5, 50, 300, 700, 900, 960, 990, 5000))
    return json.dumps(value).replace(f'"{DEEP}"', "[" * deep + "]" * deep)
