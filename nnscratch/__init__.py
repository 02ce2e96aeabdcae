"""nnscratch: neural networks from scratch in NumPy. ``import nnscratch as nn``."""

from typing import Any

from nnscratch.data import Dataset, load_dataset, load_mnist
from nnscratch.data.augment import Distortion
from nnscratch.errors import ConvergenceWarning, DataError, DivergedError, NNScratchError, UsageError
from nnscratch.layers import (
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from nnscratch.models.saving import load
from nnscratch.models.sequential import Sequential
from nnscratch.models.zoo import build
from nnscratch.moved import answer_for_old_paths
from nnscratch.ops.backend import available_backends, backend, set_backend
from nnscratch.parallel.threads import set_threads, threads
from nnscratch.training.callbacks import Callback
from nnscratch.training.gradcheck import check_layer, gradcheck
from nnscratch.training.losses import mean_squared_error, softmax_cross_entropy
from nnscratch.training.lr_find import lr_find
from nnscratch.training.optimizers import SGD, Adam, AdamW, Momentum, Nesterov, RMSProp
from nnscratch.training.schedules import Constant, Cosine, OneCycle, Step
from nnscratch.version import __version__

answer_for_old_paths()

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "AvgPool2D",
    "BatchNorm",
    "Callback",
    "Constant",
    "Conv2D",
    "ConvergenceWarning",
    "Cosine",
    "DataError",
    "Dataset",
    "Dense",
    "Distortion",
    "DivergedError",
    "Dropout",
    "Flatten",
    "Layer",
    "LeakyReLU",
    "MaxPool2D",
    "Momentum",
    "NNScratchError",
    "Nesterov",
    "OneCycle",
    "RMSProp",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Step",
    "Tanh",
    "UsageError",
    "__version__",
    "available_backends",
    "backend",
    "build",
    "check_layer",
    "gradcheck",
    "load",
    "load_dataset",
    "load_mnist",
    "lr_find",
    "mean_squared_error",
    "set_backend",
    "set_threads",
    "softmax_cross_entropy",
    "threads",
]


def __getattr__(name: str) -> Any:
    """Return ``nn.Classifier``, which alone needs scikit-learn and is loaded when it is asked for."""
    if name != "Classifier":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from nnscratch.models.estimator import Classifier
    except ImportError as error:
        raise ImportError(f'nn.Classifier needs scikit-learn: pip install "nnscratch[sklearn]" ({error})') from None
    return Classifier
