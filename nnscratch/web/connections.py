"""The connections under the page: how long each may take, and what one is told that does not talk as it should.

Waitress reads many connections in one thread and knows no deadline but that for silence, which one byte now and then
keeps away (a "slow loris"). Here a request has so many seconds until its headers are there, and until all of it is; an
answer has so many to be read. Where more connections are open than may be, the one that has waited longest for its
client is closed, so that whoever comes is heard, however many are slow.
"""

import json
import time
from typing import Any

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import Error

from nnscratch.errors import printable
from nnscratch.web.app import HEADERS, SENTENCES
from nnscratch.web.request_log import log, log_request

MOST_CONNECTIONS = 200
HEADERS_WITHIN, ALL_WITHIN, READ_WITHIN = 10.0, 60.0, 60.0  # seconds: 1 MB in 60 s is a slow telephone


class TooSlow(Error):  # type: ignore[misc]
    """A request that did not come within its time."""

    code, reason = 408, "Request Timeout"


class Ending(Error):  # type: ignore[misc]
    """A request that had not come when the server was ended."""

    code, reason = 503, "Service Unavailable"


class Answer(WSGITask):  # type: ignore[misc]
    """An answer of the application; when the server is being ended, the last one of its connection."""

    def build_response_header(self) -> bytes:
        """Return status and headers."""
        if self.channel.server.ending and len(self.channel.requests) == 1:
            self.set_close_on_finish()
        return bytes(super().build_response_header())


class Refusal(ErrorTask):  # type: ignore[misc]
    """Answers what is not even HTTP, too large, or too slow to be read, as the application answers: in JSON."""

    def execute(self) -> None:
        """Write the answer."""
        request, error = self.request, self.request.error
        code = error.reason.lower().replace(" ", "_")
        message = SENTENCES.get(error.code, str(error.body))
        if error.code == 400:
            message += f" ({error.body})"
        body = json.dumps({"error": {"code": code, "message": printable(message)}}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.extend([("Content-Type", "application/json"), *HEADERS.items()])
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)
        told = f"{error.code} {code}"
        known = request.headers_finished and hasattr(request, "path")
        method, path = (request.command, request.path) if known else ("-", "-")
        log_request(method, path, told, time.monotonic() - self.channel.since, len(body), self.channel.addr[0])


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection that has its times to keep."""

    task_class = Answer
    error_task_class = Refusal

    def __init__(self, server: Any, *args: Any, **kwargs: Any) -> None:
        self.request: Any = None  # what has come of the next request
        self.since = time.monotonic()  # when the request began to come, or the answer to be read
        super().__init__(server, *args, **kwargs)
        if len(server.active_channels) > MOST_CONNECTIONS:
            close_slowest(server, but=self)

    def received(self, data: bytes) -> bool:
        """Take what has come of requests."""
        before = self.request
        taken = bool(super().received(data))
        if self.request is not before:  # or the next one has begun
            self.since = time.monotonic()
        return taken

    def service(self) -> None:
        """Answer the first of the requests that have come."""
        super().service()
        self.since = time.monotonic()

    @property
    def is_waiting(self) -> bool:
        """Whether it is the client's turn: to send a request, the rest of it, or to read an answer."""
        return not self.requests

    @property
    def is_idle(self) -> bool:
        """Whether nothing has come of the next request, and all answers have been read."""
        return not (self.requests or self.request or self.total_outbufs_len)

    def keep_time(self) -> None:
        """Refuse the request, or close the connection, if it has had its time."""
        taken = time.monotonic() - self.since
        if self.request is not None and self.is_waiting:
            within = ALL_WITHIN if self.request.headers_finished else HEADERS_WITHIN
            if taken > within:
                self.refuse(TooSlow(f"the request did not come within {within:g} seconds: send it again"))
        elif self.is_waiting and self.total_outbufs_len and taken > READ_WITHIN:
            log.info("a connection of %s was closed: it did not read its answer", self.addr[0])
            self.handle_close()  # now: waitress would wait until something can be written

    def refuse(self, error: Error) -> None:
        """Answer a request that has not come as a whole, and close the connection."""
        with self.requests_lock:
            if self.request is None or self.requests:
                return
            self.request.error = error
            self.requests.append(self.request)
            self.request = None
        self.server.add_task(self)


def close_slowest(server: Any, but: Channel) -> None:
    """Close the connection that has waited longest for its client, if there is one."""
    waiting = [channel for channel in server.active_channels.values() if channel.is_waiting and channel is not but]
    if waiting:
        slowest = min(waiting, key=lambda channel: float(channel.since))
        log.warning("a connection of %s was closed: more than %d were open", slowest.addr[0], MOST_CONNECTIONS)
        slowest.handle_close()
