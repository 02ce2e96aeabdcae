"""Evaluate a trained model on the test images of MNIST or of other data, whose classes are the model's."""

from __future__ import annotations

import argparse
import re

from nnscratch.cli import flags
from nnscratch.cli.commands.predict import find_model
from nnscratch.cli.console import Output
from nnscratch.models.by_class import by_class, left_out, worst_confusions

TOP_K = re.compile(r"top_(\d+)_accuracy")  # keys of the figures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="NAME|FILE", help="a model's name (its newest run), or a model.npz")
    flags.add_data(parser)
    flags.add_machine(parser)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def run(args: argparse.Namespace) -> int:
    flags.use_machine(args)
    output = Output(as_json=args.json)
    name, model = find_model(args.model)
    dataset = flags.read_data(args.data, model.classes, **flags.data_options(args))
    figures = model.evaluate(dataset.test_images, dataset.test_labels)
    if dataset.notes:
        output.say(dataset.notes)
    low, high = figures["accuracy_interval"]
    output.say(f"{name} on the {figures['n']:,} test images of {dataset.name}")
    output.say(f"accuracy {100 * figures['accuracy']:.2f} % (95 % interval {100 * low:.2f} to {100 * high:.2f} %)")
    for key in figures:
        if match := TOP_K.fullmatch(key):
            output.say(f"top {match[1]}    {100 * figures[key]:.2f} %: the class is among the {match[1]} most probable")
    output.say(f"loss     {figures['loss']:.4f} nats")
    output.table(by_class(figures, dataset.classes))
    if note := left_out(figures):
        output.say(note)
        output.table(worst_confusions(figures, dataset.classes))
    named = {} if dataset.is_digits else {"classes": list(dataset.classes)}
    output.result({"model": name, "data": dataset.name, **named, **figures})
    return 0
