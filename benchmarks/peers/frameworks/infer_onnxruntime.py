"""Ask a network of ONNX Runtime for probabilities: the graph written down node by node, random weights."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.peers.frameworks import protocol

FILTERS = {"conv1": (6, 1, 5, 5), "conv2": (16, 6, 5, 5)}  # of LeNet-5
OPSET, IR = 17, 8  # versions that every ONNX Runtime of the last years reads


def graph_of(model: str, batch: int) -> onnx.ModelProto:
    """Return the network for images (batch, 1, 28, 28)."""
    rng = np.random.default_rng(protocol.SEED)
    weights: dict[str, np.ndarray] = {}
    nodes: list[onnx.NodeProto] = []

    def add(kind: str, name: str, *shape: int, **attributes: object) -> None:
        inputs = [nodes[-1].output[0] if nodes else "images"]
        if shape:
            units = shape[0] if kind == "Conv" else shape[1]
            weights[f"{name}.W"] = 0.1 * rng.standard_normal(shape, dtype=np.float32)
            weights[f"{name}.b"] = 0.1 * rng.standard_normal(units, dtype=np.float32)
            inputs += [f"{name}.W", f"{name}.b"]
        nodes.append(helper.make_node(kind, inputs, [name], **attributes))

    for name, shape in FILTERS.items() if model == "lenet5" else ():
        add("Conv", name, *shape)
        add("Relu", f"{name}.relu")
        add("MaxPool", f"{name}.pool", kernel_shape=[2, 2], strides=[2, 2])
    add("Flatten", "flat")
    for number, (before, units) in enumerate(pairwise(protocol.DENSE[model])):
        if number:
            add("Relu", f"dense{number}.relu")
        add("Gemm", f"dense{number + 1}", before, units)
    add("Softmax", "probabilities", axis=1)
    protocol.check_parameters(model, sum(array.size for array in weights.values()))
    graph = helper.make_graph(
        nodes,
        model,
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 1, 28, 28])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [batch, 10])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)


def main() -> None:
    """Serve."""
    args = protocol.arguments()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    model = graph_of(args.model, args.batch).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    images = np.ascontiguousarray(protocol.data(args.model).test_images[: args.batch])

    def call() -> np.ndarray:
        return session.run(["probabilities"], {"images": images})[0]

    protocol.serve_calls(call, args.batch, onnxruntime=onnxruntime.__version__)


if __name__ == "__main__":
    main()
