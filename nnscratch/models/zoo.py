"""The models by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from nnscratch.data.classes import DIGITS, checked_classes
from nnscratch.errors import UsageError, short_repr, unknown
from nnscratch.layers import (
    AvgPool2D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Sigmoid,
    Tanh,
)
from nnscratch.models.sequential import Sequential
from nnscratch.training.bounds import BOUNDS

ACTIVATIONS: dict[str, type[Layer]] = {
    "relu": ReLU,
    "leaky-relu": LeakyReLU,
    "tanh": Tanh,
    "sigmoid": Sigmoid,
}


def lenet5(classes: int = 10) -> list[Layer]:
    """LeNet-5 as it is built today: 34,622 parameters."""
    return [
        Conv2D(6, 5),
        ReLU(),
        MaxPool2D(2),
        Conv2D(16, 5),
        ReLU(),
        MaxPool2D(2),
        Flatten(),
        Dense(120),
        ReLU(),
        Dense(classes),
    ]


def lenet5_classic(classes: int = 10) -> list[Layer]:
    """LeNet-5 of LeCun et al. 1998, section II.B: tanh, average pooling, 120-84-10; 61,706 parameters.

    Differences to the paper: its third layer is connected fully, not by table I; subsampling has no weights of its
    own; the output is softmax, not radial basis functions.
    """
    return [
        Conv2D(6, 5, padding=2, init="lecun"),
        Tanh(),
        AvgPool2D(2),
        Conv2D(16, 5, init="lecun"),
        Tanh(),
        AvgPool2D(2),
        Flatten(),
        Dense(120, init="lecun"),
        Tanh(),
        Dense(84, init="lecun"),
        Tanh(),
        Dense(classes, init="lecun"),
    ]


def mlp(
    hidden: Sequence[int] = (394, 222), activation: str = "relu", dropout: float = 0.0, classes: int = 10
) -> list[Layer]:
    """Hidden dense layers with an activation, and dropout after each if asked; 399,210 parameters by default.

    Raises UsageError for an activation that is unknown.
    """
    if not isinstance(hidden, Iterable) or isinstance(hidden, str | bytes):
        raise UsageError(f"hidden is {short_repr(hidden)}: give the sizes of the hidden layers, such as (100,)")
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise unknown("the activation", activation, ACTIVATIONS)
    layers: list[Layer] = [Flatten()]
    for units in hidden:
        layers += [Dense(units), ACTIVATIONS[activation]()]
        layers += [Dropout(dropout)] if dropout else []
    return [*layers, Dense(classes)]


def logistic(classes: int = 10) -> list[Layer]:
    """Logistic regression: one dense layer, 7,850 parameters."""
    return [Flatten(), Dense(classes)]


MODELS: dict[str, Callable[..., list[Layer]]] = {
    "lenet5": lenet5,
    "mlp": mlp,
    "logistic": logistic,
    "lenet5-classic": lenet5_classic,
}


def build(
    name: str,
    *,
    seed: int = 0,
    dtype: str = "float32",
    hidden: Sequence[int] | None = None,
    activation: str | None = None,
    dropout: float | None = None,
    classes: int | Sequence[str] = DIGITS,
    deskew: bool = False,
) -> Sequential:
    """Return a new network "lenet5", "mlp", "logistic" or "lenet5-classic" for images of 28 x 28.

    ``seed``, a whole number of at least 0, is where its initial weights come from; ``dtype`` "float32" or "float64" is
    what it computes in. ``hidden`` (sizes), ``activation`` ("relu", "leaky-relu", "tanh", "sigmoid") and ``dropout``
    change the MLP, which alone takes them. ``classes`` are the names of 2 to 1,000 classes, or their number.
    ``deskew``: images enter without their slant, see ``nn.deskew``.
    Raises UsageError for an unknown name, a value out of range, or an option that the model does not have.
    """
    if not isinstance(name, str) or name not in MODELS:
        raise unknown("the model", name, MODELS)
    if seed is not None:
        BOUNDS["seed"].check("the seed", seed)
    given = {"hidden": hidden, "activation": activation, "dropout": dropout}
    options = {key: value for key, value in given.items() if value is not None}
    if options and name != "mlp":
        raise UsageError(f"{name} has no setting {', '.join(options)}: only mlp has")
    names = checked_classes(classes)
    model = Sequential(MODELS[name](**options, classes=len(names)), (1, 28, 28), seed, dtype, deskew=deskew)
    model.classes = names
    model.info = {"name": name}
    return model


def known_models(names: Sequence[str]) -> list[str]:
    """Return the names, each once. Raises UsageError for one that is no model's."""
    for name in names:
        if name not in MODELS:
            raise unknown("the model", name, MODELS)
    return list(dict.fromkeys(names))
