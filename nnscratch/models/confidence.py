"""What a network's answer is worth: confidence that means what it says, and a word for it.

A network of 99 % confidence should be right 99 times in 100. Dividing all its logits by one number, the temperature,
changes no answer, only how sure it is. C. Guo, G. Pleiss, Y. Sun, K. Weinberger: On Calibration of Modern Neural
Networks, ICML 2017, section 4.2.

The words are sure, unsure, and not a digit, or, where the classes are others, not one of them. Both limits come from
images that were not trained on: of digits, validation images, and some of them as people draw them (``runs/``). Sure is
what is as confident as answers must be for 999 in 1,000 of them to be right. Refused is what the network is less
familiar with than with most of those images: with 99 of 100, unless another share is asked for. A network that was
shown in training what is no digit says so by logits that are nearly alike (:func:`logit_spread`); another one by logits
that are small (:func:`energy_score`).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.classes import DIGITS, numbered
from nnscratch.errors import unknown
from nnscratch.ops.losses import log_softmax
from nnscratch.training.bounds import SHARE

SURE, UNSURE, NOT_A_DIGIT, NO_INK = "sure", "unsure", "not a digit", "no ink"
UNCLEAR = "cannot be told apart"  # a place in a picture: several digits that touch, or none
NOT_A_CLASS = "not one of the classes"  # in place of NOT_A_DIGIT where they are no digits
OLD_NAMES = {"Limits": "Thresholds", "Reading": "Prediction"}
RIGHT = 0.999  # of the answers called sure, on validation images
REFUSED = 0.01  # of these images, unless another share is given
NEVER = 2.0  # no confidence reaches it
LOWEST, HIGHEST = 0.05, 20.0  # temperatures
STEPS = 60  # each makes the interval 0.618 times as long


@dataclass(frozen=True)
class Thresholds:
    """Where the verdicts change: ``sure`` is a confidence, 0..1; ``familiar`` a value of the ``score``, of SCORES.

    As it is before ``Sequential.calibrate``: nothing is sure, and nothing is refused.
    """

    sure: float = NEVER
    familiar: float = -1e30
    score: str = "energy"

    def familiarity(self, logits: Array) -> Array:
        """Return the score of logits (K, N), at their temperature, (N,): the higher, the more like a class."""
        return SCORES[self.score](logits)

    def to_dict(self) -> dict[str, Any]:
        """Return them fit for JSON, without a score that files of before do not name."""
        named = {} if self.score == "energy" else {"score": self.score}
        return {"sure": self.sure, "familiar": self.familiar, **named}


@dataclass(frozen=True)
class Prediction:
    """What a network reads in one image: its class, how sure it is (0..1), all K probabilities, and a verdict.

    ``digit`` is the label 0..K - 1 of the class, whatever the classes are, and ``class_name`` its name.
    """

    digit: int
    confidence: float
    probabilities: list[float]
    verdict: str
    classes: tuple[str, ...] = field(default=DIGITS, repr=False)

    @property
    def class_name(self) -> str:
        """The name of the class."""
        return self.classes[self.digit]

    def to_dict(self) -> dict[str, Any]:
        """Return it fit for JSON; with the class's name where the classes are no digits."""
        named = {} if self.classes == DIGITS else {"class": self.class_name}
        return {
            "digit": self.digit,
            **named,
            "confidence": self.confidence,
            "verdict": self.verdict,
            "probabilities": self.probabilities,
        }


def __getattr__(name: str) -> Any:
    """Answer for the classes' names of before, which pickles hold."""
    if name not in OLD_NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(f"{__name__}.{name} is called {OLD_NAMES[name]} now", DeprecationWarning, stacklevel=2)
    return globals()[OLD_NAMES[name]]


def energy_score(logits: Array) -> Array:
    """Return how much logits (K, N), at their temperature, look like those of images of the kind trained on, (N,).

    The logarithm of the sum of their exponentials: W. Liu, X. Wang, J. Owens, Y. Li: Energy-based Out-of-distribution
    Detection, NeurIPS 2020, equation 4. Softmax divides by that sum, so confidence alone does not know it.
    """
    top = logits.max(axis=0)
    return np.asarray(top + np.log(np.exp(logits - top).sum(axis=0)))


