"""What a network is made of, layer by layer, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from nnscratch.layers.base import Layer, Shape

Row = tuple[str, Shape, int, int]  # what a layer is, output shape, parameters, multiply-adds


def describe(layer: Layer) -> str:
    """Return ``Conv2D 6, 5``: the class and the settings that differ from their defaults."""
    defaults = {name: getattr(type(layer), name, None) for name in layer.settings()}
    changed = [str(value) for name, value in layer.settings().items() if value != defaults[name]]
    return " ".join([type(layer).__name__, ", ".join(changed)]).strip()


def rows(layers: Sequence[Layer], shapes: Sequence[Shape]) -> list[Row]:
    """Return a row for each layer; ``shapes`` are those between the layers, the input's first."""
    return [
        (
            f"{layer.name} ({describe(layer)})" + ("" if layer.trainable or not layer.parameters else ", frozen"),
            after,
            sum(value.size for value in layer.parameters.values()),
            layer.multiply_adds(before, after),
        )
        for layer, before, after in zip(layers, shapes, shapes[1:], strict=False)
    ]


def cells(rows: Sequence[Row]) -> list[list[str]]:
    """Return the rows as text, with the titles above and the totals below."""
    shown = [["layer", "output shape", "parameters", "multiply-adds"]]
    shown += [[what, str(shape), f"{size:,}", f"{work:,}"] for what, shape, size, work in rows]
    return [*shown, ["total", "", f"{_parameters(rows):,}", f"{sum(row[3] for row in rows):,}"]]


def frozen(rows: Sequence[Row], trained: int) -> str:
    """Return how many parameters are ``trained`` where some are not, else nothing."""
    left = _parameters(rows) - trained
    return f"{trained:,} parameters are trained, {left:,} are frozen" if left else ""


def _parameters(rows: Sequence[Row]) -> int:
    return sum(row[2] for row in rows)


def as_text(rows: Sequence[Row], trained: int) -> str:
    """Return the rows as text, with the totals, and how many parameters are ``trained`` where some are not."""
    shown = cells(rows)
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    form = "{{:<{}}}  {{:<{}}}  {{:>{}}}  {{:>{}}}".format(*widths)
    lines = [form.format(*row) for row in shown]
    rule = "-" * len(lines[0])
    note = frozen(rows, trained)
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1], *([note] if note else [])])


def as_code(name: str, layers: Sequence[Layer], input_shape: Shape) -> str:
    """Return a network of this class as it would be written."""
    lines = "".join(f"    {layer!r},{'' if layer.trainable else '  # frozen'}\n" for layer in layers)
    return f"{name}([\n{lines}], input_shape={input_shape})"
