"""Compare the gradients of a thousand random networks with PyTorch's, and between backends, threads and processes.

    python -m benchmarks.robustness.random_networks                           # 1,000 networks; 15 minutes
    python -m benchmarks.robustness.random_networks --networks 50 --seed 7    # others; nothing is written

Each network (``architectures.py`` draws it) is computed in float64 by the NumPy functions, by the compiled kernels,
and by PyTorch (``torch_twins.py``, in the environment that ``peers.py torch`` makes): loss, output, the gradients of
the input and of every parameter, running statistics. An error is the largest difference by the largest magnitude of
the array; ``architectures.errors`` says what is done where a gradient cancels to nothing. Then each network is
trained for some steps with 1, 2 and 4 threads, and everything is done again in another process: all must have the
same bits (``same_bits.py``). The digests are printed at the end. Results go to
benchmarks/results/random_networks.json. The exit code is 1 when anything differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

import nnscratch as nn
from benchmarks import harness
from benchmarks.peers import peers
from benchmarks.robustness import architectures, drawn_options, same_bits
from benchmarks.robustness.random_networks_table import BOUND, NAMES, SINGLE, SINGLE_BOUND, table
from nnscratch.parallel.threads import one_blas_thread

BACKENDS = ("numpy", "numba")
ANOTHER = "another process"
TRAININGS = {"lenet5": "LeNet-5", "stateful": "a network with batch normalisation and dropout"}


def main() -> None:
    """Parse the arguments, compare, write, print."""
    parser = harness.parser(__doc__)
    parser.add_argument("--networks", type=int, default=1000, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the networks")
    parser.add_argument("--part", help=argparse.SUPPRESS)  # what a process of its own is asked for: see PARTS
    args = parser.parse_args()
    if args.part:
        print(json.dumps(PARTS[args.part.split(":")[0]](args)))
        return
    if args.quick:
        args.networks = min(args.networks, 20)
    args.quick = args.quick or (args.networks, args.seed) != (1000, 0)
    results = compare(args)
    harness.finish(args, "random_networks", results, table)
    sys.exit(0 if results["agree"] else 1)


def compare(args: argparse.Namespace) -> dict[str, Any]:
    """Run the parts in processes of their own, and return what came of it."""
    told = harness.environment(nn.threads())
    cores = harness.cores()
    with tempfile.TemporaryDirectory() as made:
        kernels = Path(os.environ.get("NUMBA_CACHE_DIR", made))  # one folder each, since one index is not for two
        torch = with_torch(args)
        first = networks_of(args, "first", cores, kernels)
        again = networks_of(args, "again", cores, kernels)
        one, other = (part(sys.executable, args, "trainings", kernels / "0") for _ in range(2))
    drawn = [architectures.draw(args.seed, number) for number in range(args.networks)]
    results = {
        "networks": args.networks,
        "seed": args.seed,
        "rows": rows(first, torch, drawn),
        "single": worst((row["number"], row["single"]) for row in first if row["single"]),
        "cancelled": sum(len(row["cancelled"]) for row in first),
        "zero": sum(row["zero"] for row in first),
        "arrays": sum(len(row["numba"]) for row in first),
        "cut": sum(row["shards"] > 1 for row in first),
        "blas_differs": sum(not row["blas"] for row in first),
        "digests": [*network_digests(first, again, torch), *training_digests(one, other)],
        "torch": torch and {key: torch[key] for key in ("torch", "numpy")},
        "options": drawn_options.count(drawn),
        "environment": told,
    }
    return {**results, "agree": agree(results)}


def agree(results: dict[str, Any]) -> bool:
    """Return whether every error is within its bound, and every row of digests the same."""
    near = all(row[other]["error"] <= BOUND for row in results["rows"] for other in ("torch", "numba") if row[other])
    single = results["single"] is None or results["single"]["error"] <= SINGLE_BOUND
    return near and single and all(row["same"] for row in results["digests"])


# ---- processes


def part(python: str | Path, args: argparse.Namespace, name: str, kernels: Path) -> dict[str, Any]:
    """Return what a part prints, done in a process of its own."""
    flags = [f"--networks={args.networks}", f"--seed={args.seed}"]
    script = (
        ["benchmarks.robustness.torch_twins"]
        if name == "torch"
        else ["benchmarks.robustness.random_networks", f"--part={name}"]
    )
    env = {"PYTHONPATH": str(harness.ROOT), "NUMBA_CACHE_DIR": str(kernels)}
    return dict(json.loads(harness.run([str(python), "-m", *script, *flags], cwd=harness.ROOT, env=env).stdout))


def with_torch(args: argparse.Namespace) -> dict[str, Any] | None:
    """Return PyTorch's part, or None where it is not installed, and say so."""
    python = peers.python_of("torch")
    if python is None:
        print(peers.skipped("torch"), file=sys.stderr)
        return None
    with tempfile.TemporaryDirectory() as kernels:
        return part(python, args, "torch", Path(kernels))


