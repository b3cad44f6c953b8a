"""A speaker's face, known again after a cut."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pdfgc.tracking import Detection
from pdfgc.tracking.recognising import ONE_PERSON

# Faces that are remembered of a person, and how many frames lie between two of them.
_MOST_FACES, _EVERY = 12, 25


class Seeing(Protocol):
    """Gives faces vectors whose distance says whether they are of one person."""

    def seen(
        self, image: NDArray[np.uint8], landmarks: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """The vector (D,) of a face of an image (H, W, 3) uint8 RGB, landmarks (L, 3) in px."""
        ...


class Person:
    """Learns a face in the first shot in which it speaks, and finds it among others later.

    Args:
        recogniser: tells faces apart.
    """

    def __init__(self, recogniser: Seeing) -> None:
        self._recogniser = recogniser
        self._faces: list[NDArray[np.float64]] = []
        self._since = 0
        self.known = False
        """Whether later shots are searched for this face."""

    def watch(self, image: NDArray[np.uint8], face: Detection) -> None:
        """This is the person: remember a face now and then."""
        due = not self._faces or self._since >= _EVERY
        self._since = 0 if due else self._since + 1
        if due and len(self._faces) < _MOST_FACES:
            self._faces.append(self._recogniser.seen(image, face.landmarks))

    def settle(self) -> None:
        """The shot is over: what was seen is the person's face."""
        self.known = bool(self._faces)

    def forget(self) -> None:
        """Nothing that was watched spoke."""
        if not self.known:
            self._faces.clear()

    def apart(self, image: NDArray[np.uint8], face: Detection) -> float:
        """Least distance of a face to those remembered."""
        vector = self._recogniser.seen(image, face.landmarks)
        return min(float(np.linalg.norm(vector - each)) for each in self._faces)

    def among(self, image: NDArray[np.uint8], faces: list[Detection]) -> Detection | None:
        """The person among faces of an image, or None."""
        apart = [self.apart(image, face) for face in faces]
        nearest = int(np.argmin(apart)) if apart else 0
        return faces[nearest] if apart and apart[nearest] < ONE_PERSON else None
