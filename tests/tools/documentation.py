"""The blocks of commands and code in README.md and docs/, and a folder in which they can be run."""

import re
import shlex
from dataclasses import dataclass

import numpy as np
from PIL import Image

import nnscratch as nn
from tests.tools.commands import ROOT

PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    if "_build" not in path.parts
)
BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>not run|thorough|file): (?P<why>.+?) -->\n)?"
    r"^(?P<fence>```+)(?P<language>\w+)\n(?P<text>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block. ``mark``: "not run" and "thorough" say why in ``why``; "file" has the file's name there."""

    mark: str
    why: str
    language: str
    text: str

    @property
    def commands(self):
        """The commands of a bash block, each as a list of words."""
        found = [[]]
        for line in self.text.replace("\\\n", " ").splitlines():
            lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|>")
            lexer.whitespace_split, lexer.commenters = True, "#"
            for word in lexer:
                if word in (";", "&&", "|", ">"):
                    found.append([])
                else:
                    found[-1].append(word)
            found.append([])
        return [each for each in found if each]


def blocks(page, *languages):
    """Return the blocks of a page that are in one of these languages."""
    found = BLOCK.finditer((ROOT / page).read_text("utf-8"))
    each = [Block(m["mark"] or "", m["why"] or "", m["language"], m["text"]) for m in found]
    return [block for block in each if block.language in languages]


def furnish(folder):
    """Put into a folder the files that the documentation speaks of as the reader's own."""
    digits = nn.load_mnist().test_images
    Image.fromarray(255 - digits[0]).resize((300, 300)).save(folder / "picture.png")
    row = np.pad(255 - np.hstack([digits[0], digits[1]]), 20, constant_values=255)
    Image.fromarray(row).resize((480, 340)).save(folder / "page.png")
    pixels = ",".join(f"pixel{k}" for k in range(784))
    rows = "\n".join(",".join(map(str, image.ravel())) for image in digits[:5])
    (folder / "test.csv").write_text(f"{pixels}\n{rows}\n")
    line = [[150, 120], [350, 120], [230, 400]]
    (folder / "corrections.json").write_text(
        str([{"label": 7, "strokes": [line], "box": [500, 500], "brush": 24}]).replace("'", '"')
    )
    nn.load_pretrained("logistic").save(folder / "model.npz")
