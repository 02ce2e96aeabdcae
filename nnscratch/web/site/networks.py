"""Networks as files for the browser: what :meth:`Sequential.save` writes, at addresses that say what is in them."""

import re
import tempfile
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnscratch.layers import is_custom
from nnscratch.models.pretrained import manifest
from nnscratch.models.sequential import Sequential
from nnscratch.web.about import about, as_json
from nnscratch.web.site.digest import digest

MOST_CLASSES, MOST_COST = 1_000, 1e9  # what the browser takes: see static/engine/saving.js
KINDS = {  # of the networks that come with the library, in plain words
    "lenet5": "a convolutional network: it looks for strokes and corners wherever they are",
    "mlp": "two hidden layers that see all pixels at once",
    "logistic": "the simplest baseline: one template for each digit, and no hidden layer",
}


@dataclass(frozen=True)
class NetworkFile:
    """A network as a file: its name within ``networks/DIGEST/``, and its bytes."""

    name: str
    data: bytes

    @property
    def digest(self) -> str:
        """What stands for the file in its address."""
        return digest({self.name: self.data})

    @property
    def address(self) -> str:
        """Where the page finds it, from where it is itself."""
        return f"networks/{self.digest}/{self.name}"


def network_files(models: Mapping[str, Sequential]) -> dict[str, NetworkFile]:
    """Return the files of the networks that a browser can read, by the names of the networks."""
    return {name: network_file(name, model) for name, model in models.items() if refusal(model) is None}


def network_file(name: str, model: Sequential) -> NetworkFile:
    """Return a network's file; the same network gives the same bytes. Its info is left out where that is no JSON."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name)[:40].strip("-") or "network"  # it may be called anything
    model = copy(model)
    model.info = as_json(model.info)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{plain}.safetensors"
        model.save(path)
        return NetworkFile(path.name, path.read_bytes())


def refusal(model: Sequential) -> str | None:
    """Return why a browser cannot read the network, or None where it can."""
    own = [type(layer).__name__ for layer in model.layers if is_custom(layer)]
    if own:
        return f"it has layers that are not the library's ({', '.join(dict.fromkeys(own))}), which Python alone knows"
    if model.is_regression:
        return "it was trained for a regression, and has no classes"
    if len(model.classes) > MOST_CLASSES:
        return f"it has {len(model.classes):,} classes, and a browser reads at most {MOST_CLASSES:,}"
    if model.multiply_adds() > MOST_COST:
        return f"it takes {model.multiply_adds():,} multiplications for an image, more than a browser does in a second"
    return None


def described(name: str, model: Sequential, file: NetworkFile | None) -> dict[str, Any]:
    """Return what the page is told of a network; of one that only the server can read, why there is no address."""
    told = about(name, model)
    accuracy = told["info"].get("accuracy")
    known = isinstance(accuracy, (int, float)) and not isinstance(accuracy, bool) and 0 <= accuracy <= 1
    kind = KINDS.get(str(model.info.get("name")), "") if _is_pretrained(model, told) else ""
    reads = f"it reads {100 * accuracy:.1f}\N{NO-BREAK SPACE}% of the test images" if known else ""
    return {
        "name": name,
        "address": file.address if file else None,
        "why": None if file else refusal(model),  # it has none
        "bytes": len(file.data) if file else None,
        "parameters": told["parameters"],
        "accuracy": accuracy if known else None,
        "trained": told["training"].get("command"),
        "about": "; ".join(filter(None, (kind, reads))),
    }


def _is_pretrained(model: Sequential, told: dict[str, Any]) -> bool:
    known = manifest().get(str(model.info.get("name")), {})
    return bool(known) and told["training"].get("command") == known["command"]
