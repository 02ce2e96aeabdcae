"""Against PyTorch, in float64: layers, losses, optimisers and a whole LeNet-5. Skipped where it is not installed."""

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.layers import LAYERS
from nnscratch.layers.network import Network

torch = pytest.importorskip("torch")
F = torch.nn.functional

pytestmark = pytest.mark.usefixtures("readable_ops")

CLOSE = {"rtol": 1e-9, "atol": 1e-12}
IMAGE = (2, 8, 7)


def to_torch(a):
    """Batch last -> batch first."""
    return torch.tensor(np.moveaxis(a, -1, 0).copy(), requires_grad=True)


def from_torch(t):
    return np.moveaxis(t.detach().numpy(), 0, -1)


def bn(momentum, eps, kind=torch.nn.BatchNorm2d, features=2):
    """PyTorch's momentum is the share of the new value, ours of the old one."""
    return kind(features, momentum=1 - momentum, eps=eps)


# ours, theirs, input shape
CASES = {
    "Conv2D": [
        (lambda: nn.Conv2D(3, 3), lambda: torch.nn.Conv2d(2, 3, 3), IMAGE),
        (lambda: nn.Conv2D(3, 3, 2, 1), lambda: torch.nn.Conv2d(2, 3, 3, 2, 1), IMAGE),
        (
            lambda: nn.Conv2D(3, (3, 2), (1, 2), (2, 0)),
            lambda: torch.nn.Conv2d(2, 3, (3, 2), (1, 2), (2, 0)),
            IMAGE,
        ),
        (lambda: nn.Conv2D(3, 4, 1, "same"), lambda: torch.nn.Conv2d(2, 3, 4, 1, "same"), IMAGE),
    ],
    "MaxPool2D": [
        (lambda: nn.MaxPool2D(2), lambda: torch.nn.MaxPool2d(2), IMAGE),
        (lambda: nn.MaxPool2D((3, 2), (1, 3)), lambda: torch.nn.MaxPool2d((3, 2), (1, 3)), IMAGE),
    ],
    "AvgPool2D": [
        (lambda: nn.AvgPool2D(2), lambda: torch.nn.AvgPool2d(2), IMAGE),
        (lambda: nn.AvgPool2D((3, 2), (1, 3)), lambda: torch.nn.AvgPool2d((3, 2), (1, 3)), IMAGE),
    ],
    "BatchNorm": [
        (lambda: nn.BatchNorm(0.9, 1e-5), lambda: bn(0.9, 1e-5), IMAGE),
        (lambda: nn.BatchNorm(0.6, 1e-2), lambda: bn(0.6, 1e-2, torch.nn.BatchNorm1d, 5), (5,)),
    ],
    "Dense": [(lambda: nn.Dense(4), lambda: torch.nn.Linear(5, 4), (5,))],
    "Flatten": [(nn.Flatten, torch.nn.Flatten, IMAGE)],
    "ReLU": [(nn.ReLU, torch.nn.ReLU, IMAGE)],
    "LeakyReLU": [(lambda: nn.LeakyReLU(0.2), lambda: torch.nn.LeakyReLU(0.2), IMAGE)],
    "Tanh": [(nn.Tanh, torch.nn.Tanh, IMAGE)],
    "Sigmoid": [(nn.Sigmoid, torch.nn.Sigmoid, IMAGE)],
    "Softmax": [
        (nn.Softmax, lambda: torch.nn.Softmax(1), (5,)),
        (nn.Softmax, lambda: torch.nn.Softmax(1), IMAGE),
    ],
}
OUR_NAMES = {"weight": ("W", "gamma"), "bias": ("b", "beta")}


def copy_parameters(layer, module):
    """Random parameters for both. Returns pairs (our gradient's name, their parameter)."""
    rng = np.random.default_rng(1)
    pairs = []
    for name, value in module.named_parameters():
        own = next(own for own in OUR_NAMES[name] if own in layer.parameters)
        layer.parameters[own][...] = rng.standard_normal(value.shape)
        value.data = torch.tensor(layer.parameters[own].copy())
        pairs.append(("d" + own, value))
    return pairs


def test_every_layer_has_a_case():
    assert set(CASES) | {"Dropout"} == set(LAYERS)  # dropout draws other random numbers


@pytest.mark.filterwarnings("ignore:Using padding=.same. with even kernel")
@pytest.mark.parametrize(("ours", "theirs", "shape"), [case for cases in CASES.values() for case in cases])
@pytest.mark.parametrize("training", [True, False])
def test_layers(ours, theirs, shape, training):
    layer, module = ours(), theirs().double().train(training)
    Network([layer], shape, dtype="float64")
    pairs = copy_parameters(layer, module)
    rng = np.random.default_rng(0)
    for _ in range(2):  # twice, for the running statistics
        x = 2 * rng.standard_normal((*shape, 4)) + 0.5
        tx = to_torch(x)
        out, tout = layer.forward(x, training), module(tx)
        np.testing.assert_allclose(out, from_torch(tout), **CLOSE)
        dout = rng.standard_normal(out.shape)
        module.zero_grad()
        tout.backward(to_torch(dout))
        np.testing.assert_allclose(layer.backward(dout), from_torch(tx.grad), **CLOSE)
        for name, value in pairs:
            np.testing.assert_allclose(getattr(layer, name), value.grad.numpy(), **CLOSE)
    for name in ("running_mean", "running_var"):
        if name in layer.buffers:
            np.testing.assert_allclose(layer.buffers[name], getattr(module, name).numpy(), **CLOSE)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.4])
