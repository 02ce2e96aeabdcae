"""Formulas in the names of the code, made into MathML: ``dW[e, k] = sum over n of dout[e, n] x[k, n]``.

Terminals and editors show the text as it is; pages show what :func:`mathml` makes of it. Side by side is a product.

==================================  ====================================================================
``W[d, k]``, ``m_t``, ``m_{t-1}``   indices; a digit at the end of a name is one, too: ``beta1``
``x²``, ``xᵀ``, ``x^(t-s)``, ``f'`` powers, the transpose, derivatives of a function of one number
``f(x)``, ``f (x)``                 f at the place x; without the space, a product
``a/b``                             a fraction of the two factors at the stroke; those in brackets lose them
``a b / c``                         a fraction: the whole product before the stroke over the factor behind it
``d a / d b``                       a partial derivative
``sum over i, j of``, ``max over``  a sum or the largest, with its indices below; ``s = 1..t`` is from 1 to t
``1{a = b}``                        1 where a is b, and 0 elsewhere
==================================  ====================================================================

The lines of a block are aligned at their first ``=``; what stands three spaces apart is a column of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from textwrap import dedent

GREEK = {"beta": "β", "delta": "δ", "gamma": "γ", "phi": "φ", "theta": "θ"}
NAMES = {  # of more than one letter, as nnscratch/ops/README.md defines them; with a d before it, the gradient of each
    *("oh", "ow", "KH", "KW", "SH", "SW", "out", "argmax", "mask", "slope", "xhat", "mean", "var", "eps", "squares"),
    *("lr", "momentum", "decay", "average", "fan", *GREEK),
}
FUNCTIONS = {"exp", "log", "max", "sqrt", "tanh"}
WORDS = {"if", "else", "where", "since", "sum", "of", "over", "the", "windows", "that", "has", "won", "hold"}
RELATIONS = {"=": "=", "<-": "←", "+=": "+=", ">": "&gt;", "<": "&lt;"}
SIGNS = {**RELATIONS, "+": "+", "-": "−", ",": ","}
POWERS = {"²": "<mn>2</mn>", "³": "<mn>3</mn>", "ᵀ": "<mo>⊤</mo>"}
PRIMES = {"'": "′", "''": "″", "'''": "‴"}  # no powers: the font has them raised
THIN = '<mspace width="0.1667em"/>'  # between factors, whose names may have more than one letter
OPERATOR = "<munder"  # of a sum's sign, behind which stands what is summed
GROUP = re.compile(r"<mrow><mo[^>]*>\(</mo>(.*)<mo[^>]*>\)</mo></mrow>\Z")
TOKEN = re.compile(r"(\s*)([A-Za-z]+|\d+(?:\.\d+)?|\.{2,3}|<-|\+=|'+|\S)")
COLUMN = re.compile(r"(?<=\S)\s{3,}(?![\s=])")  # spaces before "=" align it


class FormulaError(ValueError):
    """A formula that is not understood; ``line`` counts from 0."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Token:
    """A name, number or sign; whether a space stands before it."""

    text: str
    spaced: bool


def mathml(text: str) -> str:
    """Return a formula, or several on lines of their own, as a MathML element; FormulaError for what is none."""
    rows = []
    for number, line in enumerate(dedent(text).splitlines() or [text]):
        try:
            rows.append([_Reader(column).whole() for column in COLUMN.split(line)])
        except FormulaError as error:
            raise FormulaError(f"{error} in the formula {line.strip()!r}", number) from None
    inner = f"<mrow>{''.join(rows[0][0])}</mrow>" if len(rows) == len(rows[0]) == 1 else _table(rows)
    return f'<math display="block" alttext="{escape(dedent(text).strip())}">{inner}</math>'


def _table(rows: list[list[list[str]]]) -> str:
    """Return lines below each other: left of the relation, from there on, and remarks."""
    signs = [_sign(sign) for sign in RELATIONS]
    made = []
    for first, *remarks in rows:
        split = next((at for at, piece in enumerate(first) if piece in signs), len(first))
        cells = [first[:split], first[split:], *remarks]
        made.append("".join(f"<mtd>{''.join(cell)}</mtd>" for cell in cells))
    return f'<mtable class="lines" displaystyle="true">{"".join(f"<mtr>{row}</mtr>" for row in made)}</mtable>'


