"""What a set of random networks consists of: how many have each layer and each option, so that no gap goes unseen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import nnscratch as nn
from benchmarks.robustness.architectures import Architecture, build, data, has_ties
from nnscratch.layers import Layer, Shape
from nnscratch.layers.base import pair
from nnscratch.layers.fused import fuse
from nnscratch.ops.compiled.sparse import serves

# every line of the table: a network that has none of them counts for none
OPTIONS = (
    *("Conv2D", "Conv2D, stride above 1", "Conv2D, two strides", "Conv2D, one of two kernels' sides longer"),
    *("Conv2D, even kernel", "Conv2D, pixels left over", "Conv2D, one filter", "Conv2D, padding valid"),
    *("Conv2D, padding same", "Conv2D, padding same with stride", "Conv2D, padding a number"),
    *("Conv2D, padding two numbers", "Conv2D, padding and stride"),
    *("MaxPool2D", "MaxPool2D, overlapping", "MaxPool2D, with gaps", "MaxPool2D, pixels left over"),
    *("AvgPool2D", "AvgPool2D, overlapping", "AvgPool2D, with gaps", "AvgPool2D, pixels left over"),
    *("BatchNorm, images, training", "BatchNorm, images, running statistics"),
    *("BatchNorm, vectors, training", "BatchNorm, vectors, running statistics"),
    *("Dropout, drawing", "Dropout, off"),
    *("Dense", "Dense, 64 units and more first (columns in memory)", "Flatten"),
    *("ReLU", "LeakyReLU", "LeakyReLU, negative slope", "Tanh", "Sigmoid", "Softmax, images", "Softmax, vectors"),
    *("fused Conv2D, ReLU, MaxPool2D", "fused Conv2D, ReLU, AvgPool2D", "fused Dense, ReLU"),
    *("compiled Conv2D", "compiled 2 x 2 pooling"),
    *("blank pixels left out", "MaxPool2D of windows with ties"),
    *("input of images", "input of vectors", "1 image", "2 images", "3 images", "8 images", "32 images"),
    *("in training", "not in training"),
    *("loss: cross-entropy", "loss: smoothed", "loss: soft targets", "loss: squared error"),
)


def count(drawn: Iterable[Architecture]) -> dict[str, dict[str, int]]:
    """Return for each option in how many networks it is, and how often in all."""
    networks: Counter[str] = Counter()
    places: Counter[str] = Counter()
    for one in drawn:
        found = Counter(options(one))
        networks.update(found.keys())
        places.update(found)
    unknown = set(places) - set(OPTIONS)
    assert not unknown, f"the table has no line for {unknown}"
    return {name: {"networks": networks[name], "layers": places[name]} for name in OPTIONS}


def options(drawn: Architecture) -> Iterator[str]:
    """Yield what a network has."""
    network = build(drawn)
    for layer, shape in zip(network.layers, network.shapes, strict=False):
        yield from (f"{type(layer).__name__}{special}" for special in of_layer(layer, shape, drawn))
    for step in fuse(network.layers):
        if type(step).__name__ == "ConvReLUPool":
            yield f"fused Conv2D, ReLU, {'AvgPool2D' if step.mean else 'MaxPool2D'}"  # type: ignore[attr-defined]
        elif type(step).__name__ == "DenseReLU":
            yield "fused Dense, ReLU"
        elif isinstance(step, nn.Conv2D) and step.strides == (1, 1) and step.filters > 1 and drawn.n in (1, 8, 32):
            yield "compiled Conv2D"
        elif isinstance(step, (nn.MaxPool2D, nn.AvgPool2D)) and step.window == step.strides == (2, 2):
            yield "compiled 2 x 2 pooling"
    first = next(layer for layer in network.layers if not isinstance(layer, nn.Flatten))
    if network.by_image and serves(data(drawn, network)[0].reshape(-1, drawn.n), first.W):  # type: ignore[attr-defined]
        yield "blank pixels left out"
    if has_ties(drawn):
        yield "MaxPool2D of windows with ties"
    yield f"input of {'images' if len(drawn.input_shape) == 3 else 'vectors'}"
    yield f"{drawn.n} image{'s' if drawn.n > 1 else ''}"
    yield "in training" if drawn.training else "not in training"
    yield f"loss: {drawn.loss}"


def of_layer(layer: Layer, shape: Shape, drawn: Architecture) -> list[str]:
    """Return what is special about a layer with an input of this shape; "" for being there at all."""
    where = ", images" if len(shape) == 3 else ", vectors"
    if isinstance(layer, nn.Conv2D):
        return ["", *of_convolution(layer, shape)]
    if isinstance(layer, (nn.MaxPool2D, nn.AvgPool2D)):
        return ["", *of_pooling(layer, shape)]
    if isinstance(layer, nn.BatchNorm):
        return [where + (", training" if drawn.training else ", running statistics")]
    if isinstance(layer, nn.Dropout):
        return [", drawing" if drawn.training and layer.rate else ", off"]
    if isinstance(layer, nn.Dense):
        columns = layer.W.flags.f_contiguous and not layer.W.flags.c_contiguous
        return ["", *([", 64 units and more first (columns in memory)"] if columns else [])]
    if isinstance(layer, nn.Softmax):
        return [where]
    return ["", *([", negative slope"] if getattr(layer, "slope", 0) < 0 else [])]


def of_convolution(layer: nn.Conv2D, shape: Shape) -> Iterator[str]:
    """Yield what is special about a convolution."""
    (KH, KW), stride = layer.size, layer.strides
    room = [side + sum(zeros) - kernel for side, zeros, kernel in zip(shape[1:], layer.pads, layer.size, strict=True)]
    kinds: dict[Any, str] = {"valid": "valid", "same": "same"}
    padding = kinds.get(layer.padding) or ("a number" if isinstance(layer.padding, int) else "two numbers")
    told = {
        "stride above 1": max(stride) > 1,
        "two strides": stride[0] != stride[1],
        "one of two kernels' sides longer": KH != KW,
        "even kernel": KH % 2 == 0 or KW % 2 == 0,
        "pixels left over": any(r % s for r, s in zip(room, stride, strict=True)),
        "one filter": layer.filters == 1,
        f"padding {padding}": True,
        "padding same with stride": padding == "same" and max(stride) > 1,
        "padding and stride": max(map(max, layer.pads)) > 0 and max(stride) > 1,
    }
    yield from (f", {name}" for name, true in told.items() if true)


def of_pooling(layer: nn.MaxPool2D | nn.AvgPool2D, shape: Shape) -> Iterator[str]:
    """Yield what is special about a pooling."""
    size, stride = pair(layer.size, "size"), layer.strides
    if any(s < k for s, k in zip(stride, size, strict=True)):
        yield ", overlapping"
    if any(s > k for s, k in zip(stride, size, strict=True)):
        yield ", with gaps"
    if any((side - k) % s for side, k, s in zip(shape[1:], size, stride, strict=True)):
        yield ", pixels left over"
