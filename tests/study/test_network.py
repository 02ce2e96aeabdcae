"""``nnscratch study network``: its numbers against slower ways to them, and its page read back."""

import base64
import html
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

import nnscratch as nn
from nnscratch.models.pretrained import pretrained
from nnscratch.study.network import filters, receptive_field
from nnscratch.study.network.activation_maximisation import Excitement, class_share, groups, hidden_name, most_telling
from nnscratch.study.network.findings import TOP, study_network, to_dict
from nnscratch.study.network.image_grid import image_grid
from nnscratch.study.network.mistakes import confusions
from nnscratch.study.network.page import network_page
from nnscratch.study.network.pca import principal_components
from nnscratch.study.network.units import AROUND, BOX, blocks, boxed, closer
from tests.tools.commands import run_inside

pytestmark = pytest.mark.usefixtures("readable_ops")


def part(n, start=0):
    """MNIST with n of its test images."""
    mnist = nn.load_mnist()
    images, labels = mnist.test_images[start : start + n], mnist.test_labels[start : start + n]
    return nn.Dataset(mnist.train_images[:10], mnist.train_labels[:10], images, labels, "some", "-")


@pytest.fixture(scope="module")
def data():
    return part(900, 1_700)


@pytest.fixture(scope="module")
def studied(data, readable_ops):
    """Each of the three models: findings and page."""
    found = {
        name: study_network(name, nn.load(pretrained(name)), data, layer={"mlp": "dense2"}.get(name))
        for name in ("lenet5", "mlp", "logistic")
    }
    return {name: (findings, network_page(findings, "From a test.")) for name, findings in found.items()}


THREE = pytest.mark.parametrize("name", ["lenet5", "mlp", "logistic"])


# ---- principal components


@pytest.mark.parametrize(("n", "d"), [(60, 7), (12, 30), (40, 40)])
def test_principal_components_are_the_eigenvectors_of_the_covariance(n, d):
    rng = np.random.default_rng(n)
    x = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 5
    coordinates, axes, shares = principal_components(x, 3)
    values, vectors = np.linalg.eigh(np.cov(x.T))
    np.testing.assert_allclose(shares, values[::-1][:3] / values.sum(), rtol=1e-9)
    _, s, vt = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    for k in range(3):
        assert abs(axes[k] @ vectors[:, d - 1 - k]) == pytest.approx(1, abs=1e-9)
        assert abs(axes[k] @ vt[k]) == pytest.approx(1, abs=1e-9)
        assert axes[k][np.abs(axes[k]).argmax()] > 0
    np.testing.assert_allclose(np.linalg.norm(coordinates, axis=0), s[:3], rtol=1e-9)
    np.testing.assert_allclose(coordinates, (x - x.mean(axis=0)) @ axes.T, atol=1e-9)


@pytest.mark.parametrize("mirror", [1, -1])
def test_a_line_of_points_has_one_component_the_same_way_round(mirror):
    """Points along (3, 0, -4) / 5: the axis is the one whose largest entry is positive, however they were ordered."""
    steps = mirror * np.array([-2.0, -1, 0, 1, 2])
    coordinates, axes, shares = principal_components(np.outer(steps, [3, 0, -4]) + np.array([7, 8, 9]))
    np.testing.assert_allclose(axes, [[-0.6, 0, 0.8], [0, 0, 0]], atol=1e-12)
    np.testing.assert_allclose(coordinates[:, 0], -5 * steps, atol=1e-12)
    np.testing.assert_allclose(shares, [1, 0], atol=1e-12)
    assert not coordinates[:, 1].any()


def test_points_that_are_alike_or_have_one_dimension():
    for x in (np.full((4, 3), 2.0), np.full((1, 5), 2.0)):
        coordinates, axes, shares = principal_components(x)
        assert not coordinates.any() and not axes.any() and not shares.any()
    coordinates, _, shares = principal_components(np.array([[1.0], [2], [6]]))
    np.testing.assert_allclose(coordinates, [[-2, 0], [-1, 0], [3, 0]])
    np.testing.assert_allclose(shares, [1, 0])
    with pytest.raises(nn.UsageError, match=r"\(3,\)"):
        principal_components(np.zeros(3))


# ---- units


