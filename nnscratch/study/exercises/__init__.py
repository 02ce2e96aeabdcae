"""Exercises: a network for the reader to write, and a check that says in words what is wrong with it."""

from nnscratch.errors import unknown
from nnscratch.study.exercises.exercise import Exercise
from nnscratch.study.exercises.tasks.layers import (
    activations,
    batchnorm_backward,
    batchnorm_forward,
    conv_backward,
    conv_forward,
    dense_backward,
    dense_forward,
    dropout_backward,
    dropout_forward,
    maxpool_backward,
    maxpool_forward,
)
from nnscratch.study.exercises.tasks.training import (
    adam_update,
    initialize,
    lenet5,
    momentum_update,
    numerical_gradient,
    softmax_cross_entropy,
    squared_error,
    training_loop,
)

EXERCISES: dict[str, Exercise] = {  # in the order of the course's chapters
    each.name: each
    for each in (
        squared_error.EXERCISE,
        initialize.EXERCISE,
        activations.SIGMOID,
        numerical_gradient.EXERCISE,
        dense_forward.EXERCISE,
        dense_backward.EXERCISE,
        softmax_cross_entropy.EXERCISE,
        conv_forward.EXERCISE,
        conv_backward.EXERCISE,
        activations.RELU,
        maxpool_forward.EXERCISE,
        maxpool_backward.EXERCISE,
        momentum_update.EXERCISE,
        adam_update.EXERCISE,
        dropout_forward.EXERCISE,
        dropout_backward.EXERCISE,
        batchnorm_forward.EXERCISE,
        batchnorm_backward.EXERCISE,
        training_loop.EXERCISE,
        lenet5.EXERCISE,
    )
}


def find_exercise(name: str) -> Exercise:
    """Return the exercise of that name. Raises UsageError, with the names that there are, for another."""
    if name not in EXERCISES:
        raise unknown("the exercise", name, EXERCISES)
    return EXERCISES[name]
