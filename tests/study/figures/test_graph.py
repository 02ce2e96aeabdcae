"""Chapter 2: a graph of numbers, and what its derivatives cost."""

from xml.etree import ElementTree

import numpy as np
import pytest

from nnscratch.study.figures import graph, graph_drawing
from nnscratch.study.figures.graph import Number


def line(w=2.0, x=3.0, b=-1.0, y=2.0):
    w, x, b, y = (Number(value, name) for name, value in {"w": w, "x": x, "b": b, "y": y}.items())
    p = (w * x).named("p")
    out = (p + b).named("out")
    d = (out - y).named("d")
    return (d * d).named("L")


def by_name(last):
    return {node.name: node for node in graph.order(last)}


def test_the_example_of_the_page():
    last = line()
    graph.backward(graph.order(last))
    gradients = {name: node.gradient for name, node in by_name(last).items()}
    assert gradients == {"w": 18, "x": 12, "b": 6, "y": -6, "p": 6, "out": 6, "d": 6, "L": 1}


def test_three_ways_to_one_gradient():
    w, x, b = Number(0.5, "w"), Number(2.0, "x"), Number(-1.0, "b")
    out = graph.sigmoid(w * x + b)
    nodes = graph.order(out * out * w)  # w is used twice
    graph.backward(nodes)
    assert w.gradient == 0.5
    for first in (w, x, b):
        graph.tangents(nodes, first)
        assert nodes[-1].tangent == pytest.approx(first.gradient, rel=1e-12)
        assert graph.difference(nodes, first)[0] == pytest.approx(first.gradient, rel=1e-8)
    assert (w.value, nodes[-1].value) == (0.5, 0.125)  # as before


@pytest.mark.parametrize("units", [1, 3, 6])
def test_what_a_gradient_costs(units):
    """By hand: a product for each weight, one for each sigmoid, one for the square of the error."""
    counts = graph.count_multiplications(units)
    P = units * (units + 1) + units + 1
    forward = units * units + units + units + 1
    assert counts == {
        "parameters": P,
        "forward": forward,
        "reverse": 2 * forward,
        "forward mode": 2 * forward * P,
        "numerical": (2 * forward + 1) * P,
    }


def test_paths_double_where_edges_add():
    a = first = Number(1.01, "a")
    for _ in range(20):
        a = a * a
    assert len(graph.order(a)) == 21 and graph.count_paths(a, first) == 2**20


def test_a_long_computation_is_no_deep_recursion():
    a = first = Number(1.0, "a")
    one = Number(1.0, "one")
    for _ in range(5000):
        a = a * one
    graph.backward(graph.order(a))
    assert (first.gradient, one.gradient) == (1, 5000)


def test_the_picture_shows_values_and_gradients():
    last = line()
    graph.backward(graph.order(last))
    rows = [{"w": 0, "x": 1}, {"p": 0.5, "b": 1.5}, {"out": 1, "y": 2}, {"d": 1.5}, {"L": 1.5}]
    drawing = graph_drawing.picture(last, rows)
    root = ElementTree.fromstring(drawing.svg)
    texts = ["".join(node.itertext()) for node in root if node.tag.endswith("text")]
    assert {"w = 2", "dw = 18", "dy = −6", "L = 9"} <= set(texts)
    assert sum(node.tag.endswith("path") for node in root) == 8  # two of them from d to L
    assert "x is 3, its gradient 12" in drawing.alt


def test_the_plots():
    counts = [graph.count_multiplications(units) for units in (1, 2)]
    assert "a forward pass alone" in graph_drawing.costs(counts).svg
    steps = np.array([1e-3, 1e-2, 1e-1])
    assert "central" in graph_drawing.difference_errors(steps, {"central": steps**2, "one-sided": 0 * steps}).svg
