"""What ``bench_kernels.py`` calls each operation with: the geometry of LeNet-5, for the images of one shard.

Each ``*_cases(op, rng)`` gives the cases of a family of operations. A new twin needs a line in ``FAMILIES``, and one
where its arguments are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnscratch import load_mnist, ops
from nnscratch.arrays import aligned, empty
from nnscratch.ops.distort import rng_streams
from nnscratch.ops.dropout import stream_key
from nnscratch.ops.windows import NO_PADDING
from nnscratch.training.plan import SHARD

N = SHARD  # images: what a thread works on at a time
CONVOLUTIONS = {"conv1": (1, 28, 6, 5), "conv2": (6, 12, 16, 5)}  # C, H = W, F, KH = KW
POOLED = {"after conv1": (6, 24, 24, N), "after conv2": (16, 8, 8, N)}
ACTIVATED = POOLED | {"after dense1": (120, N)}
DENSE = {"dense1": (256, 120), "dense2": (120, 10)}  # K, D
PARAMETERS = {"LeNet-5": 34_622, "MLP": 399_210}
POOL = ((2, 2), (2, 2))  # size, stride

Random = np.random.Generator
Cases = Callable[[str, Random], Iterator["Case"]]


@dataclass(frozen=True)
class Case:
    """Calls to be measured: one tuple of arguments after the other, over and over."""

    name: str
    arguments: list[tuple[Any, ...]]
    keywords: dict[str, Any] = field(default_factory=dict)
    flops: int = 0  # of a call; 0 for what moves data
    bytes: int = 0  # of a call; 0: all arrays, counted when it is compared


def normal(rng: Random, *shape: int) -> Any:
    """Return random numbers as a network has them: in an array that begins with a cache line."""
    return aligned(rng.standard_normal(shape, np.float32))


def off_line(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return arguments whose arrays begin 16 bytes into a cache line, as NumPy's own do once they are large."""
    return tuple(_off_line(value) if isinstance(value, np.ndarray) else value for value in values)


def _off_line(array: Any) -> Any:
    memory = empty(array.nbytes + 16, np.uint8)
    moved = np.ndarray(array.shape, array.dtype, memory, offset=16)
    moved[...] = array
    return moved


def conv_cases(op: str, rng: Random) -> Iterator[Case]:
    """Convolutions: the forward pass and both gradients."""
    for name, (C, H, F, K) in CONVOLUTIONS.items():
        side = H - K + 1
        x, W, b = normal(rng, C, H, H, N), normal(rng, F, C, K, K), normal(rng, F)
        dout = normal(rng, F, side, side, N)
        arguments = {"forward": (x, W, b), "weights": (dout, x, (K, K)), "input": (dout, W, (H, H))}[op.split("_")[-1]]
        flops = conv_flops(name) + dout.size * op.endswith("weights")  # db: additions
        yield Case(name, [arguments], flops=flops)
        yield Case(f"{name}, off the line", [off_line(arguments)], flops=flops)


def conv_flops(name: str) -> int:
    """Return the flops of a forward pass, whose bias takes the place of a first addition, and so of either gradient."""
    C, H, F, K = CONVOLUTIONS[name]
    side = H - K + 1
    return 2 * F * C * K * K * side * side * N


def fused_cases(op: str, rng: Random) -> Iterator[Case]:
    """Convolutions with ReLU and pooling behind them, of the largest and of the mean; flops are the convolutions'."""
    for name, (C, H, F, K) in CONVOLUTIONS.items():
        for mean in (False, True):
            side = H - K + 1
            x, W, b = normal(rng, C, H, H, N), normal(rng, F, C, K, K), normal(rng, F)
            out, grad_mask = ops.conv2d_relu_pool_forward(x, W, b, NO_PADDING, mean=mean)
            grad_mask = None if grad_mask is None else aligned(grad_mask)
            called = f"{name}, {'mean' if mean else 'max'}"
            if op.endswith("forward"):
                yield Case(called, [(x, W, b, NO_PADDING)], {"mean": mean}, conv_flops(name))
                continue
            need_dx = name != "conv1"  # nothing is learned below the first layer
            arguments = (normal(rng, *out.shape), grad_mask, x, W, NO_PADDING)
            flops = (1 + need_dx) * conv_flops(name) + F * side * side * N
            yield Case(called, [arguments], {"mean": mean, "need_dx": need_dx}, flops)


