"""Names of classes: what is taken, and what is refused."""

import pytest

from nnscratch.data.classes import DIGITS, checked_classes
from nnscratch.errors import UsageError


def test_numbers_and_names():
    assert checked_classes(10) == DIGITS
    assert checked_classes(3) == ("0", "1", "2")
    assert checked_classes(["cat", "dog"]) == ("cat", "dog")
    assert len(checked_classes(1000)) == 1000


@pytest.mark.parametrize(
    ("value", "part"),
    [
        (1, "2 to 1,000"),
        (1001, "2 to 1,000"),
        (True, "2 to 1,000"),
        ("ab", "a list of"),
        (["one"], "2 to 1,000"),
        (["a", "b", "a"], "two classes are named 'a'"),
        (["a", ""], "named ''"),
        (["a", "b\n"], "named 'b\\\\n'"),
        (["a", 1], "named 1"),
    ],
)
def test_what_names_no_classes_is_refused(value, part):
    with pytest.raises(UsageError, match=part):
        checked_classes(value)
