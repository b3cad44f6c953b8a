"""What a tracker's backend gives, and how one face is chosen among several."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pdfgc.errors import InputError
from pdfgc.tracking.topology import Topology

# A second face this large beside the first makes the choice a matter for the user.
_COMPARABLE = 0.4


@dataclass(frozen=True)
class Detection:
    """One face in one image.

    Attributes:
        box: (4,) XYXY px around the landmarks.
        landmarks: (L, 3) float32 px; z in the same unit, away from the camera.
        score: of the detector, 0 to 1.
    """

    box: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    score: float

    @classmethod
    def from_landmarks(cls, landmarks: NDArray[np.float32], score: float) -> Detection:
        """A detection whose box is that of its landmarks."""
        return cls(box_of(landmarks), landmarks, score)

    @property
    def area(self) -> float:
        """Area of the box in px."""
        return float((self.box[2] - self.box[0]) * (self.box[3] - self.box[1]))


def box_of(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """XYXY boxes (..., 4) around landmarks (..., L, 3)."""
    low, high = landmarks[..., :2].min(-2), landmarks[..., :2].max(-2)
    return np.concatenate([low, high], axis=-1).astype(np.float32)


class FaceBackend(Protocol):
    """A landmark model. Backends keep state between frames of a shot; `reset` clears it."""

    name: str
    topology: Topology

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """All faces of an image (H, W, 3) uint8 RGB, the largest first."""
        ...

    def follow(self, image: NDArray[np.uint8], previous: Detection) -> Detection | None:
        """The face of the frame before in this one; None when it is lost."""
        ...

    def reset(self) -> None:
        """Forget earlier frames (a new shot begins)."""
        ...


class FaceChoice(Enum):
    """Which face to take when there are several."""

    LARGEST = "largest"
    """The one with the largest box."""
    ONLY = "only"
    """There must be one face; a second of comparable size is an error."""


Box = tuple[float, float, float, float]
Choice = FaceChoice | int | Box | None
"""A rule, the number of the face from left to right (from 0), an XYXY box in px, or None = ONLY."""


def n_comparable(detections: list[Detection]) -> int:
    """Number of faces of comparable size to the largest."""
    if not detections:
        return 0
    largest = max(detection.area for detection in detections)
    return sum(detection.area >= _COMPARABLE * largest for detection in detections)


def choose_face(detections: list[Detection], choose: Choice, where: str) -> Detection:
    """Take one face.

    Args:
        detections: at least one.
        choose: see `Choice`.
        where: file and frame, for the message.

    Raises:
        InputError: several comparable faces and no choice, or no face where the choice points.
    """
    if choose is FaceChoice.LARGEST:
        return max(detections, key=lambda detection: detection.area)
    if choose is None or choose is FaceChoice.ONLY:
        if (count := n_comparable(detections)) > 1:
            raise InputError(
                f"{where}: shows {count} faces of similar size; say which one by its number from "
                "left to right or by a box, or cut the picture."
            )
        return max(detections, key=lambda detection: detection.area)
    if isinstance(choose, int):
        ordered = sorted(detections, key=lambda detection: float(detection.box[0]))
        if not 0 <= choose < len(ordered):
            raise InputError(
                f"{where}: there is no face number {choose}; {len(ordered)} were found, "
                "counted from 0 at the left."
            )
        return ordered[choose]
    best = max(detections, key=lambda detection: _overlap(detection.box, choose))
    if _overlap(best.box, choose) <= 0:
        raise InputError(f"{where}: no face lies in the box {choose}; give another box.")
    return best


def _overlap(box: NDArray[np.float32], other: Box) -> float:
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    union = (box[2] - box[0]) * (box[3] - box[1]) - shared
    return float(shared / (union + (other[2] - other[0]) * (other[3] - other[1])))
