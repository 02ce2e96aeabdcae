"""Train with nnscratch: one call of fit, which a callback holds between the epochs."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from benchmarks.peers.frameworks import protocol
from benchmarks.speed import architectures
from nnscratch.training.trainer import Trainer


class Hold(nn.Callback):
    """Waits after each epoch until the benchmark wants another."""

    def __init__(self, model: nn.Sequential, data: architectures.Data) -> None:
        self.model, self.images = model, data.test_images
        self.turns = protocol.Turns(data.test_labels, nnscratch=nn.__version__, numpy=np.__version__)

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Tell, wait, go on or stop."""
        loss = trainer.state.history[-1]["loss"]
        if not self.turns.next(loss, lambda: self.model.predict_proba(self.images)):
            trainer.stop()


def main() -> None:
    """Train the model on MNIST as it is stored, uint8, on the public path."""
    args = protocol.arguments()
    nn.set_threads(args.threads)
    data = architectures.dataset(args.model, args.images)
    model = architectures.build(args.model)
    model.fit(
        data.train_images,
        data.train_labels,
        epochs=1000,  # until stopped
        batch_size=args.batch,
        optimizer=nn.Adam(protocol.LEARNING_RATE),
        seed=protocol.SEED,
        callbacks=[Hold(model, data)],
    )


if __name__ == "__main__":
    main()
