"""The widgets of the chapters on images and optimisers: their arithmetic beside the library's, and in a browser."""

import numpy as np
import pytest

from nnscratch import ops
from nnscratch.data import load_mnist
from nnscratch.models.pretrained import load_pretrained
from nnscratch.study.figures import play, surfaces
from tests.study.figures.test_play import NODE, PLAY, run

needs_node = pytest.mark.skipif(NODE is None, reason="no Node.js")
SCRIPTS = {"convolution": ["maps"], "pooling": [], "optimizers": ["maps"], "lenet5": ["maps", "forward", "pen"]}
DATA = {"convolution": play.convolution, "optimizers": play.optimizers, "lenet5": play.lenet5}


def test_data_cannot_end_its_script_and_is_short():
    html = play.Data("x", {"text": "</script>", "numbers": play.numbers(np.array([[1 / 3, -2.0]]))})._repr_html_()
    assert (
        html
        == '<script type="application/json" data-for="x">{"text":"\\u003c/script>","numbers":[[0.33333,-2.0]]}</script>'
    )
    with pytest.raises(ValueError):
        play.Data("x", {"no": float("nan")})._repr_html_()


def one(array):
    """An image (H, W) as the library takes it."""
    return array[None, :, :, None]


@needs_node
def test_convolution():
    rng = np.random.default_rng(0)
    x, W, b, dout = rng.normal(size=(7, 7)), rng.normal(size=(3, 3)), 0.5, rng.normal(size=(5, 5))
    told = run(
        "convolution.js",
        "play.maps(given.x, given.W, given.b, given.dout)",
        x=x.tolist(),
        W=W.tolist(),
        b=b,
        dout=dout.tolist(),
    )
    out = ops.conv2d_forward(one(x), W[None, None], np.array([b]))
    dW, _ = ops.conv2d_backward_weights(one(dout), one(x), (3, 3))
    dx = ops.conv2d_backward_input(one(dout), W[None, None], (7, 7))
    for name, wanted in (("out", out[0, :, :, 0]), ("dx", dx[0, :, :, 0]), ("dW", dW[0, 0])):
        np.testing.assert_allclose(told[name], wanted, rtol=1e-10, atol=1e-12)


@needs_node
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("pool", ["max", "mean"])
def test_pooling(stride, relu, pool):
    x = np.array([[1.0, 4, -2, 0], [4, 2, 0, -1], [3, -1, 0, 5], [-2, 6, 2, 2]])  # with ties, and zeros
    state = {"relu": relu, "pool": pool, "stride": stride}
    told = run("pooling.js", "play.passes(given.x, given.state)", x=x.tolist(), state=state)
    image, size, step = x[None, :, :, None], (2, 2), (stride, stride)
    a = ops.relu_forward(image) if relu else image
    positions = (4 - 2) // stride + 1
    dout = np.arange(1.0, positions**2 + 1).reshape(1, positions, positions, 1)
    if pool == "max":
        out, argmax = ops.maxpool2d_forward(a, size, step)
        da = ops.maxpool2d_backward(dout, argmax, (4, 4), size, step)
    else:
        out, da = ops.avgpool2d_forward(a, size, step), ops.avgpool2d_backward(dout, (4, 4), size, step)
    dx = ops.relu_backward(da, image) if relu else da
    assert [[each["value"] for each in row] for row in told["out"]] == out[0, :, :, 0].tolist()
    assert told["dx"] == dx[0, :, :, 0].tolist()


@needs_node
def test_optimizers():
    start = [-10.0, 2.0]
    told = run(
        "optimizers.js",
        "['sgd', 'momentum', 'adam'].map((name) => play.walk(name, play.valley, given.start, 30, 0.02))",
        start=start,
    )
    for found, walk in zip(told, (surfaces.sgd, surfaces.momentum, surfaces.adam), strict=True):
        np.testing.assert_allclose(found, walk(surfaces.valley, np.array(start), 30, 0.02), rtol=1e-9)


@needs_node
def test_a_grid_has_its_own_losses_and_slopes_between_them():
    grid = {"along": [0.0, 1, 2], "across": [0.0, 2], "losses": [[0.0, 1, 4], [2.0, 3, 6]]}
    told = run("optimizers.js", "((s) => [s.loss(1, 0), s.loss(1.5, 1), s.gradient(1, 1)])(play.grid(given))", **grid)
    assert told == [1, 3.5, [2, 1]]


