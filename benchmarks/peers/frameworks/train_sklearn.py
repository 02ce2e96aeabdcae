"""Train with scikit-learn's MLPClassifier, the MLP only. partial_fit is one epoch, in an order of its own."""

from __future__ import annotations

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier

from benchmarks.peers.frameworks import protocol
from benchmarks.speed import architectures
from nnscratch.layers import Dense


def main() -> None:
    """Train."""
    args = protocol.arguments()
    data = protocol.data(args.model)
    train, test = (images.reshape(len(images), 784) for images in (data.train_images, data.test_images))
    *hidden, _ = (layer.units for layer in architectures.KNOWN[args.model].layers if isinstance(layer, Dense))
    network = MLPClassifier(
        hidden_layer_sizes=hidden,
        activation="relu",  # with Glorot's uniform weights
        solver="adam",
        alpha=0,  # no weight decay
        batch_size=args.batch,
        learning_rate_init=protocol.LEARNING_RATE,
        shuffle=True,
        random_state=protocol.SEED,
    )

    def epoch() -> float:
        network.partial_fit(train, data.train_labels, classes=np.arange(10))
        return float(network.loss_)

    network.partial_fit(train[: args.batch], data.train_labels[: args.batch], classes=np.arange(10))
    protocol.check_parameters(args.model, sum(array.size for array in network.coefs_ + network.intercepts_))
    protocol.serve_epochs(epoch, lambda: network.predict_proba(test), data.test_labels, sklearn=sklearn.__version__)


if __name__ == "__main__":
    main()
