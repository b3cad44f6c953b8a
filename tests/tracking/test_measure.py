from __future__ import annotations

import itertools

import numpy as np
import pytest

from pdfgc.config import CropConfig
from pdfgc.tracking import (
    MESH_478,
    POINTS_68,
    Topology,
    apertures_of,
    canonical_face,
    crop_around,
    fit_head,
    gaze_of,
    gaze_through_blinks,
    mouth_opening_of,
    normalise,
    openness_of,
    pose_in_crop,
    pose_of_normalised,
)
from pdfgc.tracking.detection import box_of
from tests.tracking.faces import head

CROP = np.array([200.0, 150.0, 280.0])
ANGLES = list(itertools.product((-50, -20, 0, 35), (-25, 0, 20), (-30, 0, 15)))


@pytest.mark.parametrize("topology", [MESH_478, POINTS_68], ids=lambda each: each.name)
def test_angles_are_recovered_within_half_a_degree(topology: Topology):
    for angles in ANGLES:
        noise = np.random.default_rng(0).normal(0, 0.3, (topology.n_landmarks, 3))
        points = head(*np.radians(angles), topology=topology) + noise
        found = np.degrees(pose_in_crop(points, CROP)[:3])
        np.testing.assert_allclose(found, angles, atol=0.5)


def test_place_and_size_are_offsets_from_the_template():
    template = canonical_face().template
    side = CROP[2]
    x, y = CROP[:2] - side / 2 + template[:2] * side
    at_rest = pose_in_crop(head(x=x, y=y, scale=template[2] * side), CROP)
    np.testing.assert_allclose(at_rest, 0, atol=1e-4)
    moved = pose_in_crop(head(x=x + 28, y=y - 14, scale=template[2] * side * 1.1), CROP)
    np.testing.assert_allclose(moved[3:], [0.1, -0.05, np.log(1.1)], atol=1e-4)


def test_the_template_is_where_an_average_face_lies():
    points = head()
    crop = crop_around(box_of(points), CropConfig())
    np.testing.assert_allclose(pose_in_crop(points, crop), 0, atol=0.03)


def test_another_crop_relabels_exactly():
    points = np.stack([head(0.3, -0.1, 0.2), head(-0.4, 0.2, 0, x=180)])
    other = np.array([230.0, 120.0, 350.0])
    before, after = pose_in_crop(points, CROP), pose_in_crop(points, other)
    np.testing.assert_allclose(after[:, :3], before[:, :3], atol=1e-6)
    template = canonical_face().template[:2]
    place = CROP[:2] + CROP[2] * (before[:, 3:5] + template - 0.5)
    expected = (place - other[:2]) / other[2] + 0.5 - template
    np.testing.assert_allclose(after[:, 3:5], expected, atol=1e-6)
    np.testing.assert_allclose(after[:, 5], before[:, 5] + np.log(CROP[2] / other[2]), atol=1e-6)


def test_normalised_landmarks_end_at_the_edges():
    corners = np.zeros((478, 3))
    corners[0, :2] = CROP[:2] - CROP[2] / 2
    corners[1, :2] = CROP[:2] + CROP[2] / 2
    found = normalise(corners, CROP)
    np.testing.assert_allclose(found[:2, :2], [[-1, -1], [1, 1]])
    np.testing.assert_allclose(
        pose_of_normalised(normalise(head(0.2), CROP)), pose_in_crop(head(0.2), CROP)
    )


@pytest.mark.parametrize("topology", [MESH_478, POINTS_68], ids=lambda each: each.name)
def test_an_opening_mouth_moves_no_pose(topology: Topology):
    shut, wide = (head(0.2, 0.1, 0.1, mouth=gap, topology=topology) for gap in (0.0, 0.5))
    before, after = pose_in_crop(shut, CROP), pose_in_crop(wide, CROP)
    # The landmark model's own nod is taken out of pitch; nothing else may change.
    after[1] += 0.5 * canonical_face(topology).nod_per_gap
    np.testing.assert_allclose(after, before, atol=1e-3)
    np.testing.assert_allclose(after[3:], before[3:], atol=1e-6)
    assert mouth_opening_of(wide) - mouth_opening_of(shut) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("angles", [(0, 0, 0), (30, 0, 0), (-30, 10, 15), (15, -20, -20)])
