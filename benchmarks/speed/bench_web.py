"""Put the page's server under load: many connections ask all networks for drawings, one after the other.

    python -m benchmarks.speed.bench_web    # 16 connections for 60 s
    python -m benchmarks.speed.bench_web --connections 4 --seconds 10
    python -m benchmarks.speed.bench_web --requests 1000000    # the first load, until so many were answered

The server is started as a user starts it; the connections are threads of this process, on the same machine, so both
share its cores. Three loads: first each connection asks as fast as it is answered, which tells how many requests a
second there can be, and whether memory grows; then all together ask 300 times a second, which tells what one waits for
at that load. There the time counts from when the request was due, so that one which had to wait for another is not told
as quick. Last, one of the server's processes is killed (SIGKILL) every two seconds, which must lose no request. Results
go to benchmarks/results/web.json.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import nnscratch as nn
from benchmarks import harness

RATE = 300  # requests a second
DRAWINGS = 64
KILL_EACH = 2.0  # seconds

Load = tuple[list[float], int, float]  # the seconds that each request waited, how many failed, how long it all took


def main() -> None:
    """Parse the arguments, measure, write, print."""
    parser = harness.parser(__doc__)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=60, help="of each load")
    parser.add_argument("--requests", type=int, help="of the first load, in place of its seconds")
    args = parser.parse_args()
    seconds = 3 if args.quick else args.seconds
    harness.finish(args, "web", measure(args.connections, seconds, args.requests), table)


def measure(connections: int, seconds: float, most: int | None) -> dict[str, Any]:
    """Start the server, ask, and return what came of it."""
    told = harness.environment(nn.threads())
    command = [sys.executable, "-m", "nnscratch", "serve", "--port", "0"]
    begin = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        found = re.match(r"http://([\d.]+):(\d+)/", server.stdout.readline())
        assert found
        start_seconds = time.perf_counter() - begin
        address = (found.group(1), int(found.group(2)))
        requests = bodies()
        load(address, requests, connections, 1.0)  # warm
        with repeated(lambda: memory(server.pid), 1.0) as memories:
            fast = load(address, requests, connections, seconds if most is None else float("inf"), most=most)
        memories.append(memory(server.pid))
        paced = load(address, requests, connections, seconds, rate=RATE)
        with repeated(lambda: kill_one(server.pid), KILL_EACH, seconds) as kills:
            killed = load(address, requests, connections, seconds)
        server.terminate()
    rows = [row(one, connections, rate) for one, rate in ((fast, None), (paced, RATE), (killed, None))]
    rows[2]["killed"] = sum(kills)
    told_once = {
        "start_seconds": start_seconds,
        "memory": {"begin": memories[0], "middle": memories[len(memories) // 2]},
    }
    told_once["memory"]["end"] = memories[-1]
    return {"rows": rows, **told_once, "environment": told}


def row(measured: Load, connections: int, rate: float | None) -> harness.Row:
    """Return the figures of one load."""
    waits, failed, took = measured
    p50, p99 = (float(1000 * value) for value in np.quantile(waits, (0.5, 0.99)))
    figures = {"rate": rate, "connections": connections, "seconds": took, "requests": len(waits), "failed": failed}
    return figures | {
        "requests_per_second": len(waits) / took,
        "p50_ms": p50,
        "p99_ms": p99,
        "most_ms": 1000 * max(waits),
    }


@contextmanager
def repeated(function: Callable[[], Any], pause: float, seconds: float = float("inf")) -> Iterator[list[Any]]:
    """Call a function now, and after each pause until the block ends, or so long; give what it returned."""
    results, ended = [function()], threading.Event()

    def repeat() -> None:
        while not ended.wait(pause) and len(results) * pause < seconds:
            results.append(function())

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield results
    finally:
        ended.set()
        thread.join()


def bodies() -> list[bytes]:
    """Return requests as they go over the line: drawings of loops and zigzags, each another one."""
    rng, made = np.random.default_rng(0), []
    for _ in range(DRAWINGS):
        t = np.linspace(0, 2 * np.pi * rng.uniform(0.4, 1.1), 40)
        x = 250 + 90 * rng.uniform(0.4, 1) * np.cos(t * rng.integers(1, 3)) + rng.uniform(-20, 20)
        y = 250 + 140 * np.sin(t + rng.uniform(0, 3))
        body = json.dumps({"strokes": [np.stack([x, y], axis=1).round(1).tolist()], "single": False}).encode()
        head = f"POST /api/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        made.append(head.encode() + b"\r\n\r\n" + body)
    return made


def load(
    address: tuple[str, int],
    requests: list[bytes],
    connections: int,
    seconds: float,
    *,
    rate: float | None = None,
    most: int | None = None,
) -> Load:
    """Ask for so many seconds, or until ``most`` were answered; at ``rate`` a second, or as fast as is answered."""
    waits: list[list[float]] = [[] for _ in range(connections)]
    failed = [0] * connections

    def ask(number: int) -> None:
        with socket.create_connection(address) as line, line.makefile("rb") as answers:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            k = number
            while time.perf_counter() < end and (most is None or k < most):
                start = time.perf_counter()
                if rate is not None:  # this connection's requests are due at k / rate
                    start = begin + k / rate
                    time.sleep(max(0.0, start - time.perf_counter()))
                line.sendall(requests[k % len(requests)])
                good = read_answer(answers)
                waits[number].append(time.perf_counter() - start)
                failed[number] += not good
                k += connections

    begin = time.perf_counter()
    end = begin + seconds
    threads = [threading.Thread(target=ask, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [wait for own in waits for wait in own], sum(failed), time.perf_counter() - begin


def read_answer(answers: Any) -> bool:
    """Read one answer; return whether it was a good one."""
    good = b" 200 " in answers.readline()
    length = 0
    while (line := answers.readline()) not in (b"\r\n", b""):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return good and len(answers.read(length)) == length > 0


def memory(pid: int) -> dict[str, float]:
    """Return the resident memory in MB of the server and of its workers, or 0 where the system does not tell."""
    parts = {"parent": [pid], "workers": workers(pid)}
    lines = {
        name: [line for one in pids for line in _status(one) if line.startswith("VmRSS")]
        for name, pids in parts.items()
    }
    return {name: sum(int(line.split()[1]) / 1024 for line in found) for name, found in lines.items()}


def workers(pid: int) -> list[int]:
    """Return the processes that work for the server: not the one that looks after multiprocessing's resources."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    children = [child for thread in threads for child in thread.read_text().split()]
    return [int(one) for one in children if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]


