"""Eyes that hold the camera while the head turns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pdfgc.tracking.geometry import (
    angles_from_direction,
    direction_from_angles,
    rotation_from_angles,
)

REACH = (np.radians(40.0), np.radians(30.0))
"""How far eyes turn in the head, yaw and pitch in radians; beyond it they lag behind."""


def look_at_camera(pose: NDArray[np.floating]) -> NDArray[np.float32]:
    """Gaze that meets the camera from a turned head.

    The camera is taken as far away, as pose and gaze are measured.

    Args:
        pose: (T, 6), or (T, 3) yaw, pitch and roll in radians.

    Returns:
        (T, 2) float32 yaw and pitch in radians relative to the head, within `REACH`.
    """
    rotation = rotation_from_angles(*np.asarray(pose, np.float64)[:, :3].T)
    # Camera axes to head axes.
    towards = np.einsum("tji,j->ti", rotation, direction_from_angles(0.0, 0.0))
    gaze = angles_from_direction(towards)
    return np.clip(gaze, -np.array(REACH), np.array(REACH)).astype(np.float32)
