"""What a layer is: state (parameters, what backward needs) around calls into :mod:`nnscratch.ops`.

To write one, subclass :class:`Layer` as a dataclass whose fields are its settings, and give ``build``, ``forward`` and
``backward``; with parameters also ``backward_parameters``. ``layers/dense.py`` is the shortest full example. Arrays
are annotated ``ClassVar`` there only so that the dataclass does not take them for settings. A parameter's gradient is
written into the array that is there, ``self.dW[...] = ...``: that is a view of the vector which the optimiser sees.
What a layer of one's own returns is looked at in every pass: see ``layers/checked.py``. It is saved by its settings,
and read by ``nn.load(path, layers=[ItsClass])``. A method ``to_onnx`` that returns (operator, attributes, arrays), or
``to_torch`` that returns (code of a module of torch.nn, its tensors), lets it be exported.

Copies (``copy.deepcopy``, ``pickle``) have all that a layer has, but for what a forward pass has added for backward.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import UsageError, is_whole

Shape = tuple[int, ...]
OLD_NAMES = {
    "decayed": "weight_decay_params",
    "draws": "stochastic",
    "mixes_images": "couples_batch",
}  # read until 1.0


@dataclass(eq=False)
class Layer:
    """One step of a network. Arrays are batch last: images (C, H, W, N), vectors (D, N); shapes leave N out."""

    kind: ClassVar[str] = "layer"  # parameter paths and summaries: the second Conv2D of a network is "conv2"
    trainable: ClassVar[bool] = True  # set to False, training leaves the parameters as they are
    weight_decay_params: ClassVar[tuple[str, ...]] = ("W",)  # the parameters that weight decay shrinks
    stochastic: ClassVar[bool] = False  # True when forward draws random numbers in training, from ``self.rng``
    couples_batch: ClassVar[bool] = False  # True when, in training, one image's output depends on the others
    # True when it couples shards of a batch: meet_forward(x) and meet_backward(dout) leave in arrays of all shards
    meets: ClassVar[bool] = False  # (see BatchNorm.share) what forward and backward of each then need of the others
    _kept: ClassVar[tuple[str, ...]] = ()  # attributes that forward keeps for backward: copies do without
    # An instance has its own of these three; here too for layers that are not built yet, and for pickles of before.
    _made_by_passes: ClassVar[frozenset[str]] = frozenset()  # names of attributes: noticed by layers/checked.py
    _built_for: ClassVar[tuple[Shape, Shape] | None] = None  # shapes of input and output, given by the network
    _built_with: ClassVar[str | None] = None  # its settings then: what changes them later changes no array

    def __post_init__(self) -> None:
        self.name = ""  # given by the network
        self.rng = np.random.default_rng(0)  # given by the trainer to layers that draw random numbers
        self.parameters: dict[str, Array] = {}
        self.buffers: dict[str, Array] = {}

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        """Set the parameters' initial values for such inputs with :meth:`add`; return the output shape."""
        return input_shape

    def add(self, name: str, value: Array) -> None:
        """Make ``self.<name>`` a parameter and ``self.d<name>`` its gradient. For use in :meth:`build`."""
        self.parameters[name] = value
        self.bind({name: value}, {name: np.zeros_like(value)})

    def add_buffer(self, name: str, value: Array) -> None:
        """Make ``self.<name>`` a value that is saved with the network but not learnt. For use in :meth:`build`."""
        self.buffers[name] = value
        setattr(self, name, value)

    def bind(self, parameters: dict[str, Array], gradients: dict[str, Array]) -> None:
        """Let the layer work on these arrays: the network's views into its flat vectors."""
        for name, value in parameters.items():
            setattr(self, name, value)
            setattr(self, "d" + name, gradients[name])
        self.parameters = {**self.parameters, **parameters}

    def copy(self) -> Self:
        """Return a layer on the same parameters, which keeps what backward needs for itself."""
        copied = object.__new__(type(self))
        copied.__dict__.update(self.__dict__)
        return copied

    def __getstate__(self) -> dict[str, Any]:
        """Return what to pickle, or to copy deeply: all but what forward has kept for backward."""
        left_out = {*self._kept, *self._made_by_passes}
        return {name: value for name, value in vars(self).items() if name not in left_out}

    if not TYPE_CHECKING:  # a class that answers for any name would not be checked

        def __getattr__(self, name: str) -> Any:
            """Answer for what a layer is asked in the words of before."""
            if name not in OLD_NAMES:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            warnings.warn(f"{name} of a layer is called {OLD_NAMES[name]} now", DeprecationWarning, stacklevel=2)
            return getattr(self, OLD_NAMES[name])

    def read_old_names(self) -> None:
        """Take over what a layer of one's own says of itself in the words of before."""
        for old, new in OLD_NAMES.items():
            if any(old in scope for scope in (vars(self), *map(vars, type(self).__mro__))):
                warnings.warn(f"{type(self).__name__}.{old} is called {new} now", DeprecationWarning, stacklevel=2)
                setattr(self, new, getattr(self, old))

    def forward(self, x: Array, training: bool = False) -> Array:
        """Return the output for ``x`` and keep what :meth:`backward` needs."""
        raise NotImplementedError(f"{type(self).__name__} has no forward method")

    def backward(self, dout: Array) -> Array:
        """Return dx for the last ``x``, given dout, the gradient with respect to the output; fill the d<parameter>."""
        raise NotImplementedError(f"{type(self).__name__} has no backward method")

    def backward_parameters(self, dout: Array) -> None:
        """Fill the d<parameter> only: what the first layer with parameters needs, where nobody asks for dx."""
        self.backward(dout)

    def multiply_adds(self, input_shape: Shape, output_shape: Shape) -> int:
        """Return how many multiplications with a weight one image costs on the way forward."""
        return 0

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments, from which an equal layer can be made."""
        return {field.name: getattr(self, field.name) for field in fields(self)} if is_dataclass(self) else {}


def pair(value: int | tuple[int, int], what: str, least: int = 1) -> tuple[int, int]:
    """Return ``value`` as (vertical, horizontal): one number stands for both.

    Raises UsageError when it is neither an integer nor two, or smaller than ``least``.
    """
    two = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(two) != 2 or not all(is_whole(side, least) for side in two):
        raise UsageError(f"{what} is {value!r}: give a whole number of at least {least}, or two of them")
    return int(two[0]), int(two[1])


def whole(value: int, what: str) -> int:
    """Return ``value`` as an int. Raises UsageError when it is no whole number, or smaller than 1."""
    if not is_whole(value, 1):
        raise UsageError(f"{what} is {value!r}: give a whole number of at least 1")
    return int(value)


def is_number(value: object) -> bool:
    """Return whether ``value`` is a finite real number."""
    return isinstance(value, (int, float, np.integer, np.floating)) and bool(np.isfinite(value))


def need_image(shape: Shape, layer: str) -> tuple[int, int, int]:
    """Return ``shape`` as (C, H, W), or raise UsageError when it is something else."""
    if len(shape) != 3:
        raise UsageError(f"{layer} works on images (C, H, W), but its input has the shape {shape}")
    return shape[0], shape[1], shape[2]
