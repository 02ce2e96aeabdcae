"""What a trained network has learnt, as a page: filters, templates, feature maps, favourite digits, a map, mistakes."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from nnscratch.cli import flags
from nnscratch.cli.commands.predict import find_model, model_path
from nnscratch.cli.console import Output
from nnscratch.errors import UsageError, printable
from nnscratch.files.atomic import write_text
from nnscratch.files.npz import weights_digest
from nnscratch.models.pretrained import manifest
from nnscratch.models.sequential import Sequential
from nnscratch.pages.blocks import Table
from nnscratch.study.network.findings import Findings, study_network, to_dict
from nnscratch.study.network.page import network_page
from nnscratch.study.network.weights import norm_rows

FOLDER = "study"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        metavar="MODEL|FILE",
        help="a model's name (its newest run, else what comes with the library), or a model.npz",
    )
    parser.add_argument("--out", metavar="FILE.html", help=f"where the page goes; default: {FOLDER}/network-MODEL.html")
    parser.add_argument(
        "--digits",
        type=flags.whole_numbers,
        metavar="N,N,...",
        help="test images to follow; default: one of each class, or of ten",
    )
    parser.add_argument("--layer", metavar="NAME", help="show every unit of this layer, such as dense1")
    flags.add_data(parser)
    parser.add_argument("--json", action="store_true", help="print all numbers as JSON")


def run(args: argparse.Namespace) -> int:
    if args.out is not None and not args.out.lower().endswith((".html", ".htm")):
        raise UsageError(f"--out is {args.out!r}: give the name of an HTML file")
    output = Output(as_json=args.json)
    name, model = find_model(args.model)
    digits = None if args.digits is None else list(args.digits)
    dataset = flags.read_data(args.data, model.classes, **flags.data_options(args))
    findings = study_network(name, model, dataset, digits, args.layer)
    out = Path(args.out) if args.out is not None else Path(FOLDER) / f"network-{file_name(name)}.html"
    write_text(out, network_page(findings, origin(args.model, model)))
    _say(output, findings)
    output.say(f"page     {printable(str(out))}")
    output.result({"page": str(out), **to_dict(findings)})
    return 0


def file_name(name: str) -> str:
    """Return a model's name as part of a file's: letters, digits, dots and dashes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:60] or "model"


def origin(name: str, model: Sequential) -> str:
    """Return in a sentence or two where a model came from; ``name`` is what the user called it."""
    digest = weights_digest(model.parameters | model.buffers)
    for known, entry in manifest().items():
        if entry["weights_sha256"] == digest:
            return f"This is the {known} that comes with the library, made by “{entry['command']}”."
    return f"It was read from {model_path(name)}; the SHA-256 of its weights begins with {digest[:12]}."


def _say(output: Output, findings: Findings) -> None:
    figures, shares = findings.figures, findings.plane.shares
    low, high = figures["accuracy_interval"]
    output.say(f"{findings.name}, {findings.model.theta.size:,} parameters, seed {findings.model.seed}")
    output.say(
        f"accuracy {100 * figures['accuracy']:.2f} % of {figures['n']:,} test images of {printable(findings.data)} "
        f"(95 % interval {100 * low:.2f} to {100 * high:.2f} %)"
    )
    output.table(
        Table(["parameter", "shape", "first norm", "last norm", "change", "cosine"], norm_rows(findings.changes))
    )
    often = sorted(findings.confusions, key=lambda pair: -len(pair.images))[:5]
    names = findings.model.classes
    pairs = ", ".join(f"{names[pair.true]} as {names[pair.read]} ({len(pair.images)})" for pair in often)
    wrong = sum(len(pair.images) for pair in findings.confusions)
    output.say(f"wrong    {wrong}{', most often ' + pairs if pairs else ''}")
    output.say(
        f"map      two components of {len(findings.plane.images):,} images hold {100 * shares[0]:.1f} % and "
        f"{100 * shares[1]:.1f} % of the variance"
    )
