"""Synthetic heads: the canonical face, turned, placed and projected."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pdfgc.tracking import MESH_478, Detection, Topology, canonical_face
from pdfgc.tracking.geometry import direction_from_angles, rotation_from_angles


def head(
    yaw: float = 0,
    pitch: float = 0,
    roll: float = 0,
    *,
    scale: float = 60,
    x: float = 200,
    y: float = 150,
    gaze: tuple[float, float] | None = None,
    mouth: float = 0,
    topology: Topology = MESH_478,
) -> NDArray[np.float32]:
    """Landmarks (L, 3) in px of a head with these angles (radians) and this gaze.

    `mouth` moves the lower lip and the jaw down by this many interocular distances.
    """
    face = canonical_face(topology)
    points = face.points.copy()
    if mouth:
        low = np.concatenate([topology.jaw, topology.mouth])
        low = low[points[low, 1] > points[topology.lip_gap].mean(0)[1]]
        points[np.unique(low), 1] += mouth
    if gaze is not None:
        for side, eye in enumerate((topology.left_eye, topology.right_eye)):
            ball = points[eye.corners].mean(0) + face.eyeball[side]
            points[eye.iris_centre] = ball + face.eyeball_radius * direction_from_angles(*gaze)
    turned = points @ rotation_from_angles(yaw, pitch, roll).T * scale
    return (turned + np.array([x, y, 0])).astype(np.float32)


class ScriptedBackend:
    """A backend that answers frame after frame from a list of lists of landmarks."""

    name = "scripted"

    def __init__(self, script: list[list[NDArray[np.float32]]], topology: Topology = MESH_478):
        self.topology = topology
        self._script = script

    def _now(self, image: NDArray[np.uint8]) -> list[Detection]:
        # The frame's number is painted into its first pixel.
        found = [Detection.from_landmarks(points, 0.9) for points in self._script[image[0, 0, 0]]]
        return sorted(found, key=lambda detection: -detection.area)

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        return self._now(image)

    def follow(self, image: NDArray[np.uint8], previous: Detection) -> Detection | None:
        found = self._now(image)
        if not found:
            return None
        return min(found, key=lambda each: float(np.linalg.norm(each.box - previous.box)))

    def reset(self) -> None:
        pass


def blank_frames(n_frames: int, size: tuple[int, int] = (400, 300)) -> list[NDArray[np.uint8]]:
    """Grey frames (H, W, 3) whose first pixel holds their number."""
    frames = []
    for index in range(n_frames):
        image = np.full((size[1], size[0], 3), 128, np.uint8)
        image[0, 0, 0] = index
        frames.append(image)
    return frames
