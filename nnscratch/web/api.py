"""What may be asked of the page's API, checked before anything is done with it."""

import base64
import binascii
import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.classes import DIGITS
from nnscratch.errors import DataError, is_whole
from nnscratch.pictures.drawing import BRUSH, CANVAS, Strokes, checked_strokes, render
from nnscratch.pictures.reading import picture_size, read_picture

MOST_BYTES = 1_000_000  # of a request's body
MOST_PIXELS = 4_000_000  # of a picture, before it is decoded
MOST_POINTS = 5_000  # of a drawing: fifty digits
MOST_LENGTH = 50_000.0  # pixels of ink in it
LEAST_BRUSH, MOST_BRUSH = 1.0, 100.0
KEYS = ("image", "strokes", "brush", "models", "explain", "digit", "target", "single")


class RequestError(Exception):
    """A request that cannot be answered: the HTTP status, a code for programs, and a sentence for people."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(status, code, message)  # all of them: errors cross from process to process
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class PredictRequest:
    """A checked request: a picture (H, W) with ink of either polarity, or strokes, and what to do with it."""

    picture: Array | None  # None where strokes came
    strokes: Strokes
    brush: float
    models: list[str]
    explain: bool
    digit: int  # which of several digits is explained, from 0
    target: int | None  # the class whose gradient is asked for; None: the one that is read
    single: bool  # the picture is one digit, whatever it looks like


def parse_request(body: Any, known: Collection[str], classes: Sequence[str] = DIGITS) -> PredictRequest:
    """Return what a request's JSON asks of the ``known`` networks, which all know ``classes``.

    Raises RequestError (400, 413 or 422), naming the key, for all else.
    """
    if not isinstance(body, dict):
        raise RequestError(400, "not_an_object", f"the body is {_kind(body)}: send a JSON object")
    for key in body:
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(KEYS)}"
            raise RequestError(400, "unknown_key", f"the key {key[:40]!r} is unknown: {hint}")
    if ("image" in body) == ("strokes" in body):
        raise RequestError(400, "one_of_two", 'send either "image" or "strokes"')
    explain, single = (_switch(body, key, default) for key, default in (("explain", False), ("single", True)))
    models, digit, target = _models(body, known), _place(body), _target(body, classes)
    digits = tuple(classes) == DIGITS
    if not (digits or single):
        raise RequestError(422, "no_digits", '"single" is false, but digits alone are read side by side: leave it out')
    picture = _image(body["image"]) if "image" in body else None
    strokes, brush = _drawing(body) if "strokes" in body else ([], BRUSH)
    if picture is None and not digits:  # such networks see the whole canvas
        picture = render(strokes, (CANVAS, CANVAS), brush)
    return PredictRequest(picture, strokes, brush, models, explain, digit, target, single)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _switch(body: dict[str, Any], key: str, default: bool) -> bool:
    value = body.get(key, default)
    if not isinstance(value, bool):
        raise RequestError(400, f"bad_{key}", f'"{key}" is {_kind(value)}: give true or false')
    return value


def _models(body: dict[str, Any], known: Collection[str]) -> list[str]:
    value = body.get("models", list(known))
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise RequestError(400, "bad_models", f'"models" must be a list of names: {", ".join(known)}')
    for name in value:
        if name not in known:
            raise RequestError(400, "unknown_model", f"the model {name[:40]!r} is unknown: ask {', '.join(known)}")
    return list(dict.fromkeys(value))


def _place(body: dict[str, Any]) -> int:
    value: int = body.get("digit", 0)
    if not is_whole(value, 0):
        raise RequestError(400, "bad_digit", '"digit" must be the place of a digit in the number: 0, 1, 2 ...')
    return value


def _target(body: dict[str, Any], classes: Sequence[str]) -> int | None:
    value, last = body.get("target"), len(classes) - 1
    if value is not None and not is_whole(value, 0, last):
        kind = "a digit" if tuple(classes) == DIGITS else "the number of a class"
        raise RequestError(400, "bad_target", f'"target" must be {kind}, 0 to {last}, or null')
    return value


def _drawing(body: dict[str, Any]) -> tuple[Strokes, float]:
    """Return "strokes" and their "brush"."""
    brush = body.get("brush", BRUSH)
    if isinstance(brush, bool) or not isinstance(brush, (int, float)) or not LEAST_BRUSH <= brush <= MOST_BRUSH:
        raise RequestError(400, "bad_brush", f'"brush" must be a width from {LEAST_BRUSH:g} to {MOST_BRUSH:g} pixels')
    try:
        strokes: Strokes = checked_strokes(body["strokes"], "the drawing")
    except DataError as error:
        raise RequestError(400, "bad_strokes", f"{error}") from None
    if sum(map(len, strokes)) > MOST_POINTS:
        raise RequestError(413, "too_many_points", f"the drawing has more than {MOST_POINTS:,} points: draw with fewer")
    if sum(length(stroke) for stroke in strokes if len(stroke) > 1) > MOST_LENGTH:
        message = f"the drawing has more than {MOST_LENGTH:,.0f} pixels of ink: draw with less"
        raise RequestError(413, "too_much_ink", message)
    return strokes, float(brush)


def length(stroke: Array) -> float:
    """Return the pixels of a stroke (n, 2), of which what lies beyond the canvas does not count."""
    inside = stroke.clip(0, CANVAS)
    return float(np.hypot(*np.diff(inside, axis=0).T).sum())


def _image(value: Any) -> Array:
    """Return the grey values of a data URL's picture."""
    if not isinstance(value, str) or not value.startswith("data:"):
        raise RequestError(400, "bad_image", '"image" must be a data URL, such as data:image/png;base64,...')
    head, comma, coded = value.partition(",")
    if not comma or not head.endswith(";base64"):
        raise RequestError(400, "bad_image", '"image" must be a data URL in base64, such as data:image/png;base64,...')
    try:
        data = base64.b64decode(coded, validate=True)
    except (binascii.Error, ValueError):
        raise RequestError(400, "bad_base64", '"image" is not valid base64') from None
    try:
        width, height = picture_size(data, name="the picture")
        if width * height > MOST_PIXELS:
            message = (
                f"the picture has {width:,} x {height:,} pixels; at most {MOST_PIXELS:,} are read: make it smaller"
            )
            raise RequestError(413, "too_many_pixels", message)
        return np.ascontiguousarray(read_picture(data, name="the picture").gray)
    except DataError as error:
        raise RequestError(422, "not_a_picture", f"{error}") from None
