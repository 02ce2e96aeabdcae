"""Formulas in the names of the code become MathML: beside some written by hand; those of every text; what is none."""

import re
from importlib.resources import files
from xml.etree import ElementTree

import pytest

from nnscratch.pages.elements import NAMES
from nnscratch.pages.mathml import FormulaError, mathml
from nnscratch.study.exercises import EXERCISES

OPS = files("nnscratch.ops")
TEXTS = {name: (OPS / name).read_text("utf-8") for name in ("DERIVATIONS.md", "README.md")}
BLOCK = re.compile(r"(?<=\n\n)(?: {4}.+\n)+")
CODE = [" ".join(code.split()) for code in re.findall("`([^`]+)`", re.sub("(?m)^    .*$", "", TEXTS["DERIVATIONS.md"]))]
THIN = '<mspace width="0.1667em"/>'

BY_HAND = {
    "W[d, k] x[k]": f"<mrow><msub><mi>W</mi><mrow><mi>d</mi><mo>,</mo><mi>k</mi></mrow></msub>{THIN}"
    "<msub><mi>x</mi><mrow><mi>k</mi></mrow></msub></mrow>",
    "dx = Wᵀ dout": "<mrow><mi>d</mi><mi>x</mi></mrow><mo>=</mo><mrow><msup><mi>W</mi><mrow><mo>⊤</mo></mrow></msup>"
    f"{THIN}<mrow><mi>d</mi><mi>o</mi><mi>u</mi><mi>t</mi></mrow></mrow>",
    "d p[j] / d z": '<mfrac><mrow><mo lspace="0" rspace="0.05em">∂</mo><msub><mi>p</mi><mrow><mi>j</mi></mrow></msub>'
    '</mrow><mrow><mo lspace="0" rspace="0.05em">∂</mo><mi>z</mi></mrow></mfrac>',
    "-1/N (a - b)": '<mo form="prefix">−</mo><mrow><mfrac><mrow><mn>1</mn></mrow><mrow><mi>N</mi></mrow></mfrac>'
    f'{THIN}<mrow><mo stretchy="false">(</mo><mi>a</mi><mo>−</mo><mi>b</mi><mo stretchy="false">)</mo></mrow></mrow>',
    "sum over j of 1{j = k}": '<mrow><munder><mo movablelimits="false">∑</mo><mrow><mi>j</mi></mrow></munder><mrow>'
    '<mn>1</mn><mo stretchy="false">{</mo><mi>j</mi><mo>=</mo><mi>k</mi><mo stretchy="false">}</mo></mrow></mrow>',
    "sum over s = 1..t of g_s": '<mrow><munderover><mo movablelimits="false">∑</mo><mrow><mi>s</mi><mo>=</mo><mn>1</mn>'
    "</mrow><mrow><mi>t</mi></mrow></munderover><msub><mi>g</mi><mrow><mi>s</mi></mrow></msub></mrow>",
    "a, b": '<mi>a</mi><mo>,</mo><mspace width="0.5em"/><mi>b</mi>',
    "beta1^(t-s)": "<msubsup><mi>β</mi><mrow><mn>1</mn></mrow><mrow><mi>t</mi><mo>−</mo><mi>s</mi></mrow></msubsup>",
    "(a b) (c) / sqrt(v)": '<mfrac><mrow><mrow><mrow><mo stretchy="false">(</mo><mrow><mi>a</mi>'
    f'{THIN}<mi>b</mi></mrow><mo stretchy="false">)</mo></mrow>{THIN}<mrow><mo stretchy="false">(</mo><mi>c</mi>'
    '<mo stretchy="false">)</mo></mrow></mrow></mrow><mrow><msqrt><mi>v</mi></msqrt></mrow></mfrac>',
    "f'(x) if x > 0": "<mrow><mrow><mi>f</mi><mi>′</mi></mrow>"
    '<mrow><mo stretchy="false">(</mo><mi>x</mi><mo stretchy="false">)</mo></mrow></mrow>'
    "<mtext>\N{NO-BREAK SPACE}if\N{NO-BREAK SPACE}</mtext><mi>x</mi><mo>&gt;</mo><mn>0</mn>",
}
IN_A_LINE = {"d L / d x[i]": "∂L/∂xi", "1/(K N) sum over j of y[j]": "1/(KN)∑jyj", "|g|² / (1 - rate)": "|g|2/(1−rate)"}
NONE = {
    "": "'the end' stands where a factor is wanted in the formula ''",
    "a = ": "'the end' stands where a factor",
    "W[d, k": "'the end' stands where ] is wanted",
    "(a + b": "'the end' stands where ) is wanted",
    "a + b)": "')' stands where a sign is wanted",
    "a = = b": "'=' is not understood",
    "dout * x": "'*' stands where a sign",
    "a/b/c": "'/' stands where a sign",
    "sum over j p[j]": "'the end' stands where of or .. is wanted",
    "sum over j of": "'the end' stands where a sign is wanted",
    "sum over j of / N": "'/' is not understood",
    "--M": "'-' is not understood",
    "W[, k]": "',' is not understood",
    "1/( + e)": "'+' is not understood",
    "d a / b": "'b' stands where d is wanted",
    "d a": "'the end' stands where / is wanted",
    "sqrt v": "'v' stands where ( is wanted",
    "dot x": "'dot' is not understood",
    "fold over x": "'fold' is not understood",
    "He et al., 2015": "'He' is not understood",
    "x = <script>": "'<' is not understood",
    "f()": "')' stands where a factor is wanted",
    "W[]": "']' stands where a factor is wanted",
    "y₁": "'₁' stands where a sign is wanted",
    "a ^": "'^' stands where a sign is wanted",
    "softmax_forward": "'softmax' is not understood",
    "momentum_update": "'update' stands where { is wanted",
    "x / 2h": "'h' stands where a sign is wanted",
    "|g": "'|' is not understood",
    "np.sum(x)": "'np' is not understood",
    "dx = dout\n   = §": "'§' is not understood in the formula '= §'",
}


