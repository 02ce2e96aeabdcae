"""Steps of networks that have every layer between them, for the tests of ``study/step``."""

import numpy as np

import nnscratch as nn
from nnscratch.study.step.step import take_step

NUMBER = r"-?\d[\d.]*(?:e[-+]\d+)?"


def mixed():
    """A network of everything that the three models do not have."""
    return nn.Sequential(
        [
            nn.Conv2D(3, 3, stride=2, padding="same"),
            nn.BatchNorm(),
            nn.Sigmoid(),
            nn.AvgPool2D(3, 2),
            nn.Conv2D(4, 2, padding=1),
            nn.Tanh(),
            nn.MaxPool2D(3, 2),  # windows overlap
            nn.Flatten(),
            nn.Dense(20),
            nn.LeakyReLU(0.1),
            nn.Dropout(0.3),
            nn.Dense(12),
            nn.Softmax(),
            nn.Dense(10),
        ],
        normalisation=(0.13, 0.31),
    )


NETS = {
    "lenet5": lambda: nn.build("lenet5"),
    "mlp": lambda: nn.build("mlp", hidden=(30, 20)),
    "logistic": lambda: nn.build("logistic"),
    "classic": lambda: nn.build("lenet5-classic"),
    "mixed": mixed,
}
STEPS = {}


def step_of(name, optimizer=None):
    if name not in STEPS or optimizer:
        mnist = nn.load_mnist()
        optimizer = optimizer or nn.AdamW(1e-3, weight_decay=0.05)
        STEPS[name] = take_step(NETS[name](), mnist.test_images[3], int(mnist.test_labels[3]), optimizer)
    return STEPS[name]


def some(shape, count=6):
    rng = np.random.default_rng(sum(shape))
    return [tuple(int(rng.integers(0, side)) for side in shape) for _ in range(count)]


def summed(sum_of):
    return sum_of.bias + sum(term.product for term in sum_of.terms)
