"""What a network is made of: checked arguments, layers that are new or bring along what they learnt, one vector."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NoReturn

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import UsageError, short_repr, unknown
from nnscratch.layers.base import Layer, Shape, whole
from nnscratch.layers.batchnorm import BatchNorm
from nnscratch.layers.checked import same
from nnscratch.layers.conv import Conv2D
from nnscratch.layers.dense import Dense

DTYPES = ("float32", "float64")
EXAMPLE = "nn.Sequential([nn.Flatten(), nn.Dense(10)])"


def checked_dtype(dtype: Any) -> np.dtype[Any]:
    """Return the type of a network's numbers. Raises UsageError unless it is float32 or float64, in any spelling."""
    try:
        found = np.dtype(dtype if dtype is not None else "none")
    except TypeError:
        raise unknown("the dtype", dtype, DTYPES) from None
    if found.name not in DTYPES:
        raise unknown("the dtype", found.name, DTYPES)
    return found


def checked_seed(seed: int | None) -> int:
    """Return the seed; for None a new one, which nobody has chosen."""
    return secrets.randbits(32) if seed is None else seed


def checked_shape(input_shape: int | Iterable[int]) -> Shape:
    """Return the shape of one input; a number D stands for (D,). Raises UsageError for what is no shape."""
    sizes = (input_shape,) if isinstance(input_shape, (int, np.integer)) else input_shape
    if not isinstance(sizes, (tuple, list)) or not sizes:
        raise UsageError(f"the input shape is {short_repr(input_shape)}: give a tuple such as (1, 28, 28)")
    return tuple(whole(size, "a size of the input") for size in sizes)


def checked_input(x: Array, input_shape: Shape, dtype: Any) -> Array:
    """Return x (*input_shape, N) in the network's type. Raises UsageError when it has another shape."""
    if x.shape[:-1] != input_shape:
        wanted = ", ".join([*map(str, input_shape), "N"])
        raise UsageError(f"forward got an array of shape {x.shape}, but wants ({wanted}), the batch last")
    return np.asarray(x.astype(dtype, copy=False))


def checked_gradient(dout: Any, wanted: Shape | None, dtype: Any) -> Array:
    """Return dout, of the shape of the last output, in the network's type. Raises UsageError when it has another."""
    dout = np.asarray(dout)
    if wanted is None:
        raise UsageError("backward came before any forward: call forward, which keeps what backward needs")
    if dout.shape != wanted:
        raise UsageError(f"backward got an array of shape {dout.shape}, but the last output has the shape {wanted}")
    return np.asarray(dout.astype(dtype, copy=False))


def new_layers(layers: Layer | Iterable[Layer]) -> list[Layer]:
    """Return the layers of a new network: those given, but copies of those that belong to another one already.

    Raises UsageError for what is no layer, and for one that comes twice.
    """
    given = list(layers) if isinstance(layers, Iterable) else [layers]
    for layer in given:
        if isinstance(layer, type) and issubclass(layer, Layer):
            raise UsageError(f"{layer.__name__} is a class, and no layer yet: write {layer.__name__}(...)")
        if not isinstance(layer, Layer):
            raise UsageError(f"{short_repr(layer)} is no layer, and a network is made of at least one layer: {EXAMPLE}")
        if sum(layer is other for other in given) > 1:
            raise UsageError(
                f"the same {type(layer).__name__} comes twice: make a layer for each place, "
                f"or a copy with copy.deepcopy(layer)"
            )
    if not given:
        raise UsageError(f"a network is made of at least one layer: {EXAMPLE}")
    for layer in given:
        if not layer.name:  # what an attempt that failed has left
            layer.parameters, layer.buffers = {}, {}
    return [copy.deepcopy(layer) if layer.name else layer for layer in given]


def build(layer: Layer, input_shape: Shape, rng: np.random.Generator) -> Shape:
    """Build the layer for such inputs, and return its output's shape.

    One that has been built for another network keeps what it learnt there, parameters and buffers. Raises UsageError
    when it does not fit any more, or replaces by itself what it has given to :meth:`Layer.add`.
    """
    learnt = layer.parameters | layer.buffers
    layer.parameters, layer.buffers = {}, {}
    output_shape = layer.build(input_shape, rng)
    vars(layer)["_built_for"] = input_shape, output_shape
    vars(layer)["_built_with"] = repr(layer.settings())
    for name, value in layer.parameters.items():
        if not same(getattr(layer, name), value):
            raise UsageError(
                f"{layer.name} ({type(layer).__name__}): build put another array in the place of self.{name} "
                f"after self.add: give that one to self.add"
            )
    for name, value in (layer.parameters | layer.buffers).items() if learnt else ():
        came = learnt[name].shape if name in learnt else None
        if came != value.shape:
            raise UsageError(
                f"{layer.name} ({type(layer).__name__}) brings {name} of shape {came} from another network, but "
                f"needs {value.shape} for the input {input_shape}: give it the input that it had, or make a new layer"
            )
        value[...] = learnt[name]
    return output_shape


