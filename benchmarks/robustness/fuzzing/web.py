"""Fuzz targets of the page: HTTP requests to the application, and what is no HTTP to a server that listens."""

from __future__ import annotations

import base64
import gzip
import json
import re
import signal
import socket
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.robustness.fuzzing.guard import Attack, Refused, Wrong, megabytes, watch
from benchmarks.robustness.fuzzing.mutate import EXTREMES, ODD_TEXTS, json_text, odd, spoiled, spoiled_json
from benchmarks.robustness.fuzzing.pictures import SUFFIX, spoiled_picture
from benchmarks.robustness.fuzzing.texts import STROKES, example
from nnscratch.models.pretrained import pretrained
from nnscratch.models.saving import load
from nnscratch.web.app import HEADERS, create_app

PATIENCE = 10.0  # seconds that an answer over a socket may take
PATHS = (
    "/",
    "/healthz",
    "/api/models",
    "/api/predict",
    "/api/digits/3",
    "/api/digits/99999999999999999999",
    "/static/x",
)
PATHS += (
    "/static/../app.py",
    "/static/%2e%2e/app.py",
    "/static/..%2f..%2fapp.py",
    "/api/digits/-1",
    "/api/digits/٣",
    "//",
)
PATHS += (
    "/<script>alert(1)</script>",
    "/%0d%0aX: y",
    "/\x00",
    "/" + "a" * 9000,
    "/api/digits/1e3",
    "/?a=<script>",
    "*",
)
METHODS = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "POST", "<script>", "CONNECT")


@cache
def client() -> Any:
    """Return a client of the application with one small network."""
    return create_app({"logistic": load(pretrained("logistic"))}).test_client()


def body(rng: Random) -> bytes:
    """Return a request's body: strokes or a picture, near to what is wanted."""
    kind = rng.random()
    if kind < 0.35:
        value: dict[str, Any] = {"strokes": example(rng, STROKES)}
    elif kind < 0.6:
        count = rng.choice((1, 2, 3, 30, 4000))
        value = {"strokes": [[[rng.uniform(-50, 550), rng.uniform(-50, 550)] for _ in range(count)]]}
    else:
        name, data = spoiled_picture(rng)
        value = {"image": f"data:image/{SUFFIX[name]};base64,{base64.b64encode(data).decode()}"}
    for key, right in (("brush", 20), ("explain", True), ("digit", 0), ("target", 3), ("single", False), ("models", ["logistic"])):  # fmt: skip  # noqa: E501
        if rng.random() < 0.3:
            value[key] = right if rng.random() < 0.8 else odd(rng)
    if kind > 0.9:
        value = spoiled_json(rng, value, times=1)
    data = json_text(rng, value).encode(errors="surrogatepass")
    return spoiled(rng, data, times=1) if 0.55 < kind < 0.6 else data


def http(rng: Random, folder: Path) -> Attack:
    """Send a request to the application in this process."""
    way = rng.random()
    if way < 0.85:
        data = body(rng)
        kind = rng.choice(
            ("application/json",) * 12 + ("text/plain", "application/json; charset=utf-16", "", "a/b\x7f")
        )
        sent: dict[str, Any] = {"path": "/api/predict", "method": "POST", "data": data, "content_type": kind}
        if rng.random() < 0.03:
            sent["headers"] = {"Content-Encoding": "gzip"}
            sent["data"] = gzip.compress(data)
    else:
        sent = {
            "path": rng.choice(PATHS),
            "method": rng.choice(METHODS),
            "data": rng.randbytes(rng.choice((0, 5, 999))),
        }
        sent["headers"] = {rng.choice(("Range", "Accept", "X-Forwarded-For", "Cookie", "If-None-Match")): rng.choice(ODD_TEXTS[5:8])}  # fmt: skip  # noqa: E501
        sent["headers"] = {key: value.replace("\n", "") for key, value in sent["headers"].items()}

    def attack() -> None:
        answer = client().open(**sent)
        if any(answer.headers.get(key) != value for key, value in HEADERS.items()):
            raise Wrong(f"{answer.status}: headers are missing")
        judge(answer.status_code, answer.data, answer.mimetype, sent["method"])

    return attack


def judge(status: int, data: bytes, kind: str, method: str = "") -> None:
    """Raise Refused for an error that is told as one should be, Wrong for any other."""
    if status < 400:
        if kind == "application/json" and data:
            json.loads(data, parse_constant=lambda text: (_ for _ in ()).throw(Wrong(f"{text} in JSON")))
        return
    if status >= 500 and status != 501 and status != 505:
        raise Wrong(f"answered {status}: {data[:300]!r}")
    if method == "HEAD" or not data:
        raise Refused(f"{status}")
    told = json.loads(data)["error"] if kind == "application/json" else None
    if not told or set(told) != {"code", "message"}:
        raise Wrong(f"answered {status} with {kind}: {data[:200]!r}")
    raise Refused(f"{status} {told['code']}: {told['message']}")


# ---- raw sockets


