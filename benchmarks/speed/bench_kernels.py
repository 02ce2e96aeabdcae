"""Time every compiled kernel beside its readable NumPy function, on one thread, in the geometry of LeNet-5.

    python -m benchmarks.speed.bench_kernels

Each pair is compared first, and not timed unless it agrees. Then the two take turns, so that both meet the same
machine. The peak is what NumPy's own matrix product of float32 reaches on one core, measured again after each
operation. Results go to benchmarks/results/kernels.json.

- flops: multiplications and additions, by the formula of the readable function. The gradient that max-pooling hands
  down is zero in three of four places; products with those zeros count too, whether a kernel does them or not.
- bytes: each array that is read or written, once each way.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from itertools import cycle
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import harness
from benchmarks.speed.kernel_cases import Case, N, cases
from nnscratch import ops
from nnscratch.ops.backend import compiled_ops

LIMIT = 1e-5  # of the largest number of the result: the rounding of float32
NEAR_TIES = 1e-4  # share of pooling's choices that may fall differently, between numbers equal up to rounding
TARGET = 0.6  # of the peak, for convolutions
SAMPLE = 0.005  # seconds that a sample lasts at least: the clock's own cost disappears
PEAK_SIDES = (512, 1024, 2048)

Function = Callable[..., Any]


def outcome(function: Function, case: Case) -> tuple[list[Any], list[Any]]:
    """Return what a function returns, and what has become of the arrays that it was given."""
    arguments = [value.copy(order="K") if isinstance(value, np.ndarray) else value for value in case.arguments[0]]
    result = function(*arguments, **case.keywords)
    results = list(result) if isinstance(result, tuple) else [result]
    return [value for value in results if value is not None], [a for a in arguments if isinstance(a, np.ndarray)]


def check(op: str, case: Case, expected: list[Any], got: list[Any]) -> float:
    """Return the largest difference, relative to the largest number. Exits when it is not mere rounding."""
    worst = 0.0
    for right, other in zip(expected, got, strict=True):
        right, other = np.asarray(right), np.asarray(other)
        if right.shape != other.shape or right.dtype != other.dtype:
            sys.exit(f"{op}, {case.name}: {other.dtype} {other.shape} instead of {right.dtype} {right.shape}")
        choices = right.dtype.kind in "iu"
        error = float((right != other).mean() if choices else np.abs(right - other).max() / np.abs(right).max())
        limit = NEAR_TIES if choices else LIMIT
        if not error <= limit:  # NaN too
            sys.exit(f"{op}, {case.name}: the kernel is wrong by {error:.1e}, the limit is {limit:g}: it is not timed")
        worst = worst if choices else max(worst, error)
    return worst


def moved(case: Case, results: list[Any], after: list[Any]) -> int:
    """Return the bytes of all arrays that a call reads or writes: arguments, results, and changed arguments again."""
    before = [value for value in case.arguments[0] if isinstance(value, np.ndarray)]
    changed = [new for old, new in zip(before, after, strict=True) if (old != new).any()]
    return sum(array.nbytes for array in (*before, *results, *changed) if isinstance(array, np.ndarray))


class Timer:
    """Takes samples of one function, in microseconds a call."""

    def __init__(self, function: Function, case: Case) -> None:
        self.function, self.case, self.arguments = function, case, cycle(case.arguments)
        self.samples: list[float] = []
        self.calls = 1
        while self.seconds() < SAMPLE:  # and so it is warm
            self.calls *= 2

    def seconds(self) -> float:
        """Return the seconds of ``calls`` calls."""
        function, keywords, arguments = self.function, self.case.keywords, self.arguments
        start = time.perf_counter()
        for _ in range(self.calls):
            function(*next(arguments), **keywords)
        return time.perf_counter() - start

    def sample(self) -> None:
        """Take one."""
        self.samples.append(1e6 * self.seconds() / self.calls)


def peak() -> float:
    """Return GFLOP/s of the fastest of some matrix products of float32."""
    rates = []
    for side in PEAK_SIDES:
        A, B = np.ones((2, side, side), np.float32)
        for _ in range(3):
            start = time.perf_counter()
            A @ B
            rates.append(2 * side**3 / (time.perf_counter() - start) / 1e9)
    return max(rates)


def measure(repeats: int) -> dict[str, Any]:
    """Compare and time all pairs."""
    environment = harness.environment(threads=1)
    rows, peaks = [], []
    with threadpool_limits(limits=1, user_api="blas"):
        for op, kernel in compiled_ops().items():
            peaks.append(peak())
            rows += [time_pair(op, kernel, case, repeats) for case in cases(op)]
    top = statistics.median(peaks)
    for row in rows:
        if row["flops"]:
            row["gflops"] = row["flops"] / row["numba"]["median"] / 1e3
            row["share_of_peak"] = row["gflops"] / top
            row["target"] = TARGET if row["op"].startswith("conv2d") else None
        else:
            row["gbytes_per_second"] = row["bytes"] / row["numba"]["median"] / 1e3
    return {"rows": rows, "peak_gflops": harness.spread(peaks), "images": N, "environment": environment}


def time_pair(op: str, kernel: Function, case: Case, repeats: int) -> harness.Row:
    """Compare a compiled kernel with its function, let them take turns, and return the row."""
    readable = getattr(ops, op)
    (expected, after), (got, after_kernel) = outcome(readable, case), outcome(kernel, case)
    error = check(op, case, [*expected, *after], [*got, *after_kernel])
    timers = {"numpy": Timer(readable, case), "numba": Timer(kernel, case)}
    for _ in range(repeats):
        for timer in timers.values():
            timer.sample()
    seconds = {name: harness.spread(timer.samples) for name, timer in timers.items()}
    speedup = seconds["numpy"]["median"] / seconds["numba"]["median"]
    size = {"flops": case.flops, "bytes": case.bytes or moved(case, got, after_kernel)}
    return {"op": op, "case": case.name, "error": error, **size, **seconds, "speedup": speedup}


def table(results: dict[str, Any]) -> str:
    """Return the rows as Markdown, with the peak below."""
    header = (
        "operation",
        "case",
        "NumPy, µs",
        "kernel, µs",
        "least to most",
        "faster by",
        "GFLOP/s",
        "of peak",
        "GB/s",
    )
    rows = []
    for row in results["rows"]:
        numpy, numba = row["numpy"], row["numba"]
        if row["flops"]:
            rate = [f"{row['gflops']:.1f}", f"{100 * row['share_of_peak']:.0f} %", ""]
        else:
            rate = ["", "", f"{row['gbytes_per_second']:.1f}"]
        spread = f"{numba['least']:.1f} to {numba['most']:.1f}"
        times = [f"{numpy['median']:.1f}", f"{numba['median']:.1f}", spread, f"{row['speedup']:.1f}"]
        rows.append([f"`{row['op']}`", row["case"], *times, *rate])
    top = results["peak_gflops"]
    below = (
        f"{results['images']} images, one thread. Peak, NumPy's matrix product of float32 on one core: "
        f"{top['median']:.1f} GFLOP/s (median of {top['n']}; {top['least']:.1f} to {top['most']:.1f}). "
        f"Target for convolutions: {100 * TARGET:.0f} % of it."
    )
    return harness.markdown(header, rows) + "\n\n" + below


def main() -> None:
    """Parse the arguments, measure, write, print."""
    args = harness.parser(__doc__).parse_args()
    harness.finish(args, "kernels", measure(repeats=3 if args.quick else 25), table)


if __name__ == "__main__":
    main()
