"""An optional backend: face-alignment's 68 points, with its own weights."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdfgc.errors import InputError
from pdfgc.tracking.detection import Detection
from pdfgc.tracking.topology import POINTS_68, Topology

# The detector's boxes reach up to the hair; the landmarks end at the brows.
_FOREHEAD = 0.25


class FaceAlignmentBackend:
    """68 landmarks with depth per face; slower, and without irises, so without gaze.

    Making one downloads the weights of face-alignment on first use (about 300 MB, into
    `TORCH_HOME`); nothing else in the project does. Its depth network is a pickle: load it only if
    you trust its source.

    Bulat and Tzimiropoulos, "How far are we from solving the 2D & 3D face alignment problem?",
    ICCV 2017.
    """

    name = "face-alignment-68"
    topology: Topology = POINTS_68

    def __init__(self, *, device: str = "cpu", min_score: float = 0.5) -> None:
        """Load (and on first use download) the models.

        Args:
            device: where the networks run, e.g. `cuda`.
            min_score: faces below this detector score are not reported.

        Raises:
            InputError: face-alignment is missing, or its weights cannot be fetched.
        """
        try:
            from face_alignment import FaceAlignment, LandmarksType
        except ImportError as error:
            raise InputError(
                f"face-alignment cannot be imported ({error}); install it with "
                "`pip install face-alignment`, or use the default tracker."
            ) from error
        try:
            self._model: Any = FaceAlignment(
                LandmarksType.THREE_D, device=device, flip_input=False, compile=False
            )
        except OSError as error:
            raise InputError(
                f"The weights of face-alignment cannot be fetched ({error}); connect to the "
                "network once, put them into TORCH_HOME, or use the default tracker."
            ) from error
        self._min_score = min_score

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """All faces of an image (H, W, 3) uint8 RGB, the largest first."""
        boxes = self._model.face_detector.detect_from_image(image.copy())
        boxes = [box for box in boxes if box[4] >= self._min_score]
        return sorted(self._landmarks(image, boxes), key=lambda detection: -detection.area)

    def follow(self, image: NDArray[np.uint8], previous: Detection) -> Detection | None:
        """The same face one frame later, looked for around its last landmarks."""
        left, top, right, bottom = (float(edge) for edge in previous.box)
        box = np.array(
            [left, top - _FOREHEAD * (bottom - top), right, bottom, previous.score], np.float32
        )
        found = self._landmarks(image, [box])
        return found[0] if found else None

    def reset(self) -> None:
        """Nothing is kept between frames."""

    def _landmarks(
        self, image: NDArray[np.uint8], boxes: list[NDArray[np.float32]]
    ) -> list[Detection]:
        if not boxes:
            return []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            faces = self._model.get_landmarks_from_image(image, detected_faces=boxes)
        return [
            Detection.from_landmarks(_away(np.asarray(face, np.float32)), float(min(1.0, box[4])))
            for face, box in zip(faces or [], boxes, strict=False)
        ]


def _away(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Depth growing away from the camera and zero at the rigid points' mean.

    Which way its depth grows is not part of the library's contract; a nose is always nearer than
    the ears.
    """
    depth = landmarks[:, 2] - landmarks[POINTS_68.rigid, 2].mean()
    ears, tip = (0, 16), 30
    if depth[tip] > depth[list(ears)].mean():
        depth = -depth
    return np.concatenate([landmarks[:, :2], depth[:, None]], axis=1)
