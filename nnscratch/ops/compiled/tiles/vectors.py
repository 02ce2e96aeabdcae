"""Tiles of sums that stay in vector registers while many terms are added: what the convolutions are made of.

A tile is ``rows`` x ``columns`` vectors of ``lanes`` numbers, a tuple for Numba. A compiler that makes vectors of a
plain loop keeps one or two sums at a time, loads and stores them for each term, and so waits for memory; a tile of 24
sums needs ten loads for 24 products. Numba has no vectors, so the five functions here write the instructions. With
NUMBA_DISABLE_JIT=1 they are what stands below, plain NumPy, which also says what they mean.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic as numba_intrinsic
from numba.extending import models, register_model

from nnscratch.arrays import Array
from nnscratch.ops.compiled.cache import INTERPRETED
from nnscratch.ops.compiled.jit import Decorator

intrinsic: Decorator = numba_intrinsic(prefer_literal=True)

ROUNDING = ("contract",)  # a product and a sum may be one instruction


class Vector(types.Type):  # type: ignore[misc]
    """The type of a vector register's numbers."""

    def __init__(self, number: Any, lanes: int) -> None:
        self.number, self.lanes = number, lanes
        super().__init__(name=f"Vector({number}, {lanes})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Vector) -> None:
        super().__init__(manager, kind, ir.VectorType(manager.lookup(kind.number).get_value_type(), kind.lanes))


class _Writer:
    """Writes the instructions of one of the functions below, whose arguments it has by their place."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        self.context, self.builder = context, builder
        self.kinds, self.arguments = signature.args, arguments

    def number(self, place: int) -> Any:
        """Return an index or a step."""
        return self.context.cast(self.builder, self.arguments[place], self.kinds[place], types.int64)

    def address(self, place: int, index: Any) -> Any:
        """Return where the number ``index`` of an array is."""
        array = self.arguments[place]
        if isinstance(self.kinds[place], types.Array):
            array = self.context.make_array(self.kinds[place])(self.context, self.builder, array).data
        return self.builder.gep(array, [index])

    def at(self, place: int, index: Any, step: Any, k: int) -> Any:
        """Return the address of the number ``index + k step``."""
        return self.address(place, self.builder.add(index, self.builder.mul(step, ir.Constant(ir.IntType(64), k))))

    def placed(self, place: int, start: Any, table: int, first: Any, k: int) -> Any:
        """Return the address of the number ``start + table[first + k]``."""
        where = self.address(table, self.builder.add(first, ir.Constant(ir.IntType(64), k)))
        return self.address(place, self.builder.add(start, self.builder.load(where)))

    def load(self, address: Any, kind: Vector) -> Any:
        """Return the vector that begins there."""
        form = self.context.get_value_type(kind)
        loaded = self.builder.load(self.builder.bitcast(address, form.as_pointer()))
        loaded.align = kind.number.bitwidth // 8
        return loaded

    def store(self, value: Any, address: Any, kind: Vector) -> None:
        """Store a vector from there on."""
        stored = self.builder.store(value, self.builder.bitcast(address, value.type.as_pointer()))
        stored.align = kind.number.bitwidth // 8

    def fetch(self, address: Any) -> None:
        """Have what is there brought into the first-level cache, where it is not."""
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        prefetch = self.builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        to_read_data_soon = [ir.Constant(number, how) for how in (0, 3, 1)]
        self.builder.call(prefetch, [self.builder.bitcast(address, byte), *to_read_data_soon])

    def spread(self, value: Any, lanes: int) -> Any:
        """Return a vector that has a number in all its lanes."""
        nothing = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
        first = self.builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
        return self.builder.shuffle_vector(first, nothing, self.lanes([0] * lanes))

    @staticmethod
    def lanes(numbers: list[int]) -> Any:
        """Return which lanes a shuffle takes."""
        return ir.Constant(ir.VectorType(ir.IntType(32), len(numbers)), numbers)

    def tile(self, place: int) -> list[Any]:
        """Return the vectors of a tile."""
        return [self.builder.extract_value(self.arguments[place], k) for k in range(self.kinds[place].count)]

    def totals(self, vectors: list[Any]) -> Any:
        """Return one vector with the sum of the lanes of each; there are at most as many as lanes.

        Two vectors are merged to one, of half as many lanes for each of its sums, as long as there are two.
        """
        width = vectors[0].type.count
        vectors = [*vectors, *[ir.Constant(vectors[0].type, None)] * (-len(vectors) % width)]
        own = width  # lanes of each sum
        while own > 1:
            own //= 2
            halves = [[lane for lane in range(2 * width) if lane // own % 2 == half] for half in (0, 1)]
            pairs = zip(vectors[::2], vectors[1::2], strict=True)
            vectors = [
                self.builder.fadd(*(self.builder.shuffle_vector(*pair, self.lanes(half)) for half in halves))
                for pair in pairs
            ]
        return vectors[0]

    def add_outer(self, sums: list[Any], left: list[Any], right: list[Any], kind: Any) -> Any:
        """Return the tile to which the products of each of the left with each of the right are added."""
        added = [
            self.builder.fadd(one, self.builder.fmul(left[k // len(right)], right[k % len(right)], ROUNDING), ROUNDING)
            for k, one in enumerate(sums)
        ]
        return self.context.make_tuple(self.builder, kind, added)


@intrinsic
def no_sums(context: Any, like: Any, count: Any, lanes: Any) -> Any:
    """Return a tile of ``count`` vectors of zeros, of the type of the array ``like``."""
    kind = types.UniTuple(Vector(like.dtype, lanes.literal_value), count.literal_value)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(context.get_value_type(kind), None)

    return kind(like, count, lanes), generate


@intrinsic
def add_scaled(
    context: Any,
    sums: Any,
    w: Any,
    wi: Any,
    step: Any,
    x: Any,
    xi: Any,
    places: Any,
    k: Any,
    columns: Any,
    ahead: Any,
) -> Any:
    """Return the tile with ``w[wi + r step] * x[xi + places[k + c]:][:lanes]`` added in row r and column c.

    What lies ``ahead`` numbers further on in x will be wanted soon.
    """
    width, kind = columns.literal_value, sums.dtype

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        write = _Writer(context, builder, signature, arguments)
        right = [write.load(write.placed(4, write.number(5), 6, write.number(7), c), kind) for c in range(width)]
        for c in range(width):
            write.fetch(write.placed(4, builder.add(write.number(5), write.number(9)), 6, write.number(7), c))
        left = [
            write.spread(builder.load(write.at(1, write.number(2), write.number(3), r)), kind.lanes)
            for r in range(sums.count // width)
        ]
        return write.add_outer(write.tile(0), left, right, sums)

    return sums(sums, w, wi, step, x, xi, places, k, columns, ahead), generate


@intrinsic
def add_products(
    context: Any, sums: Any, d: Any, di: Any, step: Any, x: Any, xi: Any, places: Any, k: Any, columns: Any, skip: Any
) -> Any:
    """Return the tile with ``(d[di + r step:] * x[xi + places[k + c]:])[:lanes]`` added, but for ``skip`` first lanes.

    Of d and of x these are taken to be 0.
    """
    width, left_out, kind = columns.literal_value, skip.literal_value, sums.dtype

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        write = _Writer(context, builder, signature, arguments)

        def loaded(address: Any) -> Any:
            value = write.load(address, kind)
            if not left_out:
                return value
            lanes = [lane if lane >= left_out else kind.lanes for lane in range(kind.lanes)]
            return builder.shuffle_vector(value, ir.Constant(value.type, None), write.lanes(lanes))

        right = [loaded(write.placed(4, write.number(5), 6, write.number(7), c)) for c in range(width)]
        left = [loaded(write.at(1, write.number(2), write.number(3), r)) for r in range(sums.count // width)]
        return write.add_outer(write.tile(0), left, right, sums)

    return sums(sums, d, di, step, x, xi, places, k, columns, skip), generate


@intrinsic
def store(
    context: Any, sums: Any, b: Any, f: Any, relu: Any, out: Any, oi: Any, step: Any, places: Any, k: Any, columns: Any
) -> Any:
    """Store row r and column c of the tile, plus ``b[f + r]``, at ``out[oi + r step + places[k + c]:]``.

    ``relu``: numbers below 0 become 0; NaN stays: it must show in the loss.
    """
    width, kind, cut = columns.literal_value, sums.dtype, relu.literal_value

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        write = _Writer(context, builder, signature, arguments)
        for number, value in enumerate(write.tile(0)):
            r, c = divmod(number, width)
            bias = builder.load(write.address(1, builder.add(write.number(2), ir.Constant(ir.IntType(64), r))))
            value = builder.fadd(value, write.spread(bias, kind.lanes))
            if cut:
                zero = ir.Constant(value.type, None)
                value = builder.select(builder.fcmp_ordered("<=", value, zero), zero, value)
            row = builder.add(write.number(5), builder.mul(write.number(6), ir.Constant(ir.IntType(64), r)))
            write.store(value, write.placed(4, row, 7, write.number(8), c), kind)
        return context.get_dummy_value()

    return types.void(sums, b, f, relu, out, oi, step, places, k, columns), generate


@intrinsic
def add_totals(context: Any, sums: Any, totals: Any, first: Any) -> Any:
    """Add the sum of each vector's lanes to ``totals[first:]``, one number for each vector of the tile.

    Up to ``lanes`` numbers after these are overwritten with what they were.
    """
    kind = sums.dtype

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        write = _Writer(context, builder, signature, arguments)
        tile = write.tile(0)
        for start in range(0, len(tile), kind.lanes):
            value = write.totals(tile[start : start + kind.lanes])
            where = write.address(1, builder.add(write.number(2), ir.Constant(ir.IntType(64), start)))
            before = builder.load(builder.bitcast(where, value.type.as_pointer()))
            before.align = kind.number.bitwidth // 8
            write.store(builder.fadd(before, value), where, kind)
        return context.get_dummy_value()

    return types.void(sums, totals, first), generate


if INTERPRETED:  # what they mean

    def no_sums(like: Array, count: int, lanes: int) -> Array:
        return np.zeros((count, lanes), like.dtype)

    def add_scaled(
        sums: Array,
        w: Array,
        wi: int,
        step: int,
        x: Array,
        xi: int,
        places: Array,
        k: int,
        columns: int,
        ahead: int,
    ) -> Array:
        rows, lanes = len(sums) // columns, np.arange(sums.shape[1])
        left, right = w[wi + step * np.arange(rows)], x[xi + places[k : k + columns, None] + lanes]
        sums += (left[:, None, None] * right).reshape(sums.shape)
        return sums

    def add_products(
        sums: Array, d: Array, di: int, step: int, x: Array, xi: int, places: Array, k: int, columns: int, skip: int
    ) -> Array:
        rows, lanes = len(sums) // columns, np.arange(skip, sums.shape[1])
        left, right = d[di + step * np.arange(rows)[:, None] + lanes], x[xi + places[k : k + columns, None] + lanes]
        sums[:, skip:] += (left[:, None] * right).reshape(len(sums), -1)
        return sums

    def store(
        sums: Array,
        b: Array,
        f: int,
        relu: bool,
        out: Array,
        oi: int,
        step: int,
        places: Array,
        k: int,
        columns: int,
    ) -> None:
        for number, vector in enumerate(sums):
            r, c = divmod(number, columns)
            start = oi + r * step + places[k + c]
            value = vector + b[f + r]
            out[start : start + len(vector)] = np.where(value <= 0, 0, value) if relu else value

    def add_totals(sums: Array, totals: Array, first: int) -> None:
        totals[first : first + len(sums)] += sums.sum(axis=1)
