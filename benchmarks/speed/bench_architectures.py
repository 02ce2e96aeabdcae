"""Measure training and inference of thirteen networks that are not alike, beside other frameworks.

    python -m benchmarks.peers.peers    # once: their environments
    python -m benchmarks.speed.bench_architectures --networks strides wide

Everybody trains the networks of architectures.py from the same weights: float32, Adam(1e-3), softmax cross-entropy,
PyTorch and JAX with the same batches. Frameworks take turns as in bench_train.py; a turn is an epoch, and then the
probabilities of 10,000 test images in one call. NumPy's product of float32 matrices takes its turns among them, with
as many threads: the machine's peak. Results go to benchmarks/results/architectures.json.

Compiling is told apart: how much longer a process's first epoch and first call take than the others. nnscratch begins
with an empty cache folder, and again with what it has left there; PyTorch's folder is empty, too.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks import harness
from benchmarks.peers.frameworks import multiply_numpy
from benchmarks.peers.processes import Framework, Running, take_turns
from benchmarks.speed import architectures
from benchmarks.speed.architectures import NETWORKS
from nnscratch.layers import Conv2D

MODES = {  # peer: its name; its modes, where there are convolutions, and where there are none
    "torch": ("PyTorch", ("eager", "channels_last", "compile"), ("eager", "compile")),
    "jax": ("JAX", ("step", "scan-im2col"), ("step", "scan")),
    "keras": ("Keras", ("fit",), ("fit",)),
}
OURS, PEAK = "nnscratch", "NumPy"
TEST_IMAGES = 10_000
QUICK_IMAGES = 1_000
CACHES = ("NUMBA_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR")


def main() -> None:
    """Parse the arguments, measure, write, print."""
    parser = harness.parser(__doc__)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--peers", nargs="*", choices=MODES, default=["torch", "jax"], help="none: only nnscratch")
    parser.add_argument("--threads", type=int, default=harness.cores(), help="of everybody (default: all cores)")
    parser.add_argument("--rounds", type=int, help="turns of each framework (default: 3, with --quick 1)")
    args = parser.parse_args()
    harness.finish(args, "architectures", measure(args), everything)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Measure each network with everybody."""
    told = harness.environment(args.threads)
    rows: list[harness.Row] = []
    skipped: list[str] = []
    rounds = args.rounds or (1 if args.quick else 3)
    for name in args.networks:
        own, *others = frameworks(name, args)
        with empty_caches():
            cold, missing = take_turns([own], 0)
            running, others_missing = take_turns([own, *others], rounds)
        skipped += [text for text in missing + others_missing if text not in skipped]
        skipped += [one_turn(one) for one in running if len(one.turns) < rounds]
        rows += compared([one for one in running if one.turns], cold)
    return {"rows": rows, "skipped": skipped, "environment": told}


def frameworks(name: str, args: argparse.Namespace) -> list[Framework]:
    """Return nnscratch, NumPy's matrix product, and every mode of the peers."""
    network, threads = NETWORKS[name], args.threads
    how = (name, network.batch, threads, images_of(name, args))
    convolutional = any(isinstance(layer, Conv2D) for layer in network.layers)
    found = [Framework(OURS, "fit", "", "train_nnscratch", *how), Framework(PEAK, "peak", "", "multiply_numpy", *how)]
    for peer in args.peers:
        title, with_convolutions, without = MODES[peer]
        modes = with_convolutions if convolutional else without
        found += [Framework(title, mode, peer, f"train_{peer}", *how) for mode in modes]
    return found


def images_of(name: str, args: argparse.Namespace) -> int:
    """Return how many images an epoch has: few with --quick."""
    return QUICK_IMAGES if args.quick else NETWORKS[name].images


@contextmanager
def empty_caches() -> Iterator[None]:
    """Within the block, whoever is started keeps what it compiles in a new folder."""
    before = {name: os.environ.get(name) for name in CACHES}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ |= {name: f"{folder}/{name}" for name in CACHES}
        try:
            yield
        finally:
            for name, value in before.items():
                del os.environ[name]
                os.environ |= {} if value is None else {name: value}


def one_turn(one: Running) -> str:
    """Return what to say of a framework that got fewer turns than others."""
    setup, turn = one.ready["setup_seconds"], one.turns[-1]["seconds"]
    return f"{one.framework.title}: {setup:.0f} s to set up, {turn:.0f} s a turn; so it got no more than one"


def compared(running: list[Running], cold: list[Running]) -> list[harness.Row]:
    """Return a network's rows, the fastest first, with their shares of the peak and what nnscratch is compared with.

    ``ratios`` of nnscratch are the best peer's median seconds by its own, of an epoch and of a call. Above 1,
    nnscratch is faster.
    """
    products = [turn["seconds"] for one in running if one.framework.name == PEAK for turn in one.turns]
    peak = multiply_numpy.FLOPS / min(products) / 1e9
    rows = [row(one, peak) for one in running if one.framework.name != PEAK]
    rows.sort(key=lambda each: float(each["seconds"]["median"]))
    for each in (one for one in rows if one["contender"] == OURS):
        each["compile_seconds_cold"] = compile_seconds(cold[0], each["seconds"], each["predict_seconds"])
        each["ratios"] = {
            key: best(rows, key)[key]["median"] / each[key]["median"]
            for key in ("seconds", "predict_seconds")
            if len(rows) > 1
        }
    return rows


