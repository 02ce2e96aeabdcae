"""A unit in numbers: inputs x weights + bias are its sum, and the gradients that it passes on are its gradient."""

import re

import numpy as np
import pytest

import nnscratch as nn
from tests.web.view.conftest import NETWORKS, of

IMPORTS = """
const [{ stagesOf, valuesOf }, { forwardParts, backwardParts }, { passOf }, { describe }] =
  await Promise.all(['stages', 'unit', 'pass', 'describe'].map((name) => import(`/view/${name}.js`)));
const network = parseNetwork(await bytes('network'));
const image = new Uint8Array(await bytes('image'));
const plain = (value) =>
  value && JSON.parse(JSON.stringify(value, (_, one) => (ArrayBuffer.isView(one) ? [...one] : one)));
"""
EVERY_UNIT = f"""{IMPORTS}
const found = [];
for (const way of ['forward', 'loss', 'logit']) {{
  const view = passOf({{ network, image }}, way, 3);
  view.stages.forEach((stage, s) => {{
    const size = stage.shape[0] * stage.shape[1] * stage.shape[2];
    for (let unit = 0; unit < size; unit += Math.ceil(size / 8)) {{
      const {{ text, parts }} = describe(view, s, unit);
      const value = view.values[s][unit];
      const inner = stage.first < 0 ? null : (view.back ? view.back.douts : view.pass.outputs)[stage.first][unit];
      found.push(plain({{ way, s, unit, text, parts, value, inner }}));
    }}
  }});
}}
return found;
"""

LEVELS = """
const { css, ink } = await import('/view/colours.js');
const values = Array.from({ length: 101 }, (_, k) => k / 50 - 1);
return ['forward', 'backward'].flatMap((way) => values.map((value) => [css(way, value), ink(way, value)]));
"""


def luminance(rgb):
    """WCAG 2.2, relative luminance; levels are 0 to 255."""
    linear = [level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in np.divide(rgb, 255)]
    return np.dot([0.2126, 0.7152, 0.0722], linear)


def picture():
    return np.random.default_rng(7).integers(0, 256, (28, 28)).astype(np.uint8)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_numbers_of_every_kind_of_unit_make_its_value(engine, saved, name):
    network = NETWORKS[name]()
    units = engine.run(EVERY_UNIT, network=saved(network), image=picture().tobytes())
    assert {unit["way"] for unit in units} == {"forward", "loss", "logit"}
    for unit in units:
        assert unit["text"] and "undefined" not in unit["text"] and "NaN" not in unit["text"]
        if unit["parts"] is None:
            continue
        parts, steps = unit["parts"], unit["parts"]["steps"]
        close = pytest.approx
        scale = max(1e-6, *np.abs(parts.get("products") or parts["inputs"] or [0]))
        if unit["way"] == "forward":
            total = unit["inner"]
            assert (steps[-1]["value"] if steps else total) == unit["value"]
        else:
            total = unit["value"]
            assert unit["inner"] is None or (steps[-1]["value"] if steps else total) == unit["inner"]
        assert parts["total"] == close(total, abs=1e-9 * scale)
        if "products" in parts:
            products = np.multiply(parts["inputs"], parts["weights"])
            np.testing.assert_allclose(parts["products"], products)
            assert sum(products) + parts.get("bias", 0) == close(total, abs=1e-9 * scale * len(products))
        elif parts["kind"] == "largest":
            assert parts["inputs"][parts["won"]] == max(parts["inputs"]) == total
        elif parts["kind"] == "mean":
            assert np.mean(parts["inputs"]) == close(total)
        if "shape" in parts:
            assert np.prod(parts["shape"]) == len(parts["inputs"])


def test_a_patch_of_a_convolution_is_that_of_the_picture(engine, saved):
    """With padding and strides, at a corner and in the middle."""
    network = of(nn.Conv2D(2, (5, 3), stride=(2, 3), padding="same"), nn.Flatten(), nn.Dense(10))
    image = picture()
    script = f"""{IMPORTS}
    const view = passOf({{ network, image }}, 'forward', null);
    const units = JSON.parse(new TextDecoder().decode(await bytes('units')));
    return plain(units.map((unit) => forwardParts(network, view.pass, view.stages, 1, unit)));
    """
    height, width = 14, 10
    places = [(0, 0, 0), (1, 5, 4), (1, height - 1, width - 1)]
    units = [int(np.ravel_multi_index(place, (2, height, width))) for place in places]
    found = engine.run(script, network=saved(network), image=image.tobytes(), units=units)
    padded = np.pad((image / 255 - 0.1) / 0.3, ((1, 2), (1, 1)))  # as NumPy's readers count it
    weights = network.parameters["conv1.W"]
    for (f, row, column), parts in zip(places, found, strict=True):
        patch = padded[2 * row : 2 * row + 5, 3 * column : 3 * column + 3]
        np.testing.assert_allclose(np.reshape(parts["inputs"], (5, 3)), patch, atol=1e-6)
        np.testing.assert_allclose(np.reshape(parts["weights"], (5, 3)), weights[f, 0], atol=1e-6)


def test_what_won_in_a_window_that_overlaps_others(engine, saved):
    network = of(nn.MaxPool2D(3, stride=2), nn.Flatten(), nn.Dense(10))
    image = picture()
    script = f"""{IMPORTS}
    const view = passOf({{ network, image }}, 'loss', 2);
    const windows = forwardParts(network, view.pass, view.stages, 1, 5 * 13 + 7);
    return plain([windows, backwardParts(network, view.pass, view.back, view.stages, 0, 10 * 28 + 14)]);
    """
    window, back = engine.run(script, network=saved(network), image=image.tobytes())
    patch = (image[10:13, 14:17] / 255 - 0.1) / 0.3
    np.testing.assert_allclose(np.reshape(window["inputs"], (3, 3)), patch, atol=1e-6)
    assert window["won"] == patch.argmax()
    assert sorted(back["to"]) == [4 * 13 + 6, 4 * 13 + 7, 5 * 13 + 6, 5 * 13 + 7]  # of these windows it is a corner


def test_the_most_active_are_shown_of_very_many(engine, saved):
    script = f"""{IMPORTS}
    const {{ sizeText }} = await import('/view/stages.js');
    const {{ stages, shown, values }} = passOf({{ network, image }}, 'forward', null);
    return stages.map((stage, s) => [sizeText(stage, shown[s].length), shown[s], [...values[s]]]);
    """
    network = of(nn.Conv2D(70, 9, stride=4), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(600), nn.Dense(40))
    stages = engine.run(script, network=saved(network), image=picture().tobytes())
    assert [text.replace("\xa0", " ") for text, _, _ in stages[:4]] == [
        "28 × 28",
        "64 most active of 70 maps of 5 × 5",
        "64 most active of 70 maps of 2 × 2",
        "512 most active of 600 units",
    ]
    assert stages[-1][0] == "10 likeliest of 40 classes"
    _, shown, values = stages[3]
    activity = np.abs(values)
    assert shown == sorted(shown)
    assert min(activity[shown]) >= max(np.delete(activity, shown))


def test_a_number_can_be_read_on_the_colour_of_every_level(engine):
    for css, ink in engine.run(LEVELS):
        cell = luminance([int(level) for level in re.findall(r"\d+", css)])
        assert max(cell + 0.05, 0.05 + (ink == "#fff")) / min(cell + 0.05, 0.05 + (ink == "#fff")) >= 4.5, (css, ink)
