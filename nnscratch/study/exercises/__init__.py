"""Exercises: backward passes for the reader to write, and a check that says in words what is wrong with them."""

from nnscratch.errors import unknown
from nnscratch.study.exercises.exercise import Exercise
from nnscratch.study.exercises.tasks import (
    activations,
    adam,
    batchnorm,
    conv_backward,
    conv_forward,
    dense,
    dropout,
    pool,
    softmax,
)

EXERCISES: dict[str, Exercise] = {
    each.name: each
    for each in (
        dense.EXERCISE,
        activations.RELU,
        activations.SIGMOID,
        softmax.EXERCISE,
        conv_forward.EXERCISE,
        conv_backward.EXERCISE,
        pool.EXERCISE,
        batchnorm.EXERCISE,
        dropout.EXERCISE,
        adam.EXERCISE,
    )
}


def find_exercise(name: str) -> Exercise:
    """Return the exercise of that name. Raises UsageError, with the names that there are, for another."""
    if name not in EXERCISES:
        raise unknown("the exercise", name, EXERCISES)
    return EXERCISES[name]
