"""The widgets' arithmetic, in JavaScript, beside the library's: run by Node.js, where that is installed."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch import ops
from nnscratch.study.figures import boundaries, graph, neuron
from nnscratch.study.figures.graph import Number
from nnscratch.study.figures.softmax import squared_error

PLAY = Path(__file__).parents[3] / "docs" / "_static" / "play"
NODE = shutil.which("node")


def run(name, expression, **values):
    """Return the value of a JavaScript expression in which ``play`` is what a widget's file exports."""
    lines = [f"const play = require({str(PLAY / name)!r});", f"const given = {json.dumps(values)};"]
    script = "\n".join([*lines, f"console.log(JSON.stringify({expression}));"])
    return json.loads(subprocess.run([NODE, "-e", script], check=True, capture_output=True, text=True).stdout)


pytestmark = pytest.mark.skipif(NODE is None, reason="no Node.js")


def test_neuron():
    told = run(
        "neuron.js",
        "['line', 'sigmoid'].map((kind) => [play[kind].x, play[kind].y, play.gradient(play[kind], 0.7, -1.2)])",
    )
    for activation, (x, y, found) in zip(neuron.ACTIVATIONS, told, strict=True):
        loss, (dw, db) = neuron.loss_and_gradient(np.array([0.7, -1.2]), np.array(x), np.array(y), activation)
        assert found == pytest.approx({"loss": loss, "dw": dw, "db": db}, rel=1e-12)


def test_graph():
    values = {"w": 1.5, "x": -0.5, "b": 0.3, "y": 0.25}
    expression = "play.backward(given.kind, given.values).map((node) => [node.name, [node.value, node.gradient]])"
    for kind in ("line", "sigmoid"):
        found = dict(run("graph.js", expression, kind=kind, values=values))
        w, x, b, y = (Number(value, name) for name, value in values.items())
        z = (w * x).named("p") + b
        out = graph.sigmoid(z.named("z")) if kind == "sigmoid" else z
        d = (out.named("out") - y).named("d")
        nodes = graph.order((d * d).named("L"))
        graph.backward(nodes)
        assert list(found) and set(found) == {node.name for node in nodes}
        for node in nodes:
            assert found[node.name] == pytest.approx([node.value, node.gradient], rel=1e-12)


def test_graph_with_a_number_that_is_used_three_times():
    found = dict(run("graph.js", "play.backward('twice', {x: 3, b: 1}).map((node) => [node.name, node.gradient])"))
    assert (found["x"], found["b"]) == (3 * 3**2 + 2 * 1 * 3, 3**2)  # of x³ + b x²


