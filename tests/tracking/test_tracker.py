from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pdfgc.errors import InputError
from pdfgc.media.video import VideoFrame
from pdfgc.tracking import (
    MESH_478,
    POINTS_68,
    Choice,
    FaceChoice,
    FaceTrack,
    MissingPolicy,
    Topology,
    pose_in_crop,
    track_frames,
    track_image,
)
from tests.tracking.faces import ScriptedBackend, blank_frames, head

Script = list[list[NDArray[np.float32]]]


def run(
    script: Script,
    images: list[NDArray[np.uint8]] | None = None,
    *,
    topology: Topology = MESH_478,
    missing: MissingPolicy = MissingPolicy.INTERPOLATE,
    choose: Choice = FaceChoice.LARGEST,
) -> FaceTrack:
    images = images or blank_frames(len(script))
    frames = (VideoFrame(image, index / 25, index) for index, image in enumerate(images))
    backend = ScriptedBackend(script, topology)
    return track_frames(frames, backend=backend, missing=missing, choose=choose)


def test_a_turning_head_is_measured_frame_by_frame():
    yaws = np.radians(np.linspace(-30, 30, 40))
    track = run([[head(yaw, gaze=(-yaw / 2, 0.1))] for yaw in yaws])
    assert len(track) == 40
    np.testing.assert_allclose(track.pose[:, 0], yaws, atol=0.01)
    np.testing.assert_allclose(track.gaze[:, 0], -yaws / 2, atol=0.01)
    np.testing.assert_allclose(track.times, np.arange(40) / 25)
    assert track.fps == pytest.approx(25)
    assert track.frame_size == (400, 300)
    assert (track.confidence > 0.8).all()
    assert (track.crop == track.crop[0]).all()
    assert np.abs(track.crop_landmarks()[..., :2]).max() < 1


def test_dtypes_and_shapes_are_as_documented():
    track = run([[head()]] * 6)
    shapes = {
        "times": (6,), "landmarks": (6, 478, 3), "box": (6, 4), "crop": (6, 3), "shot": (6,),
        "pose": (6, 6), "gaze": (6, 2), "openness": (6, 2), "mouth": (6,), "confidence": (6,),
        "faces": (6,),
    }  # fmt: skip
    for name, shape in shapes.items():
        value = getattr(track, name)
        assert value.shape == shape, name
        expected = {"times": np.float64, "shot": np.int32, "faces": np.int32}
        assert value.dtype == expected.get(name, np.float32), name


@pytest.fixture
def gap() -> Script:
    """Frames 10 to 13 show no face while the head moves right by 2 px a frame."""
    script: Script = [[head(x=150 + 2 * i)] for i in range(24)]
    script[10:14] = [[], [], [], []]
    return script


def test_gaps_are_interpolated_with_confidence_zero(gap: Script):
    track = run(gap, missing=MissingPolicy.INTERPOLATE)
    centre = track.box[:, ::2].mean(-1)
    np.testing.assert_allclose(np.diff(centre), 2, atol=0.01)
    assert (track.confidence[10:14] == 0).all()
    assert (np.delete(track.confidence, range(10, 14)) > 0.5).all()


def test_gaps_are_held_or_passed_on_or_refused(gap: Script):
    held = run(gap, missing=MissingPolicy.HOLD)
    assert held.box[12, 0] == pytest.approx(held.box[9, 0], abs=1.5)
    passed = run(gap, missing=MissingPolicy.PASS)
    assert np.isnan(passed.landmarks[10:14]).all()
    assert np.isnan(passed.pose[10:14]).all()
    assert np.isfinite(passed.pose[:10]).all()
    assert np.isfinite(passed.crop).all()
    with pytest.raises(InputError, match="frame 10"):
        run(gap, missing=MissingPolicy.ERROR)


def test_faces_missing_at_the_ends_are_held(gap: Script):
    track = run([[], *gap[:8], []])
    np.testing.assert_allclose(track.box[0], track.box[1], atol=1.5)
    assert track.confidence[[0, -1]].max() == 0


def test_a_clip_without_face_or_frame_is_refused():
    with pytest.raises(InputError, match="no face was found in 3 frames"):
        run([[], [], []])
    with pytest.raises(InputError, match="no frame"):
        track_frames([], backend=ScriptedBackend([]))


def test_a_cut_in_the_picture_ends_a_shot():
    images = blank_frames(20)
    for index in range(8, 20):
        images[index][1:] = (200, 30, 60)
    track = run([[head()]] * 20, images)
    np.testing.assert_array_equal(track.shot, [0] * 8 + [1] * 12)


