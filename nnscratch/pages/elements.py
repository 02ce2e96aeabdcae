"""What formulas are made of, as elements of MathML: names, signs, fractions, products, lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

GREEK = {"beta": "β", "delta": "δ", "gamma": "γ", "phi": "φ", "theta": "θ"}
NAMES = {  # of more than one letter, as nnscratch/ops/README.md defines them; with a d before it, the gradient of each
    *("oh", "ow", "KH", "KW", "SH", "SW", "out", "cols", "argmax", "mask", "rate", "slope", "smoothing", "fraction"),
    *("xhat", "mean", "var", "eps", "squares", "lr", "momentum", "decay", "limit", "average", "fan", *GREEK),
}
RELATIONS = {"=": "=", "<-": "←", "+=": "+=", ">": "&gt;", "<": "&lt;", "<=": "≤"}
SIGNS = {**RELATIONS, "+": "+", "-": "−", ",": ",", "·": "·"}
POWERS = {"²": "<mn>2</mn>", "³": "<mn>3</mn>", "ᵀ": "<mo>⊤</mo>"}
PRIMES = {"'": "′", "''": "″", "'''": "‴"}  # no powers: the font has them raised
THIN = '<mspace width="0.1667em"/>'  # between factors, whose names may have more than one letter
OPERATOR = "<munder"  # of a sum's sign, behind which stands what is summed
GROUP = re.compile(r"<mrow><mo[^>]*>\(</mo>(.*)<mo[^>]*>\)</mo></mrow>\Z")


def is_name(text: str) -> bool:
    """Whether a word is a name: of one letter, or known, or the gradient of such."""
    return bool(re.fullmatch("d?[A-Za-z]", text)) or text in NAMES or (text[:1] == "d" and text[1:] in NAMES)


def name(text: str) -> str:
    """Return a name in italics, as single letters are; the step's page lights up what has its token."""
    if len(letter := GREEK.get(text, text)) == 1:
        return f'<mi data-token="{text}">{letter}</mi>'
    letters = ["d", GREEK[text[1:]]] if text[1:] in GREEK else text
    return f'<mrow data-token="{text}">{"".join(f"<mi>{letter}</mi>" for letter in letters)}</mrow>'


def sign(text: str, *, prefix: bool = False) -> str:
    """Return a sign; as ``prefix`` it stands at what it belongs to."""
    form = ' form="prefix"' if prefix else ""
    return f"<mo{form}>{SIGNS[text]}</mo>"


def group(inner: str, left: str = "(", right: str = ")") -> str:
    """Return what stands in brackets, which are as high as it."""
    high = "true" if "<mfrac" in inner or "<munder" in inner else "false"
    return f'<mrow><mo stretchy="{high}">{left}</mo>{inner}<mo stretchy="{high}">{right}</mo></mrow>'


def bare(factor: str) -> str:
    """Return a factor without the brackets around it, where something else holds it together."""
    return whole[1] if (whole := GROUP.match(factor)) else factor


def fraction(above: str, below: str, *, inline: bool) -> str:
    """Return a fraction; in a line of text with a stroke, and the brackets that this needs."""
    if inline:
        return f'<mrow>{above}<mo lspace="0.1em" rspace="0.1em">/</mo>{below}</mrow>'
    return f"<mfrac><mrow>{bare(above)}</mrow><mrow>{bare(below)}</mrow></mfrac>"


def product(factors: Sequence[str]) -> str:
    """Return factors side by side."""
    made = factors[0]
    for left, right in pairwise(factors):
        between = "" if left.startswith(OPERATOR) else sign("·") if right.startswith("<mn") else THIN
        made += between + right
    return made if len(factors) == 1 else f"<mrow>{made}</mrow>"


def with_scripts(base: str, below: Sequence[str], above: Sequence[str]) -> str:
    """Return ``base`` with indices and powers."""
    under, over = f"<mrow>{sign(',').join(below)}</mrow>", f"<mrow>{''.join(above)}</mrow>"
    if below and above:
        return f"<msubsup>{base}{under}{over}</msubsup>"
    return f"<msub>{base}{under}</msub>" if below else f"<msup>{base}{over}</msup>" if above else base


def lines(rows: Sequence[Sequence[Sequence[str]]]) -> str:
    """Return lines below each other, each of columns of pieces: left of the relation, from there on, and remarks."""
    relations = [sign(text) for text in RELATIONS]
    made = []
    for first, *remarks in rows:
        split = next((at for at, piece in enumerate(first) if piece in relations), len(first))
        cells = [first[:split], first[split:], *remarks]
        made.append("".join(f"<mtd>{''.join(cell)}</mtd>" for cell in cells))
    return f'<mtable class="lines" displaystyle="true">{"".join(f"<mtr>{row}</mtr>" for row in made)}</mtable>'
