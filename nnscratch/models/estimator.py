"""``nn.Classifier``: the library's networks as an estimator of scikit-learn, which this module alone imports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from nnscratch import ops
from nnscratch.arrays import Array
from nnscratch.data.batches import Batches
from nnscratch.data.scaling import flat, image_shape, learn_scaling
from nnscratch.errors import UsageError, short_repr, unknown
from nnscratch.models.example_weights import example_weights
from nnscratch.models.parameters import layers_of, plan_of, split_off
from nnscratch.models.saving import from_architecture
from nnscratch.models.sequential import Sequential
from nnscratch.models.zoo import MODELS
from nnscratch.training.inference.outputs import outputs
from nnscratch.training.plan import Plan
from nnscratch.training.trainer import Trainer

OF_VECTORS = ("mlp", "logistic")  # the other models take images


@dataclass(eq=False, repr=False)  # its __init__ has the explicit keywords that scikit-learn reads
class Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A neural network that classifies, trained by backpropagation, with scikit-learn's methods.

    It takes vectors of any numbers, which it scales first, or images. The loss is the cross-entropy.

    Parameters
    ----------
    model : {"mlp", "logistic", "lenet5", "lenet5-classic"}, default="mlp"
        Which network. The last two are convolutional: they take images, of at least 16 x 16 pixels.
    hidden : sequence of int, default=(100,)
        Sizes of the hidden layers. Only the mlp has them; so with ``activation`` and ``dropout``.
    activation : {"relu", "leaky-relu", "tanh", "sigmoid"}, default="relu"
        What follows each hidden layer.
    dropout : float, default=0.0
        Share of each hidden layer's numbers that training leaves out, at least 0 and below 1.
    epochs : int, default=50
        How often ``fit`` goes through the examples.
    batch_size : int, default=32
        Examples in each step of the optimiser.
    optimizer : {"sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw"}, default="adam"
        How a gradient becomes a step.
    learning_rate : float, default=0.003
        Size of the steps.
    schedule : {"constant", "step", "cosine", "one-cycle"}, default="constant"
        How the learning rate moves while ``fit`` runs; ``partial_fit`` leaves it constant.
    weight_decay : float, default=0.0
        L2 regularisation of the weights; with adamw, decoupled.
    label_smoothing : float, default=0.0
        Share of each label that is spread over all classes.
    validation_fraction : float, default=0.0
        Share of the examples that ``fit`` holds out, each class in proportion. The network then ends with the weights
        of the epoch that classified these best.
    patience : int, default=0
        End after so many epochs without a better one; 0: never. Needs ``validation_fraction``.
    scaling : {"auto", "features", "images", "none"}, default="auto"
        What is done to X first. "features": each feature is brought to mean 0 and standard deviation 1, as it has them
        in ``fit``. "images": all numbers are divided by the largest magnitude (255 for uint8), since pixels are of one
        kind. "auto": "images" for uint8, for X of more than two dimensions and for convolutional models, otherwise
        "features".
    deskew : bool, default=False
        Whether images, or vectors that are square images, blank where 0, enter without their slant: see ``nn.deskew``.
    class_weight : dict, "balanced" or None, default=None
        How much the examples of each label count in the loss: {label: weight}, where others weigh 1, or "balanced", by
        which all labels count alike. ``partial_fit`` takes no "balanced", since it does not see all labels.
    random_state : int, RandomState instance or None, default=None
        Where the initial weights, the order of the examples and dropout come from. An int gives the same network again.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    n_features_in_ : int
        How many numbers an example has; of an image, its pixels.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        The names of the columns, where X had names that are all texts.
    network_ : nnscratch.Sequential
        The network. It takes X as it is, and so does a network loaded from the file that ``network_.save`` makes: the
        scaling belongs to it. Trained on images in uint8 it has none, and takes those, or pixels in 0..1.
    mean_, scale_ : ndarray of shape (n_features_in_,), or float
        What is taken from X, and what that is divided by, before it enters the network.
    history_ : list of dict
        For each epoch its loss, accuracy, seconds, and with ``validation_fraction`` those of the validation.

    Notes
    -----
    The network computes in float64 where X is float64, and in float32 otherwise, which is quicker. Threads are those of
    ``nn.set_threads``: give 1 to the processes of a search with ``n_jobs``.

    A ``sample_weight`` of 2 is an example that is there twice, and 0 one that is not there, where all fit into one
    batch. With more of them, that is so in expectation, since batches are drawn at random.

    Examples
    --------
    >>> import nnscratch as nn
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> nn.Classifier(random_state=0).fit(X, y).predict(X[:3])
    array([0, 0, 0])
    """

    model: str = "mlp"
    _: KW_ONLY
    hidden: Sequence[int] = (100,)
    activation: str = "relu"
    dropout: float = 0.0
    epochs: int = 50
    batch_size: int = 32
    optimizer: str = "adam"
    learning_rate: float = 0.003
    schedule: str = "constant"
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    validation_fraction: float = 0.0
    patience: int = 0
    scaling: str = "auto"
    deskew: bool = False
    class_weight: Any = None
    random_state: Any = None

    # ---- training

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new network.

        Parameters
        ----------
        X : array-like of shape (n, n_features), (n, height, width) or (n, channels, height, width)
            The examples.
        y : array-like of shape (n,)
            Their labels: numbers or texts.
        sample_weight : array-like of shape (n,), default=None
            How much each example counts in the loss and the scaling; only ratios matter.

        Returns
        -------
        self : Classifier
            The classifier itself.

        Raises
        ------
        UsageError
            For parameters out of range, or examples that the model cannot take. It is a ValueError.
        DivergedError
            When the loss is no longer finite: lower the learning rate.
        """
        X, y, shape = self._examples(X, y, reset=True)
        self.classes_, labels = np.unique(y, return_inverse=True)
        weights = self._weights(sample_weight, labels)
        self._begin(X, shape, sample_weight)
        plan = plan_of(self, epochs=self.epochs, schedule=self.schedule, seed=self._seed)
        return self._train(X, labels, plan, weights, *split_off(labels, self.validation_fraction, self._seed))

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Go through these examples once, from where the last call or ``fit`` has ended.

        The first call learns the scaling for good, from its own examples: make them a fair sample.

        Parameters
        ----------
        X, y : array-like
            The examples and their labels, as in ``fit``.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come. Needed in the first call.
        sample_weight : array-like of shape (n,), default=None
            As in ``fit``; the ratios are those among these examples.

        Returns
        -------
        self : Classifier
            The classifier itself.

        Raises
        ------
        UsageError
            As ``fit``; for a first call without ``classes``, for others later, and for a label that is not in them.
        """
        first = not hasattr(self, "network_")
        X, y, shape = self._examples(X, y, reset=first)
        if first:
            if classes is None:
                raise UsageError("the first call of partial_fit came without classes: give all labels that there are")
            self.classes_ = np.unique(classes)
        elif classes is not None and not np.array_equal(self.classes_, np.unique(classes)):
            raise UsageError("classes differ from those of the first call of partial_fit: leave them out")
        if not np.isin(y, self.classes_).all():
            raise UsageError(
                f"y has labels that are not among the classes {self.classes_[:20].tolist()}: give all at first"
            )
        if isinstance(self.class_weight, str):
            raise UsageError(f"class_weight is {self.class_weight!r}: partial_fit needs a dict, or sample_weight")
        labels = np.searchsorted(self.classes_, y)
        weights = self._weights(sample_weight, labels)
        if first:
            self._begin(X, shape, sample_weight)
        done = self._state[0]["epoch"] if self._state else 0
        plan = plan_of(self, epochs=done + 1, schedule="constant", seed=self._seed)
        return self._train(X, labels, plan, weights)

    def _examples(self, X: Any, y: Any, reset: bool) -> tuple[Array, Array, tuple[int, ...]]:
        """Return X (n, n_features), y (n,), and the shape of an example as it came."""
        X, shape = flat(X)
        X, y = validate_data(self, X, y, reset=reset)
        check_classification_targets(y)
        return X, y, shape or X.shape[1:]

    def _weights(self, sample_weight: Any, labels: Array) -> Array | None:
        """Return how much each example counts (n,), or None where all do alike."""
        given, names = self.class_weight, self.classes_.tolist()
        if isinstance(given, Mapping):
            others = [name for name in given if name not in names]
            if others and not all(name in given for name in names):
                raise UsageError(f"class_weight has {short_repr(others[0])}, which is no label in y: leave it out")
            given = {place: given[name] for place, name in enumerate(names) if name in given}
        return example_weights(sample_weight, given, labels, len(names))

    def _begin(self, X: Array, shape: tuple[int, ...], sample_weight: Any) -> None:
        """Learn the scaling, and make a network with initial weights."""
        if self.model not in MODELS:
            raise unknown("the model", self.model, MODELS)
        is_image = len(shape) > 1
        pixels = is_image or self.model not in OF_VECTORS or self.deskew
        input_shape = image_shape(shape, "deskew" if self.deskew else self.model) if pixels else shape
        weights = None if sample_weight is None else np.asarray(sample_weight, np.float64)
        self.mean_, self.scale_ = learn_scaling(X, self.scaling, pixels=pixels, weights=weights)
        self._seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        dtype = "float64" if X.dtype == np.float64 else "float32"
        layers = layers_of(self, len(self.classes_))
        self.network_ = Sequential(layers, input_shape, self._seed, dtype, deskew=self.deskew)
        self._hand_over_scaling()
        self._state: tuple[dict[str, Any], dict[str, Array]] | None = None  # where the training has ended
        self.history_: list[dict[str, float]] = []

    def _train(
        self,
        X: Array,
        labels: Array,
        plan: Plan,
        weights: Array | None,
        kept: Any = slice(None),
        held_out: Any = None,
    ) -> Self:
        """Train on the examples ``kept``, from where the last training has ended."""
        validation = None if held_out is None else (self._batches(X[held_out]), labels[held_out])
        trainer = Trainer(self.network_, self._batches(X[kept]), labels[kept], plan, validation=validation)
        if weights is not None:  # of mean 1 among those trained on
            trainer.weights = example_weights(weights[kept], None, labels[kept], len(self.classes_))
        if self._state is not None:
            trainer.state.restore(*self._state)
        trainer.run()
        self.history_ += trainer.state.history
        arrays = {name: value.copy() for name, value in trainer.state.arrays().items() if name.split(".")[0] != "best"}
        self._state = trainer.state.numbers() | {"history": [], "best_epoch": 0}, arrays
        return self

    def _hand_over_scaling(self) -> None:
        """Let the network take X as it is; one of pixels on the scale 255 does so by itself."""
        of_pixels = np.ndim(self.scale_) == 0 and (self.mean_, self.scale_) == (0, 255)
        self.network_.scaling = None if of_pixels else (self.mean_, self.scale_)

    def _batches(self, X: Array) -> Batches:
        """Return X (n, n_features), scaled, ready for the network."""
        network = self.network_
        form = network.input_shape, network.normalisation, network.dtype, network.by_image
        return Batches(X, *form, scaling=(self.mean_, self.scale_), deskew=network.deskew)

    # ---- use

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class for X as in ``fit``: (n, n_classes), in the order of ``classes_``."""
        check_is_fitted(self)
        X = validate_data(self, flat(X)[0], reset=False)
        logits = outputs(self.network_, self._batches(X)).astype(np.float64)
        return np.ascontiguousarray(np.exp(ops.log_softmax(logits)).T)

    def predict(self, X: Any) -> Array:
        """Return the most probable label of each example, (n,), for X as in ``fit``."""
        probabilities = self.predict_proba(X)
        return np.asarray(self.classes_[probabilities.argmax(axis=1)])

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Become what was pickled; in pickles of before, the network is its architecture and its numbers."""
        super().__setstate__(state)
        if isinstance(state.get("network_"), tuple):
            architecture, arrays = state["network_"]
            self.network_ = from_architecture(architecture)
            for name, value in (self.network_.parameters | self.network_.buffers).items():
                value[...] = arrays[name]
            self._hand_over_scaling()
