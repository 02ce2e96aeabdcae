"""Blocks, of which a report is a list: heading, paragraph, table, picture. Each format is a way to write them down."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


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


def as_markdown(told: Sequence[Block], folder: Path) -> str:
    """Return the blocks as Markdown; pictures are named relative to ``folder`` where they lie below it."""
    return "\n\n".join(_markdown(block, folder) for block in told) + "\n"


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

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --line: #8886; --soft: #8881; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.7rem; }}
h2 {{ font-size: 1.25rem; margin-top: 2.5rem; border-bottom: 1px solid var(--line); padding-bottom: .3rem; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .3rem .8rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }}
th:first-child, td:first-child {{ text-align: left; white-space: pre; }}
tbody tr:nth-child(even) {{ background: var(--soft); }}
img {{ max-width: 100%; height: auto; background: white; margin: .7rem 0; border-radius: 4px; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def as_html(told: Sequence[Block], title: str) -> str:
    """Return the blocks as one page that needs no other file."""
    return PAGE.format(title=html.escape(title), body="\n".join(_html(block) for block in told))


def _html(block: Block) -> str:
    match block:
        case Heading():
            return f"<h{block.level}>{html.escape(block.text)}</h{block.level}>"
        case Paragraph():
            return f"<p>{html.escape(block.text)}</p>"
        case Table():
            head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in block.header)
            rows = "\n".join(_html_row(row) for row in block.rows)
            return f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>'
        case Picture():
            data = base64.b64encode(block.path.read_bytes()).decode()
            return f'<img src="data:image/png;base64,{data}" alt="{html.escape(block.alt)}">'


def _html_row(row: Sequence[str]) -> str:
    cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in row[1:])
    return f'<tr><th scope="row">{html.escape(row[0])}</th>{cells}</tr>'
