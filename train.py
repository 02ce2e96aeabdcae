"""Train LeNet-5, the MLP and logistic regression on MNIST: ``python train.py --help``.

The epoch loop is in ``nnscratch/training/trainer.py``, the step (forward, loss, backward) in
``nnscratch/training/step.py``, the mathematics in ``nnscratch/ops/``.
"""

import sys

from nnscratch.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]], prog="train.py"))
