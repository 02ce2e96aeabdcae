"""The modules of the page's picture of a network, in a browser, and networks of all kinds of layers to show in it."""

import copy

import numpy as np
import pytest

import nnscratch as nn
from tests.web.engine.conftest import Engine

NETWORKS = {
    "lenet5": lambda: nn.load_pretrained("lenet5"),
    "logistic": lambda: nn.load_pretrained("logistic"),
    "all layers": lambda: of(
        *(nn.Conv2D(3, 3, padding="same"), nn.BatchNorm(), nn.LeakyReLU(), nn.AvgPool2D(2), nn.Dropout(0.2)),
        *(nn.Conv2D(4, (5, 3), stride=(2, 1)), nn.Tanh(), nn.MaxPool2D(3, stride=2), nn.Flatten()),
        *(nn.Dense(12), nn.Sigmoid(), nn.Dense(10)),
    ),
    "begins with a normalisation": lambda: of(nn.BatchNorm(), nn.Conv2D(2, 9, stride=3), nn.Flatten(), nn.Dense(10)),
    "ends in a softmax": lambda: of(nn.Flatten(), nn.Dense(20), nn.ReLU(), nn.Dense(10), nn.Softmax()),
    "ends in maps": lambda: of(nn.Conv2D(10, 28), nn.Flatten()),
    "pools pixels": lambda: of(nn.MaxPool2D(4), nn.ReLU(), nn.Flatten(), nn.Dense(7)),
}


def of(*layers):
    """A network that was not trained, of which no running statistic is 0 or 1."""
    network = nn.Sequential([copy.deepcopy(layer) for layer in layers], seed=3, normalisation=(0.1, 0.3))
    rng = np.random.default_rng(0)
    for value in network.buffers.values():
        value[...] = rng.uniform(0.5, 2, value.shape)
    return network


@pytest.fixture(scope="module")
def engine(browser):
    engine = Engine(browser.new_page())
    yield engine
    engine.close()


@pytest.fixture
def saved(tmp_path):
    """Returns the file that a network becomes, as bytes."""

    def save(network):
        network.save(tmp_path / "network.safetensors")
        return (tmp_path / "network.safetensors").read_bytes()

    return save
