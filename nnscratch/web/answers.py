"""From a question to its answer: what the networks read, and how the picture came to them.

One of them decides, as on the page: the first that is asked. Verdicts are its own.
"""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.models.confidence import SURE, UNCLEAR, UNSURE, legibility
from nnscratch.models.sequential import Sequential
from nnscratch.pictures.preprocess import check_gray, normalize_digit, to_square, with_form
from nnscratch.pictures.resampling import area_resize
from nnscratch.pictures.segments import as_number, several_digits
from nnscratch.pictures.several.segment import Reader, Segment
from nnscratch.pictures.several.strokes import digits_in_strokes
from nnscratch.web.api import PredictRequest, RequestError, parse_request
from nnscratch.web.explain import explanation, packed

NOTHING, NO_DIGIT = "nothing drawn", "not a digit"
WORST_FIRST = (UNCLEAR, NO_DIGIT, UNSURE, SURE)
SHOWN = 84  # pixels of a stage's longer side at most

Answer = dict[str, Any]


def handle(body: bytes, models: Mapping[str, Sequential]) -> str:
    """Return the answer's JSON to a request's. Raises RequestError and DataError for what cannot be answered."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        raise RequestError(400, "bad_request", "the body is not JSON") from None
    classes = next(iter(models.values())).classes
    return json.dumps(answer(parse_request(asked, models, classes), models), allow_nan=False)


def answer(request: PredictRequest, models: Mapping[str, Sequential]) -> Answer:
    """Return the answer as plain JSON: see docs/use/page.md for its keys."""
    asked = {name: models[name] for name in request.models}
    if not next(iter(models.values())).is_digits:
        return _whole_picture(request, asked)
    reader = next(iter(asked.values()))
    steps, found = _digits(request, lambda images: legibility(reader.read(images)))
    if len(found) > 1 or any(one.unclear for one in found):
        return _several(found, asked, request)
    result: Answer = {"stages": _shown(steps)}
    if "mnist" not in steps:
        return result | {"verdict": NOTHING, "digits": []}
    return result | _one(steps["mnist"], asked, request)


def _digits(request: PredictRequest, read: Reader) -> tuple[dict[str, Array], list[Segment]]:
    """Return the digits of what came where they are several, and the steps to the one digit where it is one."""
    if request.picture is not None:
        steps, found = several_digits(request.picture, single=request.single, read=read)
        return (steps, found) if found else (with_form(steps), [])
    found = digits_in_strokes(request.strokes, request.brush, single=request.single, read=read)
    return (normalize_digit(found[0].ink) if len(found) == 1 else {}), found


def _whole_picture(request: PredictRequest, models: Mapping[str, Sequential]) -> Answer:
    """Return the answer of networks that read no digits: they see all of the picture, and where it was drawn."""
    assert request.picture is not None  # that of the strokes, if these came
    gray = check_gray(request.picture)
    steps = {"grey": gray, "square": to_square(gray)}
    result: Answer = {"stages": _shown(steps)}
    if gray.min() == gray.max():
        return result | {"verdict": NOTHING, "digits": []}
    return result | _one(steps["square"], models, request)


def _one(image: Array, models: Mapping[str, Sequential], request: PredictRequest) -> Answer:
    """Return what the networks read in one image (28, 28) uint8, and why if that was asked for."""
    predictions = read(image[None], models)
    result: Answer = {"verdict": predictions[0]["verdict"], "digits": [{"predictions": predictions}]}
    if request.explain:
        result["explanations"] = _explained([image], models, request)
    return result


def _explained(images: Sequence[Array], models: Mapping[str, Sequential], request: PredictRequest) -> list[Answer]:
    """Return why each model reads the digit that was asked for. Raises RequestError where there is none."""
    if request.digit >= len(images):
        message = f'"digit" is {request.digit}, but {len(images)} were found: give 0 to {len(images) - 1}'
        raise RequestError(422, "no_such_digit", message)
    image = images[request.digit]
    return [explanation(name, model, image, request.target) for name, model in models.items()]


def _several(found: Sequence[Segment], models: Mapping[str, Sequential], request: PredictRequest) -> Answer:
    """Return the answer for several digits: each with its box, and for each model the number."""
    digits: list[Answer] = []
    for segment in found:
        predictions = read(segment.image[None], models)
        box = [segment.left, segment.top, segment.width, segment.height]
        image = packed(segment.image)
        word = predictions[0]["verdict"]
        if segment.unclear and word != NO_DIGIT:
            word = UNCLEAR
        digits.append({"box": box, "image": image, "predictions": predictions, "verdict": word})
    numbers = {
        name: as_number(found, [None if one["verdict"] == NO_DIGIT else one["digit"] for one in of_model])
        for name, of_model in zip(models, zip(*(digit["predictions"] for digit in digits), strict=True), strict=True)
    }
    worst = min((digit["verdict"] for digit in digits), key=WORST_FIRST.index)
    result = {"verdict": worst, "digits": digits, "numbers": numbers, "stages": []}
    if request.explain:
        result["explanations"] = _explained([segment.image for segment in found], models, request)
    return result


def read(image: Array, models: Mapping[str, Sequential]) -> list[Answer]:
    """Return what each model reads in image (1, 28, 28), with its second choice and its milliseconds."""
    result = []
    for name, model in models.items():
        start = time.perf_counter()
        (reading,) = model.read(image)
        milliseconds = 1000 * (time.perf_counter() - start)
        second = int(np.argsort(reading.probabilities)[-2])
        result.append({"model": name, **reading.to_dict(), "second": second, "milliseconds": round(milliseconds, 3)})
    return result


def _shown(steps: dict[str, Array]) -> list[Answer]:
    """Return the steps as small pictures; what a step has left as it was is not made small again."""
    small: dict[int, Answer] = {}
    for picture in steps.values():
        longer = max(picture.shape)
        if id(picture) not in small:
            height, width = (max(1, round(min(SHOWN / longer, 1) * side)) for side in picture.shape)
            small[id(picture)] = packed(area_resize(picture, height, width) if longer > SHOWN else picture)
    return [{"name": name, **small[id(picture)]} for name, picture in steps.items()]
