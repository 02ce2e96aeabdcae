"""Neural networks from scratch in NumPy: ``import nnscratch as nn``.

    mnist = nn.load_mnist()  # or nn.load_dataset("folder"): a Dataset
    model = nn.build("lenet5")  # or "mlp", "logistic", "lenet5-classic"
    model.fit(mnist.train_images, mnist.train_labels, epochs=3, validation_split=0.1)
    model.score(mnist.test_images, mnist.test_labels)  # accuracy, 0..1
    model.predict(mnist.test_images[:5])  # labels; predict_proba, evaluate, calibrate, read
    model.save("model.npz")  # model = nn.load("model.npz")

Networks    build, load, load_pretrained; Sequential([nn.Flatten(), nn.Dense(10)], input_shape=(1, 28, 28));
            Classifier, an estimator for scikit-learn
Layers      Conv2D, MaxPool2D, AvgPool2D, Dense, Flatten, Dropout, BatchNorm, ReLU, LeakyReLU, Tanh, Sigmoid, Softmax;
            one of your own is a subclass of Layer
Losses      softmax_cross_entropy, mean_squared_error
Optimisers  SGD, Momentum, Nesterov, RMSProp, Adam, AdamW
Schedules   Constant, Step, Cosine, OneCycle, for the learning rate
Training    Sequential.fit has all its arguments; Callback watches it; Distortion varies the images; lr_find
Gradients   gradcheck (a network), check_layer (a layer): is backward the derivative of forward?
Data        load_mnist, load_dataset, Dataset; deskew, of images
Machine     set_threads, threads, set_backend, backend, available_backends
Errors      NNScratchError, and of that kind UsageError (arguments), DataError (files, data), DivergedError (training);
            ConvergenceWarning, of a training that learned nothing; BackgroundWarning, of pictures not on black

Each has its own help, such as ``help(nn.Sequential.fit)`` or ``help(nn.Adam)``.
"""

from typing import Any

from nnscratch.data import Dataset, load_dataset, load_mnist
from nnscratch.data.augment import Distortion
from nnscratch.data.deskew import deskew
from nnscratch.errors import BackgroundWarning, ConvergenceWarning, DataError, DivergedError, NNScratchError, UsageError
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
from nnscratch.models.pretrained import load_pretrained
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
    "BackgroundWarning",
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
    "deskew",
    "gradcheck",
    "load",
    "load_dataset",
    "load_mnist",
    "load_pretrained",
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
