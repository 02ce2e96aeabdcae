"""Show what the distortions of a training make of digits, or write a data set of any number of distorted ones.

--show (the default) makes a sheet of one test image 100 times and of 100 once. --write N --out DIR makes a folder that
train --data takes: N distorted training images, and the test images as they are.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from nnscratch.cli import flags
from nnscratch.cli.console import Output
from nnscratch.cli.interrupt import interruptible
from nnscratch.data.augment import KINDS, Distortion
from nnscratch.data.distorted_copies import write_copies
from nnscratch.errors import UsageError, unknown
from nnscratch.files.atomic import write_bytes
from nnscratch.models.zoo import MODELS
from nnscratch.pictures.contact_sheets import SIDE, blocks_sheet
from nnscratch.runs.settings import recipes, resolve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", nargs="?", default="lenet5", metavar="MODEL", help="whose distortions (%(default)s)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--show", metavar="FILE.png", help="where the sheet goes (augment.png)")
    what.add_argument("--write", type=int, metavar="N", help="write a data set of N distorted digits")
    parser.add_argument("--out", metavar="DIR", help="where the data set goes: a new folder")
    parser.add_argument("--recipe", default="best", metavar="NAME", help=f"of which recipe: {', '.join(recipes())}")
    parser.add_argument(
        "--digit", type=int, default=0, metavar="N", help="number of the test image that is shown often"
    )
    flags.add_settings(parser, (*KINDS, "seed"))
    flags.add_data(parser)
    flags.add_machine(parser)


def run(args: argparse.Namespace) -> int:
    flags.use_machine(args)
    given = flags.given_settings(args)
    if args.model not in MODELS:
        raise unknown("the model", args.model, MODELS)
    settings = resolve(args.model, recipe=args.recipe, flags=given)
    distortion = Distortion(**{kind: getattr(settings, kind) for kind in KINDS})
    if (args.write is None) != (args.out is None):
        raise UsageError("--write N and --out DIR go together: give both, or neither")
    if args.write is not None:
        return _write(args, distortion, settings.seed)
    return _show(args, distortion, settings.seed)


def _show(args: argparse.Namespace, distortion: Distortion, seed: int) -> int:
    path = args.show or "augment.png"
    if not path.lower().endswith(".png"):
        raise UsageError(f"--show is {path!r}: give the name of a PNG file")
    images = flags.read_data(args.data, **flags.data_options(args)).test_images
    if not 0 <= args.digit < len(images):
        raise UsageError(f"--digit is {args.digit}: give 0 to {len(images) - 1}")
    count = SIDE * SIDE
    one = distortion.apply(np.repeat(images[[args.digit]], count, axis=0), seed=seed)
    many = distortion.apply(images[:count], seed=seed)
    write_bytes(path, blocks_sheet([one, many]))
    Output().say(
        f"{path}: test image {args.digit} a hundred times, and the first hundred once, with {_described(distortion)}"
    )
    return 0


def _write(args: argparse.Namespace, distortion: Distortion, seed: int) -> int:
    if not distortion:
        raise UsageError(
            f"the recipe distorts nothing for {args.model}: give --rotation, --shift, ..., or another model"
        )
    output, folder = Output(), flags.folder(args.out)
    dataset = flags.read_data(args.data, **flags.data_options(args))
    start = time.perf_counter()
    with interruptible(), output.progress("writing", args.write) as progress:
        write_copies(dataset, distortion, args.write, folder, seed=seed, progress=progress)
    seconds, size = time.perf_counter() - start, sum(path.stat().st_size for path in folder.iterdir())
    output.say(
        f"{folder}: {args.write:,} training images of {dataset.name} with {_described(distortion)}, and its "
        f"{len(dataset.test_labels):,} test images as they are; {size / 1e9:.2f} GB in {seconds:.0f} s"
    )
    return 0


def _described(distortion: Distortion) -> str:
    return ", ".join(f"{kind} {getattr(distortion, kind):g}" for kind in KINDS)
