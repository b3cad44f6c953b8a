"""Head pose: error in degrees, and correlation where the head moves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pdfgc.metrics.correlation import correlation
from pdfgc.tracking.geometry import rotation_from_angles

Floats = NDArray[np.float64]

MOVES_DEG = 5.0
"""An axis whose angle spans more than this (degrees) in the real clip is one that moves."""


def pose_error_deg(pose: NDArray[np.floating], reference: NDArray[np.floating]) -> Floats:
    """Error of each axis.

    Args:
        pose: (T, 3) or more columns: yaw, pitch, roll in radians first.
        reference: likewise, of the real clip.

    Returns:
        (T, 3) float64 absolute errors in degrees, at most 180.

    >>> pose_error_deg(np.radians([[10.0, 0, 179]]), np.radians([[7.0, 0, -179]])).round(6).tolist()
    [[3.0, 0.0, 2.0]]
    """
    apart = np.rad2deg(_angles(pose) - _angles(reference))
    return np.asarray(np.abs((apart + 180) % 360 - 180))


def rotation_error_deg(pose: NDArray[np.floating], reference: NDArray[np.floating]) -> Floats:
    """Angle of the one rotation that turns the head into the reference's (geodesic distance).

    Args:
        pose: (T, 3) or more columns: yaw, pitch, roll in radians first.
        reference: likewise, of the real clip.

    Returns:
        (T,) float64 degrees in [0, 180].
    """
    turned = rotation_from_angles(*_angles(pose).T)
    wanted = rotation_from_angles(*_angles(reference).T)
    trace = np.einsum("tij,tij->t", turned, wanted)
    return np.asarray(np.rad2deg(np.arccos(np.clip((trace - 1) / 2, -1, 1))))


def moving_axes(reference: NDArray[np.floating], moves_deg: float = MOVES_DEG) -> NDArray[np.bool_]:
    """Which of yaw, pitch and roll span more than `moves_deg` degrees in a clip; (3,)."""
    return np.asarray(np.rad2deg(np.ptp(_angles(reference), axis=0)) > moves_deg)


def pose_correlation(pose: NDArray[np.floating], reference: NDArray[np.floating]) -> Floats:
    """Correlation over time of each axis that moves.

    Args:
        pose: (T, 3) or more columns: yaw, pitch, roll in radians first.
        reference: likewise, of the real clip.

    Returns:
        (3,) float64, NaN on axes that do not move in the reference.
    """
    angles, wanted = _angles(pose), _angles(reference)
    values = np.array([correlation(angles[:, axis], wanted[:, axis]) for axis in range(3)])
    return np.where(moving_axes(reference), values, np.nan)


def _angles(pose: NDArray[np.floating]) -> Floats:
    return np.asarray(pose, np.float64)[:, :3]
