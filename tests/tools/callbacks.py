"""Callbacks that several tests use."""

import nnscratch as nn


class StopAt(nn.Callback):
    """Stops a training after so many batches."""

    def __init__(self, step):
        self.step = step

    def on_batch_end(self, trainer):
        if trainer.state.step == self.step:
            trainer.stop()
