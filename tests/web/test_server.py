"""The server as a user starts it: load in a short form, its end, what cannot be listened on."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.tools.browsing import Server
from tests.tools.checks import wait_until
from tests.tools.commands import run_inside, start
from tests.tools.photos import DIGITS

pytest.importorskip("flask")
pytest.importorskip("waitress")
from nnscratch.web.addresses import is_open, own_addresses, urls


@pytest.fixture(scope="module")
def servers():
    """Return servers by their number of workers, each begun when it is first asked for."""
    begun = {}

    def serving(workers):
        if workers not in begun:
            begun[workers] = Server("--workers", str(workers))
        return begun[workers]

    yield serving
    for server in begun.values():
        server.stop()


@pytest.fixture
def server(servers, request):
    """A server that tests share, and leave as it is."""
    return servers(getattr(request, "param", 2))


@pytest.fixture
def own_server(request):
    server = Server("--workers", str(getattr(request, "param", 2)))
    yield server
    server.stop()


def ask(server, digit=3, **more):
    body = json.dumps({"strokes": [(stroke * 2.5 + 120).tolist() for stroke in DIGITS[digit]], **more}).encode()
    request = urllib.request.Request(
        f"{server.url}api/predict", body, {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.loads(response.read())


def children(server):
    """The processes that work, and not the one that looks after multiprocessing's resources."""
    threads = Path(f"/proc/{server.process.pid}/task").glob("*/children")
    found = [int(child) for thread in threads for child in thread.read_text().split()]
    return [child for child in found if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()]


def unread(port):
    """How many bytes were sent to the port and not read there yet, by Linux's table of connections."""
    connections = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    numbers = 0
    for _, local, remote, state, queues, *_ in connections:
        sent, received = (int(queue, 16) for queue in queues.split(":"))
        if state == "01":  # established
            numbers += received * local.endswith(f":{port:04X}") + sent * remote.endswith(f":{port:04X}")
    return numbers


@pytest.mark.slow
@pytest.mark.parametrize("server", [1, 2], indirect=True)
def test_many_at_a_time_get_the_answers_of_one(server):
    expected = {digit: ask(server, digit)["digits"][0]["predictions"] for digit in range(10)}
    wrong = []

    def work(number):
        for k in range(8):
            digit = (number + k) % 10
            got = ask(server, digit)["digits"][0]["predictions"]
            for one, other in zip(got, expected[digit], strict=True):
                if one["probabilities"] != other["probabilities"]:
                    wrong.append(digit)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("server", [1], indirect=True)
