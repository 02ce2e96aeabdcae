"""Blocks, of which a report is a list: heading, paragraph, table, picture. Each format is a way to write them down."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nnscratch.pages.html import Image, page, plot


@dataclass(frozen=True)
class Heading:
    """A heading of level 1 or 2."""

    level: int
    text: str


@dataclass(frozen=True)
class Paragraph:
    """Plain text."""

    text: str


@dataclass(frozen=True)
class Table:
    """A table; the first column is text, the others are figures."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Picture:
    """A PNG file with what it shows."""

    path: Path
    alt: str


Block = Heading | Paragraph | Table | Picture


def percent(share: float | None) -> str:
    """Return 0.98934 as "98.93 %"."""
    return "-" if share is None else f"{100 * share:.2f} %"


# ---- Markdown


def as_markdown(content: Sequence[Block], folder: Path) -> str:
    """Return the blocks as Markdown; pictures are named relative to ``folder`` where they lie below it."""
    return "\n\n".join(_markdown(block, folder) for block in content) + "\n"


def _markdown(block: Block, folder: Path) -> str:
    match block:
        case Heading():
            return f"{'#' * block.level} {_plain(block.text)}"
        case Paragraph():
            return _plain(block.text)
        case Table():
            lines = [block.header, ["---", *["---:"] * (len(block.header) - 1)], *block.rows]
            return "\n".join("| " + " | ".join(_plain(cell) for cell in line) + " |" for line in lines)
        case Picture():
            path, base = block.path.resolve(), folder.resolve()
            target = path.relative_to(base) if path.is_relative_to(base) else path
            return f"![{_plain(block.alt)}](<{target.as_posix()}>)"


def _plain(text: str) -> str:
    """Return text whose characters mean themselves in Markdown."""
    for character in "\\`*[]<>|":
        text = text.replace(character, "\\" + character)
    return text.replace("\n", " ")


# ---- HTML


def as_html(content: Sequence[Block], title: str) -> str:
    """Return the blocks as one page that needs no other file; a card for what stands below each heading of level 2."""
    cards: list[tuple[str | None, list[Block | Image]]] = [(None, [])]
    for block in content:
        if isinstance(block, Heading):
            cards += [(block.text, [])] if block.level > 1 else []  # the page's own title is there
        else:
            cards[-1][1].append(plot(block.path.read_bytes(), block.alt) if isinstance(block, Picture) else block)
    return page("report.html", title, cards=cards)