def networks_of(args: argparse.Namespace, name: str, count: int, kernels: Path) -> list[dict[str, Any]]:
    """Return a row for each network, computed by ``count`` processes, in the networks' order."""
    with ThreadPoolExecutor(count) as pool:
        places = range(count)
        parts = pool.map(lambda k: part(sys.executable, args, f"{name}:{k}:{count}", kernels / str(k)), places)
        found = [row for one in parts for row in one["rows"]]
    return sorted(found, key=lambda row: int(row["number"]))


def numbers(args: argparse.Namespace) -> list[int]:
    """Return the numbers of the networks of this process; of the second process backwards."""
    name, place, count = args.part.split(":")
    mine = list(range(int(place), args.networks, int(count)))
    return mine[::-1] if name == "again" else mine


def first_part(args: argparse.Namespace) -> dict[str, Any]:
    """Compute everything of some networks."""
    return {"rows": [first_row(architectures.draw(args.seed, number)) for number in numbers(args)]}


def again_part(args: argparse.Namespace) -> dict[str, Any]:
    """Compute the digests once more."""
    return {"rows": [again_row(architectures.draw(args.seed, number)) for number in numbers(args)]}


def trainings_part(args: argparse.Namespace) -> dict[str, Any]:
    """Train on digits, with each number of threads, and stopped and resumed."""
    found = {}
    for backend in BACKENDS:
        nn.set_backend(backend)
        for name in TRAININGS:
            for threads in same_bits.THREADS:
                found[f"{backend} {name} {threads}"] = same_bits.training_digest(name, threads)
            found[f"{backend} {name} resumed"] = same_bits.training_digest(name, 2, resumed=True)
    return found


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "first": first_part,
    "again": again_part,
    "trainings": trainings_part,
}


# ---- one network


def first_row(drawn: architectures.Architecture) -> dict[str, Any]:
    """Return the errors between the backends, and the digests of each with every number of threads."""
    ours, digests = computed(drawn, same_bits.THREADS)
    nn.set_backend("numpy")
    network = architectures.build(drawn)
    sums = architectures.terms(drawn, network)
    free = {same_bits.free_digest(drawn, threads) for threads in same_bits.THREADS}
    single = computed(drawn, (), "float32")[0] if drawn.number < SINGLE else {}
    return {
        "number": drawn.number,
        "numba": architectures.errors(ours["numpy"], ours["numba"], sums),
        "single": architectures.errors(single["numpy"], single["numba"], of_single(sums)) if single else {},
        "cancelled": architectures.cancelled(ours["numpy"], sums),
        "zero": sum(not value.any() for value in ours["numpy"].values()),
        "shards": 1 if network.couples_batch else 4,
        "blas": len(free) == 1,
        "digests": digests,
    }


def of_single(sums: dict[str, float]) -> dict[str, float]:
    """Return the sums of terms as they count in float32, where a hundredth of them is left over soon."""
    return {name: 100 * total for name, total in sums.items()}


