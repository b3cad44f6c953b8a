"""Virtual motion against the tracker's own measurements of the landmarks it makes."""

from __future__ import annotations

import numpy as np
import pytest

from pdfgc.generator.eyes import EYEBALL_GAIN
from pdfgc.tracking.canonical import canonical_face
from pdfgc.tracking.geometry import direction_from_angles, rotation_from_angles
from pdfgc.tracking.measure import (
    apertures_of,
    face_shape_of,
    gaze_of,
    mouth_opening_of,
    pose_of_normalised,
)
from pdfgc.training.moved import Moved, facing, move, unsure

N = 60


def _heads(yaw: np.ndarray) -> np.ndarray:
    rotation = rotation_from_angles(yaw, 0.1, -0.05)
    return (canonical_face().points @ rotation.transpose(0, 2, 1) * 0.5).astype(np.float32)


@pytest.fixture(scope="module")
def before() -> np.ndarray:
    return _heads(np.linspace(-0.4, 0.4, N))


@pytest.fixture(scope="module")
def labels(before: np.ndarray) -> np.ndarray:
    return np.concatenate([gaze_of(before), np.ones((N, 2), np.float32)], axis=1)


@pytest.fixture(scope="module")
def moved(before: np.ndarray, labels: np.ndarray) -> Moved:
    return move(before, labels, mouth_opening_of(before), np.random.default_rng(0))


def test_labels_are_what_the_tracker_reads_there(
    before: np.ndarray, labels: np.ndarray, moved: Moved
) -> None:
    np.testing.assert_allclose(moved.pose, pose_of_normalised(moved.points), atol=1e-6)
    open_eyes = moved.eye[:, 2:].min(1) > 0.4
    assert open_eyes.sum() > N / 3
    # Irises go further than an eyeball takes them, as the generator has it.
    after, before_, read = (
        direction_from_angles(*gaze[open_eyes].T)[:, :2]
        for gaze in (moved.eye[:, :2], labels[:, :2], gaze_of(moved.points))
    )
    asked, made = after - before_, read - before_
    gentle = np.abs(asked).max(1) < 0.3
    for axis in range(2):
        gain = np.polyfit(asked[gentle, axis], made[gentle, axis], 1)[0]
        assert gain == pytest.approx(EYEBALL_GAIN, rel=0.12)
    assert np.corrcoef(asked[gentle].ravel(), made[gentle].ravel())[0, 1] > 0.97
    ratio = apertures_of(moved.points) / apertures_of(before)
    np.testing.assert_allclose(ratio, moved.eye[:, 2:], atol=0.03)


def test_factors_move_apart_from_each_other(moved: Moved, labels: np.ndarray) -> None:
    turned = moved.pose[:, 0] - np.linspace(-0.4, 0.4, N)
    looked = moved.eye[:, 0] - labels[:, 0]
    closed = moved.eye[:, 2] - 1
    assert np.ptp(turned) > 0.6
    assert np.ptp(looked) > 0.4
    assert np.ptp(closed) > 0.5
    together = np.corrcoef([turned, looked, closed])
    assert np.abs(together[np.triu_indices(3, 1)]).max() < 0.4


def test_brows_and_corners_go_where_they_were_sent(before: np.ndarray, moved: Moved) -> None:
    change = face_shape_of(moved.points) - face_shape_of(before)
    sent = moved.felt
    assert 0.2 < (sent != 0).mean() < 0.6
    for channel in range(2):
        gain = np.polyfit(sent[:, channel], change[:, channel], 1)[0]
        assert 0.8 < gain < 1.2
        assert np.corrcoef(sent[:, channel], change[:, channel])[0, 1] > 0.95
        assert abs(np.corrcoef(sent[:, 1 - channel], change[:, channel])[0, 1]) < 0.4


def test_lips_part_by_what_was_asked_or_stay(before: np.ndarray, moved: Moved) -> None:
    own, read = mouth_opening_of(before), mouth_opening_of(moved.points)
    still = moved.mouth == own
    assert 0.3 < still.mean() < 0.7
    # A smile hardly parts lips.
    np.testing.assert_allclose(read[still], own[still], atol=0.015)
    # Closed lips of the mean face do not lie in one plane.
    np.testing.assert_allclose(read, moved.mouth, atol=0.035)
    assert np.ptp(moved.mouth) > 0.3
    together = np.corrcoef([moved.mouth, moved.pose[:, 0], moved.eye[:, 0]])
    assert np.abs(together[0, 1:]).max() < 0.4


def test_closed_lids_stay_closed(before: np.ndarray, labels: np.ndarray) -> None:
    shut = labels.copy()
    shut[:, 2:] = 0.1
    assert (
        move(before, shut, mouth_opening_of(before), np.random.default_rng(1)).eye[:, 2:]
        == np.float32(0.1)
    ).all()


def test_landmarks_of_eyes_that_close_are_not_believed() -> None:
    face = canonical_face()
    openness = np.array([[1.0, 0.9], [0.3, 1.0], [0.5, 0.5]], np.float32)
    said = unsure(openness, len(face.points))
    left, right = face.topology.left_eye, face.topology.right_eye
    assert not said[0].any()
    assert said[1, left.upper[len(left.upper) // 2]]
    assert said[1, left.iris_centre]
    assert not said[1, [*right.contour, *left.corners, *face.topology.mouth]].any()
    # Half open, the iris is seen; where the lids are is not known so well.
    assert said[2, right.upper[len(right.upper) // 2]]
    assert not said[2, [left.iris_centre, right.iris_centre]].any()


def test_a_turned_head_hides_its_far_cheek() -> None:
    face = canonical_face()
    left, right = face.points[:, 0] < -0.8, face.points[:, 0] > 0.8
    ahead, turned = facing(_heads(np.array([0.0, 0.6])))
    assert ahead.mean() > 0.9
    # The nose goes to the image's right: what lies there turns away.
    assert turned[right].mean() < turned[left].mean() - 0.3
