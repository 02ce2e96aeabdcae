"""Drawings: SVG that keeps to itself on a page."""

import re
from xml.etree import ElementTree

import numpy as np

from nnscratch.study.figures.drawing import Drawing, beside
from nnscratch.study.figures.plots import as_drawing, new_figure


def drawn(alt="a line"):
    figure = new_figure(3, 2)
    axes = figure.subplots()
    axes.plot(np.arange(3), color="black", label="w < b")
    axes.legend()
    return as_drawing(figure, alt)


def test_a_plot_takes_the_colours_of_the_page():
    svg = drawn().svg
    ElementTree.fromstring(svg)
    assert "currentColor" in svg and "#000000" not in svg and "<style" not in svg
    assert not re.search(r'<g id="', svg)  # ids that each of several plots on a page would have
    assert "w &lt; b" in svg  # letters stay letters
    assert drawn().svg == svg


def test_html():
    html = beside([drawn(), Drawing("<svg/>", "")], 'two "pictures"')._repr_html_()
    assert html.count("<svg") == 2 and 'aria-label="two &quot;pictures&quot;"' in html and 'role="img"' in html
