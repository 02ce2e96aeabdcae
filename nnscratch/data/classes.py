"""The names of classes: a label is a number 0..K - 1, and ``classes[label]`` is what people call it."""

from __future__ import annotations

from collections.abc import Sequence

from nnscratch.errors import DataError, UsageError, is_whole, printable, short_repr

DIGITS = tuple("0123456789")
FEWEST, MOST = 2, 1000
LONGEST = 100  # characters of a name
NAMED = 5  # classes that a sentence names, of many


def checked_classes(classes: int | Sequence[str]) -> tuple[str, ...]:
    """Return the names of the classes: as given, or "0" to K - 1 for a number K of them.

    Raises UsageError unless they are 2 to 1,000 different texts of 1 to 100 printable characters.
    """
    names: tuple[str, ...] = ()
    if isinstance(classes, int):
        names = numbered(classes) if is_whole(classes, FEWEST, MOST) else ()
    elif isinstance(classes, (list, tuple)):
        names = tuple(classes)
    if not FEWEST <= len(names) <= MOST:
        raise UsageError(
            f"the classes are {short_repr(classes)}: give a list of {FEWEST} to {MOST:,} names, or their number"
        )
    for name in names:
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST or not name.isprintable():
            raise UsageError(f"a class is named {short_repr(name)}: give a text of 1 to {LONGEST} printable characters")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"two classes are named {short_repr(twice)}: give each class a name of its own")
    return names


def numbered(count: int) -> tuple[str, ...]:
    """Return the names of classes that nobody has named: "0", "1", ..."""
    return tuple(map(str, range(count)))


# ---- in sentences


def noun(classes: Sequence[str]) -> str:
    """Return what one of the classes is called: "digit" where they are the ten digits, else "class"."""
    return "digit" if tuple(classes) == DIGITS else "class"


def described(classes: Sequence[str], label: int) -> str:
    """Return what an image with this label is: "a 7", or "class cat"."""
    return f"a {label}" if tuple(classes) == DIGITS else f"class {classes[label]}"


def listed(classes: Sequence[str]) -> str:
    """Return the classes for a sentence: "the 26 classes A, B, C, D, E, ..."."""
    if tuple(classes) == DIGITS:
        return "the digits 0 to 9"
    more = ", ..." if len(classes) > NAMED else ""
    return printable(f"the {len(classes):,} classes {', '.join(classes[:NAMED])}{more}")


def check_same(who: str, mine: Sequence[str], data: str, theirs: Sequence[str]) -> None:
    """Raise DataError unless what knows the classes ``mine`` goes with data of the classes ``theirs``."""
    if tuple(mine) != tuple(theirs):
        raise DataError(
            f"{who} knows {listed(mine)}, and {data} has {listed(theirs)}: give data of the same classes, "
            "in the same order"
        )
