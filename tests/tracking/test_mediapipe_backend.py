from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pdfgc.errors import InputError
from pdfgc.media.image import read_image
from pdfgc.tracking import MediaPipeBackend, track_image, track_image_file, track_video


@pytest.fixture(scope="module")
def backend() -> MediaPipeBackend:
    return MediaPipeBackend()


def test_a_portrait_has_one_face_that_looks_at_us(face_image: Path, backend: MediaPipeBackend):
    track = track_image(read_image(face_image), backend=backend)
    yaw, pitch, roll = np.degrees(track.pose[0, :3])
    assert abs(yaw) < 15
    assert abs(pitch) < 15
    assert abs(roll) < 15
    assert np.abs(np.degrees(track.gaze)).max() < 15
    assert track.confidence[0] > 0.7
    assert (np.abs(track.openness - 1) < 0.4).all()


def test_a_mirrored_portrait_gives_mirrored_numbers(face_image: Path, backend: MediaPipeBackend):
    image = read_image(face_image)
    track = track_image(image, backend=backend)
    mirrored = track_image(np.ascontiguousarray(image[:, ::-1]), backend=backend)
    difference = np.degrees(mirrored.pose[0, :3] - track.pose[0, :3] * [-1, 1, -1])
    assert np.abs(difference).max() < 3
    assert np.abs(np.degrees(mirrored.gaze[0] - track.gaze[0] * [-1, 1])).max() < 5
    np.testing.assert_allclose(mirrored.openness[0], track.openness[0, ::-1], atol=0.15)


def test_a_small_face_in_a_large_frame_is_found(face_image: Path, backend: MediaPipeBackend):
    large = np.full((1080, 1920, 3), 110, np.uint8)
    small = Image.fromarray(read_image(face_image)).resize((200, 200), Image.Resampling.LANCZOS)
    large[700:900, 1500:1700] = np.asarray(small)
    track = track_image(large, backend=backend)
    whole = track_image(read_image(face_image), backend=backend)
    expected = whole.box[0] * 200 / 512 + [1500, 700, 1500, 700]
    np.testing.assert_allclose(track.box[0], expected, atol=5)
    assert np.abs(np.degrees(track.pose[0, :3] - whole.pose[0, :3])).max() < 4


def test_two_faces_side_by_side(face_image: Path, backend: MediaPipeBackend):
    image = read_image(face_image)
    both = np.concatenate([image, image], axis=1)
    detections = backend.detect(both)
    assert len(detections) == 2
    with pytest.raises(InputError, match="2 faces"):
        track_image(both, backend=backend)
    assert track_image(both, backend=backend, choose=1).box[0, 0] > 512


def test_an_image_without_face_is_refused(tmp_path: Path, backend: MediaPipeBackend):
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
    with pytest.raises(InputError, match="no face"):
        track_image(noise, backend=backend)
    path = tmp_path / "grey.png"
    Image.fromarray(np.full((64, 64, 3), 128, np.uint8)).save(path)
    with pytest.raises(InputError, match=r"grey\.png: no face"):
        track_image_file(path)


def test_a_moving_portrait_moves_as_it_was_moved(face_clip: Path, backend: MediaPipeBackend):
    track = track_video(face_clip, backend=backend)
    swing = np.sin(2 * np.pi * np.arange(len(track)) / 30)
    assert track.shot.max() == 0
    assert (track.confidence > 0.7).all()
    roll, size = np.degrees(track.pose[:, 2]), track.pose[:, 5]
    assert np.polyfit(swing, roll, 1)[0] == pytest.approx(4, abs=0.6)
    assert np.polyfit(swing, size, 1)[0] == pytest.approx(0.04, abs=0.01)
    x = track.pose[:, 3] * track.crop[0, 2]
    assert np.polyfit(swing, x, 1)[0] == pytest.approx(12, abs=2)
    assert np.degrees(track.pose[:, :2].std(0)).max() < 1.5, "turning was not asked for"


def test_another_rate_gives_as_many_frames_by_time(face_clip: Path, backend: MediaPipeBackend):
    track = track_video(face_clip, backend=backend, fps=12.5)
    assert len(track) == 15
    assert track.fps == 12.5


_MANY = """
import sys
import subprocess
import sys
from pathlib import Path
from pdfgc.media.image import read_image
from pdfgc.tracking import MediaPipeBackend

def resident_mb():
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) / 1024

image = read_image(sys.argv[1])
for turn in range(8):
    MediaPipeBackend().detect(image)
    if turn == 2:
        before = resident_mb()
print(resident_mb() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="memory is read from /proc")
def test_trackers_that_are_let_go_take_their_memory_along(face_image: Path) -> None:
    command = [sys.executable, "-c", _MANY, str(face_image)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    # Five graphs that stay are 300 MB.
    assert float(done.stdout) < 120