def naive_sums(model, images, group):
    """The sums (units, N) that a unit is judged by, and a function for the place of the largest."""
    x = model.batches(images).x(np.arange(len(images)))
    for layer in model.layers[: group.place]:
        x = layer.forward(x)
    layer = model.layers[group.place]
    if not group.spatial:
        return layer.W @ x + layer.b[:, None], None
    sums = layer.forward(x)
    return sums.max(axis=(1, 2)), lambda unit, n: np.argwhere(sums[unit, ..., n] == sums[unit, ..., n].max())[0]


@pytest.mark.slow
@THREE
def test_top_images_are_those_of_a_naive_search(name, studied):
    findings, _ = studied[name]
    for group in findings.groups:
        sums, places = naive_sums(findings.model, findings.images, group)
        excitement = findings.excitement[group.name]
        np.testing.assert_allclose(excitement.values, sums, rtol=1e-4, atol=1e-4)
        for unit in range(0, group.units, 7):
            ranked = sorted(range(len(findings.images)), key=lambda n: -excitement.values[unit, n])
            assert excitement.top(unit, TOP).tolist() == ranked[:TOP]
            worst_shown = sums[unit, ranked[:TOP]].min()
            assert (np.delete(sums[unit], ranked[:TOP]) <= worst_shown + 1e-4).all()
            if places is not None:
                image = ranked[0]
                row, column = places(unit, image)
                width = findings.model.shapes[group.place + 1][2]
                assert excitement.places[unit, image] == row * width + column


def test_class_share_is_0_and_1_where_it_must_be_and_a_loop_agrees():
    labels = np.array([0, 0, 1, 1, 9, 9])
    values = np.array([[1, 1, 5, 5, 2, 2], [1, -1, 1, -1, 1, -1], [3, 3, 3, 3, 3, 3], [1, 2, 3, 5, 8, 13.0]])
    share = class_share(values, labels)
    between = sum(2 * (values[3, labels == k].mean() - values[3].mean()) ** 2 for k in (0, 1, 9))
    np.testing.assert_allclose(share, [1, 0, 0, between / ((values[3] - values[3].mean()) ** 2).sum()], atol=1e-12)


def test_the_most_telling_units_are_shown_and_silent_ones_last():
    share, activity = np.array([0.2, 0.9, 0.5, 0.8, 0.1]), np.array([1, 0, 1, 1, 1])
    excitement = Excitement(np.zeros((5, 3)), np.zeros((5, 3)), activity, share)
    assert most_telling(excitement, 2).tolist() == [2, 3]
    assert most_telling(excitement, 4).tolist() == [0, 2, 3, 4]
    assert most_telling(excitement, 5).tolist() == [0, 1, 2, 3, 4]


def test_batch_normalisation_counts_in():
    """A negative gamma turns the order round; the layer behind the weights is where units are judged."""
    model = nn.Sequential([nn.Flatten(), nn.Dense(3), nn.BatchNorm(), nn.ReLU(), nn.Dense(10)])
    model.parameters["batchnorm1.gamma"][...] = -1
    data = part(50)
    findings = study_network("turned", model, data)
    assert [group.sums for group in findings.groups] == ["batchnorm1", "dense2"]
    plain = model.parameters["dense1.W"] @ (data.test_images.reshape(50, -1).T / 255)
    assert findings.excitement["dense1"].top(1, 1)[0] == plain[1].argmin()


# ---- receptive fields


STACKS = {
    "lenet5": [nn.Conv2D(2, 5), nn.ReLU(), nn.MaxPool2D(2), nn.Conv2D(2, 5)],
    "padded": [nn.Conv2D(2, 5, padding=2), nn.Tanh(), nn.AvgPool2D(2), nn.Conv2D(2, 3, padding="same")],
    "strides": [nn.Conv2D(2, (3, 5), stride=(2, 3), padding=(1, 0)), nn.MaxPool2D(3, 1), nn.Conv2D(2, 2, stride=2)],
    "even": [nn.Conv2D(2, 4, stride=3, padding="same"), nn.ReLU(), nn.Conv2D(1, (2, 4), padding="same")],
}