@needs_node
@pytest.mark.parametrize("last", [True, False])
def test_memory(last):
    """Places in memory are those of NumPy's arrays."""
    N, H, W, K = 4, 5, 6, 3
    numbered = np.arange(N * H * W).reshape((H, W, N) if last else (N, H, W))
    places = run("memory.js", "[[0, 0, 0], [2, 1, 2], [1, 2, 1]].map((at) => play.met(given.last, ...at))", last=last)
    for (oh, i, j), found in zip([(0, 0, 0), (2, 1, 2), (1, 2, 1)], places, strict=True):
        met = numbered[oh + i, j : j + W - K + 1] if last else numbered[:, oh + i, j : j + W - K + 1]
        assert found == sorted(met.ravel().tolist())
    runs, vectors = run(
        "memory.js", "((r) => [r, play.vectors(r)])(play.runs(play.met(given.last, 0, 0, 0)))", last=last
    )
    assert (runs, vectors) == (([16], 2) if last else ([4] * 4, 4))


@needs_node
def test_lenet5():
    """The whole forward pass, from weights in half precision, on the digits of the widget."""
    values, model = play.lenet5().values, load_pretrained("lenet5")
    weights = "Object.fromEntries(Object.entries(given.weights).map(([name, text]) => [name, play.halves(text)]))"
    told = run(
        "forward.js",
        f"((w) => given.digits.map(({{rows}}) => play.lenet5(rows, w, given.temperature).p))({weights})",
        **values,
    )
    wanted = model.predict_proba(load_mnist().test_images[[8, 0, 2, 62, 247]])
    np.testing.assert_allclose(told, wanted, atol=5e-3)
    assert [int(np.argmax(p)) for p in told] == wanted.argmax(axis=1).tolist()


# ---- in a browser


def shown(browser, folder, name, width=320):
    """Open a page that has one widget with its data."""
    scripts = [
        f'<script defer src="{(PLAY / script).as_uri()}.js"></script>' for script in ["play", *SCRIPTS[name], name]
    ]
    style = f'<link rel="stylesheet" href="{(PLAY / "play.css").as_uri()}">'
    data = DATA[name]()._repr_html_() if name in DATA else ""
    place = f'<div class="play" data-play="{name}">What it shows.</div>'
    file = folder / "page.html"
    file.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8">{style}{data}{place}{"".join(scripts)}', "utf-8"
    )
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(file.as_uri())
    return page


def says(page):
    return page.locator(".play-text").inner_text()


@pytest.mark.parametrize("name", SCRIPTS)
def test_widgets_fit_the_narrowest_screen(browser, tmp_path, name):
    page = shown(browser, tmp_path, name)
    before = says(page)
    assert before
    for canvas in page.locator("canvas").all():
        assert canvas.get_attribute("aria-label") and canvas.bounding_box()["width"] > 100
    for select in page.locator("select").all():
        assert select.evaluate("select => select.labels.length") == 1
        for value in select.locator("option").all():
            select.select_option(value.get_attribute("value"))
            box = select.bounding_box()
            assert box["x"] + box["width"] <= 320
    if name == "pooling":
        page.get_by_role("button").click()
    else:
        page.locator("canvas.play-drag").focus()
        page.keyboard.press("ArrowLeft")
    assert says(page) != before
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.errors == []
    page.close()


def test_the_pad_is_wide_enough_for_a_finger(browser, tmp_path):
    page = shown(browser, tmp_path, "lenet5", 390)
    assert page.locator("canvas").first.bounding_box()["width"] >= 240
    page.close()


def test_a_seven_is_drawn_and_read(browser, tmp_path):
    page = shown(browser, tmp_path, "lenet5", 700)
    assert says(page).startswith("Read as 5")
    page.get_by_role("button", name="Clear").click()
    assert says(page).startswith("Draw a digit")
    box = page.locator("canvas").first.bounding_box()
    points = [
        (box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in ((0.2, 0.2), (0.7, 0.2), (0.45, 0.85))
    ]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=8)
    page.mouse.up()
    assert says(page).startswith("Read as 7")
    page.close()
