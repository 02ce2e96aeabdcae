"""``train.py --simple``: the loop of the textbook and the readable NumPy functions, to be stepped through."""

from __future__ import annotations

import argparse
import math
import time

import numpy as np

from nnscratch.cli import flags
from nnscratch.cli.console import Output
from nnscratch.data import Dataset, stratified_subset
from nnscratch.errors import DivergedError, UsageError
from nnscratch.models.zoo import build
from nnscratch.ops.backend import set_backend
from nnscratch.runs.settings import MLP_ONLY, Settings, checked
from nnscratch.training import simple
from nnscratch.training.optimizers import OPTIMIZERS

HONOURED = ("epochs", "batch_size", "lr", "optimizer", "weight_decay", "limit", "seed", "deskew", *MLP_ONLY)
REFUSED = ("recipe", "config", "out", "resume", "start", "distributed", "threads", "json", "dry_run")
EPOCHS = 3
EVERY = 50  # batches, after which a line is printed


def run(args: argparse.Namespace, names: list[str]) -> int:
    """Train the models, print how it goes and how they do on the test images; write nothing. Return the exit code."""
    refused = flags.given_flags(args, REFUSED, but=HONOURED)
    if args.backend not in (None, "numpy"):
        refused.append(f"--backend {args.backend}")
    if refused:
        it = "it" if len(refused) == 1 else "them"
        raise UsageError(f"--simple is the loop of the textbook, which has no {', '.join(refused)}: leave {it} out")
    flags.check_mlp_settings(args, names)
    settings = Settings(**{"epochs": EPOCHS, **checked(flags.given_settings(args), "the command line")})
    set_backend("numpy")
    dataset = flags.read_data(args.data, **flags.data_options(args))
    for name in names:
        _train(name, settings, dataset, Output(as_json=False, quiet=args.quiet))
    return 0


@np.errstate(over="ignore", invalid="ignore")  # a loss that is not finite is told below
def _train(name: str, settings: Settings, dataset: Dataset, output: Output) -> None:
    options = {key: value for key, value in settings.model_options().items() if name == "mlp" or key not in MLP_ONLY}
    model = build(name, seed=settings.seed, **options, classes=dataset.classes)
    output.say()
    output.network(name, model)
    labels = dataset.train_labels
    rows = np.arange(len(labels)) if settings.limit is None else stratified_subset(labels, settings.limit, seed=0)
    images, labels = model.batches(dataset.train_images, rows), labels[rows]
    optimizer = OPTIMIZERS[settings.optimizer](settings.lr, settings.weight_decay)
    steps = simple.train(
        model, images, labels, optimizer, epochs=settings.epochs, batch_size=settings.batch_size, seed=settings.seed
    )
    start, correct, batches = time.perf_counter(), 0.0, -(-len(labels) // settings.batch_size)
    for step, (epoch, loss, accuracy) in enumerate(steps):
        of_epoch = step % batches + 1
        if not math.isfinite(loss):
            raise DivergedError(
                f"the loss became {loss} in epoch {epoch + 1}, batch {of_epoch}: most likely the learning rate "
                f"{settings.lr:g} is too high, try --lr {settings.lr / 10:g}"
            )
        correct = accuracy + (correct if of_epoch > 1 else 0)
        if of_epoch % EVERY == 0 or of_epoch == batches:
            output.say(
                f"epoch {epoch + 1} of {settings.epochs}, batch {of_epoch} of {batches}: loss {loss:.4f}, "
                f"accuracy so far {100 * correct / of_epoch:.2f} %, {time.perf_counter() - start:.0f} s"
            )
    accuracy = model.score(dataset.test_images, dataset.test_labels)
    output.say(f"{name}: test accuracy {100 * accuracy:.2f} %")