def pool_cases(op: str, rng: Random) -> Iterator[Case]:
    """Pooling of what each convolution gives."""
    for name, shape in POOLED.items():
        x = normal(rng, *shape)
        out, argmax = ops.maxpool2d_forward(x, *POOL)
        dout, image = normal(rng, *out.shape), shape[1:3]
        given = (x,) if op.endswith("forward") else (dout, image) if op.startswith("avg") else (dout, argmax, image)
        yield Case(name, [(*given, *POOL)])


def activation_cases(op: str, rng: Random) -> Iterator[Case]:
    """Activations of what each layer gives."""
    slope = (0.01,) if op.startswith("leaky") else (0.5,) if op == "dropout_forward" else ()
    told = {"key": stream_key(1)} if op == "dropout_forward" else {}
    for name, shape in ACTIVATED.items():
        given = [normal(rng, *shape) for _ in range(1 if op.endswith("forward") else 2)]
        yield Case(name, [(*given, *slope)], told)


def batchnorm_cases(op: str, rng: Random) -> Iterator[Case]:
    """Batch normalisation behind each convolution, of one of two shards."""
    for name, shape in POOLED.items():
        C, (x, dout), (gamma, beta) = shape[0], normal(rng, 2, *shape), normal(rng, 2, shape[0])
        mean, var, M, sums = np.full(C, 0.1), np.ones(C), np.full(C, 2.0 * x[0].size), rng.random((2, 2, C))
        norm, small = (x, gamma, beta, mean, var, 1e-5), aligned(dout[:, ::2, ::2])
        arguments = {
            "batchnorm_relu_pool_forward": norm,
            "batchnorm_relu_pool_backward_weights": (small, *norm),
            "batchnorm_relu_pool_backward_input": (small, *norm, sums, M),
            "batchnorm_moments": (x,),
            "batchnorm_combine": (rng.random((2, 3, C)),),
            "batchnorm_update_running": (mean, var, 1 + rng.random((2, 3, C)), 0.9),
            "batchnorm_forward": norm,
            "batchnorm_backward_weights": (dout, x),
            "batchnorm_backward_running": (dout, gamma, var, 1e-5),
            "batchnorm_backward_batch": (dout, x, gamma, var, 1e-5, sums, M),
        }[op]
        yield Case(name, [arguments])


def dense_cases(op: str, rng: Random) -> Iterator[Case]:
    """The two dense layers."""
    for name, (K, D) in DENSE.items():
        x, W, b, dout = normal(rng, K, N), normal(rng, D, K), normal(rng, D), normal(rng, D, N)
        arguments = {"forward": (x, W, b), "weights": (dout, x), "input": (dout, W)}[op.split("_")[-1]]
        yield Case(name, [arguments], flops=2 * K * D * N + D * N * op.endswith("weights"))


def dense_relu_cases(op: str, rng: Random) -> Iterator[Case]:
    """The first dense layer of LeNet-5, and that of the MLP, whose images are mostly blank."""
    K, D = DENSE["dense1"]
    x, W, b, dout = normal(rng, K, N), normal(rng, D, K), normal(rng, D), normal(rng, D, N)
    out = ops.dense_relu_forward(x, W, b)
    given = (x, W, b) if op.endswith("forward") else (dout, out, x, aligned(W), aligned(b))
    yield Case("dense1", [given], flops=2 * K * D * N)
    images = load_mnist().train_images[: 2 * N].reshape(2 * N, -1)
    x, W = aligned(images / np.float32(255)).T, normal(rng, 784, 394).T
    b, dout = normal(rng, 394), normal(rng, 394, 2 * N)
    out = ops.dense_relu_forward(x, W, b)
    given = (x, W, b) if op.endswith("forward") else (dout, out, x, aligned(W.T).T, aligned(b))
    yield Case(f"MLP dense1, {2 * N}", [given], flops=2 * W.size * 2 * N)


def loss_cases(op: str, rng: Random) -> Iterator[Case]:
    """Ten scores for each image."""
    labels = rng.integers(0, 10, N)
    targets = np.eye(10, dtype=np.float32)[:, labels]
    given = (labels, 0.1, 0.5) if op.startswith("label") else (targets,)
    given = (aligned(targets.T), 0.5) if op == "target_squared_error" else given
    given = (aligned(targets.T), 0.1, 0.5) if op == "target_cross_entropy" else given
    yield Case(f"10 x {N}", [(normal(rng, 10, N), *given)])