def again_row(drawn: architectures.Architecture) -> dict[str, Any]:
    """Return the digests of a process of its own."""
    return {"number": drawn.number, "digests": computed(drawn, (2,))[1]}


def computed(
    drawn: architectures.Architecture, threads: tuple[int, ...], dtype: str = "float64"
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the gradients of both backends, and their digests: "numpy", and "numpy 2" of steps with 2 threads."""
    found, digests = {}, {}
    for backend in BACKENDS:
        nn.set_backend(backend)
        with one_blas_thread():
            found[backend] = architectures.gradients(drawn, architectures.build(drawn, dtype))
        digests[backend] = architectures.digest(found[backend])
        for count in threads:
            digests[f"{backend} {count}"] = same_bits.step_digest(drawn, count)
    return found, digests


# ---- what came of it


def rows(first: list[dict[str, Any]], torch: dict[str, Any] | None, drawn: list[Any]) -> list[harness.Row]:
    """Return a row for each kind of array: how many, and the worst of them."""
    found = []
    for kind in NAMES:
        numba = worst(((row["number"], row["numba"]) for row in first), kind)
        if numba is None:
            continue
        row: harness.Row = {"array": kind, "compared": numba["compared"], "numba": numba, "torch": None}
        if torch:
            row["torch"] = worst(enumerate(one["errors"] for one in torch["rows"]), kind)
        for other in ("torch", "numba"):
            if row[other]:
                row[other]["told"] = drawn[row[other]["network"]].to_dict()
        found.append(row)
    return found


def worst(errors: Iterable[tuple[int, dict[str, float]]], kind: str = "") -> dict[str, Any] | None:
    """Return the largest error of the arrays of a kind (all, if none is said), of which network and array it is."""
    found = [
        (error, number, name)
        for number, one in errors
        for name, error in one.items()
        if kind in ("", name.split(".")[-1])
    ]
    if not found:
        return None
    error, number, name = max(found)
    return {"compared": len(found), "error": error, "network": number, "name": name}


def combined(digests: Iterable[str]) -> str:
    """Return one digest of many, in their order."""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def network_digests(
    first: list[dict[str, Any]], again: list[dict[str, Any]], torch: dict[str, Any] | None
) -> list[harness.Row]:
    """Return for each backend the digests of all networks: their gradients, and their steps of training."""

    def of(some: list[dict[str, Any]], key: str) -> str:
        return combined(row["digests"][key] for row in some)

    found = []
    for backend in BACKENDS:
        plain = {"one process": of(first, backend), ANOTHER: of(again, backend)}
        if backend == "numpy" and torch and torch["numpy"] == np.__version__:
            plain["PyTorch's environment"] = combined(row["digest"] for row in torch["rows"])
        found.append(row_of("gradients", backend, plain))
        steps = {in_threads(count): of(first, f"{backend} {count}") for count in same_bits.THREADS}
        found.append(row_of("steps of training", backend, steps | {ANOTHER: of(again, f"{backend} 2")}))
    return found


def training_digests(one: dict[str, str], other: dict[str, str]) -> list[harness.Row]:
    """Return for each backend and training its digests."""
    found = []
    for backend in BACKENDS:
        for name, title in TRAININGS.items():
            mine = {key.split()[2]: value for key, value in one.items() if key.startswith(f"{backend} {name} ")}
            digests = {in_threads(count): mine[str(count)] for count in same_bits.THREADS}
            digests |= {"resumed": mine["resumed"], ANOTHER: other[f"{backend} {name} 2"]}
            found.append(row_of(f"training of {title}", backend, digests))
    return found


def in_threads(count: int) -> str:
    """Return "1 thread", "2 threads"."""
    return f"{count} thread{'s' if count > 1 else ''}"


def row_of(what: str, backend: str, digests: dict[str, str]) -> harness.Row:
    """Return a row of the table of digests."""
    return {"what": what, "backend": backend, "digests": digests, "same": len(set(digests.values())) == 1}


if __name__ == "__main__":
    main()
