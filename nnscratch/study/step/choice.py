"""Which image a step is shown on: one from which the network has something to learn."""

from __future__ import annotations

import numpy as np

from nnscratch import ops
from nnscratch.arrays import Array
from nnscratch.models.sequential import Sequential

TO_LEARN = 0.5  # a loss: the right class has a probability of less than 0.61
LEARNT = 0.01  # a loss below which a step changes next to nothing
CHUNK = 500  # images that are read at a time


def to_learn(model: Sequential, images: Array, labels: Array) -> tuple[int, float]:
    """Return the number of the first image whose loss is above TO_LEARN, or else of the largest loss, and that loss.

    For images (N, 28, 28) uint8 and their labels (N,).
    """
    best, most = 0, -1.0
    for start in range(0, len(labels), CHUNK):
        chunk = slice(start, start + CHUNK)
        z = model.logits(images[chunk]).astype(np.float64) * model.temperature  # training knows no temperature
        loss = -ops.log_softmax(z)[labels[chunk], np.arange(z.shape[1])]
        place = int((loss > TO_LEARN).argmax() if (loss > TO_LEARN).any() else loss.argmax())
        if loss[place] > most:
            best, most = start + place, float(loss[place])
        if most > TO_LEARN:
            break
    return best, most
