"""The recogniser that says whether two faces are of one person. It has trained nothing here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pdfgc.metrics import cosine_similarity, normalised_similarity

Floats = NDArray[np.float64]

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
        side = len(picture)
        places = (np.asarray(landmarks, np.float64)[list(_FIVE), :2] + 1) / 2 * side
        points = [self._dlib.point(round(x), round(y)) for x, y in places.tolist()]
        box = self._dlib.rectangle(0, 0, side - 1, side - 1)
        face = self._dlib.full_object_detection(box, points)
        pixels = np.ascontiguousarray(picture)
        chip = self._dlib.get_face_chip(pixels, face, _CHIP_PX, _PADDING)
        return np.array(self._network.compute_face_descriptor(chip), np.float64)


def find_recogniser() -> Recogniser | None:
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


@dataclass(frozen=True, eq=False)
class Identity:
    """How like a person faces are, between other persons' level and the person's own.

    Attributes:
        recogniser: gives the vectors.
        faces: one real face of each person, (D,).
    """

    recogniser: Recogniser
    faces: Mapping[str, Floats]

    def vectors(
        self, pictures: NDArray[np.uint8], landmarks: NDArray[np.floating], count: int
    ) -> Floats:
        """(count, D) of evenly spaced frames (T, S, S, 3) with landmarks (T, L, 3)."""
        at = np.linspace(0, len(pictures) - 1, min(count, len(pictures))).round().astype(int)
        return np.stack([self.recogniser(pictures[n], landmarks[n]) for n in at])

    def impostor(self, person: str, source: Floats) -> float:
        """Median cosine of a source (D,) and the faces of all other persons; NaN where none is."""
        others = [each for name, each in self.faces.items() if name != person]
        if not others:
            return float("nan")
        return float(np.median(cosine_similarity(np.stack(others), source)))

    def score(self, person: str, source: Floats, genuine: Floats, made: Floats) -> float:
        """Normalised similarity of made faces to their source.

        Args:
            person: whose source it is.
            source: (D,).
            genuine: (n, D) other real faces of the person.
            made: (m, D).

        Returns:
            0 = like another person, 1 = like the person's own real frames.
        """
        level = float(cosine_similarity(genuine, source).mean())
        reached = float(cosine_similarity(made, source).mean())
        return normalised_similarity(reached, self.impostor(person, source), level)