def gather_cases(op: str, rng: Random) -> Iterator[Case]:
    """A shuffled epoch, shard by shard, so that the images come from memory as they do in training."""
    images = rng.integers(0, 256, (60_000, 1, 28, 28), np.uint8)
    shards = rng.permutation(len(images)).reshape(-1, N)
    keywords = {"scale": 1 / 255, "shift": -0.5, "dtype": np.dtype("float32")}
    moved = N * 28 * 28 * (1 + 4) + shards[0].nbytes
    for called, by_image in ((f"{N} of 60,000", False), ("by image", True)):
        told = {**keywords, "by_image": by_image}
        yield Case(called, [(images, shard) for shard in shards], told, bytes=moved)


def distort_cases(op: str, rng: Random) -> Iterator[Case]:
    """The same with every distortion of a training."""
    images = rng.integers(0, 256, (60_000, 1, 28, 28), np.uint8)
    shards = rng.permutation(len(images)).reshape(-1, N)[:100]
    strengths = np.array([15, 0.15, 0.25, 2, 1, 0.5])
    told = {"scale": 1 / 255, "shift": 0.0, "dtype": np.dtype("float32")}
    yield Case(
        f"{N} of 60,000",
        [(images, shard, rng_streams(0, 1, shard), strengths) for shard in shards],
        told,
        bytes=N * 28 * 28 * (1 + 4),
    )


def optimizer_cases(op: str, rng: Random) -> Iterator[Case]:
    """Updates of all parameters."""
    for name, P in PARAMETERS.items():
        theta, g, m, v = (normal(rng, P) for _ in range(4))
        squares = aligned(v * v)
        arguments, keywords = {
            "sgd_update": ((theta, g), {"lr": 0.1}),
            "momentum_update": ((theta, g, m), {"lr": 0.1, "momentum": 0.9}),
            "nesterov_update": ((theta, g, m), {"lr": 0.1, "momentum": 0.9}),
            "rmsprop_update": ((theta, g, squares), {"lr": 0.1, "decay": 0.9, "eps": 1e-8}),
            "adam_update": ((theta, g, m, squares, 10), {"lr": 0.1, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}),
            "weight_decay_update": ((theta, aligned(1e-4 * squares)), {"lr": 0.1}),
            "average_update": ((theta, m), {"decay": 0.99}),
            "add_gradient": ((theta, g), {}),
            "decayed_gradient": ((g, theta, squares), {}),
            "clip_global_norm": ((g, 1.0), {}),
        }[op]
        yield Case(f"{name}, {P:,}", [arguments], keywords)
        if op == "adam_update":
            yield Case(f"{name}, off the line", [off_line(arguments)], keywords)


FAMILIES: dict[str, Cases] = {
    "conv2d_forward": conv_cases,
    "conv2d_backward_weights": conv_cases,
    "conv2d_backward_input": conv_cases,
    "conv2d_relu_pool_forward": fused_cases,
    "conv2d_relu_pool_backward": fused_cases,
    **{f"{pool}_{way}": pool_cases for pool in ("maxpool2d", "avgpool2d") for way in ("forward", "backward")},
    **{
        f"{activation}_{way}": activation_cases
        for activation in ("relu", "leaky_relu", "tanh", "sigmoid", "softmax", "dropout")
        for way in ("forward", "backward")
    },
    **{
        f"batchnorm_{op}": batchnorm_cases
        for op in (
            *(
                "moments",
                "combine",
                "update_running",
                "forward",
                "backward_weights",
                "backward_batch",
                "backward_running",
            ),
            *("relu_pool_forward", "relu_pool_backward_weights", "relu_pool_backward_input"),
        )
    },
    "dense_forward": dense_cases,
    "dense_backward_weights": dense_cases,
    "dense_backward_input": dense_cases,
    "dense_relu_forward": dense_relu_cases,
    "dense_relu_backward_weights": dense_relu_cases,
    "softmax_cross_entropy": loss_cases,
    "label_cross_entropy": loss_cases,
    "target_cross_entropy": loss_cases,
    "target_squared_error": loss_cases,
    "add_gradient": optimizer_cases,
    "decayed_gradient": optimizer_cases,
    "gather_batch": gather_cases,
    "distort_batch": distort_cases,
    **{
        f"{optimizer}_update": optimizer_cases
        for optimizer in ("sgd", "momentum", "nesterov", "rmsprop", "adam", "weight_decay", "average")
    },
    "clip_global_norm": optimizer_cases,
}


def cases(op: str) -> list[Case]:
    """Return the cases of an operation. Exits, naming it, when there are none."""
    if op not in FAMILIES:
        sys.exit(f"the twin {op} has no case in kernel_cases.py: give it one")
    return list(FAMILIES[op](op, np.random.default_rng(0)))
