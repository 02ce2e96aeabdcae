"""How an exporter writes a layer: one of the library by its table, one of the reader's own by a method of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nnscratch.errors import UsageError


def exported(layer: Any, method: str, table: Mapping[str, Callable[..., Any]], wanted: str, *given: Any) -> Any:
    """Return what the table makes of a layer of the library (and what is ``given``), or the method of another.

    Raises UsageError, saying what is ``wanted``, where that has no such method.
    """
    name = type(layer).__name__
    if type(layer).__module__.startswith("nnscratch.layers."):
        return table[name](layer, *given)
    if not hasattr(type(layer), method):
        raise UsageError(f"{layer.name} is a {name} of your own: give it a method {method}() that returns {wanted}")
    return getattr(layer, method)()
