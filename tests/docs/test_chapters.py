"""The chapters of docs/learn: four beats each, and cells that print what the text says. The site runs them, too."""

import contextlib
import io
import re

import pytest

from tests.tools.commands import ROOT, choices_kept

CHAPTERS = sorted((ROOT / "docs" / "learn").glob("[0-9]-*.md"))
CELL = re.compile(r"^```\{code-cell\} python\n(?::tags:[^\n]*\n)?(.*?)^```$", re.MULTILINE | re.DOTALL)

SAYS = {  # what the text of a chapter states as a fact, in the words in which its cells print it
    "1-neuron": [
        "lr = 0.1: loss 13, 2.96, 0.68",
        "lr = 0.5: loss 13, 34, 89, 233",
        "dw = -10.0, db = -6.0",
        "curvatures [0.764 5.236], largest rate 0.3820",
        "lr = 0.3720: loss after 500 steps 5.7",
        "lr = 0.3920: loss after 500 steps 1.9e+23",
        "weights of size 1.000: z of size  9.",
        "weights of size 0.100: z of size  0.99",
    ],
    "2-chain-rule": [
        "21 numbers, 40 edges, 1,048,576 paths",
        "81             81       162         13,122      13,203",
        "34,622 parameters",
        "34,622 times as many",
        re.compile(r"central: the best h is \de-0[56], its error \de-1[123]"),  # to a digit or so: rounding decides
        re.compile(r"central, in float32: the best h is \de-0[34], its error \de-0[678]"),
        "dw = 0.500000000, by differences 0.500000000",
    ],
    "3-dense": [
        "w = (0.0, 0.0), b = 0.5",
        "out =\n[[0. 1. 1. 0.]]",
        "dout =\n[[0.  0.  0.  0.5]]",
        "dW2 =\n[[1.  0.5]]",
        "dW1 =\n[[ 0.5  0.5]\n [-0.5 -0.5]]",
        "100% of the points are on the right side",
        "8 hidden units: XOR is learnt from 10 of 10 starts",
    ],
    "4-softmax": [
        "squared_error: loss 0.9999, dz = (0.000091, -0.000091)",
        "softmax_cross_entropy: loss 10.0000, dz = (0.999955, -0.999955)",
        "p = [0.125 0.25  0.625]",
        "loss = 0.4700, dz = [ 0.125  0.25  -0.375]",
        "as it stands: p = [nan  0.  0.]",
        "one after the other: dz = [nan nan nan]",
        "together:            dz = [ 1. -1.  0.]",
        "label 3, read as 2",
        "step  0: loss 2.303",
    ],
    "5-convolution": [
        "[[8. 1.]\n [3. 6.]]",
        "[[14.  7.]\n [13. 11.]] [10.]",
        "[[ 1.  1. -2.]\n [ 5.  5. -4.]\n [ 6.  8.  0.]]",
        "the same as a convolution with the flipped filter: True",
        "[[ 0.  4.  0.]\n [-3.  4. -4.]\n [ 0.  8.  0.]]",
        "784 pixels become 14,400 numbers",
        "tolerance 1e-07: pass",
    ],
    "6-pooling": [
        "a     upwards 1   downwards 0",
        "both  upwards 1   downwards 1",
        "relu, then max = max, then relu: True",
        "at the output of conv1: 491 of 3,456 numbers have a gradient (14%)",
        "lr 0.1: z = [-0.2",
        "lr 1.0: z = [-2.   -4.33 -6.67], dw = 0.00, db = 0.00",
        "of 120 units are above 0 for none of 500 test digits",
    ],
    "7-optimizers": [
        "loss 100 at the start, 0.15 after 40 steps",
        "rate 0.09: 100 119.5 156.4 219.1 321.5 ... 2.83e+09",
        "rate 0.0769: the slower factor is 0.923",
        "the same each time: |m| = 9.9997",
        "another sign each time: |m| = 0.5263",
        "[ -9.424  -0.4  ]",
        "[ -9.5   1.5]",
        "curvature along +0.007",
        "Adam 0.5: loss 6.09 at the start, 0.04",
    ],
    "8-lenet5": [
        "34,622        271,920",
        "conv2: a number sees 14 x 14 pixels",
        "a 5, read as 5 with p = 0.98",
        "rate 1e-05: promised -0.000323, came -0.000319",
        "out [3. 3. 7. 7.]  dx [ 4. -4.  0.  0.]",
        "after 40 steps",
    ],
    "9-fast": [
        "batch last: False: 24 numbers in a row\nbatch last: True: 768 numbers in a row",
        "counted 93.4 million operations a batch of 64; by the formula 93.4",
        "x has 100 kB, its columns 1,843 kB: 18 times as much",
        "out of conv1: 442 kB",
        "1.0 0.0",
        "1 and 2 threads, the same bits: True",
    ],
}


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_has_four_beats(chapter):
    text = re.sub(r"^```.*?^```$", "", chapter.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Predict", "Play", "Derive", "Code it"]
    assert len(re.findall(r"^# (.*)$", text, re.MULTILINE)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", SAYS)
def test_cells_print_what_the_text_says(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "learn" / f"{name}.md").read_text("utf-8")
    cells = CELL.findall(text)
    assert len(cells) == text.count("```{code-cell}")
    printed, names = io.StringIO(), {}
    with choices_kept(), contextlib.redirect_stdout(printed):
        exec(compile("\n".join(cells), f"{name}.md", "exec"), names)
    for fact in SAYS[name]:
        assert re.search(fact if isinstance(fact, re.Pattern) else re.escape(fact), printed.getvalue()), fact
