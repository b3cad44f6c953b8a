"""The tracker's eyes for one speaker: other faces are not seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from pdfgc.errors import InputError
from pdfgc.media import VideoFrame
from pdfgc.tracking import Choice, Detection, FaceBackend
from pdfgc.tracking.detection import choose_face

# Where nobody was seen, every so many frames are looked at.
_LOOK_EVERY = 5


class OneFace:
    """A landmark model that sees the chosen face only.

    Args:
        backend: the landmark model.
        choice: which face.
    """

    def __init__(self, backend: FaceBackend, choice: Choice) -> None:
        self._backend, self._choice = backend, choice
        self.name, self.topology = backend.name, backend.topology
        self._frame = -1
        self._others = False
        self._skip = 0
        self.others: set[int] = set()
        """Frames, counted from 0, on which there were other faces but not the chosen one."""
        self.failed = False
        """Whether the frames could not be read to their end."""
        backend.reset()

    def shown(self, frames: Iterable[VideoFrame]) -> Iterator[VideoFrame]:
        """The same frames, counted."""
        self.failed = True
        for frame in frames:
            self._frame += 1
            yield frame
        self.failed = False

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """The chosen face, or nothing."""
        if self._skip:
            self._skip -= 1
            self._note()
            return []
        found = self._backend.detect(image)
        chosen: list[Detection] = []
        if found:
            try:
                chosen = [choose_face(found, self._choice, "")]
            except InputError:  # not there
                chosen = []
        self._others = bool(found) and not chosen
        if not chosen:
            self._skip = _LOOK_EVERY - 1
            self._note()
        return chosen

    def follow(self, image: NDArray[np.uint8], previous: Detection) -> Detection | None:
        """The same face one frame later, or None."""
        return None if self._skip else self._backend.follow(image, previous)

    def reset(self) -> None:
        """Forget earlier frames."""
        self._skip = 0
        self._backend.reset()

    def _note(self) -> None:
        if self._others:
            self.others.add(self._frame)
