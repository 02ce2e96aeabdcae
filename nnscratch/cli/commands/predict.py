"""Read the digit in each picture, or all of them: PNG, JPEG, GIF, BMP, WebP or TIFF, of any size and colour.

A model of other classes says which one the whole picture is of. A file of many images (CSV, IDX, .npz, .npy) gives a
CSV file of answers; its images are taken as they are, 28 x 28 and light on dark, and never centred or resized.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from nnscratch.cli.commands.predict_rows import is_rows, run_rows
from nnscratch.cli.console import Output
from nnscratch.cli.flags import DEFAULT_MODELS
from nnscratch.data import load_mnist
from nnscratch.data.classes import FEWEST, listed
from nnscratch.errors import DataError, UsageError, printable, unknown
from nnscratch.files.atomic import write_bytes
from nnscratch.models.confidence import NO_INK, NOT_A_CLASS, NOT_A_DIGIT, SURE, UNCLEAR, legibility
from nnscratch.models.pretrained import pretrained
from nnscratch.models.saving import load
from nnscratch.models.sequential import Sequential
from nnscratch.models.zoo import MODELS
from nnscratch.pictures.contact_sheets import boxes_sheet, stages_sheet
from nnscratch.pictures.preprocess import stages, to_mnist, to_square
from nnscratch.pictures.reading import Picture, find_images, read_image, read_picture
from nnscratch.pictures.segments import as_number, segments, several_digits
from nnscratch.runs.folder import newest_model

Models = list[tuple[str, Sequential]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="a picture, a folder of pictures, - for stdin, test:123, or a file of rows: CSV, IDX, .npz or .npy",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--model",
        default="lenet5",
        metavar="NAME|FILE",
        help="a model's name (its newest run, else what comes with the library), a model.npz or .safetensors file",
    )
    which.add_argument("--all", action="store_true", help=f"ask {', '.join(DEFAULT_MODELS)}")
    parser.add_argument("--top", type=int, default=1, metavar="K", help="show the K most probable classes")
    parser.add_argument("--multi", action="store_true", help="read all digits of each picture, line by line")
    parser.add_argument("--show", metavar="FILE.png", help="with --multi: write the picture with each digit boxed")
    parser.add_argument("--stages", metavar="FILE.png", help="show how the picture came to MNIST's form (one picture)")
    parser.add_argument("--json", action="store_true", help="print one JSON list with all probabilities")
    parser.add_argument("--output", metavar="FILE.csv", help="of rows: where the answers go (default: -, stdout)")
    parser.add_argument("--kaggle", action="store_true", help="of rows: write ImageId,Label, counted from 1")


def run(args: argparse.Namespace) -> int:
    """Do it; return the exit code: 1 when a picture could not be read, after the others were."""
    if any(map(is_rows, args.images)):
        return run_rows(args, *find_model(args.model))
    for flag in ("output", "kaggle"):
        if getattr(args, flag):
            raise UsageError(f"--{flag} is for rows: give a CSV, IDX, .npz or .npy file, named so")
    if args.show is not None and not args.multi:
        raise UsageError("--show draws the boxes of --multi: give both")
    for flag in ("stages", "show"):
        if getattr(args, flag) is not None:
            _check_one_picture(args.images, flag, getattr(args, flag))
    models = find_models(DEFAULT_MODELS if args.all else (args.model,))
    _check_model(models[0][1], args)
    if args.stages is not None:
        write_bytes(args.stages, stages_sheet(stages(read_image(args.images[0]))))
        print(f"stages in {printable(args.stages)}", file=sys.stderr)
    output = Output(as_json=args.json)
    answers = []
    for source in args.images:
        for answer in _answers(source, models, args):
            answers.append(answer)
            if not args.json:
                _print(answer, args.top, models[0][1].classes)
    output.result(answers)
    return 1 if any("error" in answer for answer in answers) else 0


def _check_model(model: Sequential, args: argparse.Namespace) -> None:
    """Raise UsageError where the arguments ask for more than the model, or one that reads no digits, can do."""
    most = len(model.classes)
    if not 1 <= args.top <= most:
        raise UsageError(f"--top is {args.top}: give a whole number from 1 to {most}")
    given = [f"--{flag}" for flag in ("multi", "stages") if getattr(args, flag)]
    given += [source for source in args.images if source.startswith("test:")]
    if given and not model.is_digits:
        raise UsageError(f"{given[0]} is for digits, and the model knows {listed(model.classes)}: leave it out")


def find_models(names: Sequence[str]) -> Models:
    """Return the models, which all know the same classes, and what to call each. Raises DataError where they do not."""
    models = [find_model(name) for name in names]
    for called, model in models[1:]:
        first, known = models[0][0], models[0][1].classes
        if model.classes != known:
            raise DataError(
                f"{first} knows {listed(known)}, and {called} knows {listed(model.classes)}: "
                "give models of the same classes by --model"
            )
    return models


def find_model(name: str) -> tuple[str, Sequential]:
    """Return a model that reads pictures and what to call it, and say on stderr which file it is."""
    called, model, path = find_network(name)
    if model.input_shape != (1, 28, 28) or len(model.shapes[-1]) != 1 or model.shapes[-1][0] < FEWEST:
        raise DataError(
            f"{path} turns {model.input_shape} into {model.shapes[-1]}, but pictures need (1, 28, 28) to (K,)"
        )
    print(f"using {called} from {printable(str(path))}", file=sys.stderr)
    return called, model


def find_network(name: str) -> tuple[str, Sequential, Path]:
    """Return a network by its name or file, what to call it, and the file that it is from."""
    path = model_path(name)
    model = load(path)
    return printable(str(model.info.get("name", "model"))), model, path


def model_path(name: str) -> Path:
    """Return the file of a model that is named, or a path. Raises UsageError for a name that is unknown."""
    is_file = name.endswith((".npz", ".safetensors")) or Path(name).is_file()
    if not is_file and name not in MODELS:
        raise unknown("the model", name, MODELS, ", or give a model.npz or .safetensors file")
    return Path(name) if is_file else newest_model(name) or pretrained(name)


def _check_one_picture(sources: Sequence[str], flag: str, path: str) -> None:
    if len(sources) != 1 or sources[0] == "-" or sources[0].startswith("test:") or Path(sources[0]).is_dir():
        raise UsageError(f"--{flag} shows one picture, and {' '.join(sources)[:60]} came: give the path of one file")
    if not path.lower().endswith(".png"):
        raise UsageError(f"--{flag} is {path!r}: give the name of a PNG file")
    if Path(path).exists() and Path(path).samefile(sources[0]):
        raise UsageError(f"--{flag} would write over the picture itself: give another name")


def _answers(source: str, models: Models, args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield an answer for each picture of ``source``: predictions, or an error."""
    try:
        names = [source] if source == "-" or source.startswith("test:") else [str(p) for p in find_images(source)]
    except DataError as error:
        yield {"file": source, "error": str(error)}
        return
    for name in names:
        try:
            picture = _read(name)
            yield {"file": name} | (_read_all(picture, models, args.show) if args.multi else _read_one(picture, models))
        except DataError as error:
            yield {"file": name, "error": str(error)}