def test_more_than_it_can_do_is_refused_and_the_rest_is_answered(server):
    """A hundred at a time: some are told to come again, and none waits for ever or fails."""
    told = []

    def work():
        try:
            told.append(ask(server)["verdict"])
        except urllib.error.HTTPError as error:
            told.append((error.code, error.headers["Retry-After"]))

    threads = [threading.Thread(target=work) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 100
    assert set(told) - {(503, "1")} and set(told) <= {"sure", "unsure", "not a digit", (503, "1")}
    assert ask(server)["digits"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_and_its_processes(own_server, number):
    ask(own_server)
    processes = children(own_server)
    assert len(processes) == 2
    own_server.process.send_signal(number)
    assert own_server.process.wait(60) == 0
    for process in processes:
        assert not Path(f"/proc/{process}").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_requests_in_flight_are_answered_before_the_end(own_server, number):
    """More than there are processes: those that wait are answered too, or told in time that the server ends."""
    ask(own_server)
    slow = {"brush": 60, "single": True, "strokes": [[[100 + k % 300, 100 + k % 280] for k in range(4000)]]}
    body = json.dumps(slow).encode()
    head = f"POST /api/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    lines = []
    for _ in range(12):
        lines.append(socket.create_connection(("127.0.0.1", own_server.port)))
        lines[-1].sendall(head.encode() + b"\r\n\r\n" + body)
    wait_until(lambda: unread(own_server.port) == 0)
    own_server.process.send_signal(number)
    for line in lines:
        line.settimeout(60)
        with line, line.makefile("rb") as answer:
            status = int(answer.readline().split()[1])
            assert status == 200 or (status == 503 and b"being ended" in answer.read())
    assert own_server.process.wait(60) == 0


@pytest.mark.slow
def test_the_end_under_load_cuts_nothing(own_server):
    """Each connection asks again and again, until it is told that it is closed; and so comes the end."""
    ask(own_server)
    good, wrong = [], []

    def work():
        line = http.client.HTTPConnection("127.0.0.1", own_server.port, timeout=60)
        closed = False
        while not closed:
            try:
                line.request("GET", "/api/models")
                answer = line.getresponse()
                good.append(len(json.loads(answer.read())["models"]))
                closed = answer.getheader("Connection") == "close"
            except (OSError, http.client.HTTPException) as error:
                wrong.append(repr(error))
                break
        line.close()

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(good) > 200)
    own_server.process.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join()
    assert own_server.process.wait(60) == 0
    assert wrong == [] and set(good) == {3}


@pytest.mark.slow
@pytest.mark.parametrize(
    "sent", [b"GET / HTTP/1.1\r\nX: ", b"POST /api/predict HTTP/1.1\r\nContent-Length: 999\r\n\r\n"]
)
def test_300_slow_connections_silence_nobody(server, sent):
    with contextlib.ExitStack() as lines:
        slow = [lines.enter_context(socket.create_connection(("127.0.0.1", server.port))) for _ in range(300)]
        for _ in range(3):
            for line in slow:
                with contextlib.suppress(OSError):  # closed for others
                    line.sendall(sent)
            sent = b"a"
            with urllib.request.urlopen(f"{server.url}healthz", timeout=60) as answer:
                assert json.loads(answer.read())["status"] == "ok"


@pytest.mark.slow
@pytest.mark.parametrize("quiet", [False, True])
def test_the_log_tells_of_requests_refusals_replacements_and_the_end(tmp_path, quiet):
    path = tmp_path / "page.log"
    server = Server("--workers", "1", "--log", str(path), *(["--quiet"] if quiet else []))
    ask(server)
    os.kill(children(server)[0], signal.SIGKILL)
    ask(server)
    with pytest.raises(urllib.error.HTTPError):
        ask(server, models=["secret"])
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        line.sendall(b"GET / HTTP/1.1\r\nA\r\n\r\n")
        assert line.recv(100)
    server.stop()
    lines = [re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", "", line) for line in path.read_text().splitlines()]
    patterns = [r"worker \d+ has died: another one takes its place"]
    if not quiet:
        answered = r"[\d.]+ ms, [\d,]+ bytes, to 127\.0\.0\.1"
        patterns = [
            r"nnscratch \S+ begins: lenet5, mlp, logistic at 127\.0\.0\.1, port \d+, 1 workers",
            rf"POST /api/predict 200, {answered}",
            *patterns,
            rf"POST /api/predict 200, {answered}",
            rf"POST /api/predict 400 unknown_model, {answered}",
            rf"- - 400 bad_request, {answered}",
            r"told to end: \d+ connections are open",
            "ended",
        ]
    assert len(lines) == len(patterns)
    for pattern, line in zip(patterns, lines, strict=True):
        assert re.fullmatch(pattern, line), line


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--lan"], ["--host", "0.0.0.0"]])
def test_whoever_listens_to_everyone_is_told_so_and_where(arguments, tmp_path):
    process = start("serve", "--port", "0", "--workers", "1", "--model", "logistic", *arguments, cwd=tmp_path)
    first = process.stdout.readline().decode()
    port = int(re.match(r"http://127\.0\.0\.1:(\d+)/ ", first)[1])
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=60) as answer:
        assert answer.status == 200
    others = [process.stdout.readline().decode().split()[0] for _ in own_addresses()]
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert others == [f"http://{one}:{port}/" for one in own_addresses()] and out == b""
    assert b"everyone in this network can open the page" in err


@pytest.mark.slow
@pytest.mark.parametrize("own_server", [1], indirect=True)
def test_a_process_that_hangs_keeps_nobody_from_ending_the_server(own_server):
    ask(own_server)
    os.kill(children(own_server)[0], signal.SIGSTOP)
    own_server.process.send_signal(signal.SIGTERM)
    assert own_server.process.wait(60) == 0


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"POST /api/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 30000000\r\n\r\n", 413),
        (
            b"POST /api/predict HTTP/1.0\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 3000000\r\n\r\n"  # noqa: E501
            + bytes(3_000_000),
            413,
        ),
        (b"POST /api/predict HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n", 400),
        (b"POST /api/predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400),
        (b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
    ],
)
def test_what_is_hardly_http_is_refused_in_json_too(server, request_bytes, status):
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        line.settimeout(60)
        told = b""
        with contextlib.suppress(OSError):  # the server may have heard enough
            line.sendall(request_bytes)
        with contextlib.suppress(OSError):
            while part := line.recv(4096):
                told += part
    head, _, body = told.partition(b"\r\n\r\n")
    assert f" {status} ".encode() in head.splitlines()[0] and b"nosniff" in head
    assert set(json.loads(body)["error"]) == {"code", "message"}


