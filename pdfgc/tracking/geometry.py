"""Rotations and similarity fits.

Axes everywhere in tracking: x right, y down, z away from the camera (right-handed). A face that
looks at the camera looks along -z.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def rotation_from_angles(yaw: ArrayLike, pitch: ArrayLike, roll: ArrayLike) -> Floats:
    """Rotation of a head with these angles, `Rz(roll) · Ry(-yaw) · Rx(-pitch)`.

    Args:
        yaw: radians, > 0 turns the nose to the image's right.
        pitch: radians, > 0 turns the nose up.
        roll: radians, > 0 turns the head clockwise in the image.

    Returns:
        (..., 3, 3) float64, head axes to camera axes; the three inputs broadcast.
    """
    yaw, pitch, roll = np.broadcast_arrays(
        *(np.asarray(angle, np.float64) for angle in (yaw, pitch, roll))
    )
    sy, cy = np.sin(yaw), np.cos(yaw)
    sp, cp = np.sin(pitch), np.cos(pitch)
    sr, cr = np.sin(roll), np.cos(roll)
    zero, one = np.zeros_like(sy), np.ones_like(sy)

    def matrix(*entries: Floats) -> Floats:
        return np.stack(entries, axis=-1).reshape(*sy.shape, 3, 3)

    turn = matrix(cy, zero, -sy, zero, one, zero, sy, zero, cy)
    nod = matrix(one, zero, zero, zero, cp, sp, zero, -sp, cp)
    tilt = matrix(cr, -sr, zero, sr, cr, zero, zero, zero, one)
    return np.asarray(tilt @ turn @ nod)


def angles_from_rotation(rotation: Floats) -> Floats:
    """Yaw, pitch and roll of rotations; inverse of `rotation_from_angles` for |yaw| < 90 degrees.

    Args:
        rotation: (..., 3, 3).

    Returns:
        (..., 3) float64 radians.
    """
    yaw = np.arcsin(np.clip(rotation[..., 2, 0], -1.0, 1.0))
    pitch = np.arctan2(-rotation[..., 2, 1], rotation[..., 2, 2])
    roll = np.arctan2(rotation[..., 1, 0], rotation[..., 0, 0])
    return np.stack([yaw, pitch, roll], axis=-1)


def direction_from_angles(yaw: ArrayLike, pitch: ArrayLike) -> Floats:
    """Unit vector that looks `yaw` to the image's right and `pitch` up; (..., 3), zero is -z."""
    yaw, pitch = np.asarray(yaw, np.float64), np.asarray(pitch, np.float64)
    parts = [np.sin(yaw) * np.cos(pitch), -np.sin(pitch), -np.cos(yaw) * np.cos(pitch)]
    return np.stack(np.broadcast_arrays(*parts), axis=-1)


def angles_from_direction(direction: Floats) -> Floats:
    """Yaw and pitch of unit vectors (..., 3); inverse of `direction_from_angles`; (..., 2)."""
    yaw = np.arctan2(direction[..., 0], -direction[..., 2])
    pitch = np.arcsin(np.clip(-direction[..., 1], -1.0, 1.0))
    return np.stack([yaw, pitch], axis=-1)


def fit_similarity(
    source: Floats, target: Floats, weights: Floats | None = None
) -> tuple[Floats, Floats, Floats]:
    """Least-squares similarity `target ≈ scale · source @ rotation.T + translation`.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    PAMI 1991, equations 40 to 42; reflections are excluded.

    Args:
        source: (N, 3) points, the same for the whole batch.
        target: (..., N, 3) points.
        weights: (N,) or None for equal weights.

    Returns:
        scale (...), rotation (..., 3, 3) and translation (..., 3), float64.
    """
    weight = np.ones(len(source)) if weights is None else np.asarray(weights, np.float64)
    weight = weight / weight.sum()
    source = np.asarray(source, np.float64)
    target = np.asarray(target, np.float64)
    source_mean = weight @ source
    target_mean = np.einsum("n,...ni->...i", weight, target)
    centred = source - source_mean
    moved = target - target_mean[..., None, :]
    covariance = np.einsum("n,...ni,nj->...ij", weight, moved, centred)
    left, singular, right = np.linalg.svd(covariance)
    sign = np.ones_like(singular)
    sign[..., 2] = np.sign(np.linalg.det(left) * np.linalg.det(right))
    rotation = (left * sign[..., None, :]) @ right
    scale = (singular * sign).sum(-1) / (weight @ (centred**2).sum(-1))
    translation = target_mean - scale[..., None] * (rotation @ source_mean)
    return scale, rotation, translation
