"""Write a network for other libraries, and print the Python code that uses the file.

nnscratch export lenet5 --to onnx --out lenet5.onnx                  for ONNX Runtime and whatever else reads ONNX
nnscratch export lenet5 --to safetensors --out lenet5.safetensors    nnscratch reads it too, wherever it takes a file
nnscratch export lenet5 --to torch-state-dict --out lenet5.pt        for PyTorch, with the network that loads it
"""

from __future__ import annotations

import argparse
import sys

from nnscratch.cli.commands.predict import find_network
from nnscratch.errors import printable
from nnscratch.export import SUFFIXES, export


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL|FILE", help="a model's name, a model.npz, or a .safetensors file")
    parser.add_argument("--to", required=True, metavar="FORMAT", choices=SUFFIXES, help=", ".join(SUFFIXES))
    suffixes = ", ".join(" or ".join(names) for names in SUFFIXES.values())
    parser.add_argument("--out", required=True, metavar="FILE", help=f"the file to write: {suffixes}")


def run(args: argparse.Namespace) -> int:
    """Do it; return the exit code. The code goes to stdout, all else to stderr."""
    called, model, path = find_network(args.model)
    code = export(model, args.out, args.to)
    print(f"{called} from {printable(str(path))} is in {printable(args.out)}; to use it:", file=sys.stderr, flush=True)
    print(code, end="")
    return 0
