"""The web application: three addresses of an API, and one page that uses them."""

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from functools import cache, lru_cache, partial
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import BadHost, HTTPException, MethodNotAllowed, NotFound, SecurityError

from nnscratch.data import load_mnist
from nnscratch.errors import DataError
from nnscratch.models.sequential import Sequential
from nnscratch.version import __version__
from nnscratch.web.about import about
from nnscratch.web.answers import handle
from nnscratch.web.api import MOST_BYTES, RequestError
from nnscratch.web.assets import Assets
from nnscratch.web.compression import pack
from nnscratch.web.data_files import DATA_FILES
from nnscratch.web.explain import packed
from nnscratch.web.request_log import log_request, place_of
from nnscratch.web.site.page import POLICY, Page

AT_ONCE = 24  # requests that may wait for a process, or be worked on in it; one more is asked to come again
HEADERS = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
SENTENCES = {  # of refusals by their status, where nothing is known that would be more to the point
    400: "the request is malformed",
    404: "there is nothing at this address",
    413: f"the body is larger than {MOST_BYTES:,} bytes: send a smaller picture",
    431: "the headers of the request are too large: send fewer or shorter ones",
    501: "this transfer encoding is unknown here: send the body as it is, or chunked",
}
PLAIN_HOST = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:]{2,39}\])(:[0-9]{1,5})?")
Reply = Callable[[bytes], str]
log = logging.getLogger("nnscratch.web")


def create_app(
    models: Mapping[str, Sequential],
    *,
    reply: Reply | None = None,
    at_once: int = AT_ONCE,
    waiting: Callable[[], int] = lambda: 0,
) -> Flask:
    """Return the application for these models, by the names that the page shows.

    ``reply`` makes the answer's JSON out of a request's body; by default here, in the thread that took the request.
    Requests are worked on ``at_once`` at a time, and more are refused (503); ``waiting`` tells how many wait outside.
    """
    reply = reply or partial(handle, models=models)
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.merge_slashes = False  # which would redirect to an address that a proxy may not know
    app.wsgi_app = _below_prefix(app.wsgi_app)  # type: ignore[method-assign]
    gate = threading.BoundedSemaphore(at_once)
    _add_pages(app, models)
    _add_api(app, models, reply, lambda: waiting() <= at_once and gate.acquire(blocking=False))
    _add_errors(app)

    @app.before_request
    def begin() -> None:
        g.begun = time.perf_counter()

    @app.after_request
    def finish(response: Response) -> Response:
        if g.pop("entered", False):
            gate.release()
        response.headers.update(HEADERS)
        response.headers.setdefault("Cache-Control", "no-store")  # assets say themselves how long they are kept
        pack(request, response)
        _log(response)
        return response

    return app


