"""A stack of layers on one flat parameter vector: forward, backward, and nothing else.

Inside, the batch is the last axis: images (C, H, W, N), vectors (D, N). ``Sequential`` takes and returns the usual
batch-first arrays, and fit, predict and save.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from operator import is_
from typing import Any, Self

import numpy as np

from nnscratch.arrays import Array, aligned, zeros
from nnscratch.errors import UsageError
from nnscratch.layers import Dense, Dropout, Flatten, Layer, Shape, is_custom
from nnscratch.layers.checked import Checked
from nnscratch.layers.construction import (
    Views,
    build,
    check_names,
    check_views,
    checked_dtype,
    checked_gradient,
    checked_input,
    checked_seed,
    checked_shape,
    new_layers,
    order_of,
    shapes_now,
    trainable_parts,
)
from nnscratch.layers.fused import fuse
from nnscratch.layers.summary import Row, as_code, as_text, rows
from nnscratch.ops.backend import backend, tapes
from nnscratch.ops.dropout import stream_key
from nnscratch.ops.replay import mark

MANY_UNITS = 64  # from here on the products of sparse.py, which read whole columns of W, gain on BLAS
# what a copy makes anew, or does without: vectors and views of them, and what the last pass has left
VECTORS = ("theta", "gradient", "decay_mask", "parameters", "gradients")
DERIVED = (*VECTORS, "_settled", "_guarded", "_fused", "_passed", "out_shape", "_last_fit")  # the last is Trainable's


class Network:
    """Layers that feed each other.

    ``theta`` (P,) holds every parameter and ``gradient`` (P,) its gradient; ``parameters["conv1.W"]`` and
    ``gradients["conv1.W"]`` are views into them, and so are the layers' own ``W`` and ``dW``.

    A layer that belongs to another network already comes as a copy, with what it learnt there; so layers of a trained
    network begin a new one, and the old stays as it is. ``seed`` None is a new one each time; ``dtype`` is float32 or
    float64. Raises UsageError for layers that do not fit on each other, and for one that comes twice.
    """

    def __init__(
        self, layers: Layer | Iterable[Layer], input_shape: int | Shape, seed: int | None = 0, dtype: Any = "float32"
    ) -> None:
        self.dtype = checked_dtype(dtype)
        self.layers = new_layers(layers)
        self.input_shape = checked_shape(input_shape)
        self.seed = checked_seed(seed)
        self.activations: dict[str, Array] = {}  # of the last forward(record=True)
        self.activation_gradients: dict[str, Array] = {}  # of the backward after it
        self._name_layers()
        try:
            self.shapes = self._build()
        except UsageError:
            for layer in self.layers:
                layer.name = ""  # free to be put into another network
            raise
        self._pack()
        self.reseed((self.seed,))

    # ---- construction

    def _name_layers(self) -> None:
        """Call the layers conv1, relu1, pool1, conv2, ...: by kind, counted."""
        counts: dict[str, int] = {}
        for layer in self.layers:
            counts[layer.kind] = counts.get(layer.kind, 0) + 1
            layer.name = f"{layer.kind}{counts[layer.kind]}"

    def _build(self) -> list[Shape]:
        """Let each layer make its parameters; return the shapes between the layers, the input's first."""
        rng = np.random.default_rng(self.seed)
        shapes = [self.input_shape]
        for layer in self.layers:
            layer.read_old_names()
            shapes.append(build(layer, shapes[-1], rng))
        first = next((layer for layer in self.layers if not isinstance(layer, Flatten)), None)
        self.by_image = isinstance(first, Dense)  # in which order images lie in memory
        if isinstance(first, Dense) and first.units >= MANY_UNITS:
            first.parameters["W"] = np.asfortranarray(first.W)  # the weights of each pixel in one piece
        return shapes

    def _pack(self) -> None:
        """Move all parameters into one vector, in the order of the layers, and let the layers work on views of it."""
        of_layers = [(layer, name, value) for layer in self.layers for name, value in layer.parameters.items()]
        self.theta = self._flat([value for _, _, value in of_layers])
        self.decay_mask = self._flat(
            [np.full(value.size, name in layer.weight_decay_params) for layer, name, value in of_layers]
        )
        gradients = [(value, getattr(layer, "d" + name)) for layer, name, value in of_layers]
        # one of another shape has been put there by a layer of somebody's own: see layers/checked.py
        self._bind(self._flat([d if d.shape == value.shape else np.zeros(value.size) for value, d in gradients]))

    def _flat(self, arrays: list[Array]) -> Array:
        """Return the numbers of the arrays as one vector."""
        numbers = np.concatenate([array.ravel(order=order_of(array)) for array in arrays] or [np.zeros(0)])
        return aligned(numbers.astype(self.dtype))

    def _bind(self, gradient: Array) -> None:
        """Point the layers' parameters into ``theta`` and their gradients into ``gradient``."""
        self.gradient = gradient
        parameters: dict[str, Array] = {}
        gradients: dict[str, Array] = {}
        start = 0
        for layer in self.layers:
            views: dict[str, Array] = {}
            dviews: dict[str, Array] = {}
            for name, value in layer.parameters.items():
                stop = start + value.size
                order = order_of(value)
                views[name] = self.theta[start:stop].reshape(value.shape, order=order)
                dviews[name] = gradient[start:stop].reshape(value.shape, order=order)
                start = stop
            layer.bind(views, dviews)
            parameters |= {f"{layer.name}.{name}": view for name, view in views.items()}
            gradients |= {f"{layer.name}.{name}": view for name, view in dviews.items()}
        self.parameters, self.gradients = Views(parameters), Views(gradients)
        self._settle_steps()
        self._passed = self.steps()

    def _settle_steps(self) -> None:
        """Decide what forward and backward go through."""
        layers = list(self.layers)
        self._guarded: list[Layer] = [
            Checked(layer) if layer._built_for and is_custom(layer) else layer for layer in layers
        ]
        self._fused = fuse(self._guarded)
        self._settled = layers  # last: other threads go by it

    def check_layers(self) -> None:
        """Raise UsageError unless the layers work on the network's own vectors: else nothing is trained, or saved."""
        check_views(self.layers, self.parameters, self.theta)

    def replica(self) -> Self:
        """Return a network on the same parameters with activations and gradients of its own: one for each thread."""
        replica = object.__new__(type(self))
        replica.__dict__.update(self.__dict__)
        replica.layers = [layer.copy() for layer in self.layers]
        replica._bind(zeros(self.theta.shape, self.dtype))
        return replica

    __copy__ = replica  # copy.copy: what is not deep is shared

    def __getstate__(self) -> dict[str, Any]:
        """Return what to pickle, or to copy deeply; the layers bring their parameters and gradients along."""
        state = {name: value for name, value in vars(self).items() if name not in DERIVED}
        return state | {"activations": {}, "activation_gradients": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Become a copy: its vectors are made anew, and the layers' arrays are views of them again."""
        self.__dict__.update(state)
        self._pack()

    def reseed(self, stream: tuple[int, ...]) -> None:
        """Give Dropout the key of this stream, and own layers a generator; a layer's place is part of the stream."""
        for place, layer in enumerate(self.layers):
            if isinstance(layer, Dropout):
                layer.key[:] = stream_key(*stream, place)
            elif layer.stochastic:
                layer.rng = np.random.default_rng((*stream, place))

    def steps(self, record: bool = False) -> list[Layer]:
        """Return what forward and backward go through: the layers, or with compiled kernels fused runs of them.

        Layers that are not the library's are :class:`Checked`. ``record``: layer by layer.
        """
        if len(self._settled) != len(self.layers) or not all(map(is_, self._settled, self.layers)):
            check_names(self.layers, self.parameters)
            self.shapes = shapes_now(self.layers, self.shapes)
            self._settle_steps()
        return self._fused if backend() == "numba" and not record else self._guarded

    # ---- forward and backward

    def forward(self, x: Array, training: bool = False, *, record: bool = False) -> Array:
        """Return the output (D, N) for x (*input_shape, N); keep what :meth:`backward` needs.

        ``training`` switches dropout on and batch normalisation to the statistics of the batch. ``record`` keeps in
        ``activations`` the output of every layer by its name, and the input as "input"; :meth:`backward` then leaves in
        ``activation_gradients`` the gradient of the loss with respect to each. Arrays are batch last.
        Raises UsageError when x has another shape.
        """
        out = checked_input(x, self.input_shape, self.dtype)
        self.activations = {"input": out} if record else {}
        self.activation_gradients = {}
        self._passed = self.steps(record)  # backward goes back through these, whichever backend serves then
        for step in self._passed:
            mark(step.name, "forward")
            out = step.forward(out, training)
            if record:
                self.activations[step.name] = out
        self.out_shape = out.shape
        return out

    def infer(self, x: Array) -> Array:
        """Return what ``forward(x)`` returns, and keep nothing: safe to call from many threads at once."""
        x = checked_input(x, self.input_shape, self.dtype)
        for step in self.steps():
            x = step.copy().forward(x)
        return x

    def backward(self, dout: Array) -> Array:
        """Return dx (*input_shape, N) for dout (D, N), the gradient with respect to the output; fill ``gradients``.

        The chain rule, from the last layer to the first: each layer turns the gradient with respect to its output into
        that with respect to its input, which is the output of the layer before it.
        """
        dout = checked_gradient(dout, getattr(self, "out_shape", None), self.dtype)
        for step in reversed(self._passed):
            if self.activations:
                self.activation_gradients[step.name] = dout
            dout = step.backward(dout)
        if self.activations:
            self.activation_gradients["input"] = dout
        return dout

    def backward_parameters(self, dout: Array) -> None:
        """Fill ``gradients`` like :meth:`backward`, but leave out dx, which training has no use for."""
        dout = checked_gradient(dout, getattr(self, "out_shape", None), self.dtype)
        steps = self._passed
        first = next((i for i, step in enumerate(steps) if step.parameters), len(steps))
        for step in reversed(steps[first + 1 :]):
            mark(step.name, "backward")
            dout = step.backward(dout)
        if first < len(steps):
            mark(steps[first].name, "backward")
            steps[first].backward_parameters(dout)

    # ---- what it is

    @property
    def buffers(self) -> dict[str, Array]:
        """What is saved but not learnt, such as running statistics: {"batchnorm1.running_mean": (C,), ...}."""
        return {f"{layer.name}.{name}": value for layer in self.layers for name, value in layer.buffers.items()}

    @property
    def trainable_parts(self) -> list[slice]:
        """The parts of ``theta`` that an optimiser may change: those of layers that are not frozen."""
        if all(layer.trainable for layer in self.layers):
            return [slice(0, self.theta.size)]
        return trainable_parts(self.layers)

    @property
    def couples_batch(self) -> bool:
        """True when, in training, the output for one image depends on the others of its batch."""
        return any(layer.couples_batch for layer in self.layers)

    @property
    def couples_whole_batch(self) -> bool:
        """True when, in training, a batch stays in one piece: a layer, or one derived from ours, cannot meet."""
        return any(layer.couples_batch and (not layer.meets or is_custom(layer)) for layer in self.layers)

    @property
    def mixes_images(self) -> bool:
        """What :attr:`couples_batch` was called."""
        warnings.warn("mixes_images of a network is called couples_batch now", DeprecationWarning, stacklevel=2)
        return self.couples_batch

    @property
    def replayable(self) -> bool:
        """True when a pass may be recorded: kernels serve, and no layer is somebody's own."""
        return tapes() is not None and not any(map(is_custom, self.layers))

    def multiply_adds(self) -> int:
        """Return how many multiplications with a weight one image costs on the way forward."""
        return sum(row[3] for row in self.table())

    def table(self) -> list[Row]:
        """Return a row for each layer: what it is, output shape, parameters, multiply-adds."""
        self.steps()  # should the list of layers have changed
        return rows(self.layers, self.shapes)

    def summary(self) -> str:
        """Return a table as text: layer, output shape, parameters, multiply-adds of one image, and the totals."""
        return as_text(self.table(), sum(part.stop - part.start for part in self.trainable_parts))

    def __repr__(self) -> str:
        """Return the layers, as they would be written."""
        return as_code(type(self).__name__, self.layers, self.input_shape)