def row(one: Running, peak: float) -> harness.Row:
    """Return what a framework has told; ``peak`` in GFLOP/s."""
    model, last = one.framework.model, one.turns[-1]
    train, predict = (harness.spread([turn[key] for turn in one.turns]) for key in ("seconds", "predict_seconds"))
    gflops = architectures.training_flops(model) * one.framework.images / train["median"] / 1e9
    predict_gflops = 2 * architectures.build(model).multiply_adds() * TEST_IMAGES / predict["median"] / 1e9
    return {
        **one.framework.to_dict(),
        "images": one.framework.images,
        "seconds": train,
        "gflops": gflops,
        "share_of_peak": gflops / peak,
        "predict_seconds": predict,
        "predict_gflops": predict_gflops,
        "predict_share_of_peak": predict_gflops / peak,
        "peak_gflops": peak,
        "setup_seconds": one.ready["setup_seconds"],
        "compile_seconds": compile_seconds(one, train, predict),
        "loss": last["loss"],
        "accuracy": last["accuracy"],
        "versions": one.ready["versions"],
    }


def compile_seconds(one: Running, train: harness.Row, predict: harness.Row) -> float:
    """Return how much longer the first epoch and the first call took than the median ones."""
    first = one.ready["seconds"] - train["median"], one.ready["predict_seconds"] - predict["median"]
    return sum(max(0.0, seconds) for seconds in first)


def best(rows: list[harness.Row], key: str) -> harness.Row:
    """Return the row of the peer, in one of its modes, with the least median of ``key``."""
    return min((each for each in rows if each["contender"] != OURS), key=lambda each: float(each[key]["median"]))


def by_network(results: dict[str, Any]) -> dict[str, list[harness.Row]]:
    """Return the rows of each network."""
    rows: dict[str, list[harness.Row]] = {}
    for each in results["rows"]:
        rows.setdefault(each["model"], []).append(each)
    return rows


def everything(results: dict[str, Any]) -> str:
    """Return the table of all networks, and one of each with everybody's figures."""
    return "\n\n".join([table(results), *map(network_table, by_network(results).values())])


def table(results: dict[str, Any]) -> str:
    """Return a Markdown table, a row for each network, and who is missing; "times": those of nnscratch."""
    header = ("network", "s an epoch", "best peer", "times", "of the peak", "s to predict", "best peer", "times")
    lines = []
    for name, rows in by_network(results).items():
        own = next((each for each in rows if each["contender"] == OURS), None)
        if own is not None:
            train, predict = (against(rows, own, key) for key in ("seconds", "predict_seconds"))
            lines.append((name, *train, f"{100 * own['share_of_peak']:.0f} %", *predict))
    return "\n\n".join([harness.markdown(header, lines), *results["skipped"]])


def against(rows: list[harness.Row], own: harness.Row, key: str) -> tuple[str, str, str]:
    """Return the own median, the best peer's with its name, and the ratio; dashes where there is no peer."""
    seconds = f"{own[key]['median']:.2f}"
    if not own["ratios"]:
        return seconds, "–", "–"
    peer = best(rows, key)
    return seconds, f"{peer[key]['median']:.2f} {peer['contender']} {peer['mode']}", f"**{own['ratios'][key]:.2f}**"


def network_table(rows: list[harness.Row]) -> str:
    """Return the table of one network, the fastest in training first; compiling of nnscratch: cold / warm cache."""
    training = ("s an epoch", "least to most", "GFLOP/s", "of the peak")
    header = (rows[0]["model"], "mode", *training, "s to predict", "GFLOP/s", "compiling s", "loss", "test accuracy")
    lines = []
    for each in rows:
        name = f"**{each['contender']}**" if each["contender"] == OURS else each["contender"]
        seconds, predict = each["seconds"], each["predict_seconds"]
        cold = f"{each['compile_seconds_cold']:.1f} / " if "compile_seconds_cold" in each else ""
        lines.append(
            (
                *(name, each["mode"]),
                *(f"{seconds['median']:.2f}", f"{seconds['least']:.2f} to {seconds['most']:.2f}"),
                *(f"{each['gflops']:.1f}", f"{100 * each['share_of_peak']:.0f} %"),
                *(f"{predict['median']:.3f}", f"{each['predict_gflops']:.1f}"),
                *(f"{cold}{each['compile_seconds']:.1f}", f"{each['loss']:.4f}", f"{100 * each['accuracy']:.2f} %"),
            )
        )
    return harness.markdown(header, lines)


if __name__ == "__main__":
    main()
