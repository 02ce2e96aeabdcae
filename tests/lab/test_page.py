"""The lab's pages: they ask before they show, and their sliders train as Python does."""

from dataclasses import replace

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.lab import play
from nnscratch.lab.base import Outcome, lab_data
from nnscratch.lab.catalogue import EXPERIMENTS
from nnscratch.lab.page import lab_page
from nnscratch.training.gradcheck import float64_copy

SHOWN = {"rates": {"rate": -1, "momentum": 0.9}, "zero": {"scale": 2, "rate": -0.5}}


@pytest.fixture(scope="module")
def data():
    return lab_data(seed=3, images=1000, held_out=1000)


def written(name, prediction=None, data=None):
    """The page of an experiment whose run showed what theory expects, in figures of nothing."""
    experiment = replace(EXPERIMENTS[name], columns=(), verdict="what was seen")
    return lab_page(experiment, Outcome({}, {}, experiment.answer, b"\x89PNG"), prediction, "a run", data)


@pytest.fixture
def opened(browser, tmp_path):
    """Open a page's text, with or without scripts; what is complained of fails the test."""
    contexts, wrong = [], []

    def of(text, **options):
        file = tmp_path / "page.html"
        file.write_text(text, "utf-8")
        contexts.append(browser.new_context(viewport={"width": 320, "height": 640}, **options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text))
        page.goto(file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        return page

    yield of
    for context in contexts:
        context.close()
    assert [message for message in wrong if "ERR_INVALID_URL" not in message] == []


def test_who_has_not_answered_is_not_told():
    asked, answered = written("order"), written("order", 2)
    assert '<details id="answer">' in asked and 'class="seen"' not in asked
    assert '<details id="answer" open>' in answered and answered.count('class="seen"') == 1


def test_a_press_on_a_choice_is_an_answer(opened):
    page = opened(written("order"))
    assert not page.get_by_text("what was seen").is_visible()
    page.get_by_role("button").nth(2).press("Enter")
    assert page.get_by_text("what was seen").is_visible()
    assert page.locator("#feedback").inner_text().startswith("You predicted 3, but the answer of this run is 1")
    assert page.locator("#choices .seen").inner_text() == EXPERIMENTS["order"].choices[0]
    page.get_by_role("button").first.click()
    assert page.locator("#feedback").inner_text().startswith("You predicted 1, rightly")


def test_without_scripts_the_answer_opens_too(opened):
    page = opened(written("order"), java_script_enabled=False)
    assert page.get_by_role("button").count() == 0
    page.locator("summary").first.click()
    assert page.get_by_text("what was seen").is_visible()


def trained(data, activation, rate, momentum=0.0, scale=1.0):
    """The loss of each batch and the accuracy afterwards, by the library, in double precision."""
    network = float64_copy(play.network(activation, data.seed))
    for name in ("dense1.W", "dense2.W"):
        network.parameters[name] *= scale
    optimizer = nn.Momentum(rate, momentum=momentum)
    optimizer.start(network.theta, network.decay_mask)
    x, losses = play.quartered(data.images[: play.TRAINING]).T / 255, []
    for _ in range(play.EPOCHS):
        for first in range(0, play.TRAINING, play.BATCH):
            some = slice(first, first + play.BATCH)
            loss, dout = nn.softmax_cross_entropy(network.forward(x[:, some]), data.labels[some])
            network.backward(dout)
            optimizer.step(network.theta, network.gradient, rate)
            losses.append(loss)
    images, labels = data.validation
    scores = network.forward(play.quartered(images[: play.VALIDATION]).T / 255)
    return losses, (scores.argmax(axis=0) == labels[: play.VALIDATION]).mean()


@pytest.mark.parametrize("name", SHOWN)
def test_the_sliders_train_as_python_does(name, opened, data):
    page = opened(written(name, 1, data))
    for slider, value in SHOWN[name].items():
        page.evaluate("([id, value]) => { document.getElementById(id).value = value; }", [f"play-{slider}", str(value)])
    page.locator(f"#play-{slider}").dispatch_event("input")
    page.get_by_text("are read rightly").wait_for()
    told, points = page.locator("#play-told").inner_text(), page.locator("#play-line").get_attribute("points")
    settings = {key: 10**value if key == "rate" else value for key, value in SHOWN[name].items()}
    losses, accuracy = trained(data, EXPERIMENTS[name].activation, **settings)
    assert told.startswith(
        f"loss {float(f'{losses[-1]:.3g}'):g} in batch {len(losses)}; {100 * accuracy:.1f} % of 200 other images"
    )
    heights = [float(point.split(",")[1]) for point in points.split()]
    np.testing.assert_allclose(heights, 100 - 25 * np.minimum(losses, 4), atol=0.051)


def test_equal_weights_stay_equal_and_a_rate_too_high_climbs(opened, data):
    page = opened(written("zero", 1, data))
    page.locator("#play-scale").fill("0")
    page.get_by_text("1 of 16 hidden units differ").wait_for()
    page = opened(written("rates", 1, data))
    page.get_by_text("are read rightly").wait_for()
    page.locator("#play-rate").fill("2")
    page.get_by_text("are read rightly").wait_for(state="hidden")
    page.get_by_text("are read rightly").wait_for()
    assert float(page.locator("#play-told").inner_text().split()[1]) > 100
