"""Formulas in the names of the code, made into MathML: ``dW[e, k] = sum over n of dout[e, n] x[k, n]``.

Terminals and editors show the text as it is; pages show what :func:`mathml` makes of it. Side by side is a product.

==================================  ====================================================================
``W[d, k]``, ``m_t``, ``m_{t-1}``   indices; a digit at the end of a name is one, too: ``beta1``
``x²``, ``xᵀ``, ``x^(t-s)``, ``f'`` powers, the transpose, derivatives of a function of one number
``m_hat``, ``|g|``                  an estimate with its hat; the length of a vector
``f(x)``, ``f (x)``                 f at the place x; with the space, a product
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
from textwrap import dedent

from nnscratch.pages import elements
from nnscratch.pages.elements import OPERATOR, POWERS, PRIMES, SIGNS, THIN

FUNCTIONS = {"exp", "log", "max", "sqrt", "tanh"}
WORDS = {"if", "else", "where", "since", "sum", "of", "over", "part", "the", "windows", "that", "has", "won", "hold"}
TOKEN = re.compile(r"(\s*)([A-Za-z]+|\d+(?:\.\d+)?(?:e-?\d+)?|\|[^|]+\||\.{2,3}|<-|<=|\+=|'+|\S)")
APART = '<mspace width="0.5em"/>'  # between two formulas
FIRST = re.compile(r"[A-Za-z0-9(|]|\.\.\.")  # of a factor
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


def mathml(text: str, *, inline: bool = False) -> str:
    """Return a formula as a MathML element, in a line of text or by itself, of one or several lines.

    Raises FormulaError, a ValueError, for what is none.
    """
    rows = []
    for number, line in enumerate(dedent(text).splitlines() or [text]):
        try:
            rows.append([_Reader(column, inline).row() for column in COLUMN.split(line)])
        except FormulaError as error:
            raise FormulaError(f"{error} in the formula {line.strip()!r}", number) from None
    made = f"<mrow>{''.join(rows[0][0])}</mrow>" if len(rows) == len(rows[0]) == 1 else elements.lines(rows)
    return f'<math display="{"inline" if inline else "block"}" alttext="{escape(dedent(text).strip())}">{made}</math>'


class _Reader:
    """Reads one formula from left to right: a row of products and signs, a product of factors, a factor."""

    def __init__(self, text: str, inline: bool) -> None:
        self.inline = inline
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

    def touches(self, text: str) -> bool:
        """Whether this stands next, without a space."""
        return not self.next.spaced and self.next.text == text

    def row(self, *ends: str) -> list[str]:
        """Return the products, signs and words up to one of ``ends``, which stays, or up to the end of all."""
        pieces: list[str] = []
        before = ""  # what the last piece is: a sign, a minus before a number, words, or a product
        while self.next.text not in (ends or ("",)):
            text = self.next.text
            if text == "-" and before in ("", "sign"):
                pieces.append(elements.sign(self.take(), prefix=True))
                before = "minus"
            elif text in SIGNS and (before in ("product", "words") or (text not in ",·" and not pieces and not ends)):
                pieces.append(elements.sign(self.take()))
                pieces += [APART] if text == "," and not ends else []
                before = "sign"
            elif self.is_word():
                pieces.append(self.words("\N{NO-BREAK SPACE}" if pieces else "", ends))
                before = "words"
            elif before == "product":
                raise self.misplaced(" or ".join(ends))
            else:
                pieces.append(self.product())
                before = "product"
        if before not in ("product", "words"):
            raise self.misplaced("a factor")
        return pieces

    def inner(self, *ends: str) -> str:
        return "".join(self.row(*ends))

    def is_word(self) -> bool:
        return self.next.text in WORDS and not self.is_operator()

    def words(self, before: str, ends: tuple[str, ...]) -> str:
        """Return words with their spaces: none at the ends of a row."""
        found = []
        while self.is_word():
            found.append(self.take())
        after = "" if self.next.text in ("", *ends) else "\N{NO-BREAK SPACE}"
        return f"<mtext>{before}{' '.join(found)}{after}</mtext>"

    def is_operator(self) -> bool:
        return self.next.text in ("sum", "max") and self.tokens[1].text == "over"

    def product(self) -> str:
        """Return factors side by side, and over what they are divided by."""
        factors = [self.factor()]
        while True:
            if factors[-1].startswith(OPERATOR):
                factors.append(self.factor())
            elif self.next.text == "/" and self.next.spaced:
                self.take()
                start = max((at + 1 for at, one in enumerate(factors) if one.startswith(OPERATOR)), default=0)
                factors[start:] = [self.fraction(elements.product(factors[start:]), self.atom())]
            elif FIRST.match(self.next.text) and not self.is_word():
                factors.append(self.factor())
            else:
                return elements.product(factors)

    def fraction(self, above: str, below: str) -> str:
        return elements.fraction(above, below, inline=self.inline)

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
        return self.fraction(above, self.atom())

    def operator(self) -> str:
        text = "∑" if self.take() == "sum" else "max"
        sign = f'<mo movablelimits="{"true" if self.inline else "false"}">{text}</mo>'
        self.take("over")
        below = f"<mrow>{self.inner('of', '..')}</mrow>"
        made = f"<munder>{sign}{below}</munder>"
        if self.next.text == "..":
            self.take()
            made = f"<munderover>{sign}{below}<mrow>{self.inner('of')}</mrow></munderover>"
        self.take("of")
        return made

    def derivative(self) -> str:
        halves = []
        for stroke in (False, True):
            if stroke:
                self.take("/")
            self.take("d")
            halves.append(f'<mo lspace="0" rspace="0.05em">∂</mo>{self.atom()}')
        return self.fraction(*halves)

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
        if len(text) > 2 and text[0] == "|":
            return self.scripts(elements.group("".join(_Reader(text[1:-1], self.inline).row()), "|", "|"))
        if text[0].isdecimal():
            if self.next.text.isalpha() and not self.next.spaced:
                raise self.misplaced("a sign")
            return self.scripts(f"<mn>{text}</mn>")
        if text == "sqrt":
            return f"<msqrt>{elements.bare(self.group())}</msqrt>"
        if text in FUNCTIONS:
            argument = self.group() if self.touches("(") else THIN + self.atom()
            return f"<mrow><mi>{text}</mi>{argument}</mrow>"
        if not elements.is_name(text):
            raise FormulaError(f"{text!r} is not understood")
        made = self.scripts(elements.name(text))
        return f"<mrow>{made}{self.group()}</mrow>" if self.touches("(") else made

    def indicator(self) -> str:
        self.take("{")
        inner = self.inner("}")
        self.take("}")
        return f'<mrow><mn>1</mn><mo stretchy="false">{{</mo>{inner}<mo stretchy="false">}}</mo></mrow>'

    def group(self) -> str:
        self.take("(")
        inner = self.inner(")")
        self.take(")")
        return self.scripts(elements.group(inner))

    def scripts(self, base: str) -> str:
        """Return ``base`` with the indices and powers that touch it."""
        below: list[str] = []
        above: list[str] = []
        while not self.next.spaced:
            text = self.next.text
            if text == "_" and self.tokens[1].text == "hat":
                del self.tokens[:2]
                base = f'<mover accent="true">{base}<mo>^</mo></mover>'
            elif text in ("[", "_"):
                below.append(self.index())
            elif text.isdecimal():
                below.append(f"<mn>{self.take()}</mn>")
            elif text in PRIMES:
                base = f"<mrow>{base}<mi>{PRIMES[self.take()]}</mi></mrow>"
            elif text in POWERS:
                above.append(POWERS[self.take()])
            elif text == "^":
                self.take()
                above.append(elements.bare(self.atom()))
            else:
                break
        return elements.with_scripts(base, below, above)

    def index(self) -> str:
        """Return what stands in an index: [...], _{...}, or behind _ a letter, a number, "in" or "out"."""
        closed = "]"
        if self.take() == "_":
            if re.fullmatch(r"[A-Za-z]|\d+|in|out", self.next.text):  # a name such as softmax_forward is none
                return elements.name(self.take()) if self.next.text.isalpha() else f"<mn>{self.take()}</mn>"
            self.take("{")
            closed = "}"
        inner = self.inner(closed)
        self.take(closed)
        return inner
