"""Ask LeNet-5 of ONNX Runtime for probabilities: the graph written down node by node, random weights."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.peers.frameworks import protocol

SHAPES = {
    "conv1.W": (6, 1, 5, 5),
    "conv1.b": (6,),
    "conv2.W": (16, 6, 5, 5),
    "conv2.b": (16,),
    "dense1.W": (256, 120),
    "dense1.b": (120,),
    "dense2.W": (120, 10),
    "dense2.b": (10,),
}
OPSET, IR = 17, 8  # versions that every ONNX Runtime of the last years reads


def lenet5(batch: int) -> onnx.ModelProto:
    """Return the network for images (batch, 1, 28, 28)."""
    rng = np.random.default_rng(protocol.SEED)
    weights = {name: 0.1 * rng.standard_normal(shape, dtype=np.float32) for name, shape in SHAPES.items()}
    protocol.check_parameters("lenet5", sum(array.size for array in weights.values()))
    pool = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes = [
        helper.make_node("Conv", ["images", "conv1.W", "conv1.b"], ["conv1"]),
        helper.make_node("Relu", ["conv1"], ["relu1"]),
        helper.make_node("MaxPool", ["relu1"], ["pool1"], **pool),
        helper.make_node("Conv", ["pool1", "conv2.W", "conv2.b"], ["conv2"]),
        helper.make_node("Relu", ["conv2"], ["relu2"]),
        helper.make_node("MaxPool", ["relu2"], ["pool2"], **pool),
        helper.make_node("Flatten", ["pool2"], ["flat"]),
        helper.make_node("Gemm", ["flat", "dense1.W", "dense1.b"], ["dense1"]),
        helper.make_node("Relu", ["dense1"], ["relu3"]),
        helper.make_node("Gemm", ["relu3", "dense2.W", "dense2.b"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "lenet5",
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
    model = lenet5(args.batch).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    images = np.ascontiguousarray(protocol.data(args.model).test_images[: args.batch])

    def call() -> np.ndarray:
        return session.run(["probabilities"], {"images": images})[0]

    protocol.serve_calls(call, args.batch, onnxruntime=onnxruntime.__version__)


if __name__ == "__main__":
    main()