def _below_prefix(application: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a WSGI application so that it may be mounted anywhere: its page names all addresses relative to its own.

    A proxy that does not take its prefix off the path tells it by X-Forwarded-Prefix, and a WSGI server by SCRIPT_NAME.
    """

    def mounted(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        prefix = "/" + environ.get("HTTP_X_FORWARDED_PREFIX", "").strip(" /")
        path = environ.get("PATH_INFO", "")
        if prefix != "/" and f"{path}/".startswith(f"{prefix}/"):
            environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + prefix
            environ["PATH_INFO"] = path = path.removeprefix(prefix)
        if path:
            return application(environ, start_response)
        last = environ.get("SCRIPT_NAME", "").rpartition("/")[2]  # /digits itself, from where /digits/ has its names
        start_response("308 Permanent Redirect", [("Location", f"./{quote(last)}/"), ("Content-Length", "0")])
        return []

    return mounted


def _home() -> str:
    """Return the whole address of the page, or "" where the Host header, which anybody may write, is no plain name."""
    if not PLAIN_HOST.fullmatch(request.host):
        return ""
    scheme = "https" if request.headers.get("X-Forwarded-Proto") == "https" else request.scheme
    return f"{scheme}://{request.host}{quote(request.script_root)}/"


def _log(response: Response) -> None:
    """Log a request with its answer."""
    status = " ".join([str(response.status_code), *([g.refused] if "refused" in g else [])])
    size = 0 if request.method == "HEAD" else response.content_length or 0
    log_request(request.method, request.path, status, time.perf_counter() - g.begun, size, request.remote_addr)


def _add_pages(app: Flask, models: Mapping[str, Sequential]) -> None:
    whole = Page(models, served=True)  # made now: the page and what it loads are of one generation
    html, assets = lru_cache(maxsize=16)(whole.html), Assets(whole.static)
    html("")
    networks = {file.digest: Assets({file.name: file.data}) for file in whole.networks.values()}

    @cache
    def data_file_of(name: str) -> Assets:
        return Assets({name: DATA_FILES[name][1]()})  # made when it is first asked for

    @app.get("/")
    def page() -> str:
        return html(_home())

    @app.get("/static/<path:filename>", endpoint="static")
    def static(filename: str) -> Response:
        return assets.answer(filename)

    @app.get("/networks/<digest>/<name>")
    def network(digest: str, name: str) -> Response:
        if digest not in networks:
            raise RequestError(404, "no_such_network", "there is no such network here: load the page again")
        return networks[digest].answer(f"{digest}/{name}")

    @app.get("/data/<name>")
    def data_file(name: str) -> Response:
        if name not in DATA_FILES:
            raise NotFound
        return data_file_of(name).answer(name)

    @app.get("/healthz")
    def health() -> Response:
        return jsonify(status="ok", version=__version__)


def _add_api(app: Flask, models: Mapping[str, Sequential], reply: Reply, enter: Callable[[], bool]) -> None:
    @app.get("/api/models")
    def list_models() -> Response:
        return jsonify(models=[about(name, model) for name, model in models.items()])

    @app.get("/api/digits/<int:number>")
    def test_digit(number: int) -> Response:
        mnist = load_mnist()
        if number >= len(mnist.test_labels):
            raise RequestError(404, "no_such_digit", f"there is no test digit {number}: ask 0 to 9999")
        return jsonify(number=number, label=int(mnist.test_labels[number]), image=packed(mnist.test_images[number]))

    @app.post("/api/predict")
    def predict() -> Response:
        if not enter():
            raise RequestError(503, "busy", "too many requests at a time: try again in a second")
        g.entered = True
        if request.mimetype != "application/json":
            raise RequestError(415, "not_json", "send the body as application/json")
        return Response(reply(request.get_data()), mimetype="application/json")


def _add_errors(app: Flask) -> None:
    def error_response(status: int, code: str, message: str) -> tuple[Response, int]:
        g.refused = code
        response = jsonify(error={"code": code, "message": message})
        if status == 503:
            response.headers["Retry-After"] = "1"
        return response, status

    @app.errorhandler(RequestError)
    def refused(error: RequestError) -> tuple[Response, int]:
        return error_response(error.status, error.code, error.message)

    @app.errorhandler(DataError)
    def unreadable(error: DataError) -> tuple[Response, int]:
        return error_response(422, "unreadable", f"{error}")

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> tuple[Response, int]:
        status = error.code or 500
        message = SENTENCES.get(status, error.description or error.name)
        if isinstance(error, (BadHost, SecurityError)):
            message = "the Host header does not name a host"
        if isinstance(error, MethodNotAllowed):
            message = f"{request.method} is not allowed here: send {' or '.join(sorted(error.valid_methods or []))}"
        response, status = error_response(status, error.name.lower().replace(" ", "_"), message)
        if isinstance(error, MethodNotAllowed):
            response.allow.update(error.valid_methods or [])
        return response, status

    @app.errorhandler(Exception)
    def failure(error: Exception) -> tuple[Response, int]:
        log.error("a request failed: %s", place_of(error))
        return error_response(500, "internal", "something went wrong in the server; it has noted what")
