"""Gaze relative to the head: error in degrees, and correlation where the eyes look around."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pdfgc.metrics.correlation import correlation
from pdfgc.tracking.geometry import direction_from_angles

Floats = NDArray[np.float64]

LOOKS_DEG = 10.0
"""Eyes look around on an axis whose middle 90 % spans more than this (degrees)."""


def gaze_error_deg(gaze: NDArray[np.floating], reference: NDArray[np.floating]) -> Floats:
    """Angle between two directions of gaze, both relative to their own heads.

    Args:
        gaze: (T, 2) yaw and pitch in radians.
        reference: the same, of the real clip.

    Returns:
        (T,) float64 degrees in [0, 180].

    >>> gaze_error_deg(np.radians([[12.0, 0.0]]), np.radians([[4.0, 0.0]])).round(6).tolist()
    [8.0]
    """
    first = direction_from_angles(gaze[:, 0], gaze[:, 1])
    second = direction_from_angles(reference[:, 0], reference[:, 1])
    # Of small angles the arc cosine is blunt; the arc tangent is not.
    across = np.linalg.norm(np.cross(first, second), axis=-1)
    return np.asarray(np.rad2deg(np.arctan2(across, (first * second).sum(-1))))


def looking_axes(
    reference: NDArray[np.floating], looks_deg: float = LOOKS_DEG
) -> NDArray[np.bool_]:
    """On which of yaw and pitch the eyes look around in a clip; (2,)."""
    low, high = np.percentile(np.asarray(reference, np.float64), [5, 95], axis=0)
    return np.asarray(np.rad2deg(high - low) > looks_deg)


def gaze_correlation(gaze: NDArray[np.floating], reference: NDArray[np.floating]) -> Floats:
    """Correlation over time of yaw and pitch.

    Args:
        gaze: (T, 2) yaw and pitch in radians.
        reference: the same, of the real clip.

    Returns:
        (2,) float64, NaN on axes on which the reference does not look around.
    """
    values = np.array([correlation(gaze[:, axis], reference[:, axis]) for axis in range(2)])
    return np.where(looking_axes(reference), values, np.nan)