def _read(name: str) -> Picture:
    if name == "-":
        if sys.stdin is None:
            raise DataError("stdin is closed: give a picture's path, or send one to -")
        return read_picture(sys.stdin.buffer, name="stdin")
    return _test_image(name) if name.startswith("test:") else read_picture(name)


def _test_image(name: str) -> Picture:
    images = load_mnist().test_images
    number = name.removeprefix("test:")
    if not (number.isascii() and number.isdigit() and len(number) <= 5 and int(number) < len(images)):
        raise DataError(f"{name[:20]} is not a test image: give test:0 to test:{len(images) - 1}")
    image = images[int(number)]
    return Picture(image, *image.shape[::-1])


def _read_one(picture: Picture, models: Models) -> dict[str, Any]:
    """Return what the models read, or that there is no ink."""
    digits = models[0][1].is_digits
    image = to_mnist(picture.gray) if digits else to_square(picture.gray)
    if image is None:
        return {"verdict": NO_INK, "predictions": []}
    answer: dict[str, Any] = {
        "predictions": [{"model": called, **m.read(image[None])[0].to_dict()} for called, m in models]
    }
    if not digits:
        return answer
    with suppress(DataError):  # too many for --multi
        if several_digits(picture.gray, read=lambda images: legibility(models[0][1].read(images)))[1]:
            answer["note"] = "several digits seem to be there: try --multi"
    return answer


