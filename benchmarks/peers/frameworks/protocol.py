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
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import numpy as np

from benchmarks.speed import architectures
from benchmarks.speed.architectures import SEED, Data
from nnscratch.arrays import Stream

LEARNING_RATE = 1e-3  # Adam's
DENSE = {"lenet5": (256, 120, 10), "mlp": (784, 394, 222, 10), "logistic": (784, 10)}  # sizes of the dense layers
CALL_SECONDS = 0.5  # of calls behind one figure for inference
Probabilities = Callable[[], np.ndarray]


def arguments() -> argparse.Namespace:
    """Return what the benchmark asks for: model, mode, batch, threads, images (0: all that the model trains with)."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=architectures.KNOWN, default="lenet5")
    parser.add_argument("--mode", default="")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--images", type=int, default=0)
    return parser.parse_args()


def data(model: str, images: int = 0) -> Data:
    """Return images (N, C, H, W) as floats: the frameworks need not convert a batch while the clock runs."""
    found = architectures.dataset(model, images)
    shape = (-1, *architectures.KNOWN[model].input_shape)
    train, test = (as_float(part.reshape(shape)) for part in (found.train_images, found.test_images))
    return found._replace(train_images=train, test_images=test)


def as_float(images: np.ndarray) -> np.ndarray:
    """Return uint8 images as float32 in 0..1."""
    return images.astype(np.float32) / np.float32(255)


def orders(images: int) -> Iterator[np.ndarray]:
    """Return the order of the images, (N,) int64, for one epoch after the other: that of nnscratch's own trainings."""
    return (np.random.default_rng((SEED, Stream.SHUFFLE, epoch)).permutation(images) for epoch in count())


def check_parameters(model: str, found: int) -> None:
    """Raise ValueError unless the network has as many parameters as everybody's."""
    wanted = architectures.build(model).theta.size
    if found != wanted:
        raise ValueError(f"{model} has {found} parameters here, not {wanted}")


class Turns:
    """The conversation around the epochs of a training; ``labels`` (N,) are those of the test images."""

    def __init__(self, labels: np.ndarray, **versions: str) -> None:
        self.labels = labels
        self.first: dict[str, Any] = {"ready": True, "versions": versions}
        self.start = time.perf_counter()

    def next(self, loss: float, probabilities: Probabilities) -> bool:
        """An epoch has ended, with this mean training loss: tell, and wait. Return True when another one is wanted.

        ``probabilities`` returns those of the test images (N, 10), asked for when the epoch's clock has stopped: the
        accuracy proves that the network learns, and the seconds are those of inference.
        """
        seconds = time.perf_counter() - self.start
        start = time.perf_counter()
        rows = probabilities()
        predicted = time.perf_counter() - start
        check_probabilities(rows, len(self.labels))
        accuracy = float((rows.argmax(axis=1) == self.labels).mean())
        times = {"seconds": seconds, "predict_seconds": predicted}
        tell({**self.first, **times, "loss": loss, "accuracy": accuracy})
        self.first = {}
        go = wanted()
        self.start = time.perf_counter()
        return go


def serve_epochs(epoch: Callable[[], float], probabilities: Probabilities, labels: np.ndarray, **versions: str) -> None:
    """Run an epoch, which returns its mean training loss, to warm up, and one for each "go"."""
    turns = Turns(labels, **versions)
    while turns.next(epoch(), probabilities):
        pass


def serve_calls(call: Probabilities, batch: int, **versions: str) -> None:
    """For each "go", tell the median seconds of the calls that fill half a second. ``call`` returns probabilities."""
    start = time.perf_counter()
    check_probabilities(call(), batch)
    measure(call)
    tell({"ready": True, "versions": versions, "seconds": time.perf_counter() - start})
    while wanted():
        tell({"seconds": measure(call), "images": batch})


def check_probabilities(rows: np.ndarray, images: int) -> None:
    """Raise ValueError unless ``rows`` are probabilities (images, 10)."""
    if rows.shape != (images, 10) or not np.allclose(rows.sum(axis=1), 1, atol=1e-4):
        raise ValueError(f"{rows.shape} came for {images} images, or rows do not sum to 1")


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
