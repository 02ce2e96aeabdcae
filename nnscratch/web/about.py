"""What is told of a network: its size, how it was trained, and how many test images it reads."""

import json
from typing import Any

from nnscratch.files.npz import weights_digest
from nnscratch.models.pretrained import manifest
from nnscratch.models.sequential import Sequential

Answer = dict[str, Any]


def about(name: str, model: Sequential) -> Answer:
    """Return it as plain JSON: "parameters", "layers", "info" (accuracy and loss on the test images), "training".

    Of the networks that come with the library the manifest tells more than their files do. What nobody knows is left
    out; "classes" are told where they are not the ten digits.
    """
    told = _of_manifest(model)
    training: Answer = {key: model.info[key] for key in ("epochs", "settings") if key in model.info}
    training.update((key, told[key]) for key in ("command", "seconds") if key in told)
    test = {kind: told[f"test_{kind}"] for kind in ("accuracy", "loss") if f"test_{kind}" in told}
    result = {"name": name, "parameters": int(model.theta.size), "layers": len(model.layers)}
    result |= {"info": as_json(model.info.get("test", test)), "training": as_json(training)}
    return result if model.is_digits else result | {"classes": list(model.classes)}


def _of_manifest(model: Sequential) -> Answer:
    """Return what the manifest says of a network with just these weights, or nothing."""
    told: Answer = manifest().get(str(model.info.get("name")), {})
    if told and weights_digest(model.parameters | model.buffers) == told["weights_sha256"]:
        return told
    return {}


def as_json(value: Answer) -> Answer:
    """Return it, or nothing where a file says what JSON has no words for, such as a loss of NaN."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return {}
    return value
