from __future__ import annotations

import numpy as np
import pytest

from pdfgc.tracking.geometry import (
    angles_from_direction,
    angles_from_rotation,
    direction_from_angles,
    fit_similarity,
    rotation_from_angles,
)

RIGHT, DOWN, AHEAD = np.eye(3)[0], np.eye(3)[1], -np.eye(3)[2]


def test_angles_survive_the_round_trip():
    angles = np.random.default_rng(0).uniform(-1.3, 1.3, (200, 3))
    rotation = rotation_from_angles(*angles.T)
    np.testing.assert_allclose(angles_from_rotation(rotation), angles, atol=1e-9)
    np.testing.assert_allclose(
        rotation @ rotation.transpose(0, 2, 1), np.tile(np.eye(3), (200, 1, 1)), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(rotation), 1)


def test_signs_are_those_of_the_image():
    assert (rotation_from_angles(0.3, 0, 0) @ AHEAD) @ RIGHT > 0.2, "yaw > 0: nose to the right"
    assert (rotation_from_angles(0, 0.3, 0) @ AHEAD) @ DOWN < -0.2, "pitch > 0: nose up"
    assert (rotation_from_angles(0, 0, 0.3) @ RIGHT) @ DOWN > 0.2, "roll > 0: clockwise"
    direction = direction_from_angles(0.3, 0.2)
    assert direction @ RIGHT > 0
    assert direction @ DOWN < 0


def test_directions_survive_the_round_trip():
    angles = np.random.default_rng(1).uniform(-1.2, 1.2, (50, 2))
    np.testing.assert_allclose(
        angles_from_direction(direction_from_angles(*angles.T)), angles, atol=1e-9
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_similarity_is_recovered_for_a_whole_batch(weighted: bool):
    random = np.random.default_rng(2)
    points = random.normal(size=(20, 3))
    angles = random.uniform(-1, 1, (7, 3))
    rotation = rotation_from_angles(*angles.T)
    scale, shift = random.uniform(0.5, 3, 7), random.normal(size=(7, 3))
    moved = scale[:, None, None] * (points @ rotation.transpose(0, 2, 1)) + shift[:, None]
    weights = random.uniform(0.1, 1, 20) if weighted else None
    found_scale, found_rotation, found_shift = fit_similarity(points, moved, weights)
    np.testing.assert_allclose(found_scale, scale)
    np.testing.assert_allclose(found_rotation, rotation, atol=1e-12)
    np.testing.assert_allclose(found_shift, shift, atol=1e-12)


def test_similarity_never_mirrors():
    points = np.random.default_rng(3).normal(size=(20, 3))
    _, rotation, _ = fit_similarity(points, points * [-1, 1, 1])
    assert np.linalg.det(rotation) == pytest.approx(1)