def _sign(sign: str, *, prefix: bool = False) -> str:
    form = ' form="prefix"' if prefix else ""
    return f"<mo{form}>{SIGNS[sign]}</mo>"


def _name(name: str) -> str:
    """Return a name in italics, as single letters are; the step's page lights up what has its token."""
    if len(letter := GREEK.get(name, name)) == 1:
        return f'<mi data-token="{name}">{letter}</mi>'
    letters = ["d", GREEK[name[1:]]] if name[1:] in GREEK else name
    return f'<mrow data-token="{name}">{"".join(f"<mi>{letter}</mi>" for letter in letters)}</mrow>'


def _fraction(above: str, below: str) -> str:
    return f"<mfrac><mrow>{_bare(above)}</mrow><mrow>{_bare(below)}</mrow></mfrac>"


def _bare(factor: str) -> str:
    """Return a factor without the brackets around it, which a fraction makes superfluous."""
    return whole[1] if (whole := GROUP.match(factor)) else factor


def _side_by_side(factors: list[str]) -> str:
    made = factors[0]
    for left, right in pairwise(factors):
        between = "" if left.startswith(OPERATOR) else "<mo>·</mo>" if right.startswith("<mn") else THIN
        made += between + right
    return made if len(factors) == 1 else f"<mrow>{made}</mrow>"