def test_gaze_is_relative_to_the_head(angles: tuple[float, float, float]):
    for gaze in itertools.product((-25, 0, 20), (-15, 0, 10)):
        points = head(*np.radians(angles), gaze=tuple(np.radians(gaze)))
        points[MESH_478.irises, 2] = 0  # the tracker does not measure the depth of an iris
        np.testing.assert_allclose(np.degrees(gaze_of(points)), gaze, atol=0.5)


def test_gaze_does_not_read_the_depth_of_the_iris():
    points = head(0.3, 0.1, 0.2, gaze=(0.2, -0.1))
    other = points.copy()
    other[MESH_478.irises, 2] += 40
    np.testing.assert_allclose(gaze_of(other), gaze_of(points), atol=1e-6)


def test_gaze_goes_straight_through_a_blink():
    gaze = np.tile(np.linspace(0, 0.2, 11)[:, None], (1, 2)).astype(np.float32)
    seen = gaze.copy()
    seen[4:7, 1] = -0.5  # the iris sinks with the lid
    openness = np.ones((11, 2), np.float32)
    openness[4:7] = 0.1
    np.testing.assert_allclose(gaze_through_blinks(seen, openness), gaze, atol=1e-6)
    asleep = gaze_through_blinks(seen, np.zeros((11, 2), np.float32))
    np.testing.assert_array_equal(asleep, seen)


def test_gaze_stays_within_what_eyes_can_do():
    points = head()
    points[MESH_478.irises, 0] += 30
    assert np.degrees(gaze_of(points)[0]) == pytest.approx(50)


def test_gaze_without_irises_is_zero():
    assert (gaze_of(head(0.3, topology=POINTS_68)) == 0).all()


def test_mirroring_changes_the_signs_of_yaw_roll_and_gaze_yaw_only():
    points = head(0.3, 0.2, 0.1, gaze=(0.15, -0.1), x=200)
    mirrored = points[canonical_face().mirror] * [-1, 1, 1] + [400, 0, 0]
    mirrored[MESH_478.right_eye.iris_centre] = points[MESH_478.left_eye.iris_centre] * [-1, 1, 1]
    mirrored[MESH_478.left_eye.iris_centre] = points[MESH_478.right_eye.iris_centre] * [-1, 1, 1]
    mirrored[MESH_478.irises[[0, 5]], 0] += 400
    signs = [-1, 1, -1, -1, 1, 1]
    np.testing.assert_allclose(
        pose_in_crop(mirrored, CROP), pose_in_crop(points, CROP) * signs, atol=1e-4
    )
    np.testing.assert_allclose(gaze_of(mirrored), gaze_of(points) * [-1, 1], atol=1e-4)


def test_turning_does_not_leak_into_openness():
    still = apertures_of(head())
    for yaw in (-40, 40):
        np.testing.assert_allclose(apertures_of(head(np.radians(yaw))), still, rtol=1e-3)


def test_openness_is_one_for_the_persons_open_eye():
    apertures = np.full((200, 2), 0.2)
    apertures[50:56] = 0.04
    openness = openness_of(apertures, np.ones(200, bool), prior=0.3)
    assert openness[0] == pytest.approx(1, abs=0.05)
    assert openness[52] == pytest.approx(0.2, abs=0.02)


def test_openness_of_a_still_is_measured_against_the_population():
    still = openness_of(np.full((1, 2), 0.15), np.ones(1, bool), prior=0.3)
    np.testing.assert_allclose(still, 0.5)


def test_missing_faces_stay_missing():
    points = np.stack([head(0.1), np.full((478, 3), np.nan, np.float32)])
    for values in (pose_in_crop(points, CROP), gaze_of(points), fit_head(points).scale):
        assert np.isfinite(values[0]).all()
        assert np.isnan(values[1]).all()
