"""Of every compiled function a call that fits, small and of few geometries, so that little has to be compiled."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from random import Random
from typing import Any

import numpy as np

from nnscratch.ops import backend
from nnscratch.ops.compiled.pieces import read_pieces
from nnscratch.ops.compiled.product import product
from nnscratch.ops.dropout import stream_key

Array = np.ndarray[Any, np.dtype[Any]]
Draw = np.random.Generator
Made = dict[str, Any]
Make = Callable[[Draw, Random, Any], Made]

TWO = (2, 2)
PADDINGS = (((0, 0), (0, 0)), ((1, 0), (0, 2)))
CHANNELS, FILTERS, KERNEL, IMAGES = 2, 3, (3, 2), 8
STRENGTHS = np.array([15, 0.15, 0.25, 2, 1, 0.7])
LARGE = (300, 450)  # units, inputs: more weights than a kernel takes
FILE = bytes(range(256)) * 8


@dataclass(frozen=True)
class Call:
    """A compiled function, the readable one, how its arguments are made, which of them it fills or changes."""

    group: str
    compiled: Any
    readable: Any
    make: Make
    fills: tuple[str, ...]


def normal(draw: Draw, number: Any, *shape: int) -> Array:
    """Return random numbers."""
    return draw.standard_normal(shape).astype(number)


def conv(name: str, draw: Draw, rng: Random, number: Any) -> Made:
    """Arguments of a convolution, or of one with ReLU and pooling behind it."""
    (KH, KW), padding, (H, width) = KERNEL, rng.choice(PADDINGS), (6, 7)
    x, W = normal(draw, number, CHANNELS, H, width, IMAGES), normal(draw, number, FILTERS, CHANNELS, *KERNEL)
    b, fused = normal(draw, number, FILTERS), "pool" in name
    OH, OW = H + sum(padding[0]) - KH + 1, width + sum(padding[1]) - KW + 1
    out = (FILTERS, OH // 2, OW // 2, IMAGES) if fused else (FILTERS, OH, OW, IMAGES)
    dout, given = normal(draw, number, *out), {}
    if rng.random() < 0.5:
        given = {"dW": normal(draw, number, *W.shape), "db": normal(draw, number, FILTERS)}
    how = {"padding": padding, "mean": rng.random() < 0.5} if fused else {"stride": (1, 1), "padding": padding}
    if name.endswith("forward"):
        return {"x": x, "W": W, "b": b, **how}
    if name.endswith("weights"):
        return {"dout": dout, "x": x, "kernel": KERNEL, **how, **given}
    if name.endswith("input"):
        return {"dout": dout, "W": W, "image": (H, width), **how}
    grad_mask = draw.integers(0, 16, out).astype(np.int32)
    return {"dout": dout, "grad_mask": grad_mask, "x": x, "W": W, **how, **given, "need_dx": rng.random() < 0.5}


def pool(name: str, draw: Draw, rng: Random, number: Any) -> Made:
    """Arguments of a pooling: of an image with a row left over, or without."""
    C, H, W, N = 2, rng.choice((4, 5)), 6, 3
    how = {"size": TWO, "stride": TWO}
    if name.endswith("forward"):
        return {"x": normal(draw, number, C, H, W, N), **how}
    made = {"dout": normal(draw, number, C, H // 2, W // 2, N)}
    if name.startswith("max"):
        made["argmax"] = draw.integers(0, 4, (C, H // 2, W // 2, N)).astype(np.int32)
    return {**made, "image": (H, W), **how}


def dense(name: str, draw: Draw, rng: Random, number: Any) -> Made:
    """Arguments of a dense layer, or of a product: also those that leave zeros out, and those that go to BLAS."""
    (D, K), N = LARGE if rng.random() < 0.03 else (5, 6), rng.choice((1, 8))
    x, W, dout = normal(draw, number, K, N), normal(draw, number, D, K), normal(draw, number, D, N)
    if rng.random() < 0.3:  # images and inputs each in one piece, most numbers 0
        x, W = np.asfortranarray(x * (draw.random(x.shape) < 0.3).astype(number)), np.asfortranarray(W)
    if name == "product":
        return {"A": W, "B": x}
    if name.endswith("forward"):
        return {"x": x, "W": W, "b": normal(draw, number, D)}
    if name.endswith("input"):
        return {"dout": dout, "W": W}
    given = {"dW": W, "db": normal(draw, number, D)} if rng.random() < 0.7 else {}
    out = {"out": normal(draw, number, D, N)} if "relu" in name else {}
    return {"dout": dout, **out, "x": x, **given}


def activation(name: str, draw: Draw, rng: Random, number: Any) -> Made:
    """Arguments of an activation."""
    slope = {"slope": 0.1} if name.startswith("leaky") else {}
    if name.startswith("dropout_forward"):
        return {"x": normal(draw, number, 3, 4), "rate": 0.3, "key": stream_key(int(draw.integers(9)))}
    known = {"tanh_backward": "out", "sigmoid_backward": "out", "softmax_backward": "p", "softmax_forward": "z"}
    known |= {"dropout_backward": "mask"}
    dout = {} if name.endswith("forward") else {"dout": normal(draw, number, 3, 4)}
    return {**dout, known.get(name, "x"): normal(draw, number, 3, 4), **slope}


def batchnorm(name: str, draw: Draw, rng: Random, number: Any) -> Made:
    """Arguments of batch normalisation: of all of a batch, or of one of its parts."""
    C, shape = 3, rng.choice(((3, 2, 4, 5), (3, 6)))
    pooled = "pool" in name
    shape = (3, 4, 5, 2) if pooled else shape
    x, (gamma, beta, mean, var) = normal(draw, number, *shape), draw.random((4, C))
    dout = normal(draw, number, *((C, 2, 2, 2) if pooled else shape))
    if name.endswith("moments"):
        return {"x": x, **({"moments": np.zeros((3, C))} if rng.random() < 0.5 else {})}
    if name.endswith("update_running"):
        running = {"running_mean": mean.astype(number), "running_var": var.astype(number)}
        return {**running, "moments": draw.random((2, 3, C)), "momentum": 0.9}
    if name.endswith("combine"):
        return {"moments": draw.random((2, 3, C))}
    gamma, beta = gamma.astype(number), beta.astype(number)
    norm = {"x": x, "gamma": gamma, "beta": beta, "mean": mean, "var": var, "eps": 1e-5}
    if name.endswith("forward"):
        return norm
    if name.endswith("weights"):
        given = {"dgamma": gamma, "dbeta": beta, "sums": draw.random((2, C))} if rng.random() < 0.5 else {}
        return {"dout": dout, **(norm if pooled else {"xhat": x}), **given}
    if name.endswith("running"):
        return {"dout": dout, "gamma": gamma, "var": var, "eps": 1e-5}
    part = {"sums": draw.random((2, 2, C)), "M": np.full(C, 50.0)} if rng.random() < 0.7 else {}
    if pooled:
        return {"dout": dout, **norm, **part}
    return {"dout": dout, "xhat": x, "gamma": gamma, "var": var, "eps": 1e-5, **part}


def loss(name: str, draw: Draw, rng: Random, number: Any) -> Made:
    """Arguments of a loss: of all columns, or of the first few."""
    if name in ("softmax_forward", "softmax_backward"):
        return activation(name, draw, rng, number)
    K, N = 5, 6
    z = normal(draw, number, K, N)
    if name == "target_squared_error":
        return {"out": z, "y": normal(draw, number, rng.choice((N, 4)), K), "fraction": 0.5}
    if name == "target_cross_entropy":
        shares = draw.dirichlet(np.ones(K), rng.choice((N, 4))).astype(number)
        return {"z": z, "y": shares, "smoothing": rng.choice((0.0, 0.1)), "fraction": 0.5}
    if name == "softmax_cross_entropy":
        return {"z": z, "y": np.eye(K, dtype=number)[:, draw.integers(0, K, N)]}
    labels = draw.integers(0, K, rng.choice((N, 4)))
    return {"z": z, "labels": labels, "smoothing": rng.choice((0.0, 0.1)), "fraction": 0.5}


def batch(name: str, draw: Draw, rng: Random, number: Any) -> Made:
    """Arguments of the choice of images, distorted or not."""
    M, N, shape = 6, 8, (1, 7, 6)
    images = draw.integers(0, 256, (M, *shape)).astype(rng.choice((np.uint8, number)))
    how = {"scale": 0.5, "shift": 0.1, "dtype": np.dtype(number), "by_image": rng.random() < 0.5}
    made = {"images": images, "indices": draw.integers(0, M, N)}
    if name == "gather_batch":
        return {**made, **how}
    return {**made, "rng_streams": draw.integers(0, 2**63, N).astype(np.uint64), "strengths": STRENGTHS.copy(), **how}


def update(name: str, draw: Draw, rng: Random, number: Any) -> Made:
    """Arguments of an update."""
    firsts = {
        "average_update": ("average", "theta"),
        "add_gradient": ("total", "g"),
        "decayed_gradient": ("g", "theta"),
    }
    first = firsts.get(name, ("theta", "g"))
    more, keys = {
        "adam_update": (("m", "v"), ("lr", "beta1", "beta2", "eps")),
        "momentum_update": (("m",), ("lr", "momentum")),
        "nesterov_update": (("m",), ("lr", "momentum")),
        "rmsprop_update": (("v",), ("lr", "decay", "eps")),
        "sgd_update": ((), ("lr",)),
        "weight_decay_update": ((), ("lr",)),
        "average_update": ((), ("decay",)),
        "add_gradient": ((), ()),
        "decayed_gradient": (("decay",), ()),
    }[name]
    if name == "weight_decay_update":
        first = ("theta", "decay")
    vectors = {key: abs(normal(draw, number, 9)) for key in (*first, *more)}
    count = {"t": 3} if name == "adam_update" else {}
    return {**vectors, **count, **{key: 0.9 if key in ("beta1", "decay", "momentum") else 0.1 for key in keys}}


@cache
def descriptor() -> int:
    """Return an open file that has the bytes of FILE and no name."""
    number, path = tempfile.mkstemp()
    os.unlink(path)  # noqa: PTH108
    os.write(number, FILE)
    return number


def pieces(name: str, draw: Draw, rng: Random, number: Any) -> Made:
    """Arguments of the reading of pieces of a file."""
    sizes = draw.integers(0, 9, 4)
    places = draw.integers(0, len(FILE) - 9, 4)
    return {"descriptor": descriptor(), "places": places, "sizes": sizes, "out": np.zeros(sizes.sum(), np.uint8)}


def read_by_python(descriptor: int, places: Array, sizes: Array, out: Array) -> bool:
    """Do what ``read_pieces`` does."""
    if sizes.shape != places.shape or (sizes < 0).any() or sizes.sum() != out.size:
        raise ValueError("pieces that do not fill what they are read into")
    end = 0
    for place, size in zip(places.tolist(), sizes.tolist(), strict=True):
        try:
            got = os.pread(descriptor, size, place)
        except OSError:
            return False
        if len(got) != size:
            return False
        out[end : end + size] = np.frombuffer(got, np.uint8)
        end += size
    return True


MAKERS = {"conv": conv, "fused": conv, "pool": pool, "dense": dense, "activations": activation, "losses": loss}
MAKERS |= {"dropout": activation, "batchnorm": batchnorm, "batchnorm_pool": batchnorm}
MAKERS |= {"gather": batch, "distort": batch, "optimizers": update}
STATE = ("theta", "m", "v", "total")
GIVEN = ("dW", "db", "dgamma", "dbeta", "sums", "moments", "running_mean", "running_var")


def calls() -> dict[str, Call]:
    """Return a call for every compiled function; a KeyError here: a file of twins without a maker."""
    made = {}
    for name, compiled in backend.compiled_ops().items():
        group = compiled.__module__.rpartition(".")[2]
        maker = dense if name.startswith("dense") else MAKERS[group]
        fills = ("average",) if name.startswith("average") else STATE if group == "optimizers" else GIVEN
        made[name] = Call(group, compiled, backend._reference[name], partial(maker, name), fills)
    made["product"] = Call("product", product, lambda A, B: A @ B, partial(dense, "product"), ())
    made["read_pieces"] = Call("pieces", read_pieces, read_by_python, partial(pieces, "read_pieces"), ("out",))
    return made


CALLS = calls()
