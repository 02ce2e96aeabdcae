"""Networks for other libraries: :func:`export` writes ONNX, safetensors, or a state dict of PyTorch."""

from collections.abc import Callable
from pathlib import Path

from nnscratch.errors import UsageError, unknown
from nnscratch.export.onnx_graph import write_onnx
from nnscratch.export.torch_code import write_state_dict
from nnscratch.models.sequential import Sequential

SUFFIXES: dict[str, tuple[str, ...]] = {
    "onnx": (".onnx",),
    "safetensors": (".safetensors",),
    "torch-state-dict": (".pt", ".pth"),
}
SAFETENSORS_CODE = """\
import numpy as np

import nnscratch as nn

model = nn.load({path!r})
images = np.zeros({shape}, "float32")  # yours, {scale}
probabilities = model.predict_proba(images)
"""


def export(model: Sequential, path: str | Path, to: str) -> str:
    """Write ``model`` to ``path`` as "onnx", "safetensors" or "torch-state-dict"; return Python code that uses it.

    The code takes ``images`` (N, *input_shape) float32 on the scale 0..1 (or, where the network has a ``scaling``, as
    that takes them), and ends with ``probabilities`` (N, K) at the
    model's temperature. Raises UsageError for an unknown format, a name of another kind of file, a layer of one's
    own that does not say how it is written, a network without a vector at its end, or one that deskews (which only
    safetensors keeps), DataError when the file cannot be written.
    """
    if to not in SUFFIXES:
        raise unknown("the format", to, SUFFIXES)
    if not str(path).endswith(SUFFIXES[to]):
        raise UsageError(f"{str(path)!r} is no name for {to}: let it end in {' or '.join(SUFFIXES[to])}")
    if model.deskew and to != "safetensors":
        raise UsageError(
            f"the network deskews its images, and {to} has no operation for that: set model.deskew = False before "
            f"exporting, and give the exported network nn.deskew(images)"
        )
    model.architecture()  # refuses layers that cannot be made again
    if len(model.shapes[-1]) != 1:
        raise UsageError(f"the network ends in {model.shapes[-1]}, no probabilities: let it end in Flatten and Dense")
    return WRITERS[to](model, path)


def write_safetensors(model: Sequential, path: str | Path) -> str:
    """Write a .safetensors file, whole or not at all; return code that reads it."""
    model.save(path)
    scale = "on the scale 0..1" if model.scaling is None else "raw numbers"
    return SAFETENSORS_CODE.format(path=str(path), shape=(1, *model.input_shape), scale=scale)


WRITERS: dict[str, Callable[[Sequential, str | Path], str]] = {
    "onnx": write_onnx,
    "safetensors": write_safetensors,
    "torch-state-dict": write_state_dict,
}
