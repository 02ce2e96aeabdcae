"""Put the page's server under load: many connections ask all networks for drawings, one after the other.

    python -m benchmarks.speed.bench_web    # 16 connections for 60 s
    python -m benchmarks.speed.bench_web --connections 4 --seconds 10

The server is started as a user starts it; the connections are threads of this process, on the same machine, so both
share its cores. Twice the time: first each connection asks as fast as it is answered, which tells how many requests a
second there can be; then all together ask 300 times a second, which tells what one waits for at that load. There the
time counts from when the request was due, so that one which had to wait for another is not told as quick. Results go
to benchmarks/results/web.json.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

import nnscratch as nn
from benchmarks import harness

RATE = 300  # requests a second
DRAWINGS = 64


def main() -> None:
    """Parse the arguments, measure, write, print."""
    parser = harness.parser(__doc__)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=60)
    args = parser.parse_args()
    seconds = 3 if args.quick else args.seconds
    harness.finish(args, "web", measure(args.connections, seconds), table)


def measure(connections: int, seconds: float) -> dict[str, Any]:
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
        load(address, requests, connections, 1.0, None)  # warm
        before = memory(server.pid)
        rows = [measured(address, requests, connections, seconds, rate) for rate in (None, RATE)]
        after = memory(server.pid)
        server.terminate()
    told_once = {"start_seconds": start_seconds, "memory_before_mb": before, "memory_after_mb": after}
    return {"rows": rows, **told_once, "environment": told}


def measured(
    address: tuple[str, int], requests: list[bytes], connections: int, seconds: float, rate: float | None
) -> harness.Row:
    """Return the figures of one load."""
    waits, failed, took = load(address, requests, connections, seconds, rate)
    p50, p99 = (float(1000 * value) for value in np.quantile(waits, (0.5, 0.99)))
    row = {"rate": rate, "connections": connections, "seconds": took, "requests": len(waits), "failed": failed}
    return row | {"requests_per_second": len(waits) / took, "p50_ms": p50, "p99_ms": p99, "most_ms": 1000 * max(waits)}


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
    address: tuple[str, int], requests: list[bytes], connections: int, seconds: float, rate: float | None
) -> tuple[list[float], int, float]:
    """Return the seconds that each request waited, how many failed, and how long it all took."""
    waits: list[list[float]] = [[] for _ in range(connections)]
    failed = [0] * connections

    def ask(number: int) -> None:
        with socket.create_connection(address) as line, line.makefile("rb") as answers:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            k = number
            while time.perf_counter() < end:
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


def memory(pid: int) -> float:
    """Return the resident memory in MB of a process and its children, or 0 where the system does not tell."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    pids = [pid, *(int(child) for thread in threads for child in thread.read_text().split())]
    lines = [line for one in pids for line in _status(one) if line.startswith("VmRSS")]
    return sum(int(line.split()[1]) / 1024 for line in lines)


def _status(pid: int) -> list[str]:
    path = Path(f"/proc/{pid}/status")
    return path.read_text().splitlines() if path.exists() else []


def table(results: dict[str, Any]) -> str:
    """Return Markdown."""
    fast, paced = results["rows"]
    lines = [
        [
            "requests a second",
            f"{fast['requests_per_second']:.0f}",
            f"{paced['requests_per_second']:.0f}",
            "at least 300",
        ],
        ["median latency", f"{fast['p50_ms']:.1f} ms", f"{paced['p50_ms']:.1f} ms", "at most 10 ms"],
        ["99th percentile", f"{fast['p99_ms']:.1f} ms", f"{paced['p99_ms']:.1f} ms", "at most 60 ms"],
        ["slowest", f"{fast['most_ms']:.0f} ms", f"{paced['most_ms']:.0f} ms", ""],
        ["requests", f"{fast['requests']:,}", f"{paced['requests']:,}", ""],
        ["failed", f"{fast['failed']}", f"{paced['failed']}", "0"],
    ]
    header = ["Predict all", f"{fast['connections']} connections, without pause", "300 a second", "target"]
    before, after = results["memory_before_mb"], results["memory_after_mb"]
    below = (
        f"The server starts in {results['start_seconds']:.2f} s (target: under 2 s) and has "
        f"{before:.0f} MB before, {after:.0f} MB after, all processes together."
    )
    return f"{harness.markdown(header, lines)}\n\n{below}"


if __name__ == "__main__":
    main()