def kill_one(pid: int) -> int:
    """Kill the worker that is the oldest; return how many were killed, 1 or 0."""
    for oldest in sorted(workers(pid))[:1]:
        os.kill(oldest, signal.SIGKILL)
        return 1
    return 0


def _status(pid: int) -> list[str]:
    path = Path(f"/proc/{pid}/status")
    return path.read_text().splitlines() if path.exists() else []


def table(results: dict[str, Any]) -> str:
    """Return Markdown."""
    rows = results["rows"]
    names = {"requests_per_second": "requests a second", "p50_ms": "median latency", "p99_ms": "99th percentile"}
    names |= {"most_ms": "slowest", "requests": "requests", "failed": "failed"}
    target = {"requests_per_second": "at least 300", "p50_ms": "at most 10 ms", "p99_ms": "at most 60 ms"}
    target["failed"] = "0"
    lines = [[name, *(shown(key, one[key]) for one in rows), target.get(key, "")] for key, name in names.items()]
    header = ["Predict all", *map(load_name, rows), "target"]
    told = results["memory"]
    sizes = [f"{part} {', '.join(f'{of[part]:.0f}' for of in told.values())} MB" for part in told["begin"]]
    below = (
        f"The server starts in {results['start_seconds']:.2f} s (target: under 2 s). Memory at "
        f"{', '.join(told)}: {'; '.join(sizes)}."
    )
    return f"{harness.markdown(header, lines)}\n\n{below}"


def load_name(one: harness.Row) -> str:
    """Return what a load was, as the head of its column."""
    if one.get("killed"):
        return f"without pause, {one['killed']} processes killed"
    return f"{one['rate']} a second" if one["rate"] else f"{one['connections']} connections, without pause"


def shown(key: str, value: float) -> str:
    """Return a figure with its unit."""
    return f"{value:.1f} ms" if key.endswith("_ms") else f"{value:,.0f}"


if __name__ == "__main__":
    main()