def plain(made):
    """The MathML inside of its element, without what the step's page asks for."""
    tree = ElementTree.fromstring(made)
    for node in tree.iter():
        node.attrib.pop("data-token", None)
    inside = "".join(ElementTree.tostring(child, encoding="unicode") for child in tree)
    return inside.replace(" />", "/>").removeprefix("<mrow>").removesuffix("</mrow>")


@pytest.mark.parametrize("formula", BY_HAND)
def test_as_written_by_hand(formula):
    assert plain(mathml(formula)) == BY_HAND[formula]


@pytest.mark.parametrize("formula", NONE)
def test_what_is_none_is_refused(formula):
    with pytest.raises(FormulaError, match="^" + re.escape(NONE[formula])) as caught:
        mathml(formula)
    assert caught.value.line == formula.count("\n")


def sums():
    """The lines with a sum over indices of the exercises and of the docstrings of ops/."""
    texts = [exercise.forward for exercise in EXERCISES.values()]
    texts += [path.read_text("utf-8") for path in OPS.iterdir() if path.name.endswith(".py")]
    found = re.findall(r"\w+(?:\[.*?\])? +\+?= .*\b(?:sum|max) over .*", "\n".join(texts))
    return sorted({line.replace("loss =", "L =").rstrip(".") for line in found if "np." not in line})


def test_the_code_and_the_exercises_write_sums_alike():
    assert len(sums()) > 12
    for formula in sums():
        mathml(formula.partition(", as ")[0])


@pytest.mark.parametrize(("name", "blocks"), [("DERIVATIONS.md", 38), ("README.md", 1)])
def test_every_formula_of_a_text_can_be_typeset(name, blocks):
    found = [block for block in BLOCK.findall(TEXTS[name]) if ">>>" not in block]
    assert len(found) == blocks
    for block in found:
        tree = ElementTree.fromstring(mathml(block))
        assert len(tree.findall(".//mtr")) == (block.count("\n") if block.count("\n") > 1 else 0)
        text = "".join(tree.itertext())
        assert re.search(r"[\[\]/_^]|over|\bof\b", text) is None, text


def test_what_stands_in_a_line_of_the_derivations_is_a_formula_or_a_name():
    left = set()
    for code in CODE:
        try:
            ElementTree.fromstring(mathml(code, inline=True))
        except FormulaError:
            left.add(code)
    assert len(set(CODE)) - len(left) > 100
    assert [code for code in left if not re.fullmatch(r"[\w./]+", code)] == [
        "python -m doctest nnscratch/ops/DERIVATIONS.md"
    ]


def test_in_a_line_fractions_have_a_stroke_and_keep_their_brackets():
    text = {formula: "".join(ElementTree.fromstring(mathml(formula, inline=True)).itertext()) for formula in IN_A_LINE}
    assert text == IN_A_LINE
    assert "mfrac" not in mathml("d L / d x[i]", inline=True)


def test_no_name_is_left_over():
    """A name that no formula has any more is not among those that are understood."""
    from nnscratch.study.step.formulas import FORMULAS, LOSS

    texts = [block for text in TEXTS.values() for block in BLOCK.findall(text) if ">>>" not in block]
    texts += CODE
    texts += [formula for one in (*FORMULAS.values(), LOSS) for formula in (one.forward, one.dx, *one.parameters)]
    words = set(re.findall("[A-Za-z]+", " ".join(texts)))
    assert {name for name in NAMES if not {name, f"d{name}"} & words} == set()


def test_lines_are_aligned_and_a_remark_stands_apart():
    tree = ElementTree.fromstring(mathml("    dx = a\n       = b      b = W d\n"))
    cells = [["".join(cell.itertext()) for cell in row] for row in tree.iter("mtr")]
    assert cells == [["dx", "=a"], ["", "=b", "b=Wd"]]
    assert tree.get("alttext").replace(" ", "") == "dx=a=bb=Wd"


def test_factors_stand_apart_and_functions_at_their_brackets():
    marked = {"oh SH + i": 1, "(c H + h) W": 2, "dout (1 - out)": 1, "log p[y]": 1, "y 1/S": 1, "f (x)": 1}
    marked |= {"max(x, 0)": 0, "b + sum over k of W[k]": 0, "dout if x > 0": 0, "sum of dout": 0, "f(x)": 0}
    assert {formula: mathml(formula).count(THIN) for formula in marked} == marked
