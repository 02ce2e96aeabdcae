"""Show what the distortions of a training make of MNIST's digits: a sheet of one digit 100 times and of 100 once."""

from __future__ import annotations

import argparse

import numpy as np

from nnscratch.augment import KINDS, Distortion
from nnscratch.cli import flags
from nnscratch.cli.console import Output
from nnscratch.errors import UsageError
from nnscratch.models import MODELS
from nnscratch.settings import recipes, resolve
from nnscratch.sheets import SIDE, write_blocks


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    parser.add_argument("model", nargs="?", default="lenet5", metavar="MODEL", help="whose distortions (%(default)s)")
    parser.add_argument("--show", default="augment.png", metavar="FILE.png", help="where the sheet goes (%(default)s)")
    parser.add_argument("--recipe", default="best", metavar="NAME", help=f"of which recipe: {', '.join(recipes())}")
    parser.add_argument(
        "--digit", type=int, default=0, metavar="N", help="number of the test image that is shown often"
    )
    flags.add_settings(parser, (*KINDS, "seed"))
    flags.add_data(parser)


def run(args: argparse.Namespace) -> int:
    """Do it; return the exit code."""
    given = flags.given_settings(args)
    if args.model not in MODELS:
        raise UsageError(f"the model is {args.model!r}: choose from {', '.join(MODELS)}")
    settings = resolve(args.model, recipe=args.recipe, flags=given)
    distortion = Distortion(**{kind: getattr(settings, kind) for kind in KINDS})
    if not args.show.lower().endswith(".png"):
        raise UsageError(f"--show is {args.show!r}: give the name of a PNG file")
    images = flags.read_data(args.data).test_images
    if not 0 <= args.digit < len(images):
        raise UsageError(f"--digit is {args.digit}: give 0 to {len(images) - 1}")
    count = SIDE * SIDE
    one = distortion.apply(np.repeat(images[[args.digit]], count, axis=0), seed=settings.seed)
    many = distortion.apply(images[:count], seed=settings.seed)
    write_blocks(args.show, [one, many])
    told = ", ".join(f"{kind} {getattr(distortion, kind):g}" for kind in KINDS)
    Output().say(f"{args.show}: test image {args.digit} a hundred times, and the first hundred once, with {told}")
    return 0
