"""Show the models: layers, output shapes, parameters and multiply-adds."""

from __future__ import annotations

import argparse
from typing import Any

from nnscratch.cli.console import Output
from nnscratch.models.pretrained import manifest
from nnscratch.models.zoo import MODELS, build, known_models


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"{', '.join(MODELS)}; default: all")
    parser.add_argument("--json", action="store_true", help="print the same, and what comes trained, as JSON")


def run(args: argparse.Namespace) -> int:
    output = Output(as_json=args.json)
    names = known_models(args.models or list(MODELS))
    if args.json:
        output.result([as_dict(name) for name in names])
        return 0
    for name in names:
        output.network(name, build(name))
    return 0


def as_dict(name: str) -> dict[str, Any]:
    """Return what is known of a model; ``test_accuracy`` is that of its trained weights, where they come with it."""
    model, trained = build(name), manifest().get(name)
    layers = [
        {"layer": what, "output_shape": list(shape), "parameters": parameters, "multiply_adds": work}
        for what, shape, parameters, work in model.table()
    ]
    return {
        "name": name,
        "input_shape": list(model.input_shape),
        "layers": layers,
        "parameters": int(model.theta.size),
        "multiply_adds": model.multiply_adds(),
        "pretrained": trained is not None,
        "test_accuracy": None if trained is None else trained["test_accuracy"],
    }
