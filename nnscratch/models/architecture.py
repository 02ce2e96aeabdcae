"""A network without its weights, fit for JSON: the layers' classes and settings, and what they are fed with."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from nnscratch.data.batches import Normalisation
from nnscratch.errors import UsageError, short_repr
from nnscratch.files.atomic import plain
from nnscratch.layers import LAYERS, Layer
from nnscratch.layers.network import Network


def to_settings(layer: Layer) -> dict[str, Any]:
    """Return the layer's class and the arguments of its constructor, and that it is frozen where it is.

    Raises UsageError for a layer of one's own whose constructor cannot be called with what ``settings`` returns.
    """
    made, settings, name = type(layer), layer.settings(), type(layer).__name__
    if name in LAYERS and LAYERS[name] is not made:
        raise UsageError(f"{layer.name} is a {name} of your own, as a layer of the library is called: rename the class")
    if layer._built_with not in (None, repr(settings)):
        raise UsageError(
            f"{layer.name} was built as {layer._built_with}, and its settings were changed to {settings} since: "
            f"make a new network, for its arrays are of the first"
        )
    try:
        again = made(**settings)
        same = json.loads(json.dumps(plain([again.settings(), settings])))
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{layer.name} cannot be saved, for {name}(**settings) fails ({error}): let {name} be a dataclass, or give "
            f"it a method settings() that returns the arguments of its constructor, as numbers and texts"
        ) from None
    if same[0] != same[1]:
        raise UsageError(f"{layer.name} cannot be saved, for {name}(**settings) has other settings: mend settings()")
    return {"layer": name, **settings} | ({} if layer.trainable else {"trainable": False})


def architecture_of(network: Network, normalisation: Normalisation, deskew: bool = False) -> dict[str, Any]:
    """Return what the network is, without its weights; of one that does not deskew, nothing is said of that.

    Raises UsageError for layers that are not those which the network was built of, and as :func:`to_settings` does.
    """
    network.check_layers()
    return {
        "layers": [to_settings(layer) for layer in network.layers],
        "input_shape": list(network.input_shape),
        "dtype": network.dtype.name,
        "seed": network.seed,
        "normalisation": list(normalisation),
    } | ({"deskew": True} if deskew else {})


def version_of(header: dict[str, Any]) -> int:
    """Return the version of a file with this header: the oldest whose readers understand it.

    Those of 1 know neither frozen layers nor those of one's own, and would say wrong names, and a class for a number.
    Those of 2 would not deskew, and know one score of what is refused.
    """
    if header["architecture"].get("deskew") or "score" in (header.get("limits") or ()):
        return 3
    layers = header["architecture"]["layers"]
    plain = all("trainable" not in layer and layer["layer"] in LAYERS for layer in layers)
    return 1 if plain and not header.keys() & {"classes", "is_regression"} else 2


def to_layers(architecture: dict[str, Any], own: Sequence[type[Layer]] = ()) -> list[Layer]:
    """Return new layers of what :func:`to_settings` returned for each. ``own`` are classes that are not the library's.

    Raises UsageError for one that is not given.
    """
    known: dict[str, Callable[..., Layer]] = {**LAYERS, **by_name(own)}
    layers = []
    for settings in architecture["layers"]:
        settings = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
        name, trainable = settings.pop("layer"), settings.pop("trainable", True)
        if name not in known:
            raise UsageError(
                f"its layer {short_repr(name)} is none of the library's: give the class, "
                f"nn.load(path, layers=[{name if str(name).isidentifier() else 'TheClass'}])"
            )
        layer = known[name](**settings)
        if not trainable:
            layer.trainable = False  # type: ignore[misc]
        layers.append(layer)
    return layers


def by_name(own: Sequence[type[Layer]]) -> dict[str, type[Layer]]:
    """Return the classes by their names. Raises UsageError for what is none, or called as the library's."""
    if not isinstance(own, (list, tuple)) or not all(isinstance(one, type) and issubclass(one, Layer) for one in own):
        raise UsageError(f"layers is {short_repr(own)}: give a list of classes, such as layers=[Swish]")
    for one in own:
        if one.__name__ in LAYERS and LAYERS[one.__name__] is not one:
            raise UsageError(f"a layer of the library is called {one.__name__}, too: rename the class")
    return {one.__name__: one for one in own}