@pytest.mark.slow
def test_a_process_that_dies_is_replaced_and_no_request_is_lost(own_server):
    ask(own_server)
    first = children(own_server)
    answers = []
    threads = [threading.Thread(target=lambda: [answers.append(ask(own_server)) for _ in range(10)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(answers) > 8)
    os.kill(first[0], signal.SIGKILL)
    for thread in threads:
        thread.join()
    assert len(answers) == 40 and all(answer["digits"] for answer in answers)
    wait_until(lambda: len(children(own_server)) == 2)
    assert first[0] not in children(own_server)


@pytest.mark.slow
def test_its_processes_end_with_it_when_it_is_killed(own_server):
    ask(own_server)
    processes = children(own_server)
    own_server.process.kill()
    wait_until(lambda: not any(Path(f"/proc/{process}").exists() for process in processes))


def test_it_never_loads_numba(server):
    ask(server, explain=True)
    for process in [server.process.pid, *children(server)]:
        assert "numba" not in Path(f"/proc/{process}/maps").read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--port", "70000"], "--port is 70000"),
        (["--workers", "0"], "--workers is 0"),
        (["--lan", "--host", "127.0.0.1"], "--host: not allowed with argument --lan"),
        (["--log", "none/page.log"], "none/page.log cannot be written"),
        (["--host", "no.such.host.invalid", "--port", "0"], "cannot be listened on"),
        (["--model", "resnet"], "unknown"),
        (["--model", "none.npz"], "none.npz"),
    ],
)
def test_what_cannot_be_served_is_one_line(arguments, told, tmp_path):
    code, _, err = run_inside("serve", *arguments, cwd=tmp_path)
    lines = [line for line in err.splitlines() if not line.startswith("using ")]
    assert code in (1, 2) and len(lines) == 1 and told in lines[0]


def test_a_port_in_use(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, _, err = run_inside("serve", "--port", taken.getsockname()[1], cwd=tmp_path)
    assert code == 1 and "in use" in err


def test_what_is_no_http_is_answered_on_one_line(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as one:
        one.sendall(b"GET / HTTP/1.1\r\nA\nB: c\x1b[31m\r\n\r\n")
        answer = b"".join(iter(lambda: one.recv(4096), b""))
    told = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert answer.startswith(b"HTTP/1.") and b" 400 " in answer and told["message"].isprintable()


def test_addresses_can_be_opened(monkeypatch):
    monkeypatch.setattr("nnscratch.web.addresses.own_addresses", lambda: ["192.168.1.7"])
    assert urls("0.0.0.0", 80) == ["http://127.0.0.1:80/", "http://192.168.1.7:80/"]
    assert urls("::", 80) == ["http://[::1]:80/", "http://192.168.1.7:80/"]
    assert urls("fe80::1", 80) == ["http://[fe80::1]:80/"] and urls("localhost", 80) == ["http://localhost:80/"]
    assert not any(map(is_open, ("127.0.0.1", "127.8.8.8", "::1")))
    assert all(map(is_open, ("0.0.0.0", "::", "192.168.1.7", "fe80::1%eth0")))
    assert all(is_open(one) for one in own_addresses())
