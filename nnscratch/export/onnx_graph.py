"""ONNX: the network as a graph of operators, which runs where Python does not. Needs the package ``onnx``.

Input: ``images`` (N, *input_shape) float32 on the scale 0..1, or, where the network has a scaling, as that takes them;
scaling and normalisation are part of the graph. Outputs:
``logits`` (N, K) at the model's temperature, and ``probabilities`` (N, K), their softmax. All numbers are float32.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.scaling import scaling_tensors
from nnscratch.errors import UsageError
from nnscratch.files.atomic import write_bytes
from nnscratch.models.sequential import Sequential

OPSET, IR_VERSION = 17, 8  # of 2022: what reads ONNX reads these
CODE = """\
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession({path!r}, providers=["CPUExecutionProvider"])
images = np.zeros({shape}, "float32")  # yours, {scale}
(probabilities,) = session.run(["probabilities"], {{"images": images}})
"""


class Node(NamedTuple):
    """An operator of the graph: its settings, and the arrays that it takes besides the output of the one before."""

    operator: str
    attributes: dict[str, Any] = {}  # noqa: RUF012 (never changed)
    arrays: dict[str, Array] = {}  # noqa: RUF012


def write_onnx(model: Sequential, path: str | Path) -> str:
    """Write an .onnx file, whole or not at all; return code that runs it. Raises UsageError without ``onnx``."""
    write_bytes(path, onnx_model(model).SerializeToString(deterministic=True))
    scale = "on the scale 0..1" if model.scaling is None else "raw numbers"
    return CODE.format(path=str(path), shape=(1, *model.input_shape), scale=scale)


def onnx_model(model: Sequential) -> Any:
    """Return the network as an ``onnx.ModelProto``, which has been checked. Raises UsageError without ``onnx``."""
    try:
        import onnx
        from onnx import TensorProto, helper, numpy_helper
    except ImportError as error:
        raise UsageError(f'ONNX needs {error.name}: pip install "nnscratch[export]"') from None
    steps, weights, source = [], [], "images"
    for name, node in nodes(model).items():
        inputs = {f"{name}.{key}": value.astype(np.float32) for key, value in node.arrays.items()}
        weights += [numpy_helper.from_array(value, key) for key, value in inputs.items()]
        steps.append(helper.make_node(node.operator, [source, *inputs], [name], name, **node.attributes))
        source = name
    about = "scale 0..1" if model.scaling is None else "raw numbers"
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", *model.input_shape], about)
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *model.shapes[-1]])
        for name in ("probabilities", "logits")
    ]
    graph = helper.make_graph(steps, str(model.info.get("name", "model")), [images], outputs, weights)
    opset = helper.make_opsetid("", OPSET)
    made = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="nnscratch")
    about_model = {"temperature": str(model.temperature), "limits": json.dumps(model.limits.to_dict())}
    if not model.is_digits:
        about_model["classes"] = json.dumps(list(model.classes))
    helper.set_model_props(made, about_model)
    onnx.checker.check_model(made, full_check=True)
    return made


def nodes(model: Sequential) -> dict[str, Node]:
    """Return the operators by name, in order: scaling, normalisation, the layers, "logits", "probabilities"."""
    found = {}
    if model.scaling is not None:
        shift, scale = scaling_tensors(model.scaling, model.input_shape)
        found["shifted"] = Node("Sub", arrays={"mean": shift})
        found["scaled"] = Node("Div", arrays={"scale": scale})
    mean, std = model.normalisation
    if (mean, std) != (0, 1):
        found["centred"] = Node("Sub", arrays={"mean": np.array(mean)})
        found["normalised"] = Node("Div", arrays={"std": np.array(std)})
    for layer in model.layers:
        if type(layer).__name__ != "Dropout":  # which does nothing outside training
            found[layer.name] = NODES[type(layer).__name__](layer)
    if model.ends_in_softmax:  # as in Sequential.logits
        found["positive"] = Node("Max", arrays={"least": np.array(np.finfo(np.float32).tiny)})
        found["logits"] = Node("Log")
    else:
        found["logits"] = Node("Div", arrays={"temperature": np.array(model.temperature)})
    return found | {"probabilities": Node("Softmax", {"axis": 1})}


def _convolution(layer: Any) -> Node:
    (top, bottom), (left, right) = layer.pads
    window = {"kernel_shape": layer.size, "strides": layer.strides, "pads": [top, left, bottom, right]}
    return Node("Conv", window, layer.parameters)


def _pool(operator: str) -> Callable[[Any], Node]:
    return lambda layer: Node(operator, {"kernel_shape": layer.window, "strides": layer.strides})


def _plain(operator: str, **attributes: Any) -> Callable[[Any], Node]:
    return lambda layer: Node(operator, attributes)


NODES: dict[str, Callable[[Any], Node]] = {
    "AvgPool2D": _pool("AveragePool"),
    # gamma, beta, running_mean, running_var: the order of the operator's inputs
    "BatchNorm": lambda layer: Node("BatchNormalization", {"epsilon": layer.eps}, layer.parameters | layer.buffers),
    "Conv2D": _convolution,
    "Dense": lambda layer: Node("Gemm", {"transB": 1}, layer.parameters),
    "Flatten": _plain("Flatten", axis=1),
    "LeakyReLU": lambda layer: Node("LeakyRelu", {"alpha": layer.slope}),
    "MaxPool2D": _pool("MaxPool"),
    "ReLU": _plain("Relu"),
    "Sigmoid": _plain("Sigmoid"),
    "Softmax": _plain("Softmax", axis=1),
    "Tanh": _plain("Tanh"),
}
