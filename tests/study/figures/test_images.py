"""The figures of the chapters on images: numbers that are done by hand, and drawings that hold them."""

import re

import numpy as np
import pytest

from nnscratch.study.figures import convolution, lenet5, pooling
from nnscratch.study.figures.drawing import Row, format_number
from nnscratch.study.figures.sketch import Sketch
from tests.tools import naive

X = np.array([[1.0, 0, 2], [3, 1, 0], [0, 2, 1]])
W = np.array([[1.0, -1], [2, 0]])
DOUT = np.array([[1.0, 2], [3, 4]])


def texts(shown):
    """The words of a drawing, in order."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", shown._repr_html_())


def test_numbers_are_short_and_words_are_escaped():
    assert [format_number(number) for number in (0.0, -0.0, 2.0, -1.5, 0.12345, 12345.6)] == [
        "0",
        "0",
        "2",
        "−1.5",
        "0.123",
        "12346",
    ]
    sketch = Sketch(10, 10)
    sketch.text(0, 0, "a < b")
    html = sketch.drawing('says "x"')._repr_html_()
    assert "a &lt; b" in html and 'aria-label="says &quot;x&quot;"' in html
    assert Row([sketch.drawing("one"), sketch.drawing("two")])._repr_html_().count("<svg") == 2


def test_windows_add_up():
    assert [text for text in texts(convolution.forward(X, W, 1.0)) if "out[" in text] == [
        "out[0, 0] = 8", "out[0, 1] = 1", "out[1, 0] = 3", "out[1, 1] = 6",
    ]  # fmt: skip
    strided = texts(convolution.forward(X, W, 1.0, (2, 2), ((1, 0), (1, 0))))
    assert "out[1, 0] = −2" in strided and "1 · 0 + (−1) · 3" in strided


def test_a_weight_met_the_pixels_under_its_offset():
    shown = texts(convolution.weight(X, DOUT, (2, 2)))
    assert [text for text in shown if "dW[" in text] == [
        "dW[0, 0] = 14", "dW[0, 1] = 7", "dW[1, 0] = 13", "dW[1, 1] = 11",
    ]  # fmt: skip


def test_a_pixel_hears_from_each_window_by_another_weight():
    shown = texts(convolution.pixel(X, W, DOUT, 1, 1))
    assert [text for text in shown if text.startswith("=")] == [
        "= 0 · 1 = 0", "= 2 · 2 = 4", "= (−1) · 3 = −3", "= 1 · 4 = 4",
    ]  # fmt: skip
    assert len([text for text in texts(convolution.pixel(X, W, DOUT, 0, 0)) if text.startswith("window")]) == 1


def test_the_drawn_dx_is_that_of_plain_loops():
    wanted, *_ = naive.conv2d_backward(
        DOUT[None, :, :, None], X[None, :, :, None], W[None, None], (1, 1), ((0, 0),) * 2
    )
    last = convolution.flipped(W, DOUT).drawings[-1].alt
    assert last == f"dx: {wanted[0, :, :, 0].tolist()}"


def test_columns_hold_each_window():
    left, right = (drawing.alt for drawing in convolution.as_columns(X, W, 1.0).drawings)
    assert "cols [[1.0, 0.0, 3.0, 1.0], [0.0, 2.0, 1.0, 0.0]" in left
    assert "[8.0, 1.0, 3.0, 6.0]" in right


def test_pooling_and_relu_send_the_gradient_to_the_first_of_a_tie_and_lose_the_rest():
    x = np.array([[1.0, 4, -2, -1], [4, 2, -3, -1], [3, -1, 0, 5], [-2, 6, 2, 1]])
    found = pooling.both_ways(x, DOUT)
    assert found.out.tolist() == [[4, 0], [6, 5]]
    assert found.drelu.tolist() == [[0, 1, 2, 0], [0, 0, 0, 0], [0, 0, 0, 4], [0, 3, 0, 0]]
    assert found.dx.tolist() == [[0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 4], [0, 3, 0, 0]]
    assert len(pooling.forward(x, DOUT).drawings) == len(pooling.backward(x, DOUT).drawings) == 3


def test_the_gradient_gets_thinner_layer_by_layer():
    (_, pooled, at_pool), (_, whole, at_relu), (_, _, at_conv) = pooling.reached()
    assert whole == 4 * pooled and at_pool >= at_relu > at_conv > 0
    forward, back = (drawing.alt for drawing in pooling.on_digit().drawings)
    assert forward.startswith("out of conv1: ") and "of 144 numbers" in forward
    assert back.startswith("gradient at pool1: ") and back.count("of 576 numbers") == 2


def test_units_die_of_large_rates():
    slow, fast = pooling.dead_units(0.1)[-1], pooling.dead_units(3.0)[-1]
    assert slow == 0 and fast > 48


def test_shares_of_firing():
    values = pooling.firing(60)
    assert values.shape == (120,) and values.min() >= 0 and 0.1 < values.max() < 1
    assert "Of 120 units" in pooling.shares(values).alt


def test_costs_and_fields_of_lenet5():
    assert lenet5.seen() == [("conv1", 5), ("pool1", 6), ("conv2", 14), ("pool2", 16)]
    alt = lenet5.costs().alt
    assert "dense1 89% of the parameters" in alt and "conv2 56% of the multiply-adds" in alt


@pytest.mark.slow
def test_lenet5_begins_to_learn():
    losses, accuracy = lenet5.first_steps()
    assert losses[0] > 2 and losses[-1] < 1.2 and accuracy > 0.6
    assert "in 40 steps" in lenet5.curve(losses).alt
