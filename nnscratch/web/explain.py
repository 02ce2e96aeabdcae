"""Why a network reads what it reads: its feature maps, its most active units, its templates, and the gradient.

All of it comes from the library's own forward and backward pass, on a replica, so that requests do not meet.
"""

import base64
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.layers import Conv2D, Dense, ReLU
from nnscratch.models.sequential import Sequential
from nnscratch.pictures.preprocess import to_uint8

UNITS = 8  # the most active ones of a hidden layer
TEMPLATES = 10  # of the most probable classes, where there are more

Answer = dict[str, Any]


def explanation(name: str, model: Sequential, image: Array, target: int | None) -> Answer:
    """Return what shows why: for image (28, 28) uint8 and a class, by default the one that is read.

    "saliency": d logit of the class / d pixels; "maps": of each convolution, after what follows it; "units": the most
    active ones of each hidden dense layer; "templates": the weights of a network without hidden layers; of many
    classes, those of "template_classes"; "input": the deskewed image, of a network that deskews.
    """
    network = model.replica()
    batches = model.batches(image[None])
    x = batches.x(np.arange(1))
    out = network.forward(x, record=True)
    outputs = [network.activations[layer.name] for layer in network.layers]
    logits = out[:, 0]
    chosen = int(logits.argmax()) if target is None else target
    explained: Answer = {"model": name, "target": chosen, "logits": [float(value) for value in logits]}
    if model.deskew:
        explained["input"] = packed(batches.images[0, 0])
    explained["saliency"] = signed(_gradient(network, out, chosen))
    explained["maps"] = _maps(network, outputs)
    explained["units"] = _units(network, outputs)
    explained["templates"] = _templates(network)
    if len(logits) > TEMPLATES and explained["templates"]:
        order = np.argsort(-logits, kind="stable")[:TEMPLATES].tolist()
        explained |= {"templates": [explained["templates"][k] for k in order], "template_classes": order}
    return explained


def _gradient(network: Any, out: Array, chosen: int) -> Array:
    """Return d out[chosen] / d pixels, (28, 28), for the network's last output."""
    dout = np.zeros_like(out)
    dout[chosen] = 1
    return np.asarray(network.backward(dout).reshape(28, 28))


def _maps(network: Any, outputs: list[Array]) -> list[Answer]:
    """Return for each convolution its maps after the activation: as many images as filters, on one scale."""
    found = []
    for k, layer in enumerate(network.layers):
        if not isinstance(layer, Conv2D):
            continue
        shown = outputs[k + 1] if k + 1 < len(outputs) and isinstance(network.layers[k + 1], ReLU) else outputs[k]
        maps = shown[..., 0]  # (F, H, W)
        top = float(np.abs(maps).max()) or 1.0
        found.append({"layer": layer.name, "images": [signed(one, top) for one in maps]})
    return found


def _units(network: Any, outputs: list[Array]) -> list[Answer]:
    """Return the most active units of each hidden dense layer, with their weights where those lie over pixels."""
    found = []
    dense = [k for k, layer in enumerate(network.layers) if isinstance(layer, Dense)]
    for k in dense[:-1]:
        activation = outputs[min(k + 1, len(outputs) - 1)][:, 0]
        W = network.layers[k].W
        units = []
        for unit in np.argsort(-activation)[:UNITS]:
            explained: Answer = {"unit": int(unit), "activation": float(activation[unit])}
            if W.shape[1] == 784:
                explained["template"] = signed(W[unit].reshape(28, 28))
            units.append(explained)
        found.append({"layer": network.layers[k].name, "units": units})
    return found


def _templates(network: Any) -> list[Answer]:
    """Return the weights of each class, where the network is one dense layer on the pixels."""
    dense = [layer for layer in network.layers if isinstance(layer, Dense)]
    if len(dense) != 1 or dense[0].W.shape[1] != 784:
        return []
    top = float(np.abs(dense[0].W).max()) or 1.0
    return [signed(row.reshape(28, 28), top) for row in dense[0].W]


def packed(image: Array) -> Answer:
    """Return an image (H, W), uint8 or 0..1, as its size and base64 of its bytes."""
    pixels = base64.b64encode(to_uint8(image).tobytes()).decode()
    return {"width": image.shape[1], "height": image.shape[0], "pixels": pixels}


def signed(image: Array, top: float | None = None) -> Answer:
    """Return an image (H, W) of numbers of either sign as its size, its largest magnitude, and base64 of int8."""
    top = (float(np.abs(image).max()) or 1.0) if top is None else top
    levels = np.rint(127 * np.clip(image / top, -1, 1)).astype(np.int8)
    size = {"width": image.shape[1], "height": image.shape[0], "top": top}
    return size | {"signed": base64.b64encode(levels.tobytes()).decode()}
