from __future__ import annotations

import sys
import types
from typing import Any

import numpy as np
import pytest

from pdfgc.errors import InputError
from pdfgc.media.video import VideoFrame
from pdfgc.tracking import POINTS_68, FaceAlignmentBackend, track_frames
from tests.tracking.faces import blank_frames, head


class _Model:
    """Stands for face-alignment: a synthetic head; `depth` is the sign of its z."""

    depth = 1.0

    def __init__(self, *_: Any, **__: Any) -> None:
        self.face_detector = self
        self.asked: list[np.ndarray] = []

    def detect_from_image(self, image: np.ndarray) -> list[np.ndarray]:
        return [np.array([150, 90, 260, 240, 0.95]), np.array([0, 0, 9, 9, 0.1])]

    def get_landmarks_from_image(
        self, image: np.ndarray, detected_faces: list[np.ndarray]
    ) -> list[np.ndarray]:
        self.asked += detected_faces
        points = head(0.3, -0.1, 0.1, topology=POINTS_68) * [1, 1, self.depth] + [0, 0, 55]
        return [points for _ in detected_faces]


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    module = types.ModuleType("face_alignment")
    module.FaceAlignment = _Model  # type: ignore[attr-defined]
    module.LandmarksType = types.SimpleNamespace(THREE_D=3)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "face_alignment", module)
    return module


@pytest.mark.parametrize("depth", [1.0, -1.0])
def test_pose_is_right_whichever_way_depth_grows(
    library: types.ModuleType, monkeypatch: pytest.MonkeyPatch, depth: float
):
    monkeypatch.setattr(_Model, "depth", depth)
    frames = [VideoFrame(image, i / 25, i) for i, image in enumerate(blank_frames(6))]
    track = track_frames(frames, backend=FaceAlignmentBackend())
    np.testing.assert_allclose(track.pose[:, :3], np.tile([0.3, -0.1, 0.1], (6, 1)), atol=1e-3)
    assert track.backend == "face-alignment-68"
    assert track.faces.max() == 1, "faces below the score do not count"


def test_following_looks_around_the_last_face(library: types.ModuleType):
    backend = FaceAlignmentBackend()
    image = blank_frames(1)[0]
    found = backend.detect(image)[0]
    assert backend.follow(image, found) is not None
    box = backend._model.asked[-1]
    assert box[1] < found.box[1], "the box reaches up to the hair"


def test_weights_that_cannot_be_fetched_are_the_users_matter(library: types.ModuleType):
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("no route to host")

    library.FaceAlignment = refuse  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="cannot be fetched"):
        FaceAlignmentBackend()
