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

import nnscratch as nn
from benchmarks.peers.frameworks import protocol
from benchmarks.speed import architectures

STEPS_PER_EXECUTION = 64  # batches in one call of the compiled function


class Hold(keras.callbacks.Callback):
    """Waits after each epoch until the benchmark wants another."""

    def __init__(self, data: architectures.Data) -> None:
        super().__init__()
        self.images = tf.constant(channels_last(data.test_images))
        self.turns = protocol.Turns(data.test_labels, keras=keras.__version__, tensorflow=tf.__version__)

    def set_model(self, model: keras.Model) -> None:
        """Make the function that predicts: ``model.predict`` cuts the images into batches, which takes longer."""
        super().set_model(model)
        self.predict = tf.function(lambda x: model(x, training=False))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Tell, wait, go on or stop."""
        assert logs is not None
        if not self.turns.next(float(logs["loss"]), self.probabilities):
            self.model.stop_training = True

    def probabilities(self) -> np.ndarray:
        """Return those of the test images."""
        return tf.nn.softmax(self.predict(self.images)).numpy()


def channels_last(images: np.ndarray) -> np.ndarray:
    """Return images (N, C, H, W) as (N, H, W, C)."""
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1))


def build(model: str) -> keras.Sequential:
    """Return the network with everybody's initial weights."""
    own = architectures.build(model)
    network = keras.Sequential([keras.Input(own.input_shape[1:] + own.input_shape[:1])])
    image: tuple[int, ...] | None = None  # what the next dense layer sees flat
    for layer, shape in zip(own.layers, own.shapes, strict=False):
        for each in twins(layer):
            network.add(each)
        image = shape if isinstance(layer, nn.Flatten) else image
        if layer.parameters:
            network.layers[-1].set_weights(weights(layer, image))
            image = None
    return network


def twins(layer: nn.layers.Layer) -> list[keras.Layer]:
    """Return Keras's layers for one of nnscratch."""
    layers = keras.layers
    if isinstance(layer, nn.Conv2D):
        convolution = layers.Conv2D(layer.filters, layer.size, layer.strides)
        if layer.strides == (1, 1) and layer.pads == same(layer.size):
            return [layers.Conv2D(layer.filters, layer.size, padding="same")]
        return [layers.ZeroPadding2D(layer.pads), convolution] if np.any(layer.pads) else [convolution]
    if isinstance(layer, nn.MaxPool2D | nn.AvgPool2D):
        return [(layers.MaxPooling2D if isinstance(layer, nn.MaxPool2D) else layers.AveragePooling2D)(layer.size)]
    if isinstance(layer, nn.BatchNorm):
        return [layers.BatchNormalization(momentum=layer.momentum, epsilon=layer.eps)]
    if isinstance(layer, nn.Dense):
        return [layers.Dense(layer.units)]
    if isinstance(layer, nn.Dropout):
        return [layers.Dropout(layer.rate)]
    if isinstance(layer, nn.LeakyReLU):
        return [layers.LeakyReLU(layer.slope)]
    plain = {nn.Flatten: layers.Flatten, nn.ReLU: layers.ReLU, nn.Tanh: lambda: layers.Activation("tanh")}
    return [plain[type(layer)]()]


def same(kernel: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    """Return the zeros around an image that keep its size, with odd kernels and strides of 1."""
    return tuple((side // 2, side // 2) for side in kernel)


def weights(layer: nn.layers.Layer, image: tuple[int, ...] | None) -> list[np.ndarray]:
    """Return weights and statistics as Keras has them; ``image`` (C, H, W) is what a dense layer sees flat."""
    first, *others = [*layer.parameters.values(), *layer.buffers.values()]
    if isinstance(layer, nn.Conv2D):
        first = first.transpose(2, 3, 1, 0)
    elif isinstance(layer, nn.Dense):
        first = architectures.channels_last(first, image).T
    return [first, *others]


def main() -> None:
    """Train."""
    args = protocol.arguments()
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    tf.config.threading.set_inter_op_parallelism_threads(args.threads)
    keras.utils.set_random_seed(protocol.SEED)
    data = protocol.data(args.model, args.images)
    network = build(args.model)
    protocol.check_parameters(args.model, sum(np.prod(value.shape) for value in network.trainable_weights))
    network.compile(
        optimizer=keras.optimizers.Adam(protocol.LEARNING_RATE),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=args.mode == "jit_compile" or "auto",
        steps_per_execution=STEPS_PER_EXECUTION,
    )
    network.fit(
        channels_last(data.train_images),
        data.train_labels,
        batch_size=args.batch,
        epochs=1000,  # until stopped
        shuffle=True,
        verbose=0,
        callbacks=[Hold(data)],
    )


if __name__ == "__main__":
    main()
