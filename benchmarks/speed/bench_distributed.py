"""Measure training on several processes (MPI), and predict it for more of them than there are here.

    python -m benchmarks.speed.bench_distributed
    python -m benchmarks.speed.bench_distributed --latency 2e-6 --bandwidth 12.5e9    # predict for another network

Jobs of 1, 2, 4 and 8 ranks, each with one thread, take turns, in rounds. Each trains LeNet-5 and the MLP with Adam on
global batches of 64 and 512, cut as ``train.py`` would cut them; afterwards rank 0 trains alone, with the same cut, and
compares the weights; other bits end the benchmark. Then it times the sum of vectors from 1 kB to 8 MB: the library's
Allreduce, which adds in any order, and the sum of ``nnscratch/parallel/mpi.py``, which keeps the order: here in shared
memory. With more ranks than cores, ranks wait for a core.

The model of a step is in distributed_model.py. Latency and bandwidth of this machine are fitted to the sums of two
ranks, and the model is compared with the measured steps of two. For 16, 64 and 256 ranks, latency and bandwidth are
those of the command line: a prediction, no measurement. It knows nothing of ranks that wait for the slowest, of
messages that meet, or of who shares a cable.
Results go to benchmarks/results/distributed.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from benchmarks import harness
from benchmarks.speed.distributed_model import fit, predict

RANKS = (1, 2, 4, 8)
LATENCY, BANDWIDTH = 20e-6, 1.25e9  # seconds a message and bytes a second: TCP over Ethernet of 10 Gbit/s
TARGETS = {("lenet5", 512, 2): 1.9, ("mlp", 512, 2): 1.6}  # times one rank, at least
SUM_TARGET, SUM_FROM = 1.5, 1 << 16  # times an Allreduce, at most, from so many bytes up
LAUNCHER_ENV = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}  # Open MPI asks root twice
LAUNCHER_ENV |= {"PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe", "PYTHONPATH": str(harness.ROOT)}


def main() -> None:
    """Parse the arguments, measure, predict, write, print."""
    parser = harness.parser(__doc__)
    parser.add_argument("--latency", type=float, default=LATENCY, help="seconds a message of the predicted network")
    parser.add_argument("--bandwidth", type=float, default=BANDWIDTH, help="its bytes a second, from each rank")
    args = parser.parse_args()
    if not (args.latency > 0 and args.bandwidth > 0):
        parser.error("--latency and --bandwidth are positive numbers")
    harness.finish(args, "distributed", measure(args), table)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Let the jobs take turns, and sum up."""
    environment = harness.environment(threads=1)
    environment["versions"] |= harness.versions("mpi4py")
    steps, repeats, rounds = (40, 20, 1) if args.quick else (110, 100, 5)
    told: dict[int, list[dict[str, Any]]] = {count: [] for count in RANKS}
    for count in RANKS * rounds:
        told[count].append(start(count, {"steps": steps, "repeats": repeats}))
    environment["mpi"] = told[1][0]["mpi"]
    rows = [summed_up(jobs, "trainings", place) for jobs in told.values() for place in range(len(jobs[0]["trainings"]))]
    other = [f"{row['model']}, batch {row['batch']}, {row['ranks']} ranks" for row in rows if not row["same_bits"]]
    if other:
        sys.exit(f"bench_distributed.py: not the bits of one process: {'; '.join(other)}")
    sums = [summed_up(jobs, "sums", place) for jobs in told.values() for place in range(len(jobs[0]["sums"]))]
    alone = [summed_up(told[1], "alone", place) for place in range(len(told[1][0]["alone"]))]
    network = {"latency": args.latency, "bandwidth": args.bandwidth}
    results = {"rows": rows, "sums": sums, "alone": alone, "fit": fit(rows, sums, alone), "network": network}
    return results | {"predictions": predict(alone, network), "environment": environment}


def start(count: int, told: dict[str, Any]) -> dict[str, Any]:
    """Run a job of so many ranks and return what it tells."""
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    launcher = shutil.which("mpiexec", path=beside)
    if launcher is None:
        sys.exit("bench_distributed.py: mpiexec is not installed: pip install mpich mpi4py, in one go")
    print(f"{count} ranks", file=sys.stderr)
    command = [
        launcher,
        "-n",
        str(count),
        sys.executable,
        "-m",
        "benchmarks.speed.distributed_job",
        json.dumps(told),
    ]
    return dict(json.loads(harness.run(command, cwd=harness.ROOT, env=LAUNCHER_ENV).stdout))


