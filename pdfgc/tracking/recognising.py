"""The recogniser that says whether two faces are of one person. It has trained nothing here."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ONE_PERSON = 0.5
"""Distance of two vectors below which two faces are taken for one person's.

dlib's author says 0.6. On 25 clips of 14 persons nobody was further than 0.38 from himself in
another clip (95 % of pairs), and the nearest two persons were 0.55 apart.
"""

_FILE = "dlib_face_recognition_resnet_model_v1.dat"
# Outer and inner corner of the person's left eye, of the right eye, and the base of the nose, in
# the mesh of 478 points: the five points that dlib aligns faces by, in its order.
_FIVE = (263, 362, 33, 133, 2)
_CHIP_PX, _PADDING = 150, 0.25


class Recogniser(Protocol):
    """Anything that gives a face a vector."""

    @property
    def name(self) -> str:
        """Which network, for the report."""
        ...

    def __call__(self, picture: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> Floats:
        """The vector (D,) of a face.

        Args:
            picture: (S, S, 3) uint8 RGB.
            landmarks: (478, 3); x and y in [-1, 1] inside the picture.
        """
        ...


class DlibRecogniser:
    """dlib's ResNet of 2017 (128 values), on faces aligned by our tracker's landmarks.

    Needs the extra `identity`: `dlib-bin` (Boost licence) and `face_recognition_models`, whose
    wheel holds the network; its author gave it to the public domain.
    """

    name = "dlib_face_recognition_resnet_model_v1"

    def __init__(self) -> None:
        import dlib

        self._dlib: Any = dlib
        path = _model_file()
        if path is None:
            raise ModuleNotFoundError("face_recognition_models")
        self._network = dlib.face_recognition_model_v1(str(path))

    def __call__(self, picture: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> Floats:
        """The vector (128,) of a face."""
        return self.seen(picture, (np.asarray(landmarks, np.float64) + 1) / 2 * len(picture))

    def seen(self, image: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> Floats:
        """The vector (128,) of a face of an image (H, W, 3) with landmarks (478, 3) in px."""
        places = np.asarray(landmarks, np.float64)[list(_FIVE), :2]
        points = [self._dlib.point(round(x), round(y)) for x, y in places.tolist()]
        box = self._dlib.rectangle(0, 0, image.shape[1] - 1, image.shape[0] - 1)
        face = self._dlib.full_object_detection(box, points)
        pixels = np.ascontiguousarray(image)
        chip = self._dlib.get_face_chip(pixels, face, _CHIP_PX, _PADDING)
        return np.array(self._network.compute_face_descriptor(chip), np.float64)


def find_recogniser() -> DlibRecogniser | None:
    """The recogniser, or None where the extra `identity` is not installed."""
    if find_spec("dlib") is None or _model_file() is None:
        return None
    return DlibRecogniser()


def _model_file() -> Path | None:
    # Found without importing the package, which needs setuptools of old.
    spec = find_spec("face_recognition_models")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "models" / _FILE
        if path.is_file():
            return path
    return None