@pytest.mark.parametrize(("activation", "layer"), [("tanh", nn.Tanh), ("relu", nn.ReLU)])
def test_network(activation, layer):
    """Twenty steps of training from the same weights: the same losses, and the same weights after them."""
    x, y = boundaries.spirals(15)
    network = nn.Sequential([nn.Dense(5), layer(), nn.Dense(4), layer(), nn.Dense(1)], input_shape=2, dtype="float64")
    given = [
        {"W": network.parameters[f"dense{k}.W"].tolist(), "b": (network.parameters[f"dense{k}.b"] + 0.1 * k).tolist()}
        for k in (1, 2, 3)
    ]
    for k, layer_given in enumerate(given, 1):
        network.parameters[f"dense{k}.b"][...] = layer_given["b"]
    losses, _ = boundaries.train(network, x, y, lr=0.1, steps=20)
    step = "play.step(given.layers, given.x, given.y, given.activation, 0.1)"
    told = run(
        "network.js",
        f"[Array.from({{length: 20}}, () => {step}), given.layers]",
        layers=given,
        x=x.tolist(),
        y=y.tolist(),
        activation=activation,
    )
    np.testing.assert_allclose(told[0], losses, rtol=1e-10)
    for k, after in enumerate(told[1], 1):
        np.testing.assert_allclose(after["W"], network.parameters[f"dense{k}.W"], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(after["b"], network.parameters[f"dense{k}.b"], rtol=1e-9, atol=1e-12)


def test_softmax():
    z, T, right = np.array([1000.0, 998.5, 0.0]), 2.0, 1
    told = run(
        "softmax.js",
        "[play.forward(given.z, given.T), play.crossEntropy(given.z, given.right, given.T), "
        "play.squaredError(given.z, given.right, given.T)]",
        z=z.tolist(),
        T=T,
        right=right,
    )
    scaled, y = z[:, None] / T, np.eye(3)[:, [right]]
    np.testing.assert_allclose(told[0], ops.softmax_forward(scaled)[:, 0], rtol=1e-12)
    for found, function in zip(told[1:], (ops.softmax_cross_entropy, squared_error), strict=True):
        loss, dz = function(scaled, y)
        assert found["loss"] == pytest.approx(loss, rel=1e-12)
        np.testing.assert_allclose(found["dz"], dz[:, 0], rtol=1e-9, atol=1e-15)


def test_how_long_sure_and_wrong_takes():
    """What chapter 4 says of the steps until the right class has more than half."""
    loop = "while (play.forward(z)[2] < 0.5) {{ play.{}(z, 2).dz.forEach((d, k) => (z[k] -= d)); steps++; }}"
    for loss, steps in (("crossEntropy", 6), ("squaredError", 2410)):
        body = f"let [z, steps] = [[8, 0, -2], 0]; {loop.format(loss)} return steps;"
        assert run("softmax.js", f"(() => {{ {body} }})()") == steps


SCRIPTS = {path.stem: path.read_text("utf-8") for path in PLAY.glob("*.js") if path.stem != "play"}
# those that begin with numbers of the library have their own tests, in test_play_images.py
WIDGETS = sorted(name for name, text in SCRIPTS.items() if "Play.widget(" in text and "Maps.data(" not in text)
LIBRARIES = sorted(name for name, text in SCRIPTS.items() if "Play.widget(" not in text)


def opened(browser, folder, widgets, scripts, width):
    """Open a page that has nothing but these widgets."""
    places = "".join(f'<div class="play" data-play="{name}">What {name} shows.</div>' for name in widgets)
    loads = "".join(f'<script defer src="{(PLAY / name).as_uri()}.js"></script>' for name in ["play", *scripts])
    head = f'<meta charset="utf-8"><link rel="stylesheet" href="{(PLAY / "play.css").as_uri()}">'
    file = folder / "page.html"
    file.write_text(f'<!doctype html><html lang="en"><head>{head}</head><body>{places}{loads}</body></html>', "utf-8")
    page = browser.new_page(viewport={"width": width, "height": 700})
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(file.as_uri())
    return page, errors


def test_widgets_in_a_browser(browser, tmp_path):
    """Each is mounted on the narrowest screen without an error, has names for what can be used, and stays inside."""
    page, errors = opened(browser, tmp_path, WIDGETS, [*LIBRARIES, *WIDGETS], 320)
    for name in WIDGETS:
        place = page.locator(f'[data-play="{name}"]')
        assert place.get_attribute("aria-label") == f"What {name} shows."
        for button in place.get_by_role("button").all():
            button.click()
        for canvas in place.locator("canvas").all():
            assert canvas.get_attribute("aria-label") and canvas.bounding_box()["width"] > 100
        for slider in place.get_by_role("slider").all():
            slider.press("ArrowRight")
            assert slider.evaluate("input => input.labels.length") == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert errors == []
    page.close()


def test_the_neurons_start_is_dragged_and_moved_by_keys(browser, tmp_path):
    page, errors = opened(browser, tmp_path, ["neuron"], ["neuron"], 800)
    says = page.locator(".play-text")
    assert says.inner_text().startswith("Step 0: w = 0, b = 0, loss = 13; dw = −10, db = −6.")
    page.get_by_role("button", name="One step").click()
    assert says.inner_text().startswith("Step 1: w = 1, b = 0.6, loss = 2.96")
    page.locator("canvas").press("ArrowRight")
    assert says.inner_text().startswith("Step 0: w = 0.1, b = 0")
    box = page.locator("canvas").bounding_box()
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.1 * box["height"])
    page.mouse.down()
    page.mouse.up()
    assert says.inner_text().startswith("Step 0: w = 4.97, b = 5.1")
    assert errors == []
    page.close()
