"""What a network answers, and the gradients of its loss: in the browser as in Python."""

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.models.saving import from_architecture
from nnscratch.ops.losses import softmax_cross_entropy
from tests.web.engine.conftest import array

READ = """
const network = parseNetwork(await bytes('network'));
const images = new Uint8Array(await bytes('images'));
const image = (k) => images.slice(784 * k, 784 * (k + 1));
"""
READINGS = f"""{READ}
return Array.from({{ length: images.length / 784 }}, (_, k) =>
  reading(network.forward(image(k)).logits, network.limits, network.classes));
"""
PASSES = f"""{READ}
const parts = [];
new Uint8Array(await bytes('labels')).forEach((label, k) => {{
  network.forward(image(k));
  const {{ loss, dout }} = network.loss(label);
  const {{ dinput, gradients, douts }} = network.backward(dout);
  for (const values of [[loss], ...Object.values(gradients), ...douts, dinput]) parts.push(Float64Array.from(values));
}});
return base64(await new Blob(parts).arrayBuffer());
"""
ENOUGH = 1e-6  # a gradient of a loss of 1e-6 is the difference of nearly equal numbers


LABELS = np.arange(1_000) % 10  # those of the made drawings


@pytest.fixture
def images(made):
    return made[1]


def saved(model, folder):
    model.save(folder / "network.safetensors")
    return (folder / "network.safetensors").read_bytes()


def check_readings(engine, model, images, folder):
    """Compare probabilities, and verdicts where no limit is near."""
    found = engine.run(READINGS, network=saved(model, folder), images=images.tobytes())
    familiar = model.limits.familiarity(model.logits(images).astype(np.float64))
    for mine, theirs, score in zip(found, model.read(images), familiar, strict=True):
        np.testing.assert_allclose(mine["probabilities"], theirs.probabilities, atol=1e-5, rtol=0)
        near = min(abs(score - model.limits.familiar), abs(theirs.confidence - model.limits.sure)) < 1e-5
        assert near or (mine["digit"], mine["verdict"]) == (theirs.digit, theirs.verdict)


def check_gradients(engine, model, images, labels, folder):
    """Compare loss and gradients with those of the same network in double precision, in which the browser counts."""
    coded = engine.run(
        PASSES, network=saved(model, folder), images=images.tobytes(), labels=labels.astype(np.uint8).tobytes()
    )
    found = array(coded, np.float64).reshape(len(images), -1)
    twin = from_architecture({**model.architecture(), "dtype": "float64"})
    twin.scaling = model.scaling
    for name, value in (model.parameters | model.buffers).items():
        (twin.parameters | twin.buffers)[name][...] = value
    for numbers, image, label in zip(found, images, labels, strict=True):
        loss, parts = passes(twin, image, label)
        places = np.cumsum([1] + [part.size for part in parts])
        assert numbers[0] == pytest.approx(loss, abs=1e-6)
        assert places[-1] == len(numbers)
        for part, mine in zip(parts, np.split(numbers, places)[1:], strict=False):
            np.testing.assert_allclose(mine, part.ravel(), rtol=0, atol=1e-5 * max(np.abs(part).max(), ENOUGH))


def passes(model, image, label):
    """Return the loss of one image, and its gradient with respect to parameters, outputs and input."""
    out = model.forward(model.batches(image[None]).x(np.arange(1)), record=True)
    y = np.zeros_like(out)
    y[label] = 1
    if model.ends_in_softmax:
        loss, dout = -np.log(out[label, 0]), -y / out
    else:
        loss, dout = softmax_cross_entropy(out, y)
    model.backward(dout)
    of_outputs = [model.activation_gradients[layer.name] for layer in model.layers]
    return loss, [*model.gradients.values(), *of_outputs, model.activation_gradients["input"]]


ALL = pytest.param(1_000, marks=pytest.mark.thorough)


@pytest.mark.parametrize("count", [200, ALL])
@pytest.mark.parametrize("name", ["lenet5", "mlp", "logistic"])
def test_pretrained_networks_answer_as_in_python(engine, images, tmp_path, name, count):
    check_readings(engine, nn.load_pretrained(name), images[:count], tmp_path)


@pytest.mark.parametrize(("name", "count"), [("lenet5", 100), ("mlp", 4), ("logistic", 100)])
def test_gradients_of_pretrained_networks_are_pythons(engine, images, tmp_path, name, count):
    wrong = (LABELS[:count] + np.arange(count) // 10) % 10  # right labels, and others
    check_gradients(engine, nn.load_pretrained(name), images[:count], wrong, tmp_path)


def strided():
    """Zeros around, steps, means, batch normalisation."""
    layers = [nn.Conv2D(4, 3, stride=2, padding="same"), nn.BatchNorm(), nn.ReLU(), nn.AvgPool2D(3, stride=2)]
    return nn.Sequential([*layers, nn.Flatten(), nn.Dense(12), nn.Tanh(), nn.Dropout(0.3), nn.Dense(10)])


def uneven():
    """Kernels, steps and zeros that differ by axis, and windows that overlap; probabilities come out."""
    conv = nn.Conv2D(3, (5, 3), stride=(2, 1), padding=(1, 2))
    layers = [conv, nn.LeakyReLU(0.1), nn.MaxPool2D((2, 3), stride=(1, 2))]
    return nn.Sequential([*layers, nn.Flatten(), nn.Dense(10), nn.Softmax()])


def deskewing():
    """Two hidden layers, on images without slant, normalised."""
    layers = [nn.Flatten(), nn.Dense(20), nn.Sigmoid(), nn.BatchNorm(), nn.Dense(16), nn.Tanh(), nn.Dense(10)]
    return nn.Sequential(layers, normalisation=(0.13, 0.31), deskew=True)


def of_classes():
    """A softmax over channels, three classes with names, limits by energy."""
    model = nn.Sequential([nn.Conv2D(5, 6, stride=3), nn.Softmax(), nn.Flatten(), nn.Dense(3)], dtype="float64")
    model.classes = ("few", "some", "many")
    model.limits = type(model.limits)(0.4, 1.11, "energy")
    return model


def of_features():
    """Pixels as features, brought to mean 0 and standard deviation 1 each."""
    model = nn.Sequential([nn.Dense(10)], 784)
    rng = np.random.default_rng(0)
    model.scaling = rng.uniform(0, 90, 784), rng.uniform(1, 90, 784)
    return model


def of_unit_range():
    """A scaling of numbers in 0..1, on images without slant."""
    model = nn.Sequential([nn.Flatten(), nn.Dense(10)], deskew=True)
    model.scaling = 0.0, 0.3
    return model


@pytest.mark.parametrize("build", [strided, uneven, deskewing, of_classes, of_features, of_unit_range])
def test_networks_of_all_layers_answer_as_in_python(engine, images, tmp_path, build):
    model = build()
    some, labels = images[:40], LABELS[:40] % model.shapes[-1][0]
    shaped = some.reshape(40, *model.input_shape)
    if not model.ends_in_softmax:
        model.fit(shaped, labels, epochs=2, batch_size=10)
        model.temperature = 1.5
    else:
        model.parameters["dense1.b"][...] = np.linspace(-1, 1, 10)
    check_readings(engine, model, shaped, tmp_path)
    check_gradients(engine, model, shaped, labels, tmp_path)
