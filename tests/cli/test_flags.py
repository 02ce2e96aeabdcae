"""What several commands read alike."""

from pathlib import Path

import pytest

import nnscratch as nn
from nnscratch.cli.flags import page_path


@pytest.mark.parametrize("name", ["a.html", "a.htm", "A.HTML", "b/A.Htm"])
def test_names_of_pages(name):
    assert page_path(name, "step") == Path(name)
    assert page_path(None, "step") == Path("study/step.html")


@pytest.mark.parametrize("name", ["a.png", "a", "html", ".html", "a.html.txt"])
def test_names_of_other_files(name):
    with pytest.raises(nn.UsageError, match="give the name of an HTML file"):
        page_path(name, "step")
