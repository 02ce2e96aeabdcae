"""The public network: layers in a row, which takes and returns the usual batch-first arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnscratch import ops
from nnscratch.arrays import Array
from nnscratch.data.augment import Distortion
from nnscratch.data.batches import Batches, Normalisation
from nnscratch.data.classes import DIGITS, checked_classes, numbered
from nnscratch.data.mapped import backing_file
from nnscratch.data.scaling import Scaling, checked_scaling, of_unit_range
from nnscratch.data.stored_batches import StoredBatches
from nnscratch.errors import DataError, UsageError
from nnscratch.files import npz, safetensors
from nnscratch.layers import LAYERS, Layer, Shape, Softmax
from nnscratch.layers.network import Network
from nnscratch.models.confidence import Prediction, Thresholds, fit_temperature, fit_thresholds, readings
from nnscratch.training.callbacks import Callback
from nnscratch.training.losses import Loss, checked_labels, softmax_cross_entropy
from nnscratch.training.metrics import classification_report
from nnscratch.training.optimizers import Adam, Optimizer
from nnscratch.training.plan import Plan
from nnscratch.training.schedules import Constant, Schedule
from nnscratch.training.shards import outputs
from nnscratch.training.trainer import Trainer

MODEL_KIND = "model"
SCALING = ("scaling.mean", "scaling.scale")  # arrays of a file


class Sequential(Network):
    """A network to train and use.

    Images are (N, 28, 28), (N, C, H, W) or (N, D), uint8 0..255 or float 0..1; labels are integers (N,).
    ``normalisation`` is the (mean, standard deviation) by which pixels on the scale 0..1 enter the first layer.
    ``scaling`` is the (mean, scale) by which numbers that are no pixels are brought to a size that suits a network:
    each (D,) or one number for all, or None. A network that has it takes any finite numbers. If its mean and scale are
    those of numbers in 0..1, pixels in uint8 are brought to 0..1 first, as everywhere.
    ``temperature`` divides the logits where probabilities are asked for: see ``confidence.py``.
    ``classes`` are the names of the K classes, "0" to K - 1 unless they are set; see ``is_digits``.
    ``info`` is a dictionary that is saved with the model: its name, how it was trained, its figures.

    Raises UsageError for layers that do not fit on each other.
    """

    _scaling: Scaling | None = None  # here too, for pickles of before
    _classes: tuple[str, ...] | None = None  # and here

    def __init__(
        self,
        layers: Sequence[Layer],
        input_shape: Shape = (1, 28, 28),
        seed: int = 0,
        dtype: str = "float32",
        normalisation: Normalisation = (0.0, 1.0),
    ) -> None:
        super().__init__(layers, input_shape, seed, dtype)
        mean, std = normalisation
        if not (np.isfinite(mean) and np.isfinite(std) and std > 0):
            raise UsageError(f"the normalisation is {normalisation}: give a mean and a positive standard deviation")
        self.normalisation = (float(mean), float(std))
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

    def fit(
        self,
        images: Array,
        labels: Array,
        *,
        epochs: int = 1,
        batch_size: int = 64,
        optimizer: Optimizer | None = None,
        schedule: Schedule | None = None,
        loss: Loss = softmax_cross_entropy,
        label_smoothing: float = 0.0,
        clip: float = 0.0,
        ema: float = 0.0,
        validation: tuple[Array, Array] | None = None,
        patience: int = 0,
        keep: str = "best",
        seed: int = 0,
        distortion: Distortion | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> list[dict[str, float]]:
        """Train, and return the history: for each epoch a dict with loss, accuracy, validation_loss, seconds, ...

        With ``validation`` (images, labels) the network ends with the weights of its best validation epoch (highest
        accuracy, then lowest loss), and ``patience`` > 0 stops after so many epochs without a better one.
        ``keep="last"`` ends with the last epoch's weights instead. ``clip`` > 0 limits the gradient's global norm;
        ``ema`` > 0 is the decay of an EMA of the weights, which is what is validated and kept (the decay of step t is
        at most t / (t + 10)). ``optimizer`` is Adam(1e-3) unless given; ``loss`` must be a mean over the images, since
        a batch is worked on in parts. ``distortion`` shows each image in another form every epoch. A callback that
        stops the training leaves the best weights so far.

        Raises UsageError for arguments out of range, DivergedError when the loss is no longer finite.
        """
        self._check_loss(loss)
        optimizer, schedule, distortion = optimizer or Adam(1e-3), schedule or Constant(), distortion or Distortion()
        plan = Plan(
            epochs, batch_size, optimizer, schedule, loss, label_smoothing, clip, ema, patience, keep, seed,
            distortion=distortion,
        )  # fmt: skip
        return self._train(images, labels, plan, validation, callbacks)

    def _train(
        self,
        images: Array,
        labels: Array,
        plan: Plan,
        validation: tuple[Array, Array] | None,
        callbacks: Sequence[Callback],
    ) -> list[dict[str, float]]:
        held_out = None if validation is None else (self.batches(validation[0]), np.asarray(validation[1]))
        trainer = Trainer(self, self.batches(images), labels, plan, validation=held_out, callbacks=callbacks)
        history = trainer.run()
        if trainer.state.best_epoch:  # also where a callback has stopped it
            trainer.state.use_best()
        return history

    def batches(self, images: Array | Batches, rows: Array | None = None) -> Batches:
        """Return ``images``, all or the chosen ``rows`` (n,), ready to be fed to this network.

        What is mapped from a file stays there. Raises UsageError if they do not fit.
        """
        if isinstance(images, Batches):
            return images
        how = (self.input_shape, self.normalisation, self.dtype, self.by_image)
        file = backing_file(images) if isinstance(images, np.ndarray) and self.scaling is None else None
        if file is not None:
            return StoredBatches(file, rows, *how)
        images = images if rows is None else images[rows]
        if self.scaling is not None and np.asarray(images).dtype == np.uint8 and of_unit_range(self.scaling):
            images = np.asarray(images, self.dtype) / 255
        return Batches(images, *how, scaling=self.scaling)

    def _check_loss(self, loss: Loss) -> None:
        if loss is softmax_cross_entropy and self.ends_in_softmax:
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

        Raises DataError when they are too large for their type, or NaN, as with weights that somebody made up.
        """
        with np.errstate(all="ignore"):
            logits = self.to_logits(outputs(self, self.batches(images)))
        if not np.isfinite(logits).all():
            raise DataError("the network's answers are no finite numbers: train it again, or give it other images")
        return logits

    def to_logits(self, out: Array) -> Array:
        """Return the same for ``out`` (K, N), what :meth:`forward` returned."""
        if self.ends_in_softmax:
            return np.asarray(np.log(np.maximum(out, np.finfo(out.dtype).tiny)))
        return np.asarray(out / out.dtype.type(self.temperature))

    def calibrate(self, images: Array | Batches, labels: Array) -> float:
        """Set ``temperature`` and ``limits`` to what suits these images, not those trained on; return the first.

        Raises UsageError for images or labels that do not fit, and for a network that ends in Softmax.
        """
        labels = self._checked_labels(images, labels)
        if self.ends_in_softmax:
            raise UsageError("a temperature divides logits, and this network ends in Softmax: leave that layer out")
        out = outputs(self, self.batches(images))
        self.temperature = fit_temperature(out, labels)
        self.limits = fit_thresholds(out / self.temperature, labels)
        return self.temperature

    def predict_proba(self, images: Array) -> Array:
        """Return probabilities (N, K) float32; each row sums to 1. Raises UsageError for images that do not fit."""
        return np.exp(self.log_probabilities(images)).astype(np.float32)

    def read(self, images: Array) -> list[Prediction]:
        """Return for each image its class, confidence, probabilities, and whether that is sure, unsure or no class."""
        return readings(self.logits(images), self.limits, self.classes)

    def predict(self, images: Array) -> Array:
        """Return the most probable class of each image, (N,) int64."""
        return np.asarray(self.log_probabilities(images).argmax(axis=1))

    def score(self, images: Array, labels: Array) -> float:
        """Return the accuracy, 0..1, on images with integer labels (N,). Raises UsageError when they do not fit."""
        labels = self._checked_labels(images, labels)
        return float((self.predict(images) == labels).mean())

    def evaluate(self, images: Array | Batches, labels: Array) -> dict[str, Any]:
        """Return loss, accuracy with its 95 % interval, and figures by class: see ``metrics.classification_report``."""
        labels = self._checked_labels(images, labels)
        return classification_report(self.log_probabilities(images), labels)

    def _checked_labels(self, images: Array | Batches, labels: Array) -> Array:
        """Return the labels as an array. Raises UsageError unless there is one in 0..K - 1 for each image."""
        labels = np.asarray(labels)
        if len(images) == 0 or labels.shape != (len(images),):
            raise UsageError(f"{len(images)} images came with labels of shape {labels.shape}: give one for each image")
        return checked_labels(labels, self.shapes[-1][0])

    # ---- files

    def architecture(self) -> dict[str, Any]:
        """Return what the network is, without its weights, fit for JSON."""
        for layer in self.layers:
            if LAYERS.get(type(layer).__name__) is not type(layer):
                raise UsageError(
                    f"{layer.name} is a {type(layer).__name__}, which is not one of the library's layers: "
                    f"such a network cannot be saved to a file"
                )
        return {
            "layers": [{"layer": type(layer).__name__, **layer.settings()} for layer in self.layers],
            "input_shape": list(self.input_shape),
            "dtype": self.dtype.name,
            "seed": self.seed,
            "normalisation": list(self.normalisation),
        }

    def save(self, path: str | Path) -> None:
        """Write architecture, weights and ``info`` to an .npz or a .safetensors file, whole or not at all.

        Raises UsageError for layers of one's own, DataError when the file cannot be written.
        """
        header = {"architecture": self.architecture(), "temperature": self.temperature, "info": self.info}
        header["limits"] = self.limits.to_dict()
        if self._classes is not None:
            header["classes"] = list(self._classes)
        arrays = self.parameters | self.buffers
        if self.scaling is not None:
            mean, scale = (np.array(one, np.float64, ndmin=1) for one in self.scaling)
            arrays |= dict(zip(SCALING, (mean, scale), strict=True))
        version = 1 if self._classes is None else 2  # who cannot read the names would say wrong ones
        if safetensors.is_safetensors(path):
            safetensors.write(path, header, arrays, version)
        else:
            npz.write(path, MODEL_KIND, header, arrays, version)
