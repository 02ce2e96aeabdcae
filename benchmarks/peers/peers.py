"""Make the environments of the other frameworks, since one environment does not hold them all.

    python -m benchmarks.peers.peers                          # those that are missing
    python -m benchmarks.peers.peers keras                    # this one
    python -m benchmarks.peers.peers torch "torch==2.13.0"    # with constraints for pip

They are virtual environments below benchmarks/.envs, or below the folder that NNSCRATCH_PEERS names. What this
interpreter can import already needs none. On Linux, PyTorch without CUDA is smaller by gigabytes:
PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu, and the constraint torch==2.13.0+cpu.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import NamedTuple

# without what GPUs need, where there is such a package
TENSORFLOW = "tensorflow-cpu" if (platform.system(), platform.machine()) == ("Linux", "x86_64") else "tensorflow"
ENVIRONMENTS = {
    "torch": ["torch", "scikit-learn", "onnxruntime", "onnx"],
    "jax": ["jax", "optax"],
    "keras": [TENSORFLOW, "keras"],
}


class Peer(NamedTuple):
    """A framework: the environment that holds it, and the modules that it is used by."""

    environment: str
    modules: tuple[str, ...]


PEERS = {
    "torch": Peer("torch", ("torch",)),
    "sklearn": Peer("torch", ("sklearn",)),
    "onnxruntime": Peer("torch", ("onnxruntime", "onnx")),
    "jax": Peer("jax", ("jax", "optax")),
    "keras": Peer("keras", ("keras", "tensorflow")),
}


def main() -> None:
    """Make the environments that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arguments", nargs="*", metavar="PEER|CONSTRAINT", help=f"of {', '.join(PEERS)}; all if none")
    args = parser.parse_args()
    chosen = [name for name in args.arguments if name in PEERS] or list(PEERS)
    constraints = [text for text in args.arguments if text not in PEERS]
    wrong = [text for text in constraints if not any(sign in text for sign in "=<>")]
    if wrong:
        parser.error(f"{', '.join(wrong)}: neither a peer ({', '.join(PEERS)}) nor a constraint such as torch==2.13.0")
    for name in chosen:
        found = python_of(name)
        if found is None:
            make(PEERS[name].environment, constraints)
        print(f"{name}: {python_of(name)}")


def folder() -> Path:
    """Return where the environments are."""
    return Path(os.environ.get("NNSCRATCH_PEERS", Path(__file__).parents[1] / ".envs"))


def python_of(name: str) -> Path | None:
    """Return an interpreter that can import the peer: this one, or that of its environment; None if there is none."""
    peer = PEERS[name]
    if all(importlib.util.find_spec(module) for module in peer.modules):
        return Path(sys.executable)
    python = interpreter(peer.environment)
    return python if python.exists() else None


def interpreter(environment: str) -> Path:
    """Return the path of an environment's Python, which may not be there yet."""
    return folder() / environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def skipped(name: str) -> str:
    """Return what to say about a peer that is not here."""
    return f"skipped: {name} is not installed: python -m benchmarks.peers.peers {name}"


def make(environment: str, constraints: list[str]) -> None:
    """Make an environment and install its packages, or leave nothing. Ends the program when pip fails."""
    target, python = folder() / environment, str(interpreter(environment))
    print(f"making {target} ...", flush=True)
    complete = False
    try:
        venv.create(target, with_pip=True)
        with tempfile.TemporaryDirectory() as temporary:
            listed = Path(temporary) / "constraints.txt"
            listed.write_text("\n".join(constraints) + "\n")
            command = [python, "-m", "pip", "install", "-c", str(listed), *ENVIRONMENTS[environment]]
            complete = subprocess.run(command, check=False).returncode == 0
    finally:
        if not complete:
            shutil.rmtree(target, ignore_errors=True)  # half an environment would be taken for a whole one
    if not complete:
        sys.exit(f"pip could not install {environment}: its last lines say why")


if __name__ == "__main__":
    main()