class _Reader:
    """Reads one formula from left to right: a row of products and signs, a product of factors, a factor."""

    def __init__(self, text: str) -> None:
        self.tokens = [Token(text, bool(space)) for space, text in TOKEN.findall(text)]
        self.tokens.append(Token("", True))

    @property
    def next(self) -> Token:
        return self.tokens[0]

    def take(self, wanted: str = "") -> str:
        """Return the next token and go on; FormulaError if another is wanted, or none is left."""
        text = self.next.text
        if not text or (wanted and text != wanted):
            raise self.misplaced(wanted)
        del self.tokens[0]
        return text

    def misplaced(self, wanted: str) -> FormulaError:
        return FormulaError(f"{self.next.text or 'the end'!r} stands where {wanted or 'a sign'} is wanted")

    def touches(self, *texts: str) -> bool:
        """Whether one of these stands next, without a space."""
        return not self.next.spaced and self.next.text in texts

    def whole(self) -> list[str]:
        """Return all of it, in pieces."""
        return self.row("")

    def row(self, *ends: str) -> list[str]:
        """Return the products, signs and words up to one of ``ends``, which stays."""
        pieces: list[str] = []
        before = ""  # what the last piece is: a sign, words, or a product
        while self.next.text not in ends:
            text = self.next.text
            if text in SIGNS and (before != "sign" or text == "-"):
                pieces.append(_sign(self.take(), prefix=text == "-" and before in ("", "sign")))
                before = "sign"
            elif self.is_word():
                pieces.append(self.words())
                before = "words"
            elif before == "product":
                raise self.misplaced(" or ".join(ends))
            else:
                pieces.append(self.product())
                before = "product"
        if before in ("", "sign"):
            raise self.misplaced("a factor")
        return pieces

    def is_word(self) -> bool:
        return self.next.text in WORDS and not self.is_operator()

    def words(self) -> str:
        found = []
        while self.is_word():
            found.append(self.take())
        return f"<mtext>\N{NO-BREAK SPACE}{' '.join(found)}\N{NO-BREAK SPACE}</mtext>"

    def is_operator(self) -> bool:
        return self.next.text in ("sum", "max") and self.tokens[1].text == "over"

    def product(self) -> str:
        """Return factors side by side, and over what they are divided by."""
        factors = [self.factor()]
        while True:
            if self.next.text == "/" and self.next.spaced:
                self.take()
                start = max((at + 1 for at, one in enumerate(factors) if one.startswith(OPERATOR)), default=0)
                factors[start:] = [_fraction(_side_by_side(factors[start:]), self.atom())]
            elif re.match(r"[A-Za-z0-9(]|\.\.\.", self.next.text) and not self.is_word():
                factors.append(self.factor())
            else:
                return _side_by_side(factors)

    def factor(self) -> str:
        """Return a sum's sign, a derivative, or an atom, or a fraction of two."""
        if self.is_operator():
            return self.operator()
        if self.next.text == "d" and self.tokens[1].text.isalpha() and self.tokens[1].text not in WORDS:
            return self.derivative()
        above = self.atom()
        if not self.touches("/"):
            return above
        self.take()
        return _fraction(above, self.atom())

    def operator(self) -> str:
        sign = '<mo movablelimits="false">∑</mo>' if self.take() == "sum" else '<mo movablelimits="false">max</mo>'
        self.take("over")
        below = f"<mrow>{''.join(self.row('of', '..'))}</mrow>"
        made = f"<munder>{sign}{below}</munder>"
        if self.next.text == "..":
            self.take()
            made = f"<munderover>{sign}{below}<mrow>{''.join(self.row('of'))}</mrow></munderover>"
        self.take("of")
        return made

    def derivative(self) -> str:
        halves = []
        for stroke in (False, True):
            if stroke:
                self.take("/")
            self.take("d")
            halves.append(f'<mo lspace="0" rspace="0.05em">∂</mo>{self.atom()}')
        return _fraction(*halves)

    def atom(self) -> str:
        """Return a number, an indicator, a group in brackets, or a name with its indices and arguments."""
        text = self.next.text
        if text == "(":
            return self.group()
        self.take()
        if text == "...":
            return "<mi>…</mi>"
        if text == "1" and self.touches("{"):
            return self.indicator()
        if text[0].isdecimal():
            made = self.scripts(f"<mn>{text}</mn>")
            if self.next.text.isalpha() and not self.next.spaced:
                raise self.misplaced("a sign")
        elif text == "sqrt":
            made = f"<msqrt>{_bare(self.group())}</msqrt>"
        elif text in FUNCTIONS:
            argument = self.group() if self.touches("(") else THIN + self.atom()
            made = f"<mrow><mi>{text}</mi>{argument}</mrow>"
        elif re.fullmatch("d?[A-Za-z]", text) or text in NAMES or (text[0] == "d" and text[1:] in NAMES):
            made = self.scripts(_name(text))
            if self.touches("("):
                made = f"<mrow>{made}{self.group()}</mrow>"
        else:
            raise FormulaError(f"{text!r} is not understood")
        return made

    def indicator(self) -> str:
        self.take("{")
        inner = "".join(self.row("}"))
        self.take("}")
        return f'<mrow><mn>1</mn><mo stretchy="false">{{</mo>{inner}<mo stretchy="false">}}</mo></mrow>'

    def group(self) -> str:
        self.take("(")
        inner = "".join(self.row(")"))
        self.take(")")
        low = "" if "<mfrac" in inner or "<munder" in inner else ' stretchy="false"'
        return self.scripts(f"<mrow><mo{low}>(</mo>{inner}<mo{low}>)</mo></mrow>")

    def scripts(self, base: str) -> str:
        """Return ``base`` with the indices and powers that touch it."""
        below: list[str] = []
        above: list[str] = []
        while not self.next.spaced:
            text = self.next.text
            if text == "[" or text == "_":
                below.append(self.index())
            elif text.isdecimal():
                below.append(f"<mn>{self.take()}</mn>")
            elif text in PRIMES:
                base = f"<mrow>{base}<mi>{PRIMES[self.take()]}</mi></mrow>"
            elif text in POWERS:
                above.append(POWERS[self.take()])
            elif text == "^":
                self.take()
                above.append(_bare(self.atom()))
            else:
                break
        under, over = f"<mrow>{_sign(',').join(below)}</mrow>", f"<mrow>{''.join(above)}</mrow>"
        if below and above:
            return f"<msubsup>{base}{under}{over}</msubsup>"
        return f"<msub>{base}{under}</msub>" if below else f"<msup>{base}{over}</msup>" if above else base

    def index(self) -> str:
        """Return what stands in an index: [...], _{...}, or behind _ a letter, a number, "in" or "out"."""
        closed = "]"
        if self.take() == "_":
            if re.fullmatch(r"[A-Za-z]|\d+|in|out", self.next.text):  # a name such as softmax_forward is none
                return _name(self.take()) if self.next.text.isalpha() else f"<mn>{self.take()}</mn>"
            self.take("{")
            closed = "}"
        inner = "".join(self.row(closed))
        self.take(closed)
        return inner
