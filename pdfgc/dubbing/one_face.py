"""The tracker's eyes for one speaker: other faces are not seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pdfgc.dubbing.person import Person
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
        person: whose face it is, found again by looks where that is known; None where nobody can
            be recognised.
        strangers: others, whose faces are not taken.
    """

    def __init__(
        self,
        backend: FaceBackend,
        choice: Choice,
        person: Person | None = None,
        strangers: Sequence[Person] = (),
    ) -> None:
        self._backend, self._choice = backend, choice
        self._person, self._strangers = person, strangers
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
        face = self._chosen(image, found)
        chosen = [] if face is None else [face]
        self._others = bool(found) and not chosen
        if not chosen:
            self._skip = _LOOK_EVERY - 1
            self._note()
        return chosen

    def follow(self, image: NDArray[np.uint8], previous: Detection) -> Detection | None:
        """The same face one frame later, or None."""
        if self._skip:
            return None
        face = self._backend.follow(image, previous)
        if face is not None and self._person is not None:
            self._person.watch(image, face)
        return face

    def _chosen(self, image: NDArray[np.uint8], found: list[Detection]) -> Detection | None:
        person = self._person
        if person is not None and person.known:
            return person.among(image, found)
        taken = [each.among(image, found) for each in self._strangers if each.known]
        free = [face for face in found if all(face is not other for other in taken)]
        # Numbers count everybody.
        choice = self._choice
        if not free:
            return None
        try:
            face = choose_face(found if isinstance(choice, int) else free, choice, "")
        except InputError:  # not there
            return None
        if all(face is not each for each in free):
            return None
        if person is not None:
            person.watch(image, face)
        return face

    def reset(self) -> None:
        """Forget earlier frames."""
        self._skip = 0
        self._backend.reset()

    def _note(self) -> None:
        if self._others:
            self.others.add(self._frame)
