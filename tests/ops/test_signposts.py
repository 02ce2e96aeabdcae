"""What ops/README.md and DERIVATIONS.md send a reader to is there: each file, each name with a call or a dot."""

import re
from pathlib import Path

import pytest

import nnscratch

PACKAGE = Path(nnscratch.__file__).parent
ROOT = PACKAGE.parent
TEXTS = [PACKAGE / "ops" / "README.md", PACKAGE / "ops" / "DERIVATIONS.md"]
SOURCE = "\n".join(path.read_text("utf-8") for path in [*PACKAGE.rglob("*.py"), *ROOT.glob("benchmarks/**/*.py")])
NAMES = set(re.findall(r"[A-Za-z_]\w*", SOURCE))


def mentioned(text, pattern):
    return sorted(set(re.findall(rf"`{pattern}`", text)))


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_file_that_is_named_exists(path):
    found = mentioned(path.read_text("utf-8"), r"([\w./-]+\.(?:py|md|js|toml))")
    assert path.name != "README.md" or len(found) > 10
    for name in found:
        places = [path.parent / name, PACKAGE / name, ROOT / name, path.parent / "compiled" / name]
        assert any(place.exists() for place in places), f"{path.name} names {name}, which is nowhere"


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_function_and_class_that_is_named_exists(path):
    text = path.read_text("utf-8")
    for dotted in mentioned(text, r"([A-Z]\w+(?:\.\w+)+)"):
        for part in dotted.split("."):
            assert part in NAMES, f"{path.name} names {dotted}, and {part} is nowhere"
    for call in mentioned(text, r"(?:ops\.)?([a-z]\w*_(?:forward|backward\w*|update|entropy|norm|batch))(?:\(\.*\))?"):
        assert call in NAMES, f"{path.name} names {call}, which is nowhere"
