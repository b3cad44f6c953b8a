"""Alignment of faces by three points, as the released PD-FGC networks expect it.

The method is that of the PC-AVS release, which PD-FGC points to for one's own footage: a similarity
from the clip's mean eyes and mouth, so that the picture does not pump, and a smoothed translation
that follows the mouth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pdfgc.config import OfficialConfig
from pdfgc.tracking.geometry import Floats
from pdfgc.tracking.track import FaceTrack


def aligned_crops(track: FaceTrack, config: OfficialConfig) -> NDArray[np.float32]:
    """The turned square of every frame that the released networks see.

    Args:
        track: of a clip, or of a still with one frame.
        config: where eyes and mouth shall lie.

    Returns:
        (T, 4) float32 centre x, centre y, side in frame px, and the angle by which the square is
        turned clockwise (radians).
    """
    points = _points(track)
    # Places of pixels are their middles in the release, their upper left corners here.
    places = np.array([config.right_eye, config.left_eye, config.mouth]) + 0.5
    # The square lies at the middle of the upper edge.
    middle = np.array([config.frame_size, config.cut_size]) / 2
    crops = np.empty((len(track), 4), np.float32)
    for shot in np.unique(track.shot):
        rows = np.flatnonzero(track.shot == shot)
        good = rows[track.confidence[rows] > 0]
        mean = np.nanmean(points[good if len(good) else rows], axis=0)
        scale, angle = _similarity(mean, places)
        mouth = _followed(points[rows, 2], config.mouth_memory)
        # From the mouth to the square's middle, turned and scaled into the frame.
        x, y = (middle - places[2]) / scale
        cosine, sine = np.cos(angle), np.sin(angle)
        crops[rows, 0] = mouth[:, 0] + cosine * x - sine * y
        crops[rows, 1] = mouth[:, 1] + sine * x + cosine * y
        crops[rows, 2] = config.cut_size / scale
        crops[rows, 3] = angle
    return crops


def whole_frame(crop: NDArray[np.floating], config: OfficialConfig) -> Floats:
    """The aligned frame (4,) around a square (4,) of `aligned_crops`."""
    x, y, side, angle = (float(value) for value in crop)
    step = side / config.cut_size
    down = (config.frame_size - config.cut_size) / 2 * step
    return np.array(
        [x - np.sin(angle) * down, y + np.cos(angle) * down, step * config.frame_size, angle]
    )


def _points(track: FaceTrack) -> Floats:
    """(T, 3, 2) middle of the person's right eye, left eye and inner lips in frame px."""
    scheme = track.topology
    sets = (scheme.right_eye.contour, scheme.left_eye.contour, scheme.inner_lips)
    flat = track.landmarks[..., :2].astype(np.float64)
    return np.stack([flat[:, each].mean(axis=1) for each in sets], axis=1)


def _similarity(points: Floats, places: Floats) -> tuple[float, float]:
    """Scale from points to places, and how far the points are turned clockwise (least squares)."""
    source, target = ((each - each.mean(axis=0)) @ np.array([1, 1j]) for each in (points, places))
    ratio = np.vdot(source, target) / np.vdot(source, source).real
    return float(abs(ratio)), float(-np.angle(ratio))


def _followed(points: Floats, memory: float) -> Floats:
    """(T, 2) places, each mixed with the one before."""
    out = points.copy()
    for now in range(1, len(out)):
        out[now] = memory * out[now - 1] + (1 - memory) * points[now]
    return out
