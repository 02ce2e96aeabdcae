"""Instructions that Numba has no words for: calls of an address, and numbers that threads change at the same time."""

from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.extending import intrinsic


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
