"""Measure training on several processes (MPI), and predict it for more of them than there are here.

    python -m benchmarks.speed.bench_distributed
    python -m benchmarks.speed.bench_distributed --latency 2e-6 --bandwidth 12.5e9    # predict for another network

Jobs of 1, 2, 4 and 8 ranks, each with one thread, take turns, in rounds. Each trains LeNet-5 and the MLP with Adam on
global batches of 64 and 512, cut as ``train.py`` would cut them; afterwards rank 0 trains alone, with the same cut, and
compares the weights; other bits end the benchmark. Then it times the sum of vectors from 1 kB to 8 MB: the library's
Allreduce, which adds in any order, and the sum of ``nnscratch/parallel/mpi.py``, which keeps the order: here in shared
memory. With more ranks than cores, ranks wait for a core.

The model:  step = shards of a rank x seconds of a shard + update + sum
    shard, update: one process alone, by the number of images; between two numbers, a straight line
    sum      = messages x latency + bytes x seconds a byte
    messages = R - 1 (Alltoallv, pair by pair) + log2 R (Allgather); of an Allreduce, 2 log2 R
    bytes    = 2 (R - 1) / R of the gradient's, as of an Allreduce

Latency and bandwidth of this machine are fitted to the sums of two ranks, and the model is compared with the measured
steps of two. For 16, 64 and 256 ranks, latency and bandwidth are those of the command line: a prediction, no
measurement. It knows nothing of ranks that wait for the slowest, of messages that meet, or of who shares a cable.
Results go to benchmarks/results/distributed.json.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import math
import os
import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import harness

if TYPE_CHECKING:
    from nnscratch.parallel.mpi import Ranks

RANKS = (1, 2, 4, 8)
MODELS = ("lenet5", "mlp")
BATCHES = (64, 512)
SIZES = tuple(1 << power for power in range(10, 24))  # bytes of a vector
PREDICTED_RANKS, PREDICTED_BATCHES = (16, 64, 256), (512, 8192)
LATENCY, BANDWIDTH = 20e-6, 1.25e9  # seconds a message and bytes a second: TCP over Ethernet of 10 Gbit/s
SHARD_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)  # images
TARGETS = {("lenet5", 512, 2): 1.9, ("mlp", 512, 2): 1.6}  # times one rank, at least
SUM_TARGET, SUM_FROM = 1.5, 1 << 16  # times an Allreduce, at most, from so many bytes up
WARM = 10  # steps that do not count: kernels are recorded in them
LAUNCHER_ENV = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}  # Open MPI asks root twice
LAUNCHER_ENV |= {"PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe", "PYTHONPATH": str(harness.ROOT)}


def main() -> None:
    """Parse the arguments, measure, predict, write, print."""
    parser = harness.parser(__doc__)
    parser.add_argument("--latency", type=float, default=LATENCY, help="seconds a message of the predicted network")
    parser.add_argument("--bandwidth", type=float, default=BANDWIDTH, help="its bytes a second, from each rank")
    parser.add_argument("--job", type=json.loads, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.job:
        job(**args.job)
        return
    if not (args.latency > 0 and args.bandwidth > 0):
        parser.error("--latency and --bandwidth are positive numbers")
    harness.finish(args, "distributed", measure(args), table)


# ---- a job: what runs on every rank


def job(steps: int, repeats: int) -> None:
    """Train and add up, on this rank; rank 0 prints what came of it."""
    from mpi4py import MPI

    import nnscratch as nn
    from nnscratch.parallel.mpi import join

    nn.set_threads(1)
    ranks, _ = join("mpi")
    with ranks.abort_together():
        told = {
            "mpi": MPI.Get_library_version().splitlines()[0].strip(),
            "trainings": [train(model, batch, steps, ranks) for model in MODELS for batch in BATCHES],
            "sums": [add_up(size, repeats, ranks) for size in SIZES] if ranks.size > 1 else [],
            "alone": [one_shard(model, n, steps) for model in MODELS for n in SHARD_SIZES] if ranks.size == 1 else [],
        }
    if ranks.rank == 0:
        print(json.dumps(told))


def train(model: str, batch: int, steps: int, ranks: Ranks) -> harness.Row:
    """Return the seconds of a step, and those of it that went into the sum (the wait for other ranks included)."""
    from nnscratch.models.zoo import build
    from nnscratch.parallel.tree import nodes_within
    from nnscratch.runs.settings import Settings, for_ranks
    from nnscratch.training.plan import shard_size

    settings = Settings(batch_size=batch)
    if ranks.size > 1:
        settings = for_ranks(settings, ranks.size, build(model))
    sums: list[float] = []
    plain, cut = ranks.add, -(-batch // shard_size(build(model), batch, settings.shard or 0))

    def timed(*arguments: Any) -> list[float]:
        start = time.perf_counter()
        numbers = plain(*arguments)
        sums.append(time.perf_counter() - start)
        return numbers

    ranks.add = timed  # type: ignore[method-assign]
    digest, parameters, ends = weights(model, settings, steps, ranks)
    ranks.add = plain  # type: ignore[method-assign]
    same = ranks.rank > 0 or ranks.size == 1 or digest == weights(model, settings, steps, None)[0]
    ranks.any(False)  # the others wait for rank 0
    seconds = [end - start for start, end in itertools.pairwise(ends)][WARM:]
    own = ranks.part(range(cut))
    held = len(nodes_within((own.start, own.stop), (0, cut)))
    sent = 4 * (held + 1) * (ranks.size - 1) * -(-parameters // ranks.size)  # pieces of what it holds, then of the sum
    row = {"model": model, "batch": batch, "ranks": ranks.size, "shards": cut, "parameters": parameters}
    row |= {"seconds": statistics.median(seconds), "sum_seconds": statistics.median(sums[WARM:] or [0.0])}
    return row | {"bytes_sent": sent, "same_bits": same}


def one_shard(model: str, images: int, steps: int) -> harness.Row:
    """Return the seconds of a shard of so many images, forward to backward, and of the update after it."""
    from nnscratch.parallel.mpi import Ranks
    from nnscratch.runs.settings import Settings
    from nnscratch.training.shards import Shards

    class Watched(Ranks):
        def add(self, *arguments: Any) -> list[float]:
            between.append(time.perf_counter())
            return super().add(*arguments)

    between: list[float] = []
    plain, Shards.can_play = Shards.can_play, lambda *_: False  # type: ignore[method-assign]  # gradient, then update
    _, parameters, ends = weights(model, Settings(batch_size=images, shard=images), steps, Watched())
    Shards.can_play = plain  # type: ignore[method-assign]
    between = between[-len(ends) :]  # without the warming up before the first step
    work = [added - end for end, added in zip(ends[WARM - 1 :], between[WARM:], strict=False)]
    update = [end - added for end, added in zip(ends[WARM:], between[WARM:], strict=True)]
    row = {"model": model, "images": images, "parameters": parameters}
    return row | {"shard_seconds": statistics.median(work), "update_seconds": statistics.median(update)}


def weights(model: str, settings: Any, steps: int, ranks: Ranks | None) -> tuple[str, int, list[float]]:
    """Train for so many steps; return a digest of the weights, their number, and when each step ended."""
    import nnscratch as nn
    from nnscratch.training.trainer import Trainer

    ends: list[float] = []

    class Clock(nn.Callback):
        def on_batch_end(self, trainer: Trainer) -> None:
            ends.append(time.perf_counter())

    mnist, network = nn.load_mnist(), nn.build(model, seed=0)
    n = min(steps * settings.batch_size, len(mnist.train_labels) // settings.batch_size * settings.batch_size)
    plan = settings.plan()
    plan.epochs = math.ceil(steps * settings.batch_size / n)
    images = network.batches(mnist.train_images[:n])
    Trainer(network, images, mnist.train_labels[:n], plan, callbacks=[Clock()], ranks=ranks).run()
    return hashlib.sha256(network.theta.tobytes()).hexdigest(), network.theta.size, ends


def add_up(size: int, repeats: int, ranks: Any) -> harness.Row:
    """Return the median seconds of adding up a float32 vector of ``size`` bytes of each rank, in two ways."""
    import numpy as np
    from mpi4py import MPI

    vector, total = np.ones(size // 4, np.float32), np.zeros(size // 4, np.float32)
    ways = {
        "allreduce": lambda: ranks.comm.Allreduce(vector, total, MPI.SUM),
        "ordered": lambda: ranks.add([vector], ranks.size, total, [0.0, 0.0]),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, add in ways.items():
            ranks.comm.Barrier()
            start = time.perf_counter()
            add()
            seconds[way].append(time.perf_counter() - start)
    return {"ranks": ranks.size, "bytes": size, **{way: statistics.median(times) for way, times in seconds.items()}}


# ---- all jobs, and the model


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
        "benchmarks.speed.bench_distributed",
        "--job",
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


def fit(rows: list[harness.Row], sums: list[harness.Row], alone: list[harness.Row]) -> dict[str, Any]:
    """Return latency and bandwidth of two ranks here, and how right the model is for two."""
    pairs = [row for row in sums if row["ranks"] == 2]
    latency = min(row["ordered"]["median"] for row in pairs) / messages(2)
    long = pairs[-4:]  # the slope of the long ones, whose latency is nothing
    slope, _ = statistics.linear_regression([r["bytes"] for r in long], [r["ordered"]["median"] for r in long])
    here = {"latency": latency, "bandwidth": share_sent(2) / slope}
    compared = []
    for row in (row for row in rows if row["ranks"] == 2):
        predicted = step(alone, row["model"], row["batch"], row["shards"], 2, here)
        told = {name: row[name] for name in ("model", "batch", "shards")}
        compared.append({**told, "seconds": predicted, "ratio": predicted / row["seconds"]["median"]})
    return {**here, "predicted_by_measured_for_two": compared}


def messages(ranks: int) -> float:
    """Return how many messages follow each other in a sum that keeps the order."""
    return ranks - 1 + math.log2(ranks)


def share_sent(ranks: int) -> float:
    """Return how many times the gradient's bytes are sent by a rank: its subtree's sum, then its piece of the whole."""
    return 2 * (ranks - 1) / ranks


def step(alone: list[harness.Row], model: str, batch: int, shards: int, ranks: int, network: dict[str, float]) -> float:
    """Return the seconds of a step, after the model."""
    own = math.ceil(shards / ranks)
    sizes = [row for row in alone if row["model"] == model]
    return own * at(sizes, "shard_seconds", batch / shards) + added(sizes, batch / shards, ranks, network)


def added(sizes: list[harness.Row], images: float, ranks: int, network: dict[str, float]) -> float:
    """Return the seconds of the update and, of more than one rank, of the sum, after the model."""
    update = at(sizes, "update_seconds", images)
    sent = share_sent(ranks) * 4 * sizes[0]["parameters"]
    return update + (messages(ranks) * network["latency"] + sent / network["bandwidth"] if ranks > 1 else 0.0)


def at(rows: list[harness.Row], name: str, images: float) -> float:
    """Return the median of ``name`` at a number of images, on the line between the two measured ones beside it."""
    import numpy as np

    return float(np.interp(images, [row["images"] for row in rows], [row[name]["median"] for row in rows]))


def predict(alone: list[harness.Row], network: dict[str, float]) -> list[harness.Row]:
    """Return the predicted steps of many ranks, a shard each, on the network of the command line."""
    rows = []
    for name in MODELS:
        sizes = [row for row in alone if row["model"] == name]
        for batch in PREDICTED_BATCHES:
            one = min(step(alone, name, batch, batch // size, 1, network) for size in SHARD_SIZES)
            for ranks in PREDICTED_RANKS:
                seconds = step(alone, name, batch, ranks, ranks, network)
                rest = added(sizes, batch / ranks, ranks, network) - at(sizes, "update_seconds", batch / ranks)
                row = {"model": name, "batch": batch, "ranks": ranks, "seconds": seconds, "sum_seconds": rest}
                saved = (messages(ranks) - 2 * math.log2(ranks)) * network["latency"]
                rows.append(row | {"speedup": one / seconds, "speedup_allreduce": one / (seconds - saved)})
    return rows


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
