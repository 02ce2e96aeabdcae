"""The public network: layers in a row, which takes and returns the usual batch-first arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnscratch import ops
from nnscratch.arrays import Array
from nnscratch.data.batches import Batches, Normalisation, check_deskew
from nnscratch.data.classes import DIGITS, checked_classes, numbered
from nnscratch.data.mapped import backing_file
from nnscratch.data.scaling import Scaling, as_array, checked_scaling, of_unit_range, scaling_arrays
from nnscratch.data.stored_batches import StoredBatches
from nnscratch.errors import DataError, UsageError
from nnscratch.files import model_file
from nnscratch.files.paths import as_path
from nnscratch.layers import Layer, Shape, Softmax
from nnscratch.models.architecture import architecture_of, version_of
from nnscratch.models.confidence import REFUSED, Prediction, Thresholds, fit_temperature, fit_thresholds, readings
from nnscratch.models.trainable import Trainable
from nnscratch.pictures.background import is_black, is_lighter, warn_of_lighter
from nnscratch.training.inference.outputs import outputs
from nnscratch.training.losses import (
    Loss,
    checked_labels,
    mean_squared_error,
    smoothing_of,
    softmax_cross_entropy,
    training_targets,
)
from nnscratch.training.metrics import classification_report, regression_report

NO_CLASSES = "the network was trained for a regression, and has no classes: ask predict, score or evaluate"


class Sequential(Trainable):
    """A network to train and use.

    Images are (N, 28, 28), (N, C, H, W) or (N, D), uint8 0..255 or float 0..1; labels are integers (N,). Where
    ``input_shape`` is (D,), they are features (N, D), any finite numbers; in uint8 they are pixels there, too.
    ``normalisation`` is the (mean, standard deviation) by which pixels on the scale 0..1 enter the first layer.
    ``scaling`` is the (mean, scale) by which numbers that are no pixels are brought to a size that suits a network:
    each (D,) or one number for all, or None. A network that has it takes any finite numbers. If its mean and scale are
    those of numbers in 0..1, pixels in uint8 are brought to 0..1 first, as everywhere.
    ``deskew``: images, of one channel, enter without their slant: see ``nn.deskew``. It may be set.
    ``temperature`` divides the logits where probabilities are asked for: see ``confidence.py``.
    ``classes`` are the names of the K classes, "0" to K - 1 unless they are set; see ``is_digits``.
    ``is_regression`` is true after a training on targets that are no classes, as numbers with the mean squared error
    are: then ``predict`` returns the outputs, and ``score`` is R^2. It may be set.
    ``black_background`` is true after a training on 28 x 28 pixels on black, as MNIST's: a network of digits then gives
    a BackgroundWarning for arrays on another ground, which ``nnscratch.pictures.preprocess.to_mnist`` makes black.
    ``info`` is a dictionary that is saved with the model: its name, how it was trained, its figures.

    Raises UsageError for layers that do not fit on each other.
    """

    _scaling: Scaling | None = None  # here too, for pickles of before
    deskew = False  # and here
    _classes: tuple[str, ...] | None = None  # and here
    black_background = False

    def __init__(
        self,
        layers: Layer | Iterable[Layer],
        input_shape: int | Shape = (1, 28, 28),
        seed: int | None = 0,
        dtype: Any = "float32",
        normalisation: Normalisation = (0.0, 1.0),
        deskew: bool = False,
    ) -> None:
        super().__init__(layers, input_shape, seed, dtype)
        mean, std = normalisation
        if not (np.isfinite(mean) and np.isfinite(std) and std > 0):
            raise UsageError(f"the normalisation is {normalisation}: give a mean and a positive standard deviation")
        self.normalisation = (float(mean), float(std))
        check_deskew(deskew, self.input_shape)
        self.deskew = bool(deskew)
        self.temperature = 1.0
        self.limits = Thresholds()
        self.info: dict[str, Any] = {}

    @property
    def scaling(self) -> Scaling | None:
        """See above. Raises UsageError when it is set to what cannot be divided by, or does not fit the input."""
        return self._scaling

    @scaling.setter
    def scaling(self, value: Scaling | None) -> None:
        self._scaling = None if value is None else checked_scaling(value, self.input_shape)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes. Raises UsageError when they are set to other than one text for each output."""
        return numbered(self.shapes[-1][0]) if self._classes is None else self._classes

    @classes.setter
    def classes(self, names: Sequence[str]) -> None:
        names, outputs = checked_classes(names), self.shapes[-1][0]
        if len(names) != outputs:
            raise UsageError(f"the network has {outputs} outputs, and got {len(names)} names: give one for each class")
        self._classes = None if names == numbered(outputs) else names

    @property
    def is_digits(self) -> bool:
        """True when the classes are the ten digits, as MNIST has them."""
        return self.classes == DIGITS

    # ---- training

    def _look_at(self, images: Batches) -> None:
        self.black_background = self.scaling is None and is_black(images.sample)

    def batches(self, images: Array | Batches, rows: Array | None = None) -> Batches:
        """Return ``images``, all or the chosen ``rows`` (n,), ready to be fed to this network.

        What is mapped from a file stays there. Raises UsageError if they do not fit.
        """
        if isinstance(images, Batches):
            return images
        how = (self.input_shape, self.normalisation, self.dtype, self.by_image)
        file = backing_file(images) if isinstance(images, np.ndarray) and self.scaling is None else None
        if file is not None:
            return StoredBatches(file, rows, *how, deskew=self.deskew)
        images = images if rows is None else images[rows]
        if self.scaling is not None and np.asarray(images).dtype == np.uint8 and of_unit_range(self.scaling):
            images = np.asarray(images, self.dtype) / 255
        return Batches(images, *how, scaling=self.scaling, deskew=self.deskew)

    def _check_loss(self, loss: Loss) -> None:
        if smoothing_of(loss) is not None and self.ends_in_softmax:
            raise UsageError(
                "the network ends in Softmax, which this loss applies itself: leave the layer out, "
                "or train with nn.mean_squared_error"
            )

    @property
    def ends_in_softmax(self) -> bool:
        """True when the network's output is probabilities rather than logits."""
        return isinstance(self.layers[-1], Softmax)

    # ---- use

    def log_probabilities(self, images: Array | Batches) -> Array:
        """Return log-probabilities (N, K)."""
        with np.errstate(over="ignore"):  # the most and the least that the type holds: minus infinity is right
            return np.ascontiguousarray(ops.log_softmax(self.logits(images)).T)

    def logits(self, images: Array | Batches) -> Array:
        """Return logits (K, N) at the model's temperature; of probabilities, their logarithms.

        Raises DataError when they are too large for their type, or NaN, as with weights that somebody made up, and
        UsageError for a regression, which has no classes.
        """
        if self.is_regression:
            raise UsageError(NO_CLASSES)
        batches = self.batches(images)
        if self.black_background and len(batches) and is_lighter(batches.sample) and self.is_digits:
            warn_of_lighter()
        with np.errstate(all="ignore"):
            return _finite(self.to_logits(outputs(self, batches)))

    def to_logits(self, out: Array) -> Array:
        """Return the same for ``out`` (K, N), what :meth:`forward` returned."""
        if self.ends_in_softmax:
            return np.asarray(np.log(np.maximum(out, np.finfo(out.dtype).tiny)))
        return np.asarray(out / out.dtype.type(self.temperature))

    def calibrate(
        self, images: Array | Batches, labels: Array, *, score: str = "energy", refused: float = REFUSED
    ) -> float:
        """Set ``temperature`` and ``limits`` to what suits these images, not those trained on; return the first.

        What is none of the classes is to be told by the ``score`` "energy", or, for a network that was shown such
        images in training, with the target 1/K for each class, by "spread": see ``confidence.py``. ``refused`` is the
        share of these images that is taken for none.

        Raises UsageError for images or labels that do not fit, a network that ends in Softmax, a regression, and an
        unknown score.
        """
        if self.is_regression:
            raise UsageError(NO_CLASSES)
        labels = self._checked_labels(images, labels)
        if self.ends_in_softmax:
            raise UsageError("a temperature divides logits, and this network ends in Softmax: leave that layer out")
        out = outputs(self, self.batches(images))
        temperature = fit_temperature(out, labels)
        self.limits = fit_thresholds(out / temperature, labels, score, refused)
        self.temperature = temperature
        return temperature

    def predict_proba(self, images: Array) -> Array:
        """Return probabilities (N, K) float32; each row sums to 1. Raises UsageError for images that do not fit."""
        with np.errstate(over="ignore"):
            p = ops.softmax_forward(self.logits(images)).T
        return np.asarray(p, np.float32, order="C")

    def read(self, images: Array) -> list[Prediction]:
        """Return for each image its class, confidence, probabilities, and whether that is sure, unsure or no class."""
        return readings(self.logits(images), self.limits, self.classes)

    def predict(self, images: Array) -> Array:
        """Return the most probable class of each image, (N,) int64; of a regression the outputs (N, K), or (N,) of one.

        Digits must have MNIST's form, light ink on black: see ``black_background``.
        Raises UsageError for images that do not fit.
        """
        if self.is_regression:
            values = self._values(images)
            return values[:, 0] if values.shape[1] == 1 else values
        return np.asarray(self.log_probabilities(images).argmax(axis=1))

    def score(self, images: Array, labels: Array) -> float:
        """Return the accuracy, 0..1, on images with labels as in ``fit``; of a regression R^2, at most 1.

        Raises UsageError when they do not fit.
        """
        if self.is_regression:
            return float(self.evaluate(images, labels)["r2"])
        labels = self._checked_labels(images, labels)
        return float((self.predict(images) == labels).mean())

    def evaluate(self, images: Array | Batches, labels: Array) -> dict[str, Any]:
        """Return loss, accuracy with its 95 % interval, and figures by class: see ``metrics.classification_report``.

        Of a regression, the mean squared error, R^2, ...: see ``metrics.regression_report``.
        """
        if self.is_regression:
            images = self.batches(images)
            targets = training_targets(labels, len(images), self.shapes[-1], mean_squared_error)
            return regression_report(self._values(images), targets)
        labels = self._checked_labels(images, labels)
        return classification_report(self.log_probabilities(images), labels)

    def _values(self, images: Array | Batches) -> Array:
        """Return the outputs (N, K) of a regression."""
        with np.errstate(all="ignore"):
            return np.ascontiguousarray(_finite(outputs(self, self.batches(images))).T)

    def _checked_labels(self, images: Array | Batches, labels: Array) -> Array:
        """Return labels (N,) of classes in 0..K - 1, of rows (N, K) the largest share's. Raises UsageError else."""
        images = images if isinstance(images, Batches) else as_array(images, "images")
        labels, classes = as_array(labels, "labels"), self.shapes[-1][0]
        labels = training_targets(labels, len(images), self.shapes[-1], softmax_cross_entropy)
        return labels.argmax(axis=1) if labels.ndim == 2 else checked_labels(labels, classes)

    # ---- files

    def architecture(self) -> dict[str, Any]:
        """Return what the network is, without its weights, fit for JSON.

        Raises UsageError for layers that are not those which the network was built of, and for a layer of one's own
        that cannot be made again from its settings.
        """
        return architecture_of(self, self.normalisation, self.deskew)

    def save(self, path: str | Path) -> None:
        """Write architecture, weights and ``info`` to an .npz or a .safetensors file, whole or not at all.

        Layers of one's own are saved by their settings: ``nn.load(path, layers=[Swish])`` reads them. Raises UsageError
        where that is impossible, or for no path, DataError when the file cannot be written.
        """
        header = {"architecture": self.architecture(), "temperature": self.temperature, "info": self.info}
        header["limits"] = self.limits.to_dict()
        if self._classes is not None:
            header["classes"] = list(self._classes)
        if self.is_regression:
            header["is_regression"] = True
        header["black_background"] = self.black_background
        arrays = self.parameters | self.buffers | scaling_arrays(self.scaling)
        model_file.write(as_path(path), header, arrays, version_of(header))


def _finite(out: Array) -> Array:
    """Return ``out``. Raises DataError unless all its numbers are finite."""
    if not np.isfinite(out).all():
        raise DataError("the network's answers are no finite numbers: train it again, or give it other images")
    return out
