"""The surfaces of the chapter on optimisers, and who walks on them where."""

import numpy as np
import pytest

from nnscratch.study.figures import surfaces

START = np.array([-10.0, 2.0])


def test_steps_by_hand():
    np.testing.assert_allclose(surfaces.sgd(surfaces.valley, START, 1, 0.07)[1], [-9.3, -1.5])
    np.testing.assert_allclose(surfaces.momentum(surfaces.valley, START, 2, 0.02)[1:], [[-9.8, 1], [-9.424, -0.4]])
    np.testing.assert_allclose(surfaces.adam(surfaces.valley, START, 1, 0.5)[1], [-9.5, 1.5])


@pytest.mark.parametrize(("lr", "grows"), [(0.0799, False), (0.0801, True)])
def test_the_limit_of_the_rate_is_two_over_the_curvature(lr, grows):
    path = surfaces.sgd(surfaces.valley, START, 400, lr)
    assert (abs(path[-1, 1]) > 2) == grows


def test_the_plane_has_the_networks_gradient():
    surface = surfaces.slice_of_lenet5()
    at, h = np.array([18.0, -1.0]), 1e-6
    numeric = [(surface(at + step)[0] - surface(at - step)[0]) / (2 * h) for step in h * np.eye(2)]
    np.testing.assert_allclose(surface(at)[1], numeric, rtol=1e-4)
    np.testing.assert_allclose([surface.along @ surface.along, surface.across @ surface.across], 1)
    assert abs(surface.along @ surface.across) < 1e-12


def test_from_trained_to_fresh_the_loss_rises_and_the_plane_is_narrow():
    surface = surfaces.slice_of_lenet5()
    trained, fresh = surface(np.zeros(2))[0], surface(np.array([surface.distance, 0.0]))[0]
    assert trained < 0.1 and fresh > 2
    along, across = surfaces.curvature(surface, np.array([surface.distance, 0.0]))
    assert across > 50 * abs(along)


def test_steepest_finds_the_largest_eigenvector_beside_a_direction():
    matrix = np.diag([9.0, 5.0, 2.0])
    found = surfaces.steepest(lambda theta: matrix @ theta, np.zeros(3), np.array([1.0, 0, 0]))
    np.testing.assert_allclose(np.abs(found), [0, 1, 0], atol=1e-4)


def test_walks_are_drawn_with_their_ends():
    walks = {"SGD 0.07": surfaces.sgd(surfaces.valley, START, 5, 0.07)}
    assert "SGD 0.07 ends at (" in surfaces.valley_walks(walks).alt
