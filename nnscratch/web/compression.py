"""Answers packed by gzip, for those who read it, where that saves something."""

import gzip

from flask import Request, Response

LEAST = 1000  # bytes: fewer fit into one packet anyway
SAVES = 0.9  # of the size: what stays larger, such as a PNG, is sent as it is
KINDS = ("application/json", "text/html")  # of the answers that are made anew each time
QUICK, SMALLEST = 1, 9  # levels of zlib: on predictions the quick one takes a tenth of the time, for up to a tenth more


def packed_or_none(data: bytes, level: int = SMALLEST) -> bytes | None:
    """Return the bytes packed, the same ones for the same data, or None where that does not pay."""
    if len(data) <= LEAST:
        return None
    small = gzip.compress(data, level, mtime=0)
    return small if len(small) < SAVES * len(data) else None


def reads_gzip(request: Request) -> bool:
    """Return whether whoever asks prefers gzip to plain bytes, or has no preference."""
    return request.accept_encodings.best_match(["gzip", "identity"]) == "gzip"


def set_packed(response: Response, data: bytes) -> None:
    """Let the answer be these bytes, which are packed."""
    response.set_data(data)
    response.headers["Content-Encoding"] = "gzip"


def pack(request: Request, response: Response) -> None:
    """Pack an answer that was made for this request."""
    if response.mimetype not in KINDS or response.is_streamed or "Content-Encoding" in response.headers:
        return
    response.vary.add("Accept-Encoding")
    if reads_gzip(request) and (data := packed_or_none(response.get_data(), QUICK)):
        set_packed(response, data)