def _read_all(picture: Picture, models: Models, show: str | None) -> dict[str, Any]:
    """Return what the models read in each digit's box, in pixels of the file; with ``show``, write them there."""
    found = segments(picture.gray, lambda images: legibility(models[0][1].read(images)))
    if not found:
        return {"verdict": NO_INK, "numbers": {}, "digits": []}
    read = [(called, model.read(np.stack([segment.image for segment in found]))) for called, model in models]
    boxes = [(segment.left, segment.top, segment.width, segment.height) for segment in found]
    factor = picture.width / picture.gray.shape[1]
    digits = [
        {
            "box": [round(factor * side) for side in box],
            **({"verdict": UNCLEAR} if found[k].unclear else {}),
            "predictions": [{"model": called, **all_[k].to_dict()} for called, all_ in read],
        }
        for k, box in enumerate(boxes)
    ]
    numbers = {
        called: as_number(found, [None if one.verdict == NOT_A_DIGIT else one.digit for one in all_])
        for called, all_ in read
    }
    if show is not None:
        marks = {SURE: "", NOT_A_DIGIT: " no digit?"}
        captions = [f"{reading.digit}{marks.get(reading.verdict, '?')}" for reading in read[0][1]]
        captions = ["?" if segment.unclear else text for segment, text in zip(found, captions, strict=True)]
        sure = [reading.verdict == SURE and not one.unclear for reading, one in zip(read[0][1], found, strict=True)]
        write_bytes(show, boxes_sheet(picture.gray, boxes, captions, sure))
        print(f"boxes in {printable(show)}", file=sys.stderr)
    return {"numbers": numbers, "digits": digits}


def _print(answer: dict[str, Any], top: int, classes: Sequence[str]) -> None:
    """Print an answer for people: errors on stderr, all else on stdout."""
    file = printable(answer["file"])
    if "error" in answer:
        named = answer["error"].startswith(answer["file"])
        error = printable(answer["error"])
        print(error if named else f"{file}: {error}", file=sys.stderr)
        return
    if "verdict" in answer:
        print(f"{file}: {answer['verdict']} found")
    if "note" in answer:
        print(f"{file}: {answer['note']}", file=sys.stderr)
    for name, number in answer.get("numbers", {}).items():
        print(f"{file}: {name} reads {number}")
    for digit in answer.get("digits", []):
        left, above, width, height = digit["box"]
        if "verdict" in digit:
            print(f"  {width} x {height} at {left}, {above}: {digit['verdict']}: more than one digit, or none")
            continue
        for prediction in digit["predictions"]:
            print(f"  {width} x {height} at {left}, {above}: {_sentence(prediction, top, classes)}")
    for prediction in answer.get("predictions", []):
        print(f"{file}: {_sentence(prediction, top, classes)}")


def _sentence(prediction: dict[str, Any], top: int, classes: Sequence[str]) -> str:
    ranked = sorted(enumerate(prediction["probabilities"]), key=lambda item: -item[1])[:top]
    ranking = ", ".join(f"{classes[k]} ({100 * p:.1f} %)" for k, p in ranked)
    if prediction["verdict"] in (NOT_A_DIGIT, NOT_A_CLASS):
        kind = "digit" if prediction["verdict"] == NOT_A_DIGIT else "class that it knows"
        return f"{prediction['model']} takes it for no {kind}; nearest: {ranking}"
    return f"{prediction['model']} reads {ranking}: {prediction['verdict']}"
