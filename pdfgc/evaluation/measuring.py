"""What is measured on frames: one way for real and for made ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pdfgc.errors import InputError
from pdfgc.media import VideoFrame
from pdfgc.tracking import (
    FaceBackend,
    apertures_of,
    mouth_opening_of,
    normalise,
    pose_of_normalised,
    track_frames,
)


@dataclass(frozen=True, eq=False)
class Measured:
    """One face over T frames, in the coordinates of the crop.

    Attributes:
        landmarks: (T, L, 3) float32; x and y in [-1, 1] inside the crop.
        pose: (T, 6) float32, see `FaceTrack`.
        gaze: (T, 2) float32 rad, relative to the head.
        aperture: (T, 2) float32 lid aperture over eye width, the person's left and right.
        mouth: (T,) float32 inner-lip gap over the interocular distance.
        found: (T,) frames on which the tracker saw a face.
    """

    landmarks: NDArray[np.float32]
    pose: NDArray[np.float32]
    gaze: NDArray[np.float32]
    aperture: NDArray[np.float32]
    mouth: NDArray[np.float32]
    found: NDArray[np.bool_]

    @classmethod
    def of_track(
        cls,
        landmarks: NDArray[np.floating],
        gaze: NDArray[np.floating],
        confidence: NDArray[np.floating],
    ) -> Measured:
        """From tracked landmarks.

        Args:
            landmarks: (T, L, 3) in crop coordinates.
            gaze: (T, 2) rad.
            confidence: (T,), 0 = no face found.
        """
        points = np.asarray(landmarks, np.float32)
        return cls(
            landmarks=points,
            pose=pose_of_normalised(points),
            gaze=np.asarray(gaze, np.float32),
            aperture=apertures_of(points),
            mouth=mouth_opening_of(points),
            found=np.asarray(confidence) > 0,
        )

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.found)

    def part(self, start: int, stop: int) -> Measured:
        """Frames `start` up to `stop`."""
        return self.take(np.arange(start, stop))

    def take(self, frames: NDArray[np.int64] | NDArray[np.bool_]) -> Measured:
        """The given frames: their numbers in the wanted order, or (T,) which to keep."""
        return Measured(
            self.landmarks[frames],
            self.pose[frames],
            self.gaze[frames],
            self.aperture[frames],
            self.mouth[frames],
            self.found[frames],
        )

    def held(self, frames: int) -> Measured:
        """The median frame, `frames` times: one picture cannot move."""

        def middle(values: NDArray[np.float32]) -> NDArray[np.float32]:
            once = np.median(values, axis=0, keepdims=True)
            return np.repeat(once, frames, axis=0).astype(np.float32)

        return Measured(
            middle(self.landmarks),
            middle(self.pose),
            middle(self.gaze),
            middle(self.aperture),
            middle(self.mouth),
            np.ones(frames, np.bool_),
        )

    def filled(self, still: Measured) -> Measured:
        """With the held-still face on frames where no face was found."""

        def fill(own: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
            lost = ~self.found.reshape(-1, *[1] * (own.ndim - 1))
            return np.where(lost, other, own)

        return Measured(
            fill(self.landmarks, still.landmarks),
            fill(self.pose, still.pose),
            fill(self.gaze, still.gaze),
            fill(self.aperture, still.aperture),
            fill(self.mouth, still.mouth),
            self.found,
        )

    def openness(self, open_eye: NDArray[np.floating]) -> NDArray[np.float32]:
        """(T,) mean openness of both eyes against apertures (2,) that count as open."""
        return np.asarray((self.aperture / np.maximum(open_eye, 0.05)).mean(axis=1), np.float32)

    def open_eye(self) -> NDArray[np.float32]:
        """(2,) apertures of the open eyes: the 90th percentile over the frames."""
        return np.asarray(np.percentile(self.aperture[self.found], 90, axis=0), np.float32)


def measure(pictures: NDArray[np.uint8], fps: float, backend: FaceBackend) -> Measured | None:
    """Track square frames.

    Args:
        pictures: (T, S, S, 3) uint8 RGB, consecutive.
        fps: frames per second.
        backend: the tracker's landmark model.

    Returns:
        None where no frame shows a face.
    """
    frames = (
        VideoFrame(image=picture, time_s=index / fps, index=index)
        for index, picture in enumerate(pictures)
    )
    try:
        track = track_frames(frames, backend=backend, fps=fps)
    except InputError:  # no face in any frame: a fault of the picture, not of the user
        return None
    side = pictures.shape[1]
    whole = np.array([side / 2, side / 2, side])
    points = normalise(track.landmarks, np.broadcast_to(whole, (len(track), 3)))
    return Measured.of_track(points, track.gaze, track.confidence)