@pytest.mark.parametrize("name", STACKS)
def test_the_receptive_field_holds_exactly_the_pixels_that_matter(name):
    """All weights positive: lighting one pixel changes a place of the output only where the place sees the pixel."""
    network = nn.Sequential([type(layer)(**layer.settings()) for layer in STACKS[name]])
    for key, value in network.parameters.items():
        value[...] = 1 if key.endswith("W") else 0
    x = np.zeros((1, 28, 28, 784), np.float32)
    x.reshape(784, 784)[np.arange(784), np.arange(784)] = 1
    lit = network.forward(x)[0] > 0  # (OH, OW, pixel)
    OH, OW = lit.shape[:2]
    for row in range(0, OH, max(1, OH // 3)):
        for column in (0, OW // 2, OW - 1):
            box = receptive_field.receptive_field(network.layers, row, column).within(28, 28)
            seen = np.zeros((28, 28), bool)
            seen[box.top : box.bottom, box.left : box.right] = True
            np.testing.assert_array_equal(lit[row, column].reshape(28, 28), seen)


@pytest.mark.parametrize(("pixel", "clipped"), [((10, 20), (7, 19, 12, 24)), ((1, 27), (0, 26, 3, 28))])
def test_a_filter_with_one_weight_boxes_the_brightest_pixel(pixel, clipped):
    model = nn.Sequential([nn.Conv2D(1, 5, padding=3), nn.ReLU(), nn.Flatten(), nn.Dense(10)])
    model.parameters["conv1.W"][...] = 0
    model.parameters["conv1.W"][0, 0, 3, 1] = 1
    images = np.zeros((10, 28, 28), np.uint8)
    images[4][pixel] = 200
    data = nn.Dataset(images, np.arange(10), images, np.arange(10), "made", "-")
    findings = study_network("one", model, data)
    excitement, group = findings.excitement["conv1"], findings.groups[0]
    assert excitement.top(0, 1).tolist() == [4]
    assert excitement.values[0, 4] == pytest.approx(200 / 255)
    box = findings.box(group, 0, 4)
    assert (box.top, box.left, box.bottom, box.right) == (pixel[0] - 3, pixel[1] - 1, pixel[0] + 2, pixel[1] + 4)
    assert to_dict(findings)["units"]["conv1"]["boxes"][0][0] == list(clipped)
    orange = (boxed(images[4], box) == BOX).all(axis=2)
    top, left, bottom, right = (2 * side for side in clipped)
    line = np.zeros((56, 56), bool)
    line[top:bottom, left:right] = True
    line[top + 1 : bottom - 1, left + 1 : right - 1] = False
    np.testing.assert_array_equal(orange, line)
    near = closer(images[4], box)[..., 0]  # 5 pixels wide, 10 times as large, in a frame of 3
    assert near.shape == (56, 56)
    assert (near[3 + 30 : 3 + 40, 3 + 10 : 3 + 20] == 200).all()
    assert (near == 200).sum() == 100 and (near[:3] == AROUND).all()


# ---- weights


@THREE
def test_first_weights_are_those_of_build_with_the_seed(name):
    first = filters.first_weights(nn.load(pretrained(name)))
    fresh = nn.build(name, seed=0).parameters
    assert first.keys() == fresh.keys()
    for key, value in fresh.items():
        np.testing.assert_array_equal(first[key], value)


def test_changes_lead_from_the_weights_before_training_to_those_after():
    model = nn.build("lenet5-classic", seed=7)
    before = {key: value.copy() for key, value in model.parameters.items()}
    mnist = nn.load_mnist()
    model.fit(mnist.train_images[:64], mnist.train_labels[:64])
    for change in filters.changes(model):
        np.testing.assert_array_equal(change.first, before[change.name])
        np.testing.assert_array_equal(change.first + change.difference, model.parameters[change.name])
        assert change.norms[2] > 0
    change = filters.Change("W", np.array([[3.0, 0]]), np.array([[0.0, 4]]))
    assert change.norms == (3, 4, 5) and change.cosine == 0
    assert filters.Change("b", np.zeros(2), np.ones(2)).cosine is None


# ---- mistakes


def test_confusions_list_exactly_what_is_wrong_the_most_confident_first():
    p = np.full((6, 10), 0.01)
    for row, (digit, confidence) in enumerate([(3, 0.5), (4, 0.6), (4, 0.8), (2, 0.7), (4, 0.6), (0, 0.9)]):
        p[row, digit] = confidence
    found = confusions(np.log(p), np.array([3, 9, 9, 1, 9, 5]))
    assert [(c.true, c.read, c.images.tolist()) for c in found] == [(1, 2, [3]), (5, 0, [5]), (9, 4, [2, 1, 4])]
    np.testing.assert_allclose(found[2].confidence, [0.8, 0.6, 0.6])


# ---- the page, read back


def pictures(page, pattern):
    """(match, pixels) of each <img> whose alt matches."""
    found = []
    for tag in re.findall(r"<img [^>]*>", page):
        alt = html.unescape(re.search(r'alt="([^"]*)"', tag).group(1)).replace("\xa0", " ")
        match = re.fullmatch(pattern, alt)
        if match:
            content = base64.b64decode(re.search(r"base64,([^\"]*)", tag).group(1))
            found.append((match, np.asarray(Image.open(io.BytesIO(content)))))
    return found


def rows(page, section):
    """The cells of every table row of a section, as text."""
    inside = re.search(rf'<section class="card" id="{section}".*?</section>', page, re.S).group(0)
    return [
        [html.unescape(re.sub("<[^>]*>", "", cell)) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in re.findall(r"<tr>(.*?)</tr>", inside)
    ]


@pytest.mark.slow
@THREE
def test_figures_on_the_page_are_those_of_the_library(name, studied, data):
    findings, page = studied[name]
    text = html.unescape(page).replace("\xa0", " ")
    figures = findings.model.evaluate(data.test_images, data.test_labels)
    assert f"<b>{100 * figures['accuracy']:.2f} %</b> of the 900 test images" in text
    assert f"The loss is {figures['loss']:.4f} nats" in text
    assert [row[0] for row in rows(page, "summary")[1 : len(findings.model.layers) + 1]] == [
        row[0] for row in findings.model.table()
    ]
    fresh = nn.build(name, seed=0).parameters
    shown = {row[0]: row for row in rows(page, "weights")[1:]}
    assert shown.keys() == fresh.keys()
    for key, last in findings.model.parameters.items():
        norms = [np.linalg.norm(np.float64(value)) for value in (fresh[key], last, last - fresh[key])]
        np.testing.assert_allclose([float(cell) for cell in shown[key][2:5]], norms, atol=6e-4)
    assert findings.model.info["settings"]["optimizer"] == "adamw"
    assert ["settings.optimizer", "adamw"] in rows(page, "summary")


@pytest.mark.slow
@THREE
def test_the_gallery_holds_exactly_the_wrongly_read(name, studied, data):
    findings, page = studied[name]
    read = findings.model.predict(data.test_images)
    confidence = findings.model.predict_proba(data.test_images).max(axis=1)
    found = pictures(page, r"test image (\d+), a (\d) read as (\d) with confidence ([\d.]+) %")
    assert sorted(int(match[1]) for match, _ in found) == np.flatnonzero(read != data.test_labels).tolist()
    last = {}
    for match, pixels in found:
        image, true, wrong = map(int, match.groups()[:3])
        assert (true, wrong) == (data.test_labels[image], read[image])
        assert float(match[4]) == pytest.approx(100 * confidence[image], abs=0.06)
        assert float(match[4]) <= last.get((true, wrong), 100)
        last[true, wrong] = float(match[4])
        np.testing.assert_array_equal(pixels[::2, ::2], data.test_images[image])
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (data.test_labels, read), 1)
    table = [[int(cell.replace("·", "0")) for cell in row[1:]] for row in rows(page, "mistakes")[1:]]
    np.testing.assert_array_equal(table, counts)


@pytest.mark.slow
def test_of_many_mistakes_some_are_drawn_and_all_are_listed():
    data = part(2_500)
    findings = study_network("untrained", nn.build("logistic"), data)
    page = network_page(findings, "")
    wrong = np.flatnonzero(findings.read != data.test_labels)
    assert len(wrong) > 1_500
    drawn = [int(match[1]) for match, _ in pictures(page, r"test image (\d+), a \d read as .*")]
    listed = [int(n) for text in re.findall(r'<p class="numbers-list">([^<]*)', page) for n in text.split(", ")]
    assert sorted(drawn + listed) == wrong.tolist()


@pytest.mark.slow
@THREE
def test_strips_show_the_top_images_of_the_units_they_name(name, studied):
    findings, page = studied[name]
    for group in findings.groups:
        found = pictures(page, rf"{group.name}, (?:unit|output for digit) (\d+): test images (.*)")
        assert [int(match[1]) for match, _ in found] == findings.shown[group.name].tolist()
        for match, pixels in found:
            images = [int(n) for n in re.findall(r"(\d+) \(a", match[2])]
            classes = [int(k) for k in re.findall(r"\(a (\d)\)", match[2])]
            assert images == findings.excitement[group.name].top(int(match[1]), TOP).tolist()
            assert classes == findings.labels[images].tolist()
            scale = 2 if group.spatial else 1
            for place, image in enumerate(images):
                left = place * (28 * scale + 2)
                tile = pixels[: 28 * scale, left : left + 28 * scale]
                assert (tile[..., -1] == 255).all()
                gray = tile[::scale, ::scale, :-1]
                same = (gray == findings.images[image][..., None]).all(axis=2)
                assert same.mean() > (0.85 if group.spatial else 0.9999)  # the box lies on it
    assert len(findings.shown[findings.groups[-1].name]) == 10
    if name == "mlp":
        assert len(findings.shown["dense1"]) == 32 and len(findings.shown["dense2"]) == 222  # --layer dense2


@pytest.mark.slow
def test_heat_maps_hold_the_weights(studied):
    """Rows in order; the last layer's columns sorted by the digit that they speak for most."""
    findings, page = studied["lenet5"]
    for name, sorted_ in (("dense1", False), ("dense2", True)):
        W = findings.model.parameters[f"{name}.W"]
        ((_, pixels),) = pictures(page, rf"heat map of the weights of {name}: .*")
        cells = pixels[:: len(pixels) // len(W), :: pixels.shape[1] // W.shape[1]].astype(int)
        assert cells.shape == (*W.shape, 3)
        order = sorted(range(W.shape[1]), key=lambda k: W[:, k].argmax()) if sorted_ else list(range(W.shape[1]))
        strong = np.abs(W) > 0.1 * np.abs(W).max()
        warm = cells[..., 0] > cells[..., 2]
        assert (warm == (W > 0)[:, order])[strong[:, order]].all()


def test_large_layers_are_cut_and_that_is_said():
    model = nn.Sequential([nn.Flatten(), nn.Dense(600), nn.ReLU(), nn.Dense(300), nn.ReLU(), nn.Dense(10)])
    page = network_page(study_network("large", model, part(30)), "")
    assert "Shown are the first 256 rows and 585 columns." in page
    assert "Shown are 32 of 600: those of which the class explains most." in page
    assert len(page) < 3_000_000


@pytest.mark.slow
def test_templates_are_the_rows_of_the_weights(studied):
    for name, most in (("logistic", 10), ("mlp", 64)):
        findings, page = studied[name]
        found = pictures(page, r"template of dense1, (?:unit|digit) (\d+)")
        assert len(found) == most
        W = findings.model.parameters["dense1.W"]
        for match, pixels in found:
            row = W[int(match[1])].reshape(28, 28)
            red, blue = pixels[::3, ::3, 0].astype(int), pixels[::3, ::3, 2].astype(int)
            strong = np.abs(row) > 0.1 * np.abs(W).max()
            assert ((red > blue) == (row > 0))[strong].all()
    sizes = findings.excitement["dense1"].activity
    x = findings.model.batches(findings.images).x(np.arange(900))
    findings.model.forward(x, record=True)
    np.testing.assert_allclose(sizes, findings.model.activations["relu1"].mean(axis=1), rtol=1e-4, atol=1e-6)
    assert int(found[0][0][1]) == sizes.argmax()


@pytest.mark.slow
def test_the_map_is_that_of_the_last_hidden_layer(studied):
    findings, page = studied["lenet5"]
    model = findings.model
    model.forward(model.batches(findings.images).x(np.arange(900)), record=True)
    hidden = np.float64(model.activations["relu3"].T)
    u, s, _ = np.linalg.svd(hidden - hidden.mean(axis=0), full_matrices=False)
    shares = s**2 / (s**2).sum()
    assert f"{100 * shares[0]:.1f} % and {100 * shares[1]:.1f} % of the variance" in page.replace("\xa0", " ")
    marks = re.findall(r'<text (?:class="d\d" )?x="([\d.]+)" y="([\d.]+)">(\d)<title>test image (\d+):', page)
    assert sorted(int(mark[3]) for mark in marks) == list(range(900))
    numbers = np.array([int(mark[3]) for mark in marks])
    assert [int(mark[2]) for mark in marks] == findings.labels[numbers].tolist()
    places = np.array([[float(mark[0]), -float(mark[1])] for mark in marks])  # upwards is up
    wanted = (u * s)[numbers, :2]
    for k in (0, 1):  # one scale for both axes, up to the sign that SVD is free to choose
        slope = np.polyfit(wanted[:, k], places[:, k], 1)[0]
        assert abs(slope) == pytest.approx(np.ptp(places[:, 0]) / np.ptp(wanted[:, 0]), rel=1e-2)
        assert abs(np.corrcoef(wanted[:, k], places[:, k])[0, 1]) > 0.9999
        assert np.corrcoef(findings.plane.coordinates[numbers, k], places[:, k])[0, 1] > 0.9999
    assert page.count("<circle") == sum(len(c.images) for c in findings.confusions)


def test_hidden_layer_and_blocks_of_architectures():
    classic, logistic = nn.build("lenet5-classic"), nn.build("logistic")
    assert hidden_name(classic) == "tanh4" and hidden_name(logistic) == "flatten1"
    assert blocks(classic) == [("conv1", "pool1"), ("conv2", "pool2")] and blocks(logistic) == []
    assert [(g.name, g.sums, g.after) for g in groups(classic)][:2] == [
        ("conv1", "conv1", "tanh1"),
        ("conv2", "conv2", "tanh2"),
    ]


def own_models():
    return {
        "classic": nn.build("lenet5-classic", seed=3),
        "mixed": nn.Sequential(
            [
                *(nn.Conv2D(3, 3, stride=2, padding="same"), nn.BatchNorm(), nn.LeakyReLU(), nn.Conv2D(40, 3)),
                *(nn.ReLU(), nn.AvgPool2D(2), nn.Dropout(0.2), nn.Flatten(), nn.Dense(10)),
            ],
            seed=1,
            normalisation=(0.13, 0.31),
        ),
        "convolutions": nn.Sequential([nn.Conv2D(10, 28), nn.Flatten(), nn.Softmax()]),
        "narrow": nn.Sequential([nn.Flatten(), nn.Dense(1), nn.Sigmoid(), nn.Dense(10), nn.Softmax()]),
    }


@pytest.mark.parametrize("name", own_models())
def test_other_architectures(name):
    model, data = own_models()[name], part(60)
    findings = study_network(name, model, data, digits=[3, 7, 18])
    page = network_page(findings, "")
    np.testing.assert_array_equal(findings.read, model.predict(data.test_images))
    figures = model.evaluate(data.test_images, data.test_labels)
    assert findings.figures["loss"] == pytest.approx(figures["loss"], rel=1e-4)
    assert page.count("<section") == len(re.findall(r'<li><a href="#(\w+)">', page))
    assert all(f'id="{name}"' in page for name in re.findall(r'<li><a href="#([\w-]+)">', page))
    maps = pictures(page, r"maps after (conv\d) of test image (\d+), a \d")
    wanted = [f"conv{k + 1}" for k in range(sum(group.spatial for group in findings.groups))] * 3
    assert [match[1] for match, _ in maps] == wanted
    to_dict(findings)


def test_little_data_is_enough():
    data = part(4)
    page = network_page(study_network("few", nn.build("lenet5"), data), "")
    assert pictures(page, r"dense2, output for digit 3: test images .*")[0][1].shape == (28, 4 * 30 - 2, 2)


@pytest.mark.parametrize("layers", [[], [nn.Tanh(), nn.Dense(10)]])
def test_sums_that_are_not_finite_are_refused(layers):
    """Also where a tanh hides them."""
    model = nn.Sequential([nn.Flatten(), nn.Dense(10), *(type(layer)(**layer.settings()) for layer in layers)])
    model.parameters["dense1.W"][...] = 3e38
    with pytest.raises(nn.DataError, match="finite"):
        study_network("broken", model, part(5))


def test_mosaic_lays_tiles_in_rows():
    tiles = [np.full((2, 3), value, np.uint8) for value in (10, 20, 30)]
    sheet = image_grid(tiles, 2, gap=1)
    assert sheet.shape == (5, 7, 2)
    assert (sheet[:2, 4:, 0] == 20).all() and (sheet[3:, :3, 0] == 30).all()
    assert sheet[..., 1].sum() == 255 * 18 and not sheet[2].any() and not sheet[3:, 4:].any()


# ---- the command


@pytest.mark.slow
def test_the_command_writes_a_page_and_tells_the_numbers(tmp_path):
    code, out, err = run_inside("study", "network", "logistic", cwd=tmp_path)
    assert code == 0, err
    assert "accuracy 92.76 %" in out and "dense1.W" in out and "study/network-logistic.html" in out.replace("\\", "/")
    page = (tmp_path / "study" / "network-logistic.html").read_text("utf-8")
    assert "python train.py --recipe distilled --seed 0 logistic" in html.unescape(page)
    assert len(page) < 6_000_000
    code, out, err = run_inside("study", "network", "logistic", "--json", "--out", "own.html", cwd=tmp_path)
    answer = json.loads(out)
    assert code == 0 and answer["page"] == "own.html" and (tmp_path / "own.html").read_text("utf-8") == page
    mnist = nn.load_mnist()
    model = nn.load(pretrained("logistic"))
    wrong = np.flatnonzero(model.predict(mnist.test_images) != mnist.test_labels)
    assert sorted(image for pair in answer["confusions"] for image in pair["images"]) == wrong.tolist()
    chosen = answer["map"]["images"]
    assert len(set(chosen)) == 1_500 and answer["map"]["labels"] == mnist.test_labels[chosen].tolist()
    pixels = mnist.test_images[chosen].reshape(1_500, -1) / 255
    axes = np.linalg.eigh(np.cov(pixels.T))[1][:, :-3:-1]
    places, wanted = np.array(answer["map"]["coordinates"]), (pixels - pixels.mean(axis=0)) @ axes
    np.testing.assert_allclose(np.abs(places), np.abs(wanted), atol=1e-4)
    sums = model.parameters["dense1.W"] @ (mnist.test_images.reshape(10_000, -1).T / 255)
    assert answer["units"]["dense1"]["top"][4][0] == sums[4].argmax()
    assert answer["weights"][0]["last"] == pytest.approx(np.linalg.norm(model.parameters["dense1.W"]), rel=1e-5)


@pytest.mark.slow
def test_text_from_a_file_means_itself(tmp_path):
    model = nn.build("logistic")
    model.info = {"name": "../../<script>alert(1)</script>\x1b", "note": {"<script>": ["<b>", "y" * 1_000]}}
    model.save(tmp_path / "model.npz")
    code, out, err = run_inside("study", "network", "model.npz", cwd=tmp_path)
    assert code == 0 and "\x1b" not in out + err
    (path,) = (tmp_path / "study").iterdir()
    page = path.read_text("utf-8")
    assert "<script" not in page.lower() and "\x1b" not in page
    assert "<h1>What ../../&lt;script&gt;" in page and "<b>'" not in page
    assert "y" * 300 not in page


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("lenet5 --layer relu1", 2, "choose from conv1, conv2, dense1, dense2"),
        ("lenet5 --digits 3,10000", 2, "0 to 9999"),
        ("lenet5 --digits three", 2, "list of whole numbers"),
        ("lenet5 --out page.png", 2, "HTML file"),
        ("resnet", 2, "choose from lenet5"),
        ("none.npz", 1, "none.npz"),
    ],
)
def test_bad_input(arguments, code, words, tmp_path):
    came, out, err = run_inside("study", "network", *arguments.split(), cwd=tmp_path)
    assert (came, out) == (code, "") and words in err and "Traceback" not in err
    assert not list(tmp_path.iterdir())


# ---- in a browser


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1280, "dark")])
@THREE
def test_in_a_browser(name, width, scheme, browser, studied, tmp_path):
    (tmp_path / "page.html").write_text(studied[name][1], "utf-8")
    page, wrong = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme), []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto((tmp_path / "page.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    starts = page.evaluate("[...document.querySelectorAll('nav li')].map(li => li.getBoundingClientRect().left)")
    assert len(set(starts)) == (1 if width < 600 else 2)  # a second column only where there is room for it
    broken = "[...document.images].filter(i => !i.complete || !i.naturalWidth || !i.alt).length"
    assert page.evaluate(broken) == 0
    assert wrong == []
    links = page.evaluate("[...document.querySelectorAll('a')].map(a => !!document.querySelector(a.hash))")
    assert links and all(links)
    shown = "[...document.querySelectorAll('svg .d3')].filter(e => getComputedStyle(e).display !== 'none').length"
    assert page.evaluate(shown) == int((studied[name][0].labels == 3).sum())
    page.uncheck("#show3")
    assert page.evaluate(shown) == 0
    page.close()


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), pytest.param(1280, "light", marks=pytest.mark.thorough)])
def test_axe_finds_nothing(width, scheme, browser, studied, tmp_path):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    (tmp_path / "page.html").write_text(studied["lenet5"][1], "utf-8")
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto((tmp_path / "page.html").as_uri())
    results = axe.Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    page.close()