def logit_spread(logits: Array) -> Array:
    """Return the standard deviation of each image's logits (K, N), (N,): 0 where they say the same of every class.

    That is what a network learns of images whose target is 1/K of each class (D. Hendrycks, M. Mazeika, T. Dietterich:
    Deep Anomaly Detection with Outlier Exposure, ICLR 2019). Between two classes it may be in doubt and yet far from 0.
    """
    return np.asarray(logits.std(axis=0))


SCORES = {"energy": energy_score, "spread": logit_spread}


def fit_thresholds(logits: Array, labels: Array, score: str = "energy", refused: float = REFUSED) -> Thresholds:
    """Return the limits for these logits (K, N), at their temperature, of images with labels (N,) not trained on.

    ``refused`` is the share of them that is called no class. Raises UsageError for one outside 0..1, or an unknown
    score.
    """
    SHARE.check("the share that is refused", refused)
    if not isinstance(score, str) or score not in SCORES:
        raise unknown("the score", score, SCORES)
    logits = logits.astype(np.float64)
    confidence = np.exp(logits.max(axis=0) - energy_score(logits))
    order = np.argsort(-confidence, kind="stable")
    wrong = np.cumsum((logits.argmax(axis=0) != labels)[order])
    last = np.append(np.diff(confidence[order]) < 0, True)  # of those that are equally confident: all or none
    good = np.flatnonzero(last & (wrong <= (1 - RIGHT) * np.arange(1, len(labels) + 1)))
    sure = float(confidence[order[good[-1]]]) if len(good) else NEVER
    return Thresholds(sure, float(np.quantile(SCORES[score](logits), refused)), score)


def readings(logits: Array, limits: Thresholds, classes: Sequence[str] | None = None) -> list[Prediction]:
    """Return what logits (K, N), at their temperature, say of each image; ``classes`` are the names, "0" to K - 1."""
    names = numbered(len(logits)) if classes is None else tuple(classes)
    refused = NOT_A_DIGIT if names == DIGITS else NOT_A_CLASS
    logits = logits.astype(np.float64)
    p = np.exp(logits - energy_score(logits)).T
    found = []
    for row, score in zip(p, limits.familiarity(logits), strict=True):
        digit = int(row.argmax())
        confidence = float(row[digit])
        verdict = refused if score < limits.familiar else SURE if confidence >= limits.sure else UNSURE
        found.append(Prediction(digit, confidence, row.tolist(), verdict, names))
    return found


def verdict_figures(logits: Array, labels: Array, limits: Thresholds) -> dict[str, float]:
    """Return the shares of images (N) that logits (K, N) call sure, unsure, no digit, and of the sure ones right."""
    verdicts = np.array([reading.verdict for reading in readings(logits, limits)])
    sure, unsure, right = verdicts == SURE, verdicts == UNSURE, logits.argmax(axis=0) == labels
    return {
        "sure": float(sure.mean()),
        "unsure": float(unsure.mean()),
        "not_a_digit": float((~sure & ~unsure).mean()),
        "right_of_sure": float(right[sure].mean()) if sure.any() else 0.0,
    }


def fit_temperature(logits: Array, labels: Array) -> float:
    """Return the temperature at which logits (K, N) say the labels (N,) with the smallest cross-entropy.

    By golden-section search over its logarithm: the loss has one minimum, since it is convex in 1 / temperature.
    """
    logits = logits.astype(np.float64)
    n = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        return float(-log_softmax(logits / np.exp(log_temperature))[labels, n].mean())

    golden = (np.sqrt(5) - 1) / 2
    low, high = float(np.log(LOWEST)), float(np.log(HIGHEST))
    left, right = high - golden * (high - low), low + golden * (high - low)
    loss_left, loss_right = loss(left), loss(right)
    for _ in range(STEPS):
        if loss_left <= loss_right:
            high, right, loss_right = right, left, loss_left
            left = high - golden * (high - low)
            loss_left = loss(left)
        else:
            low, left, loss_left = left, right, loss_right
            right = low + golden * (high - low)
            loss_right = loss(right)
    return round(float(np.exp((low + high) / 2)), 4)  # the loss is flat there: further digits are chance


def legibility(predictions: Sequence[Prediction]) -> Array:
    """Return how well images read as digits, (n,): each one's confidence, or 0 where it is refused."""
    return np.array([one.confidence * (one.verdict in (SURE, UNSURE)) for one in predictions])
