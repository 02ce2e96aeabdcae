"""Read the digit in each picture: PNG, JPEG, GIF, BMP or WebP, of any size, colour and polarity."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nnscratch.arrays import Array
from nnscratch.cli.console import Output
from nnscratch.data import load_mnist
from nnscratch.errors import DataError, UsageError
from nnscratch.images import find_images, read_image
from nnscratch.models import MODELS
from nnscratch.preprocess import stages, to_mnist
from nnscratch.pretrained import pretrained
from nnscratch.runs import newest_model
from nnscratch.sequential import Sequential, load
from nnscratch.sheets import write_stages

ALL = ("lenet5", "mlp", "logistic")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    parser.add_argument(
        "images", nargs="+", metavar="IMAGE", help="a picture, a folder of pictures, - for stdin, or test:123"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--model",
        default="lenet5",
        metavar="NAME|FILE",
        help="a model's name (its newest run, else what comes with the library), or a model.npz",
    )
    which.add_argument("--all", action="store_true", help=f"ask {', '.join(ALL)}")
    parser.add_argument("--top", type=int, default=1, metavar="K", help="show the K most probable digits")
    parser.add_argument("--stages", metavar="FILE.png", help="show how the picture came to MNIST's form (one picture)")
    parser.add_argument("--json", action="store_true", help="print one JSON list with all probabilities")


def run(args: argparse.Namespace) -> int:
    """Do it; return the exit code: 1 when a picture could not be read, after the others were."""
    if not 1 <= args.top <= 10:
        raise UsageError(f"--top is {args.top}: give a whole number from 1 to 10")
    if args.stages is not None:
        _write_stages(args.images, args.stages)
    models = [find_model(name) for name in (ALL if args.all else (args.model,))]
    output = Output(as_json=args.json)
    answers = []
    for source in args.images:
        for answer in _answers(source, models):
            answers.append(answer)
            if not args.json:
                _print(answer, args.top)
    output.result(answers)
    return 1 if any("error" in answer and answer["error"] != NO_INK for answer in answers) else 0


NO_INK = "no ink found"


def find_model(name: str) -> tuple[str, Sequential]:
    """Return a model and what to call it, and say on stderr which file it is."""
    is_file = name.endswith(".npz") or Path(name).is_file()
    if not is_file and name not in MODELS:
        raise UsageError(f"the model {name!r} is unknown: choose from {', '.join(MODELS)}, or give a model.npz")
    path = Path(name) if is_file else newest_model(name) or pretrained(name)
    model = load(path)
    if model.input_shape != (1, 28, 28) or model.shapes[-1] != (10,):
        raise DataError(
            f"{path} turns {model.input_shape} into {model.shapes[-1]}, but pictures need (1, 28, 28) to (10,)"
        )
    called = "".join(c for c in str(model.info.get("name", "model")) if c.isprintable())
    print(f"using {called} from {path}", file=sys.stderr)
    return called, model


def _write_stages(sources: Sequence[str], path: str) -> None:
    if len(sources) != 1 or sources[0] == "-" or sources[0].startswith("test:") or Path(sources[0]).is_dir():
        raise UsageError(f"--stages shows one picture, and {' '.join(sources)[:60]} came: give the path of one file")
    if not path.lower().endswith(".png"):
        raise UsageError(f"--stages is {path!r}: give the name of a PNG file")
    write_stages(path, stages(read_image(sources[0])))
    print(f"stages in {path}", file=sys.stderr)


def _answers(source: str, models: list[tuple[str, Sequential]]) -> Iterator[dict[str, Any]]:
    """Yield an answer for each picture of ``source``: predictions, or an error."""
    try:
        names = [source] if source == "-" or source.startswith("test:") else [str(p) for p in find_images(source)]
    except DataError as error:
        yield {"file": source, "error": str(error)}
        return
    for name in names:
        try:
            image = _read(name)
        except DataError as error:
            yield {"file": name, "error": str(error)}
            continue
        if image is None:
            yield {"file": name, "error": NO_INK}
        else:
            yield {"file": name, "predictions": [_predict(called, model, image) for called, model in models]}


def _read(name: str) -> Array | None:
    """Return the picture in MNIST's form, (28, 28) uint8, or None when there is no ink."""
    if name == "-":
        if sys.stdin is None:
            raise DataError("stdin is closed: give a picture's path, or send one to -")
        return to_mnist(read_image(sys.stdin.buffer, name="stdin"))
    if name.startswith("test:"):
        return _test_image(name)
    return to_mnist(read_image(name))


def _test_image(name: str) -> Array:
    images = load_mnist().test_images
    number = name.removeprefix("test:")
    if not (number.isascii() and number.isdigit() and len(number) <= 5 and int(number) < len(images)):
        raise DataError(f"{name[:20]} is not a test image: give test:0 to test:{len(images) - 1}")
    image: Array = images[int(number)]
    return image


def _predict(called: str, model: Sequential, image: Array) -> dict[str, Any]:
    p = model.predict_proba(image[None])[0]
    digit = int(p.argmax())
    return {
        "model": called,
        "digit": digit,
        "confidence": float(p[digit]),
        "probabilities": [float(value) for value in p],
    }


def _print(answer: dict[str, Any], top: int) -> None:
    """Print an answer for people: errors on stderr, all else on stdout."""
    if "error" in answer:
        stream = sys.stdout if answer["error"] == NO_INK else sys.stderr
        named = answer["error"].startswith(answer["file"])
        print(answer["error"] if named else f"{answer['file']}: {answer['error']}", file=stream)
        return
    for prediction in answer["predictions"]:
        ranked = sorted(enumerate(prediction["probabilities"]), key=lambda item: -item[1])[:top]
        told = ", ".join(f"{digit} ({100 * p:.1f} %)" for digit, p in ranked)
        print(f"{answer['file']}: {prediction['model']} reads {told}")
