"""Train with Keras on TensorFlow: one call of fit, which a callback holds between the epochs.

Modes: fit (jit_compile="auto", Keras's choice), jit_compile (XLA).
"""

from __future__ import annotations

import os
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf

from benchmarks.peers.frameworks import protocol

STEPS_PER_EXECUTION = 64  # batches in one call of the compiled function


class Hold(keras.callbacks.Callback):
    """Waits after each epoch until the benchmark wants another."""

    def __init__(self, data: protocol.Mnist) -> None:
        super().__init__()
        self.images, self.labels = data.test_images[..., None], data.test_labels
        self.turns = protocol.Turns(keras=keras.__version__, tensorflow=tf.__version__)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Tell, wait, go on or stop."""
        assert logs is not None
        if not self.turns.next(float(logs["loss"]), self.accuracy):
            self.model.stop_training = True

    def accuracy(self) -> float:
        """Return the accuracy on the test images."""
        logits = np.asarray(self.model(self.images, training=False))
        return float((logits.argmax(axis=1) == self.labels).mean())


def build(model: str) -> keras.Sequential:
    """Return the network; Glorot's uniform weights are the default."""
    layers = keras.layers
    first: list[keras.Layer] = [keras.Input((28, 28, 1))]
    if model == "lenet5":
        first += [layers.Conv2D(6, 5, activation="relu"), layers.MaxPooling2D(2)]
        first += [layers.Conv2D(16, 5, activation="relu"), layers.MaxPooling2D(2)]
    hidden = [layers.Dense(units, activation="relu") for units in protocol.DENSE[model][1:-1]]
    return keras.Sequential([*first, layers.Flatten(), *hidden, layers.Dense(10)])


def main() -> None:
    """Train."""
    args = protocol.arguments()
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    tf.config.threading.set_inter_op_parallelism_threads(args.threads)
    keras.utils.set_random_seed(protocol.SEED)
    data = protocol.mnist()
    network = build(args.model)
    protocol.check_parameters(args.model, network.count_params())
    network.compile(
        optimizer=keras.optimizers.Adam(protocol.LEARNING_RATE),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=args.mode == "jit_compile" or "auto",
        steps_per_execution=STEPS_PER_EXECUTION,
    )
    network.fit(
        data.train_images[..., None],
        data.train_labels,
        batch_size=args.batch,
        epochs=1000,  # until stopped
        shuffle=True,
        verbose=0,
        callbacks=[Hold(data)],
    )


if __name__ == "__main__":
    main()
