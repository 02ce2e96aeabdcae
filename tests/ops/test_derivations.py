"""The derivations beside the operations: their examples are true on every backend, and none is missing."""

import doctest
import re
from importlib.resources import files

import pytest

from nnscratch import ops
from nnscratch.ops.backend import available_backends, backend, set_backend
from nnscratch.study.exercises import EXERCISES

OPS = files("nnscratch.ops")
README = (OPS / "README.md").read_text("utf-8")
TEXT = (OPS / "DERIVATIONS.md").read_text("utf-8")
SECTIONS = dict(part.split("\n", 1) for part in TEXT.split("\n## ")[1:])
NO_GRADIENT = {"gather_batch", "distort_batch"}  # these make batches of stored images
EXAMPLES = doctest.DocTestParser().get_examples(TEXT)


def home(name):
    """The titles of the sections that name an operation in their text."""
    return [title for title, text in SECTIONS.items() if f"`{name}`" in text]


def code(text):
    return "".join(example.source for example in doctest.DocTestParser().get_examples(text))


@pytest.fixture(params=available_backends())
def each_backend(request):
    before = backend()
    set_backend(request.param)
    yield request.param
    set_backend(before)


def test_examples_are_true(each_backend):
    test = doctest.DocTestParser().get_doctest(TEXT, {}, "DERIVATIONS.md", "ops/DERIVATIONS.md", 0)
    told = []
    result = doctest.DocTestRunner(verbose=False).run(test, out=told.append)
    assert result.failed == 0, "".join(told)
    assert result.attempted == len(EXAMPLES) > 60


@pytest.mark.parametrize("name", ops.__all__)
def test_every_operation_is_derived(name):
    titles = home(name)
    assert titles, f"ops.{name} is not derived: add a section that names `{name}` to nnscratch/ops/DERIVATIONS.md"
    if name in NO_GRADIENT:
        assert titles == ["What needs no backward pass"]
        return
    text = SECTIONS[titles[0]]
    assert f"ops.{name}(" in code(text), f'"{titles[0]}" has no example of ops.{name}'


def test_every_section_has_an_example_with_a_result():
    for title, text in SECTIONS.items():
        examples = doctest.DocTestParser().get_examples(text)
        assert any(example.want for example in examples), title


def test_names_in_the_text_exist():
    """A renamed operation must not live on in the text."""
    pattern = r"`((?:\w+_)(?:forward|backward\w*|update|statistics|batch|norm|error|entropy|softmax))`"
    named = set(re.findall(pattern, TEXT + README.split("## Exercises")[0]))
    assert len(named) > 30
    assert named <= set(ops.__all__), named - set(ops.__all__)


def anchor(title):
    """The anchor that a heading has in Markdown."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def test_the_table_of_contents_reaches_every_section():
    linked = set(re.findall(r"DERIVATIONS\.md#([\w-]+)", README))
    wanted = {anchor(title) for title in SECTIONS} - {anchor("What needs no backward pass")}
    assert linked == wanted


def test_the_exercises_are_listed():
    rows = [f"| `{each.name}` | {each.line} |" for each in EXERCISES.values()]
    assert "\n".join(rows) in README
