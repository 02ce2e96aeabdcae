"""From a file to a network: what :meth:`Sequential.save` wrote, checked in every respect before it is believed.

An architecture in a few bytes can name a layer of a billion units, and a memory that is full is no way to find out: so
before a network is built, its layers may not ask for many more numbers than the file holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.scaling import SCALING
from nnscratch.errors import DataError, UsageError, unknown
from nnscratch.files import model_file
from nnscratch.files.paths import as_path
from nnscratch.layers import BatchNorm, Conv2D, Dense, Layer, Shape
from nnscratch.layers.base import pair, whole
from nnscratch.models.architecture import by_name, to_layers
from nnscratch.models.confidence import SCORES, Thresholds
from nnscratch.models.sequential import Sequential
from nnscratch.models.zoo import MODELS
from nnscratch.training.bounds import Interval

MNIST_DIGEST = "ca679089cd9dd461d7b26e36e51216fc71f9271f8082e09656a7c1d29a50483b"  # of the library's copy, as a Dataset
SPARE = 1_000_000  # numbers: who claims only so many too many is told later which array is missing


def load(path: str | Path, *, layers: Sequence[type[Layer]] = ()) -> Sequential:
    """Return the network saved in ``path``, an .npz or a .safetensors file.

    ``layers`` are the classes of its layers that are not the library's: ``nn.load("net.npz", layers=[Swish])``.
    Raises DataError when the file is missing, damaged, changed, of another kind or of a newer version, UsageError for
    what is no path, or no class of layers.
    """
    path = as_path(path)
    if str(path) in MODELS and not path.exists():
        raise DataError(
            f"{path} is no file: nn.build('{path}') makes a new network, and nn.load_pretrained('lenet5'), 'mlp' or "
            f"'logistic' loads one with the weights that come with the library"
        )
    header, arrays = model_file.read(path)
    by_name(layers)
    try:
        check_size(to_layers(header["architecture"], layers), header["architecture"]["input_shape"], arrays)
        model = from_architecture(header["architecture"], layers)
        _set_header(model, header, arrays)
    except (UsageError, LookupError, AttributeError, TypeError, ValueError, ArithmeticError, MemoryError) as error:
        raise DataError(f"{path}: the architecture in the file cannot be built ({error})") from None
    _set_weights(model, arrays, path)
    return model


def _set_header(model: Sequential, header: dict[str, Any], arrays: dict[str, Array]) -> None:
    """Give a network what a file says beside its architecture and its weights. Raises for what cannot be."""
    model.info = dict(header["info"])
    Interval(above=0).check("the temperature", header.get("temperature", 1.0))
    model.temperature = float(header.get("temperature", 1.0))
    model.limits = _checked_thresholds(header.get("limits", Thresholds().to_dict()))
    if "classes" in header:
        model.classes = header["classes"]
    if header.get("is_regression", False) not in (False, True):
        raise ValueError(f"is_regression is {header['is_regression']!r}")
    model.is_regression = bool(header.get("is_regression", False))
    on_mnist = model.info.get("data") == MNIST_DIGEST  # of files that do not say
    model.black_background = bool(header.get("black_background", on_mnist))
    if any(name in arrays for name in SCALING):
        mean, scale = (arrays[name] for name in SCALING)
        model.scaling = mean, scale


def _set_weights(model: Sequential, arrays: dict[str, Array], path: Path) -> None:
    """Give a network the weights of a file. Raises DataError for shapes that do not fit, and what is no number."""
    own = model.parameters | model.buffers
    for name in sorted(own.keys() | arrays.keys() - set(SCALING)):
        came = arrays[name].shape if name in arrays else None
        wanted = own[name].shape if name in own else None
        if came != wanted:
            raise DataError(
                f"{path}: the weights do not fit the architecture: {name} has the shape {came}, wanted {wanted}"
            )
        if arrays[name].dtype.kind == "f":
            with np.errstate(over="ignore"):
                own[name][...] = arrays[name]
        if arrays[name].dtype.kind != "f" or not np.isfinite(own[name]).all():
            raise DataError(f"{path}: {name} holds something else than finite numbers: train the model again")


def _checked_thresholds(value: Any) -> Thresholds:
    if not isinstance(value, dict) or value.keys() | {"score"} != {"sure", "familiar", "score"}:
        raise ValueError(f"the limits of the verdicts are {value!r}")
    if value.get("score", "energy") not in SCORES:
        raise unknown("the score of what is refused", value["score"], SCORES)
    for name in ("sure", "familiar"):
        Interval().check("a limit of the verdicts", value[name])
    return Thresholds(**value)


def from_architecture(architecture: dict[str, Any], layers: Sequence[type[Layer]] = ()) -> Sequential:
    """Return a new network, with initial weights, of what :meth:`Sequential.architecture` returned.

    ``layers`` are the classes that are not the library's.
    """
    how = {name: architecture[name] for name in ("seed", "dtype", "normalisation")}
    how["deskew"] = architecture.get("deskew", False)
    return Sequential(to_layers(architecture, layers), tuple(architecture["input_shape"]), **how)


# ---- does the file hold as many numbers as its layers ask for?


def check_size(layers: Sequence[Layer], input_shape: Sequence[int], arrays: dict[str, Array]) -> None:
    """Raise ValueError when layers that are not built yet need many more parameters than ``arrays`` have numbers.

    The layers are used up: they are built one by one, each only if what it needs is there.
    """
    left = SPARE + sum(value.size for value in arrays.values())
    shape: Shape = tuple(whole(size, "a size of the input") for size in input_shape)
    for layer in layers:
        left -= _numbers(layer, shape)
        if left < 0:
            raise ValueError(f"{type(layer).__name__} needs more numbers than the file holds")
        shape = layer.build(shape, np.random.default_rng(0))


def _numbers(layer: Layer, shape: Shape) -> int:
    """Return how many numbers the layer learns and keeps for inputs of ``shape``."""
    if isinstance(layer, Dense):
        return whole(layer.units, "the number of units of Dense") * (shape[0] + 1)
    if isinstance(layer, Conv2D):
        KH, KW = pair(layer.kernel, "the kernel of Conv2D")
        return whole(layer.filters, "the number of filters of Conv2D") * (shape[0] * KH * KW + 1)
    return 4 * shape[0] if isinstance(layer, BatchNorm) else 0