def summed_up(jobs: list[dict[str, Any]], kind: str, place: int) -> harness.Row:
    """Return one row for the rows of all rounds: spreads of times, and the rest as it is in the first."""
    rows = [told[kind][place] for told in jobs]
    timed = [
        name
        for name in ("seconds", "sum_seconds", "allreduce", "ordered", "shard_seconds", "update_seconds")
        if name in rows[0]
    ]
    whole = {"same_bits": all(row["same_bits"] for row in rows)} if "same_bits" in rows[0] else {}
    return rows[0] | {name: harness.spread([row[name] for row in rows]) for name in timed} | whole


def table(results: dict[str, Any]) -> str:
    """Return the three tables as Markdown."""
    alone = {(r["model"], r["batch"]): r["seconds"]["median"] for r in results["rows"] if r["ranks"] == 1}
    steps = [
        [
            *(r["model"], str(r["batch"]), str(r["ranks"]), str(r["shards"])),
            *(ms(r["seconds"]["median"]), f"{ms(r['seconds']['least'])} to {ms(r['seconds']['most'])}"),
            *(ms(r["sum_seconds"]["median"]), f"{r['bytes_sent'] / 1000:,.0f}"),
            *(f"{speedup(alone, r):.2f}", wanted(r, speedup(alone, r)), "yes" if r["same_bits"] else "NO"),
        ]
        for r in results["rows"]
    ]
    told = ("", "batch", "ranks", "shards", "ms a step", "least to most", "of it the sum", "kB given by a rank")
    first = harness.markdown((*told, "times one rank", "wanted", "bits of one process"), steps)
    sums = [
        [
            *(f"{r['bytes'] / 1024:,.0f} kB", str(r["ranks"])),
            *(us(r["allreduce"]["median"]), us(r["ordered"]["median"]), f"{ratio(r):.2f}"),
            "" if r["bytes"] < SUM_FROM else f"at most {SUM_TARGET}: {'yes' if ratio(r) <= SUM_TARGET else 'no'}",
        ]
        for r in results["sums"]
    ]
    header = ("vector", "ranks", "Allreduce, µs", "in order, µs", "times an Allreduce", "wanted")
    second = harness.markdown(header, sums)
    predicted = [
        [
            *(r["model"], f"{r['batch']:,}", str(r["ranks"]), ms(r["seconds"]), ms(r["sum_seconds"])),
            *(f"{r['speedup']:.1f}", f"{r['speedup_allreduce']:.1f}"),
        ]
        for r in results["predictions"]
    ]
    header = ("predicted", "batch", "ranks", "ms a step", "of it the sum", "times one rank", "with an Allreduce")
    third = harness.markdown(header, predicted)
    second = f"<details><summary>The sum alone, by the length of the vector</summary>\n\n{second}\n\n</details>"
    return f"{first}\n\n{second}\n\n{third}\n\n{caption(results)}"


def speedup(alone: dict[tuple[str, int], float], row: harness.Row) -> float:
    """Return how many times as fast as one rank a training is."""
    return float(alone[row["model"], row["batch"]] / row["seconds"]["median"])


def wanted(row: harness.Row, found: float) -> str:
    """Return what a training is to reach, and whether it does; "" for most."""
    target = TARGETS.get((row["model"], row["batch"], row["ranks"]))
    return "" if target is None else f"at least {target}: {'yes' if found >= target else 'no'}"


def ratio(row: harness.Row) -> float:
    """Return how many times an Allreduce the ordered sum takes."""
    return float(row["ordered"]["median"] / row["allreduce"]["median"])


def caption(results: dict[str, Any]) -> str:
    """Return what the tables rest on."""
    model, network = results["fit"], results["network"]
    ratios = [row["ratio"] for row in model["predicted_by_measured_for_two"]]
    return (
        f"Here a message takes {us(model['latency'])} µs and a rank sends {model['bandwidth'] / 1e9:.2f} GB/s, fitted "
        f"to two ranks, whose steps the model gives {min(ratios):.2f} to {max(ratios):.2f} times as long as measured. "
        f"The last table is a prediction, no measurement: for {us(network['latency'])} µs and "
        f"{network['bandwidth'] / 1e9:g} GB/s. "
        f"Cores: {results['environment']['cores']}; more ranks than that share them."
    )


def ms(seconds: float) -> str:
    """Return seconds as milliseconds."""
    return f"{1e3 * seconds:.2f}"


def us(seconds: float) -> str:
    """Return seconds as microseconds."""
    return f"{1e6 * seconds:,.0f}" if seconds >= 1e-5 else f"{1e6 * seconds:.1f}"


if __name__ == "__main__":
    main()