def test_a_face_that_jumps_ends_a_shot_with_its_own_crop():
    script: Script = [[head(x=100, scale=40)]] * 10 + [[head(x=300, scale=40)]] * 10
    track = run(script)
    np.testing.assert_array_equal(track.shot, [0] * 10 + [1] * 10)
    assert track.crop[10, 0] - track.crop[9, 0] == pytest.approx(200, abs=1)
    np.testing.assert_allclose(track.pose, track.pose[:1].repeat(20, 0), atol=1e-3)


def two_faces() -> list[NDArray[np.float32]]:
    return [head(x=100, scale=45), head(0.3, x=290, scale=50)]


def test_several_faces_and_a_choice():
    assert run([two_faces()] * 3).box[0, 0] > 200, "the largest by default"
    assert run([two_faces()] * 3, choose=0).box[0, 0] < 150
    assert run([two_faces()] * 3, choose=1).box[0, 0] > 200
    assert run([two_faces()] * 3, choose=(40.0, 40.0, 180.0, 250.0)).box[0, 0] < 150
    assert run([two_faces()] * 3).faces.tolist() == [2, 2, 2]
    with pytest.raises(InputError, match="no face number 2"):
        run([two_faces()], choose=2)
    with pytest.raises(InputError, match="no face lies in the box"):
        run([two_faces()], choose=(0.0, 0.0, 5.0, 5.0))
    with pytest.raises(InputError, match=r"frame 0.*2 faces"):
        run([two_faces()], choose=FaceChoice.ONLY)


def test_a_still_with_two_comparable_faces_needs_a_choice():
    image = blank_frames(1)[0]
    with pytest.raises(InputError, match="2 faces of similar size"):
        track_image(image, backend=ScriptedBackend([two_faces()]))
    backend = ScriptedBackend([[head(x=100, scale=15), head(x=290, scale=50)]])
    assert len(track_image(image, backend=backend)) == 1


def test_the_chosen_face_is_followed_past_others():
    script: Script = [[head(x=100 + i, scale=45), head(x=290, scale=50)] for i in range(20)]
    track = run(script, choose=0)
    np.testing.assert_allclose(np.diff(track.box[:, 0]), 1, atol=0.01)
    assert track.shot.max() == 0


def test_smoothing_calms_noise_and_keeps_a_blink():
    random = np.random.default_rng(0)
    script: Script = [
        [head() + random.normal(0, 0.5, (478, 3)).astype(np.float32)] for _ in range(60)
    ]
    raw = np.stack([faces[0] for faces in script])
    track = run(script)
    assert np.diff(track.landmarks, axis=0).std() < 0.6 * np.diff(raw, axis=0).std()
    lids = track.topology
    blink = np.array([1.0] * 20 + [0.6, 0.15, 0.0, 0.3, 0.7] + [1.0] * 20)
    script = []
    for share in blink:
        points = head()
        for eye in (lids.left_eye, lids.right_eye):
            gap = points[eye.lower, 1] - points[eye.upper, 1]
            points[eye.upper, 1] += gap * (1 - share)
        script.append([points])
    openness = run(script).openness
    assert openness[:10].min() > 0.95
    assert openness.min() < 0.25


def test_the_68_points_go_the_same_way():
    track = run([[head(0.2, topology=POINTS_68)]] * 8, topology=POINTS_68)
    np.testing.assert_allclose(track.pose[:, 0], 0.2, atol=0.01)
    assert (track.gaze == 0).all()


def test_recrop_relabels_exactly():
    track = run([[head(0.1 * np.sin(i), x=200 + i)] for i in range(10)])
    other = track.recrop(np.array([180, 140, 300]))
    np.testing.assert_allclose(other.pose[:, :3], track.pose[:, :3], atol=1e-5)
    np.testing.assert_allclose(other.pose, pose_in_crop(track.landmarks, other.crop), atol=1e-6)
    np.testing.assert_allclose(other.recrop(track.crop).pose, track.pose, atol=1e-5)


def test_save_and_load(tmp_path: Path):
    track = run([[head(0.1)]] * 6)
    path = tmp_path / "a.track.safetensors"
    track.save(path)
    loaded = FaceTrack.load(path)
    np.testing.assert_array_equal(loaded.landmarks, track.landmarks)
    np.testing.assert_array_equal(loaded.pose, track.pose)
    assert (loaded.frame_size, loaded.fps, loaded.backend) == ((400, 300), track.fps, "scripted")
    assert len(loaded.part(2, 5)) == 3
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="no saved track"):
        FaceTrack.load(path)
    with pytest.raises(InputError, match="no such file"):
        FaceTrack.load(tmp_path / "none.safetensors")


def test_frames_are_read_one_at_a_time():
    alive = 0

    def frames() -> Iterator[VideoFrame]:
        nonlocal alive
        for index, image in enumerate(blank_frames(30)):
            alive += 1
            yield VideoFrame(image, index / 25, index)

    track = track_frames(frames(), backend=ScriptedBackend([[head()]] * 30))
    assert alive == len(track) == 30