# ---- the parameters: views into one flat vector, by the names conv1.W, and which of them are trained


class Views(dict[str, Array]):
    """Arrays by name, to be read and written into, but not to be replaced: the network would never see another one."""

    def __setitem__(self, name: str, value: object) -> None:
        """Raise UsageError, but for the array that is there, as after ``net.parameters["dense1.b"] += 1``."""
        if value is not self.get(name):
            _refuse(name)

    def _refuse_method(self, *args: object, **named: object) -> NoReturn:
        """Raise UsageError."""
        _refuse("dense1.W")

    __ior__ = __delitem__ = update = pop = popitem = clear = setdefault = _refuse_method

    def __reduce__(self) -> tuple[Any, ...]:
        """Become a plain dict in copies and pickles, whose arrays are nobody's views."""
        return dict, (dict(self),)


def _refuse(name: str) -> NoReturn:
    raise UsageError(
        "the arrays of a network are views into one vector, and another in their place would not be used: "
        f'write into the one that is there, net.parameters["{name}"][...] = ...'
    )


def order_of(array: Array) -> Literal["C", "F"]:
    """Return how the numbers of a parameter lie in the vector: row by row, but where it lies by column, so."""
    return "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"


def trainable_parts(layers: Sequence[Layer]) -> list[slice]:
    """Return which parts of the vector belong to layers that are trained: all in one piece, where none is frozen."""
    parts: list[slice] = []
    start = 0
    for layer in layers:
        stop = start + sum(value.size for value in layer.parameters.values())
        if layer.trainable and stop > start:
            joined = parts and parts[-1].stop == start
            parts.append(slice(parts.pop().start if joined else start, stop))
        start = stop
    return parts


def only(gradient: Array, parts: list[slice]) -> Array:
    """Return the gradient with zeros outside the parts, so that frozen parameters do not count in its norm."""
    if parts == [slice(0, gradient.size)]:
        return gradient
    kept = np.zeros_like(gradient)
    for part in parts:
        kept[part] = gradient[part]
    return kept


def check_names(layers: Sequence[Layer], parameters: Views) -> None:
    """Raise UsageError unless the list has the layers with parameters that the network was built of, in their order."""
    unbuilt = any(isinstance(layer, Dense | Conv2D | BatchNorm) and not layer.parameters for layer in layers)
    if unbuilt or [f"{layer.name}.{name}" for layer in layers for name in layer.parameters] != list(parameters):
        raise UsageError(
            "the list of layers has lost or gained one with parameters since the network was built: make a new "
            "one, nn.Sequential(net.layers, net.input_shape), which brings along what they learnt"
        )


def shapes_now(layers: Sequence[Layer], shapes: list[Shape]) -> list[Shape]:
    """Return the shapes between the layers, after one without parameters came or went: it leaves shapes as they are."""
    if not all(layer._built_for for layer in layers if layer.name):  # as in pickles of before
        return shapes
    now = shapes[:1]
    for layer in layers:
        now.append(layer._built_for[1] if layer._built_for else now[-1])
    return now


def check_views(layers: Sequence[Layer], parameters: Views, theta: Array) -> None:
    """Raise UsageError unless the layers work on these arrays, which are views of theta (P,)."""
    check_names(layers, parameters)
    for layer in layers:
        for name, value in layer.parameters.items():
            view = parameters[f"{layer.name}.{name}"]
            if not same(value, view):
                raise UsageError(
                    f"{layer.name} is a layer of another network, and would not be trained: make a new network, "
                    f"nn.Sequential(net.layers, net.input_shape)"
                )
            if not same(getattr(layer, name), view):
                raise UsageError(
                    f"another array stands in the place of {layer.name}.{name}, which would not be trained or "
                    f"saved: write into the one that is there, layer.{name}[...] = ..."
                )
            if not np.may_share_memory(view, theta):
                raise UsageError("another array stands in the place of net.theta: write into it, net.theta[...] =")
