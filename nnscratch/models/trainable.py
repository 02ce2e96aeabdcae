"""``fit``: what it may be given, what that means, and the training."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from nnscratch.arrays import Array
from nnscratch.data.augment import Distortion
from nnscratch.data.batches import Batches
from nnscratch.data.scaling import as_array
from nnscratch.errors import UsageError
from nnscratch.layers.network import Network
from nnscratch.models.example_weights import ClassWeight, checked_weights, example_weights
from nnscratch.models.fitting import all_callbacks, as_flag, as_plan, as_validation, hold_out
from nnscratch.models.history import History
from nnscratch.models.warm_start import Ending
from nnscratch.training.callbacks import Callback
from nnscratch.training.losses import Loss, softmax_cross_entropy
from nnscratch.training.optimizers import Optimizer
from nnscratch.training.plan import Plan
from nnscratch.training.schedules import Schedule
from nnscratch.training.trainer import Trainer

ELSEWHERE = {  # methods of PyTorch's and Keras's networks, and what to write here
    "train": "fit trains, and forward(x, training=True) switches dropout on",
    "eval": "predict, score and evaluate switch dropout off by themselves",
    "compile": "give optimizer= and loss= to fit",
    "state_dict": "parameters and buffers are dictionaries, and save writes a file",
    "load_state_dict": "write into parameters: network.parameters['dense1.W'][...] = W; nn.load reads a file",
    "zero_grad": "backward writes gradients anew, and adds to none",
    "requires_grad_": "layer.trainable = False freezes a layer, net.trainable = False all of them",
    "freeze": "layer.trainable = False freezes a layer, net.trainable = False all of them",
    "to": "all is computed on the processor; nn.set_threads says on how many cores",
    "fit_generator": "fit takes arrays, also those of a mapped file",
}


class Trainable(Network):
    """A network that has :meth:`fit`, but for how images enter it."""

    is_regression = False
    _last_fit: Ending | None = None

    def fit(
        self,
        images: Any,
        labels: Any,
        *,
        epochs: int = 1,
        batch_size: int = 64,
        optimizer: Optimizer | type[Optimizer] | str | None = None,
        schedule: Schedule | type[Schedule] | str | Callable[[float], float] | None = None,
        loss: Loss | str = softmax_cross_entropy,
        label_smoothing: float = 0.0,
        clip: float = 0.0,
        ema: float = 0.0,
        validation: tuple[Any, Any] | None = None,
        validation_split: float = 0.0,
        patience: int = 0,
        min_delta: float = 0.0,
        keep: str = "best",
        seed: int = 0,
        distortion: Distortion | None = None,
        callbacks: Any = (),
        progress: bool | None = None,
        warm_start: bool = False,
        sample_weight: Any = None,
        class_weight: ClassWeight = None,
    ) -> History:
        """Train from the weights that the network has, and return the history: a list with a dict for each epoch.

        Parameters
        ----------
        images, labels : array-like
            What to learn, as the class says: images (N, ...) that fit the input, and N integers, or rows (N, K) of
            shares that sum to 1. With ``loss="mse"`` any targets (N, K), of one output (N,) too; those make it a
            regression: its history has no accuracy, but validation_r2, and its best epoch has the lowest loss.
        epochs, batch_size : int
            How often to go through the images, and how many of them make a step of the optimiser.
        optimizer : Optimizer or str, default=nn.Adam(1e-3)
            Such as ``nn.SGD(0.1)``; "sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw" at their own rates.
        schedule : Schedule, str or function, default=nn.Constant()
            The factor of the learning rate: "constant", "step", "cosine", "one-cycle", ``nn.Cosine(warmup=0.1)``, or a
            function of the progress, 0 <= p < 1, such as ``lambda p: 1 - p``.
        loss : function or str, default="cross_entropy"
            That, "mse", or ``loss(outputs (K, n), labels)`` that returns (loss, dout), the mean over the images and its
            gradient (K, n): a mean, since a batch is worked on in parts.
        label_smoothing : float
            The share of each label that is spread over all classes, 0 to below 1.
        clip : float
            The largest global norm of the gradient; 0: any.
        ema : float
            The decay of an EMA of the weights, which is what is validated and kept; of step t at most t / (t + 10).
        validation : (images, labels)
            What is evaluated after each epoch. The network then ends with the weights of the best: highest accuracy,
            then lowest loss. Or
        validation_split : float
            the share, 0 to below 1, to hold out for that, by the seed, of integer labels each class in proportion.
        patience : int
            Stop after so many epochs without a better one; 0: never. It needs ``validation`` or ``validation_split``.
        min_delta : float
            By how much the validation accuracy of an epoch must exceed that of the best to be better; at 0 the lower
            loss decides between equals. Where there is no accuracy, by how much the loss must fall.
        keep : {"best", "last"}
            Which epoch's weights to end with.
        seed : int
            Where the order of the images, dropout and distortions come from.
        distortion : Distortion
            Shows each image in another form every epoch.
        callbacks : Callback, function or several
            What watches; a function is called with the ``Trainer`` after each epoch. One that stops the training
            leaves the best weights so far.
        progress : bool
            A progress bar; None: where statements are typed, at a prompt or in a notebook, but not in scripts.
        warm_start : bool
            Go on where the last ``fit`` of this network ended, as if it had been given more epochs: its last weights,
            the optimiser's vectors, the number of the epoch and of the step, the best epoch so far. Two fits of one
            epoch are then one of two to the bit, where images, seed and all settings are the same, the schedule is
            constant and patience does not end it; another schedule is taken up where it is for all epochs together.
            False, and in the first ``fit``: the optimiser and the count of epochs begin anew.
        sample_weight : array-like (N,)
            How much each example counts. Accuracies and validation do not look at weights.
        class_weight : "balanced", {class: weight} or array-like (K,)
            How much each class counts; weights of both kinds are multiplied. See ``models/example_weights.py``.

        Raises UsageError for arguments out of range, DivergedError when the loss is no longer finite.
        """
        plan = as_plan(
            epochs=epochs, batch_size=batch_size, optimizer=optimizer, schedule=schedule, loss=loss,
            label_smoothing=label_smoothing, clip=clip, ema=ema, patience=patience, min_delta=min_delta, keep=keep,
            seed=seed, distortion=distortion or None,
        )  # fmt: skip
        self._check_loss(plan.loss)
        validation, labels = as_validation(validation), as_array(labels, "labels")
        images = images if isinstance(images, Batches) else as_array(images, "images")
        rows = hold_out(images, labels, validation_split, validation, plan.seed)
        if plan.patience and validation is None and rows is None:
            advice = "give validation or validation_split"
            warnings.warn(f"patience waits for a better validation, and there is none: {advice}", stacklevel=2)
        if rows is not None:
            train, held_out = rows
            validation = self.batches(images, held_out), labels[held_out]
            images, labels = self.batches(images, train), labels[train]
            if sample_weight is not None:
                count = len(train) + len(held_out)
                sample_weight = checked_weights("sample_weight", sample_weight, count, "image")[train]
        watching, warm_start = all_callbacks(callbacks, progress), as_flag("warm_start", warm_start)
        return self._train(images, labels, plan, validation, watching, sample_weight, class_weight, warm_start)

    def _train(
        self,
        images: Array | Batches,
        labels: Array,
        plan: Plan,
        validation: tuple[Array | Batches, Array] | None,
        callbacks: Sequence[Callback],
        sample_weight: Array | None = None,
        class_weight: ClassWeight = None,
        warm_start: bool = False,
    ) -> History:
        """Train by a plan, on arguments that :meth:`fit` has made plain."""
        last, ending = self._last_fit if warm_start else None, Ending()
        if last is not None:
            last.check(self, plan.optimizer)
            plan.epochs += last.epochs
        held_out = None if validation is None else (self.batches(validation[0]), validation[1])
        trainer = Trainer(self, self.batches(images), labels, plan, validation=held_out, callbacks=[*callbacks, ending])
        if class_weight is not None and trainer.is_regression:
            raise UsageError("class_weight came with a regression, which has no classes: give sample_weight")
        if sample_weight is not None or class_weight is not None:
            trainer.weights = example_weights(sample_weight, class_weight, trainer.labels, self.shapes[-1][0])
        if last is not None:
            last.restore(trainer)
        self._last_fit = None  # nothing to go on with, should it fail
        self._look_at(trainer.images)
        self.is_regression = trainer.is_regression
        history = trainer.run()
        if trainer.state.best_epoch:  # also where a callback has stopped it
            trainer.state.use_best()
        self._last_fit = ending
        return History(history[last.epochs if last else 0 :])

    @property
    def trainable(self) -> bool:
        """True when training changes a layer. Set, it holds for all: ``net.trainable = False`` freezes each of them."""
        return any(layer.trainable for layer in self.layers if layer.parameters)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self.layers:
            layer.trainable = as_flag("trainable", value)  # type: ignore[misc]

    if not TYPE_CHECKING:  # a class that answers for any name would not be checked

        def __getattr__(self, name: str) -> Any:
            """Say what to write for what PyTorch and Keras call otherwise."""
            hint = f": {ELSEWHERE[name]}" if name in ELSEWHERE else ""
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}", name=name, obj=self)

    def batches(self, images: Array | Batches, rows: Array | None = None) -> Batches:
        """Return ``images``, all or the chosen ``rows`` (n,), ready to be fed to this network."""
        raise NotImplementedError

    def _check_loss(self, loss: Loss) -> None:
        """Raise UsageError for a loss that this network's output does not suit."""

    def _look_at(self, images: Batches) -> None:
        """Remember of the images trained on what matters for those of later."""
