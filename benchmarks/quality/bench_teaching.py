"""What teaching a network a digit costs: python -m benchmarks.quality.bench_teaching FILE

Each digit of FILE that a network misreads is taught to it as the page does it (web/static/teach/teaching.js): gradient
descent with the rate loss / (share |g|^2) of the first step, until it reads the label with a probability of a half.
Then the 5,000 validation images are read again: "lost" is by how many points fewer of them are right. Variants: larger
and smaller steps (share), going on to another probability, and training digits replayed in every step. "lies" are
digits that are read, taught as the second most probable one.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

import nnscratch as nn
from nnscratch.arrays import Array
from nnscratch.data import stratified_split
from nnscratch.data.formats.drawn import read_drawn
from nnscratch.files.paths import as_path

MOST_STEPS = 100
LIES = 12


@dataclass(frozen=True)
class Lesson:
    """How a digit is taught."""

    share: float = 10  # of the step to where the loss would be 0, were it linear
    enough: float = 0.5  # the probability at which it ends
    replayed: int = 0  # training digits in every step


LESSONS = [Lesson(), Lesson(1), Lesson(3), Lesson(30), Lesson(enough=0.9), Lesson(replayed=10)]


class Judge:
    """A network, and what it costs to teach it."""

    def __init__(self, name: str) -> None:
        mnist = nn.load_mnist()
        rest, held_out = stratified_split(mnist.train_labels, 5000, seed=0)
        self.model, self.mnist = nn.load_pretrained(name), mnist
        self.images, self.labels = mnist.train_images[held_out], mnist.train_labels[held_out]
        self.replayed = np.random.default_rng(0).permutation(rest)
        self.theta = self.model.theta.copy()
        self.before = self.right()

    def right(self) -> float:
        """Return the share of the validation images that are read right, in per cent."""
        return 100 * float((self.model.predict(self.images) == self.labels).mean())

    def gradient(self, images: Array, labels: Array) -> tuple[float, Array]:
        """Return the loss of images (n, 28, 28), and its gradient (P,)."""
        x = self.model.batches(images).x(np.arange(len(images)))
        loss, dlogits = nn.softmax_cross_entropy(self.model.forward(x, record=True), labels)
        self.model.backward(dlogits)
        return loss, self.model.gradient.astype(np.float64)

    def teach(self, image: Array, label: int, how: Lesson) -> tuple[int, float, float]:
        """Teach one image (28, 28). Return the steps, the points lost, and how far the weights moved, in per cent."""
        self.model.theta[...] = self.theta
        rate, steps = 0.0, 0
        for steps in range(MOST_STEPS + 1):
            p = np.exp(self.model.log_probabilities(image[None])[0])
            if steps == MOST_STEPS or (p.argmax() == label and p[label] >= how.enough):
                break
            loss, gradient = self.gradient(image[None], np.array([label]))
            rate = rate or loss / (how.share * float(gradient @ gradient))
            if how.replayed:
                rows = self.replayed[how.replayed * steps :][: how.replayed]
                gradient += self.gradient(self.mnist.train_images[rows], self.mnist.train_labels[rows])[1]
            self.model.theta -= (rate * gradient).astype(self.model.theta.dtype)
        moved = np.linalg.norm(self.model.theta - self.theta) / np.linalg.norm(self.theta)
        return steps, self.before - self.right(), 100 * float(moved)


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("drawings", metavar="FILE", help="JSON of strokes with labels, packed (.gz) or not")
    parser.add_argument("--models", nargs="+", default=["lenet5", "mlp", "logistic"], metavar="NAME")
    args = parser.parse_args()
    drawn = read_drawn(as_path(args.drawings))
    print("| network | taught | lesson | digits | steps | most | points lost | most | weights moved |")
    print("|---|---|---|---:|---:|---:|---:|---:|---:|")
    for name in args.models:
        judge = Judge(name)
        for what, images, labels in cases(judge.model, drawn.images, drawn.labels):
            for how in LESSONS:
                found = [judge.teach(image, int(label), how) for image, label in zip(images, labels, strict=True)]
                steps, lost, moved = np.array(found).T
                said = f"1/{how.share:g} to {how.enough:g}" + (f", {how.replayed} replayed" if how.replayed else "")
                print(
                    f"| {name} | {what} | {said} | {len(found)} | {steps.mean():.1f} | {steps.max():.0f} | "
                    f"{lost.mean():.2f} | {lost.max():.2f} | {moved.mean():.2f} % |",
                    flush=True,
                )


def cases(model: nn.Sequential, images: Array, labels: Array) -> list[tuple[str, Array, Array]]:
    """Return what is misread, at most 30 of it, with the right labels; and what is read, with wrong ones."""
    log_p = model.log_probabilities(images)
    rng = np.random.default_rng(0)
    wrong, right = (np.flatnonzero((log_p.argmax(axis=1) == labels) == told) for told in (False, True))
    wrong, right = rng.permutation(wrong)[:30], rng.permutation(right)[:LIES]
    return [("misread", images[wrong], labels[wrong]), ("lies", images[right], log_p[right].argsort(axis=1)[:, -2])]


if __name__ == "__main__":
    main()
