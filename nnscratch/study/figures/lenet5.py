"""LeNet-5 as a whole: where its parameters and its work are, what a place sees, and how it begins to learn."""

from __future__ import annotations

import numpy as np

from nnscratch.data import load_mnist
from nnscratch.models.zoo import build
from nnscratch.parallel.threads import one_blas_thread
from nnscratch.study.figures.drawing import BLUE, ORANGE, Drawing
from nnscratch.study.figures.plots import as_drawing, new_figure
from nnscratch.study.figures.sketch import Sketch
from nnscratch.study.network.receptive_field import receptive_field
from nnscratch.training.metrics import count_correct
from nnscratch.training.optimizers import Adam
from nnscratch.training.simple import train

BAR = 180  # the length of a bar of 100 %
IMAGES, BATCH, TESTED = 1280, 32, 500  # of a short training


def costs() -> Drawing:
    """Return the share of each layer with weights in all parameters, and in all multiply-adds of an image."""
    rows = [row for row in build("lenet5").table() if row[2]]
    sketch = Sketch(340, len(rows) * 52 + 30)
    for x, name, color in ((74, "parameters", ORANGE), (190, "multiply-adds", BLUE)):
        sketch.rect(x, 4, 11, 11, fill=color)
        sketch.text(x + 17, 14, name, anchor="start")
    said = []
    totals = {2: sum(row[2] for row in rows), 3: sum(row[3] for row in rows)}
    for place, (name, _, parameters, work) in enumerate(rows):
        top = 30 + place * 52
        sketch.text(66, top + 22, name.split()[0], anchor="end")
        for below, column, number, color in ((0, 2, parameters, ORANGE), (18, 3, work, BLUE)):
            share = number / totals[column]
            sketch.rect(74, top + below, max(BAR * share, 1), 15, fill=color)
            sketch.text(80 + BAR * share, top + below + 12, f"{number:,} ({share:.0%})", size=12, anchor="start")
            said.append(f"{name.split()[0]} {share:.0%} of the {('parameters', 'multiply-adds')[column - 2]}")
    return sketch.drawing("; ".join(said))


def seen() -> list[tuple[str, int]]:
    """Return, for each convolution and pooling, its name and how many pixels of the image, each way, a place sees."""
    layers = build("lenet5").layers
    found = []
    for k, layer in enumerate(layers):
        if layer.kind in ("conv", "pool"):
            box = receptive_field(layers[: k + 1], 0, 0)
            found.append((layer.name, box.bottom - box.top))
    return found


def first_steps(seed: int = 0) -> tuple[list[float], float]:
    """Return the losses of a fresh LeNet-5's first 40 steps, and the accuracy on 500 test images after them.

    Trained by the loop of the textbook, ``training/simple.py``, with Adam, on 1,280 images.
    """
    mnist, network = load_mnist(), build("lenet5", seed=seed)
    images = network.batches(mnist.train_images[:IMAGES])
    with one_blas_thread():
        steps = train(network, images, mnist.train_labels, Adam(0.002), epochs=1, batch_size=BATCH, seed=seed)
        losses = [loss for _, loss, _ in steps]
        tested = network.forward(network.batches(mnist.test_images[:TESTED]).x(np.arange(TESTED)))
    return losses, count_correct(tested, mnist.test_labels[:TESTED]) / TESTED


def curve(losses: list[float]) -> Drawing:
    """Return losses by step, with the loss of guessing."""
    figure = new_figure(5, 2.8)
    axes = figure.subplots()
    axes.axhline(np.log(10), color="0.6", linewidth=1)
    axes.text(len(losses), np.log(10), "guessing: log 10", ha="right", va="bottom", fontsize=9)
    axes.plot(range(1, len(losses) + 1), losses, color=BLUE, marker=".")
    axes.set(xlabel="steps", ylabel="loss of the batch", ylim=(0, 1.15 * max(losses)))
    axes.spines[["top", "right"]].set_visible(False)
    return as_drawing(figure, f"The loss falls from {losses[0]:.2f} to {losses[-1]:.2f} in {len(losses)} steps.")
