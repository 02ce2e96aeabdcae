"""Which known mistake a wrong array comes from: it equals what a function with that mistake returns."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.study.exercises.exercise import Exercise, Results

TOLERANCE = 1e-8  # the largest relative error of an array that is right: all is float64
ROUNDED = {"float32": 1e-5, "float16": 1e-2}  # of one that was computed with fewer digits


def relative_error(ours: Array, right: Array) -> tuple[float, tuple[int, ...]]:
    """Return the largest error of two arrays of one shape, by the largest number of ``right``, and where it is.

    Numbers that are both NaN, or infinite alike, are equal; one that alone is not finite is infinitely wrong.
    """
    if right.size == 0:
        return 0.0, ()
    with np.errstate(all="ignore"):
        error = np.abs(ours - right, dtype=np.float64)
    error = np.where(np.isfinite(error), error, np.inf)
    error[(ours == right) | (np.isnan(ours) & np.isnan(right))] = 0
    scale = float(np.abs(right[np.isfinite(right)]).max(initial=0)) or 1.0
    where = tuple(int(i) for i in np.unravel_index(int(error.argmax()), error.shape))
    return float(error[where]) / scale, where


def same(ours: Array, right: Array) -> bool:
    """Return whether two arrays have one shape and the same numbers, as far as the type of ``ours`` can hold them."""
    tolerance = ROUNDED.get(str(ours.dtype), TOLERANCE)
    return ours.shape == right.shape and relative_error(np.asarray(ours), np.asarray(right))[0] <= tolerance


def diagnose(exercise: Exercise, ours: Results) -> dict[int, str]:
    """Return, by the place of each wrong array, the known mistake that explains it. ``ours``: by case.

    Of several that explain an array one counts that explains all it touches, then most arrays, then the first.
    """
    places, right = range(len(exercise.returns)), exercise.right
    wrong = [k for k in places if any(_differs(a, b, k) for a, b in zip(ours, right, strict=True))]
    if not wrong:
        return {}
    found: dict[int, list[str]] = {k: [] for k in wrong}
    whole: set[str] = set()  # mistakes that explain the arrays that are right, too
    for sentence, theirs in exercise.wrong:
        touched = [k for k in places if any(_differs(a, b, k) for a, b in zip(theirs, right, strict=True))]
        explained = [k for k in touched if _explains(theirs, ours, k)]
        for k in wrong:
            if k in explained:
                found[k].append(sentence)
        if explained == touched:
            whole.add(sentence)
    votes = Counter(text for texts in found.values() for text in texts)
    answers = {k: max(texts, key=lambda text: (text in whole, votes[text])) for k, texts in found.items() if texts}
    for k in wrong:
        if k in answers:
            continue
        others = _rounded(ours, right, k) or _general(exercise, ours, right, k)
        others = others or _twice(exercise, ours, k) or _partly(exercise, ours, right, k)
        if others:
            answers[k] = others[0]
    return answers


def _differs(ours: Any, right: Any, k: int) -> bool:
    return ours[k] is not None and not same(ours[k], right[k])


def _explains(theirs: Results, ours: Results, k: int) -> bool:
    """Return whether ``theirs`` has in place k what ``ours`` has, in every case in which that is known."""
    known = [(a[k], b[k]) for a, b in zip(ours, theirs, strict=True) if a[k] is not None]
    return bool(known) and all(b is not None and same(a, b) for a, b in known)


def _rounded(ours: Results, right: Results, k: int) -> list[str]:
    """Return the suspicion that array k was computed with fewer digits, where its error is so small on all inputs."""
    pairs = [(a[k], b[k]) for a, b in zip(ours, right, strict=True) if a[k] is not None]
    if any(a.shape != b.shape or relative_error(a, b)[0] > ROUNDED["float32"] for a, b in pairs):
        return []
    return [
        "right to five digits or more, but not to nine: something on the way is float32 (look for astype, and "
        "for dtype= in np.zeros), or a small number such as eps is another one"
    ]


def _general(exercise: Exercise, ours: Results, right: Results, k: int) -> list[str]:
    """Return those of the mistakes that any array can have that explain array k, the likeliest first."""
    name = exercise.returns[k]
    suspects: list[tuple[str, list[Any]]] = [
        ("it is 0 everywhere", [0 * each[k] for each in right]),
        ("it is transposed", [each[k].T for each in right]),
        ("every number is 1 too large: does it begin as np.ones instead of np.zeros?", [each[k] + 1 for each in right]),
        (
            "the fractions are cut off: is the array that you fill one of whole numbers?",
            [np.trunc(each[k]) for each in right],
        ),
    ]
    suspects += [
        (text, [factor * each[k] for factor, each in zip(factors, right, strict=True)])
        for text, factors in _factors(exercise)
    ]
    for other, title in enumerate(exercise.returns):
        if other != k:
            order = ", ".join(exercise.returns)
            suspects.append((f"{title} stands in the place of {name}: return {order}", [each[other] for each in right]))
    suspects += _of_its_own_shape(ours, right, k)
    suspects += _unfinished(right, k)
    suspects += _with_arguments(exercise, right, k)
    suspects += _scaled(ours, right, k)
    return [text for text, arrays in suspects if _explains([(None,) * k + (each,) for each in arrays], ours, k)]


def _factors(exercise: Exercise) -> list[tuple[str, list[float]]]:
    """Return what an array may be multiplied by, for each case, with a sentence."""
    factors = [("the sign is wrong", [-1.0] * len(exercise.cases))]
    if exercise.batch:
        N = [float(case.arguments[0].shape[-1]) for case in exercise.cases]
        factors += [
            ("divided by the batch once too often: the mean is taken, but the sum is wanted", [1 / n for n in N]),
            ("multiplied by the number of images once too often", N),
        ]
    return factors


def _twice(exercise: Exercise, ours: Results, k: int) -> list[str]:
    """Return those of the known mistakes that explain array k on all inputs together with a factor."""
    return [
        f"{sentence}; and {text}"
        for sentence, theirs in exercise.wrong
        for text, factors in _factors(exercise)
        if _explains([_multiplied(each, factor) for each, factor in zip(theirs, factors, strict=True)], ours, k)
    ]


def _multiplied(arrays: tuple[Any, ...], factor: float) -> tuple[Any, ...]:
    return tuple(None if array is None else factor * array for array in arrays)


def _partly(exercise: Exercise, ours: Results, right: Results, k: int) -> list[str]:
    """Return the mistake that explains array k on a third of the inputs or more: there may be a second one.

    It must explain two of them, if there are, and one of several images: many mistakes look alike for a single one.
    """
    best: list[str] = []
    wrong = sum(_differs(a, b, k) for a, b in zip(ours, right, strict=True))
    for sentence, theirs in exercise.wrong:
        explained = [
            case
            for case, a, b, c in zip(exercise.cases, ours, right, theirs, strict=True)
            if _differs(a, b, k) and _explains([c], [a], k)
        ]
        several = [case for case in explained if not exercise.batch or case.arguments[0].shape[-1] > 1]
        if several and 3 * len(explained) >= wrong and len(explained) >= min(2, wrong) and len(explained) > len(best):
            best, text = [case.what for case in explained], sentence
    elsewhere = "it is right" if len(best) == wrong else "something else is wrong"
    return [f"{text} (so it is for: {' / '.join(best)}; elsewhere {elsewhere})"] if best else []


def _of_its_own_shape(ours: Results, right: Results, k: int) -> list[tuple[str, list[Any]]]:
    """Return the suspicion that only the shape is wrong."""
    arrays = [
        b[k].reshape(a[k].shape) if a[k] is not None and a[k].size == b[k].size else b[k]
        for a, b in zip(ours, right, strict=True)
    ]
    return [("the numbers are right, in their order, but the shape is not (an axis kept, or joined?)", arrays)]


def _unfinished(right: Results, k: int) -> list[tuple[str, list[Any]]]:
    """Return the suspicions that a loop along an axis ends too early."""
    suspects = []
    for axis in range(min(each[k].ndim for each in right)):
        last, others = (slice(None),) * axis + (slice(-1, None),), (slice(None),) * axis + (slice(1, None),)
        for text, place in (
            (f"the last numbers along axis {axis} are 0: does a loop end too early?", last),
            (f"all but the first along axis {axis} is 0: does return stand inside the loop?", others),
        ):
            arrays = [each[k].copy() for each in right]
            for array in arrays:
                array[place] = 0
            suspects.append((text, arrays))
    return suspects


def _with_arguments(exercise: Exercise, right: Results, k: int) -> list[tuple[str, list[Any]]]:
    """Return the suspicions that an argument of the array's shape has a part in it that it must not have."""
    name, suspects = exercise.returns[k], []
    for place, argument in enumerate(exercise.parameters):
        given = [case.arguments[place] for case in exercise.cases]
        if any(np.shape(a) != each[k].shape or not np.ndim(a) for a, each in zip(given, right, strict=True)):
            continue
        pairs = [(a, each[k]) for a, each in zip(given, right, strict=True)]
        suspects += [
            (f"{argument} comes back as it was given", [a for a, _ in pairs]),
            (f"{argument} is added to it: does it begin as {argument} instead of zeros?", [a + b for a, b in pairs]),
            (f"{argument} minus {name} comes back: return {name} alone", [a - b for a, b in pairs]),
            (f"it is multiplied by {argument} once too often", [a * b for a, b in pairs]),
        ]
    return suspects


def _scaled(ours: Results, right: Results, k: int) -> list[tuple[str, list[Any]]]:
    """Return the suspicion that every number is the same multiple of the right one, which a single number always is."""
    if sum(each[k].size for each in ours if each[k] is not None) < 2:
        return []
    for a, b in zip(ours, right, strict=True):
        if a[k] is not None and a[k].shape == b[k].shape and np.isfinite(a[k]).all():
            factor = float((a[k] * b[k]).sum() / ((b[k] * b[k]).sum() or 1.0))
            return [(f"every number is {factor:.4g} times the right one", [factor * each[k] for each in right])]
    return []