class Server:
    """A real server, for all cases of a run; ``end`` returns what was wrong with it."""

    def __init__(self) -> None:
        options = ["serve", "--port", "0", "--model", "logistic", "--workers", "1", "--quiet"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nnscratch", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        found = re.match(r"http://[\d.]+:(\d+)/", self.process.stdout.readline())
        assert found is not None
        self.port = int(found[1])

    def end(self) -> list[str]:
        """End it."""
        wrong = [] if self.process.poll() is None else [f"the server had ended with {self.process.returncode}"]
        peak = megabytes("VmHWM", self.process.pid)
        wrong += [f"the server needed {peak} MB"] if peak > 500 else []
        self.process.send_signal(signal.SIGTERM)
        err = self.process.communicate(timeout=30)[1]
        return wrong + ([f"the server printed {err[:300]!r}"] if err.strip().count("\n") > 0 else [])


running: list[Server] = []  # the server, once it has been started


def sockets(rng: Random, folder: Path) -> Attack:
    """Send bytes to a server; an answer must come, or the connection be closed, unless more is awaited."""
    data = body(rng)[:200_000]
    head = [f"POST /api/predict HTTP/1.{rng.choice((1, 1, 1, 0))}", "Host: x", "Content-Type: application/json"]
    kind = rng.randrange(9)
    whole = True
    if kind == 0:  # a length that is not the body's
        length = rng.choice(
            (0, 1, len(data) // 2, len(data) + 100, 2**31, 2**63, -1, "1_0", "+5", "0x5", "5, 6", "", "٣")
        )
        head.append(f"Content-Length: {length}")
        whole = False
    elif kind == 1:  # chunks
        head.append("Transfer-Encoding: " + rng.choice(("chunked", "chunked", "gzip, chunked", "identity", "xchunked", "chunked, chunked")))  # fmt: skip  # noqa: E501
        size = rng.choice((f"{len(data):x}", f"{len(data):x};a=b", "0", "-1", "ffffffffffffffffff", "zz", f"{len(data) // 2:x}"))  # fmt: skip  # noqa: E501
        data, whole = size.encode() + b"\r\n" + data + rng.choice((b"\r\n0\r\n\r\n", b"\r\n", b"")), False
        if rng.random() < 0.3:
            head.append("Content-Length: 5")
    elif kind == 2:  # a body that is packed, which nobody unpacks
        data = gzip.compress(bytes(20_000_000), 1)
        head += ["Content-Encoding: gzip", f"Content-Length: {len(data)}"]
    elif kind == 3:  # headers without end
        head += [f"X-{k}: {'a' * rng.choice((10, 1000))}" for k in range(rng.choice((10, 300, 3000)))]
        head.append(f"Content-Length: {len(data)}")
    elif kind == 4:
        head = [f"{rng.choice(METHODS)} {rng.choice(PATHS)} HTTP/{rng.choice(('1.1', '1.1', '0.9', '2.0', '9', 'x'))}", "Host: x"]  # fmt: skip  # noqa: E501
        data = b""
    elif kind == 5:  # a body that ends early
        head.append(f"Content-Length: {len(data) + rng.choice(EXTREMES[:8]) + 1}")
        whole = False
    else:
        head.append(f"Content-Length: {len(data)}")
    sent = "\r\n".join(head).encode() + b"\r\n\r\n" + data
    if kind == 6:
        sent, whole = spoiled(rng, sent), False
    return lambda: judge(*exchanged(sent, whole))


def exchanged(sent: bytes, whole: bool) -> tuple[int, bytes, str]:
    """Return status, body and type of the answer; an error status where a closed connection was the answer."""
    guard = watch()
    folder, guard.folder = guard.folder, None  # this one connection is wanted
    try:
        with socket.create_connection(("127.0.0.1", running[0].port), timeout=PATIENCE) as one:
            return answered(one, sent, whole)
    finally:
        guard.folder = folder


def answered(one: socket.socket, sent: bytes, whole: bool) -> tuple[int, bytes, str]:
    """Send, say that no more will come, and read."""
    start, got = time.monotonic(), b""
    try:
        one.sendall(sent)
        one.shutdown(socket.SHUT_WR)
        while piece := one.recv(1 << 16):
            got += piece
            if whole and _is_whole(got):
                break
    except TimeoutError:
        raise Wrong(f"no answer within {time.monotonic() - start:.0f} s") from None
    except OSError:  # closed while we were sending: it had heard enough
        pass
    if not got:
        raise Refused("closed the connection")
    head, _, content = got.partition(b"\r\n\r\n")
    status = re.match(rb"HTTP/1\.[01] (\d{3})", head)
    if status is None:
        raise Wrong(f"answered {got[:200]!r}")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    kind = re.search(rb"(?i)content-type: ([\w/]+)", head)
    content = content[: int(length[1])] if length else content
    return int(status[1]), content, kind[1].decode() if kind else ""


def _is_whole(got: bytes) -> bool:
    head, end, content = got.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    return bool(end and length and len(content) >= int(length[1]))
