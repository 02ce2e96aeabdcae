"""What would change its mind: Python's network reads the changed picture as the page says."""

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.data import load_mnist
from tests.web.view.conftest import of

pytestmark = pytest.mark.thorough

CHANGE = """
const [{ smallestChange, winner }, network] = [await import('/view/change.js'), parseNetwork(await bytes('network'))];
const images = new Uint8Array(await bytes('images'));
const asked = JSON.parse(new TextDecoder().decode(await bytes('asked')));
const found = [];
for (const [k, wanted] of asked) {
  const image = images.slice(784 * k, 784 * (k + 1));
  const { logits } = network.forward(image);
  const other = wanted ?? winner(logits, winner(logits));
  const { image: changed, change, length } = (await smallestChange(network, image, other)) ?? {};
  found.push({ other, length, changed: changed && [...changed], change: change && [...change] });
}
return found;
"""


def changes(engine, network, images, asked):
    return engine.run(CHANGE, network=network, images=np.ascontiguousarray(images).tobytes(), asked=asked)


@pytest.mark.parametrize(("name", "longest"), [("lenet5", 1100), ("logistic", 500)])
def test_the_runner_up_is_what_python_then_reads(engine, saved, name, longest):
    """Ten digits, one of each: all are found, and no farther away than this network lets it be."""
    model = nn.load_pretrained(name)
    mnist = load_mnist()
    images = np.stack([mnist.test_images[np.flatnonzero(mnist.test_labels == digit)[0]] for digit in range(10)])
    found = changes(engine, saved(model), images, [[k, None] for k in range(10)])
    read = model.read(np.array([one["changed"] for one in found], np.uint8).reshape(-1, 28, 28))
    for before, image, one, after in zip(model.read(images), images, found, read, strict=True):
        assert after.digit == one["other"] != before.digit
        assert not after.verdict.startswith("not ")
        np.testing.assert_array_equal(one["change"], np.ravel(one["changed"]) - image.ravel().astype(float))
        assert one["length"] == pytest.approx(np.linalg.norm(one["change"]))
        assert one["length"] < longest


def test_of_a_linear_network_it_is_the_nearest(engine, saved):
    """Between two classes, and away from the ends of the scale, the nearest is known: gap / |w| along w."""
    network = of(nn.Flatten(), nn.Dense(2))
    rng = np.random.default_rng(0)
    weights = network.parameters["dense1.W"]
    weights[...] = rng.normal(0, 0.1, weights.shape)
    image = rng.integers(120, 136, (28, 28)).astype(np.uint8)
    gap, slope = np.diff(network.logits(image[None])[:, 0])[0], (weights[1] - weights[0]) / (255 * 0.3)
    wanted = int(gap < 0)
    (one,) = changes(engine, saved(network), image, [[0, wanted]])
    nearest = abs(gap) / np.linalg.norm(slope)
    assert nearest - 5 < one["length"] < 1.1 * nearest + 10  # of whole levels
    along = np.dot(one["change"], slope) / np.linalg.norm(one["change"]) / np.linalg.norm(slope)
    assert abs(along) > 0.9


def test_where_none_is_found_it_says_so(engine, saved):
    """A class that a network never reads, whatever the picture."""
    network = of(nn.Flatten(), nn.Dense(3))
    network.parameters["dense1.W"][2] = 0
    network.parameters["dense1.b"][2] = -1000
    (one,) = changes(engine, saved(network), np.full((28, 28), 100, np.uint8), [[0, 2]])
    assert one["changed"] is None
