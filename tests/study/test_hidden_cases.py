"""Cases that are drawn for a class: the same for a seed, unlike the public ones, and as hard on mistakes."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from nnscratch.study.exercises import EXERCISES
from tests.study.test_exercises import answers, graded, report

every_exercise = pytest.mark.parametrize("name", EXERCISES)


def shapes(case):
    """What an input looks like: the shapes of its arrays, and sizes."""
    return [
        argument if isinstance(argument, tuple) else np.shape(argument)
        for argument in case.arguments
        if not callable(argument)
    ]


def bits(cases):
    return pickle.dumps([case.arguments for case in cases])


@every_exercise
def test_a_seed_gives_the_same_cases_and_another_one_others(name):
    exercise = EXERCISES[name]
    cases = exercise.drawn(5).cases
    assert len(cases) >= 2
    assert bits(cases) == bits(exercise.drawn(5).cases)
    assert bits(cases) != bits(exercise.drawn(6).cases)


@every_exercise
@pytest.mark.parametrize("seed", range(3))
def test_hidden_cases_are_unlike_the_public_ones(name, seed):
    exercise = EXERCISES[name]
    public = [shapes(case) for case in exercise.cases]
    assert not [case.what for case in exercise.drawn(seed).cases if shapes(case) in public]
    assert not [case.what for case in exercise.drawn(seed).cases if " 1 images" in case.what]


@pytest.mark.parametrize(
    ("name", "seed"), [(name, seed) for name in EXERCISES for seed in range(1 if name == "lenet5" else 3)]
)
def test_with_hidden_cases_the_solution_passes_and_each_mistake_is_named(name, seed):
    exercise = replace(EXERCISES[name].drawn(seed), derivatives=None)
    assert graded(exercise, report(answers(exercise))).right
    for mistake in exercise.mistakes:
        verdict = graded(exercise, report(answers(exercise, mistake)))
        said = [each.diagnosis for each in verdict.findings if not each.right]
        assert said, mistake.text
        assert all(text.endswith(mistake.text) for text in said), (mistake.text, said)
