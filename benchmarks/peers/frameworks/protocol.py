"""A framework's side of a benchmark: the lines that it reads and writes, and the data, the same for everybody.

Its script is started by the benchmark in a process of its own, under the interpreter that has the framework, with the
environment set so that it makes no more threads than it may. It writes one line of JSON when it is ready, after a
warm-up that is not timed, and one for each line "go" that it reads; anything else ends it. While others are measured
it is stopped, so it may keep its threads.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nnscratch import load_mnist

SEED = 0
LEARNING_RATE = 1e-3  # Adam's
PARAMETERS = {"lenet5": 34_622, "mlp": 399_210, "logistic": 7_850}
DENSE = {"lenet5": (256, 120, 10), "mlp": (784, 394, 222, 10), "logistic": (784, 10)}  # sizes of the dense layers
CALL_SECONDS = 0.5  # of calls behind one figure for inference
Accuracy = Callable[[], float]


class Mnist(NamedTuple):
    """Images (N, 28, 28) float32 in 0..1, labels (N,) int64."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def arguments() -> argparse.Namespace:
    """Return what the benchmark asks for: model, mode, batch, threads."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=PARAMETERS, default="lenet5")
    parser.add_argument("--mode", default="")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def mnist() -> Mnist:
    """Return MNIST as floats: the frameworks need not convert a batch while the clock runs."""
    data = load_mnist()
    return Mnist(as_float(data.train_images), data.train_labels, as_float(data.test_images), data.test_labels)


def as_float(images: np.ndarray) -> np.ndarray:
    """Return uint8 images as float32 in 0..1."""
    return images.astype(np.float32) / np.float32(255)


def check_parameters(model: str, count: int) -> None:
    """Raise ValueError unless the network has as many parameters as everybody's."""
    if count != PARAMETERS[model]:
        raise ValueError(f"{model} has {count} parameters here, not {PARAMETERS[model]}")


class Turns:
    """The conversation around the epochs of a training."""

    def __init__(self, **versions: str) -> None:
        self.first: dict[str, Any] = {"ready": True, "versions": versions}
        self.start = time.perf_counter()

    def next(self, loss: float, accuracy: Accuracy) -> bool:
        """An epoch has ended, with this mean training loss: tell, and wait. Return True when another one is wanted.

        ``accuracy`` returns the share of the test images that the network gets right: proof that it learns, computed
        while no clock runs.
        """
        tell({**self.first, "seconds": time.perf_counter() - self.start, "loss": loss, "accuracy": accuracy()})
        self.first = {}
        go = wanted()
        self.start = time.perf_counter()
        return go


def serve_epochs(epoch: Callable[[], float], accuracy: Accuracy, **versions: str) -> None:
    """Run an epoch, which returns its mean training loss, to warm up, and one for each "go"."""
    turns = Turns(**versions)
    while turns.next(epoch(), accuracy):
        pass


def serve_calls(call: Callable[[], np.ndarray], batch: int, **versions: str) -> None:
    """For each "go", tell the median seconds of the calls that fill half a second. ``call`` returns probabilities."""
    start = time.perf_counter()
    rows = call()
    if rows.shape != (batch, 10) or not np.allclose(rows.sum(axis=1), 1, atol=1e-4):
        raise ValueError(f"{rows.shape} came for {batch} images, or rows do not sum to 1")
    measure(call)
    tell({"ready": True, "versions": versions, "seconds": time.perf_counter() - start})
    while wanted():
        tell({"seconds": measure(call), "images": batch})


def measure(call: Callable[[], Any]) -> float:
    """Return the median seconds of a call; the first three, with cold caches, do not count."""
    for _ in range(3):
        call()
    end = time.perf_counter() + CALL_SECONDS
    seconds: list[float] = []
    while not seconds or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def tell(message: dict[str, Any]) -> None:
    """Write a line of JSON."""
    print(json.dumps(message), flush=True)


def wanted() -> bool:
    """Return True when the next line is "go"."""
    return sys.stdin.readline().strip() == "go"
