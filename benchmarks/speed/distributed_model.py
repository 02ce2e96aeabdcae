"""How long a training step takes on several ranks, by a model, of what is measured on one.

The model:  step = shards of a rank x seconds of a shard + update + sum
    shard, update: one process alone, by the number of images; between two numbers, a straight line
    sum      = messages x latency + bytes x seconds a byte
    messages = R - 1 (Alltoallv, pair by pair) + log2 R (Allgather); of an Allreduce, 2 log2 R
    bytes    = 2 (R - 1) / R of the gradient's, as of an Allreduce
"""

from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np

from benchmarks import harness

MODELS = ("lenet5", "mlp")
SHARD_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)  # images
PREDICTED_RANKS, PREDICTED_BATCHES = (16, 64, 256), (512, 8192)


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
