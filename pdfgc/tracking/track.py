"""`FaceTrack`: one face through a clip, with everything that is measured on it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from pdfgc.errors import InputError
from pdfgc.files import writing
from pdfgc.tracking.measure import normalise, pose_in_crop
from pdfgc.tracking.topology import Topology, topology_of

_ARRAYS = (
    "times", "landmarks", "box", "crop", "shot", "pose", "gaze", "openness", "mouth",
    "confidence", "faces",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class FaceTrack:
    """One face over T frames.

    Sign conventions, in the image as seen: yaw > 0 turns to the image's right, pitch > 0 up,
    roll > 0 clockwise. Left and right eye are the person's own.

    Attributes:
        times: (T,) float64 seconds.
        landmarks: (T, L, 3) float32 frame px, z away from the camera in the same unit; NaN where
            the face was missing and the policy passed it on.
        box: (T, 4) float32 XYXY px around the landmarks.
        crop: (T, 3) float32 centre x, centre y and side of the square crop in frame px; constant
            per shot but for a slow bounded drift after a face that leaves it.
        shot: (T,) int32, counts hard cuts.
        pose: (T, 6) float32 yaw, pitch, roll (radians), x, y (fractions of the crop's side) and
            log-scale, the last three against a fixed template in the crop.
        gaze: (T, 2) float32 yaw, pitch relative to the head, radians.
        openness: (T, 2) float32 left and right eye, 1 = the person's open eye.
        mouth: (T,) float32 inner-lip gap over the interocular distance.
        confidence: (T,) float32 in [0, 1]; 0 where nothing was found.
        faces: (T,) int32 number of faces of comparable size when the shot was entered.
        frame_size: (W, H) px.
        fps: frames per second.
        backend: name of the landmark model.
    """

    times: NDArray[np.float64]
    landmarks: NDArray[np.float32]
    box: NDArray[np.float32]
    crop: NDArray[np.float32]
    shot: NDArray[np.int32]
    pose: NDArray[np.float32]
    gaze: NDArray[np.float32]
    openness: NDArray[np.float32]
    mouth: NDArray[np.float32]
    confidence: NDArray[np.float32]
    faces: NDArray[np.int32]
    frame_size: tuple[int, int]
    fps: float
    backend: str

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.times)

    @property
    def topology(self) -> Topology:
        """The landmark scheme."""
        return topology_of(self.landmarks.shape[1])

    def crop_landmarks(self) -> NDArray[np.float32]:
        """Landmarks in crop coordinates.

        Returns:
            (T, L, 3) float32; x and y in [-1, 1] inside the crop (-1 = left or upper edge, as
            `grid_sample` has it with align_corners=False), z in the same unit.
        """
        return normalise(self.landmarks, self.crop).astype(np.float32)

    def recrop(self, crop: NDArray[np.floating]) -> FaceTrack:
        """The same face seen in another crop: x, y and log-scale are relabelled exactly.

        Args:
            crop: (3,) or (T, 3) centre x, centre y, side in frame px.
        """
        wide = np.broadcast_to(np.asarray(crop, np.float32), self.crop.shape).copy()
        return replace(self, crop=wide, pose=pose_in_crop(self.landmarks, wide))

    def part(self, start: int, stop: int) -> FaceTrack:
        """Frames `start` up to `stop`; times are kept."""
        return replace(self, **{name: getattr(self, name)[start:stop] for name in _ARRAYS})

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the track as safetensors.

        Raises:
            InputError: the file cannot be written.
        """
        tensors = {name: np.ascontiguousarray(getattr(self, name)) for name in _ARRAYS}
        header = {
            "format": "pdfgc-track-1",
            "frame_size": json.dumps(list(self.frame_size)),
            "fps": repr(self.fps),
            "backend": self.backend,
        }
        with writing(path) as partial:
            partial.write_bytes(save(tensors, header))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> FaceTrack:
        """Read a track that `save` wrote.

        Raises:
            InputError: the file is missing, damaged or no track.
        """
        file = Path(path)
        if not file.is_file():
            raise InputError(f"{file}: there is no such file; give a saved track.")
        try:
            with safe_open(file, framework="numpy") as opened:
                header = opened.metadata() or {}
                tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise InputError(f"{file}: is damaged or no saved track ({error}).") from error
        if header.get("format") != "pdfgc-track-1" or set(tensors) != set(_ARRAYS):
            raise InputError(f"{file}: is no saved track; make one with `pdfgc track`.")
        width, height = json.loads(header["frame_size"])
        return cls(
            **tensors,
            frame_size=(width, height),
            fps=float(header["fps"]),
            backend=header["backend"],
        )


assert {field.name for field in fields(FaceTrack)} >= set(_ARRAYS)