def test_cross_entropy(smoothing):
    rng = np.random.default_rng(0)
    z, labels = 3 * rng.standard_normal((7, 5)), rng.integers(0, 7, 5)
    tz = to_torch(z)
    tloss = F.cross_entropy(tz, torch.tensor(labels), label_smoothing=smoothing)
    tloss.backward()
    loss, dz = nn.softmax_cross_entropy(z, labels, label_smoothing=smoothing)
    assert loss == pytest.approx(tloss.item(), rel=1e-12)
    np.testing.assert_allclose(dz, from_torch(tz.grad), **CLOSE)


def test_mean_squared_error():
    rng = np.random.default_rng(0)
    out, y = rng.standard_normal((2, 7, 5))
    tout = to_torch(out)
    tloss = F.mse_loss(tout, torch.tensor(y.T.copy()))
    tloss.backward()
    loss, dout = nn.mean_squared_error(out, y)
    assert loss == pytest.approx(tloss.item(), rel=1e-12)
    np.testing.assert_allclose(dout, from_torch(tout.grad), **CLOSE)


OPTIMIZERS = {
    "sgd": (nn.SGD, {}, torch.optim.SGD, {}),
    "momentum": (nn.Momentum, {"momentum": 0.8}, torch.optim.SGD, {"momentum": 0.8}),
    "nesterov": (nn.Nesterov, {"momentum": 0.8}, torch.optim.SGD, {"momentum": 0.8, "nesterov": True}),
    "rmsprop": (nn.RMSProp, {"decay": 0.8, "eps": 1e-6}, torch.optim.RMSprop, {"alpha": 0.8, "eps": 1e-6}),
    "adam": (nn.Adam, {"beta1": 0.8, "beta2": 0.95}, torch.optim.Adam, {"betas": (0.8, 0.95)}),
    "adamw": (nn.AdamW, {"beta1": 0.8, "beta2": 0.95}, torch.optim.AdamW, {"betas": (0.8, 0.95)}),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_optimizers_over_twenty_steps(name, decay):
    make, settings, tmake, tsettings = OPTIMIZERS[name]
    rng = np.random.default_rng(0)
    theta = rng.standard_normal(30)
    ttheta = torch.tensor(theta.copy(), requires_grad=True)
    optimizer = make(0.05, decay, **settings)
    toptimizer = tmake([ttheta], lr=0.05, weight_decay=decay, **tsettings)
    optimizer.start(theta, np.ones(30))
    for step in range(20):
        g = rng.standard_normal(30) * 10.0 ** rng.integers(-3, 3)
        rate = 0.05 / (step + 1)
        toptimizer.param_groups[0]["lr"] = rate
        ttheta.grad = torch.tensor(g)
        toptimizer.step()
        optimizer.step(theta, g, rate)
        np.testing.assert_allclose(theta, ttheta.detach().numpy(), **CLOSE)


def lenet5(model):
    """The same network in PyTorch, with the model's weights."""
    nnt = torch.nn
    twin = nnt.Sequential(
        nnt.Conv2d(1, 6, 5), nnt.ReLU(), nnt.MaxPool2d(2), nnt.Conv2d(6, 16, 5), nnt.ReLU(), nnt.MaxPool2d(2),
        nnt.Flatten(), nnt.Linear(256, 120), nnt.ReLU(), nnt.Linear(120, 10),
    ).double()  # fmt: skip
    with torch.no_grad():
        for theirs, ours in zip(twin.parameters(), model.parameters.values(), strict=True):
            theirs.copy_(torch.tensor(ours.copy()))
    return twin


def test_lenet5_for_five_steps():
    model = nn.build("lenet5", seed=4, dtype="float64")
    model.theta[:] += 0.01 * np.random.default_rng(1).standard_normal(model.theta.size)
    twin = lenet5(model)
    optimizer, toptimizer = nn.Adam(1e-3), torch.optim.Adam(twin.parameters(), lr=1e-3)
    optimizer.start(model.theta, model.decay_mask)
    rng = np.random.default_rng(0)
    for _ in range(5):
        x, labels = rng.random((1, 28, 28, 8)), rng.integers(0, 10, 8)
        tx = to_torch(x)
        logits, tlogits = model.forward(x, training=True), twin(tx)
        np.testing.assert_allclose(logits, from_torch(tlogits), **CLOSE)
        loss, dlogits = nn.softmax_cross_entropy(logits, labels)
        tloss = F.cross_entropy(tlogits, torch.tensor(labels))
        assert loss == pytest.approx(tloss.item(), rel=1e-10)
        toptimizer.zero_grad()
        tloss.backward()
        np.testing.assert_allclose(model.backward(dlogits), from_torch(tx.grad), **CLOSE)
        for theirs, (name, ours) in zip(twin.parameters(), model.gradients.items(), strict=True):
            np.testing.assert_allclose(ours, theirs.grad.numpy(), err_msg=name, **CLOSE)
        optimizer.step(model.theta, model.gradient, 1e-3)
        toptimizer.step()
    for theirs, ours in zip(twin.parameters(), model.parameters.values(), strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-7, atol=1e-9)
