from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pdfgc.tracking import FaceTrack, MediaPipeBackend, track_video

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def turning(shared_data: Path) -> FaceTrack:
    """A speaker who turns his head by 30 degrees and keeps looking near the camera."""
    return track_video(shared_data / "clips" / "A0085.mp4", fps=25)


def test_every_frame_is_tracked_in_one_shot_and_a_steady_crop(turning: FaceTrack):
    assert (turning.confidence > 0.5).mean() > 0.99
    assert turning.shot.max() == 0
    assert np.ptp(turning.crop, axis=0).max() == 0
    assert np.abs(turning.crop_landmarks()[..., :2]).max() < 1


def test_eyes_that_stay_on_the_camera_turn_against_the_head(turning: FaceTrack):
    yaw, gaze = np.degrees(turning.pose[:, 0]), np.degrees(turning.gaze[:, 0])
    assert np.ptp(yaw) > 15
    assert np.polyfit(yaw, gaze, 1)[0] == pytest.approx(-1, abs=0.25)
    assert np.corrcoef(yaw, gaze)[0, 1] < -0.9


def test_numbers_are_plausible_and_calm(turning: FaceTrack):
    degrees = np.degrees(turning.pose[:, :3])
    assert np.abs(np.median(degrees, axis=0)).max() < 20
    assert np.abs(np.diff(degrees, 2, axis=0)).mean() < 0.4, "jitter"
    assert 0.7 < np.median(turning.openness) < 1.1
    assert turning.openness.min() < 0.5, "he blinks"
    assert 0.02 < turning.mouth.std() < 0.2, "and speaks"


@pytest.mark.parametrize("name", ["A1161.mp4", "A0073.webm", "S0141.gif"])
def test_other_containers_and_sizes(shared_data: Path, name: str):
    track = track_video(shared_data / "clips" / name, backend=MediaPipeBackend(), fps=25)
    assert (track.confidence > 0).mean() > 0.97
    assert np.isfinite(track.pose).all()
