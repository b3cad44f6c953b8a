"""How far landmarks are apart: over the whole face, and of the mouth alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pdfgc.tracking.geometry import fit_similarity
from pdfgc.tracking.topology import topology_of

Floats = NDArray[np.float64]


def interocular(landmarks: NDArray[np.floating]) -> Floats:
    """Distance between the middles of the eyes, depth included.

    Args:
        landmarks: (..., L, 3) in any unit, a known scheme.

    Returns:
        (...,) float64 in that unit.
    """
    topology = topology_of(landmarks.shape[-2])
    points = np.asarray(landmarks, np.float64)
    left, right = (
        points[..., eye.corners, :].mean(-2) for eye in (topology.left_eye, topology.right_eye)
    )
    return np.asarray(np.linalg.norm(left - right, axis=-1))


def landmark_distance(landmarks: NDArray[np.floating], reference: NDArray[np.floating]) -> Floats:
    """Mean distance over all landmarks in the image plane, over the interocular distance.

    Where the head is, how it is turned and what the face does all count. Depth is left out: it is
    guessed, not seen.

    Args:
        landmarks: (T, L, 3) in the coordinates of one crop.
        reference: the same shape and coordinates, of the real clip.

    Returns:
        (T,) float64 in interocular distances of the reference.
    """
    _check(landmarks, reference)
    apart = np.asarray(landmarks, np.float64)[..., :2] - np.asarray(reference, np.float64)[..., :2]
    return np.asarray(np.linalg.norm(apart, axis=-1).mean(-1) / interocular(reference))


def mouth_distance(landmarks: NDArray[np.floating], reference: NDArray[np.floating]) -> Floats:
    """Mean distance of the lips after rigid alignment, over the interocular distance.

    Each frame is first laid over the reference by a similarity through the points that neither
    speech nor lids move, so that head pose does not count. Distances are in the image plane.

    Args:
        landmarks: (T, L, 3) in any coordinates.
        reference: (T, L, 3), of the real clip.

    Returns:
        (T,) float64 in interocular distances of the reference; NaN where a landmark is NaN.
    """
    _check(landmarks, reference)
    topology = topology_of(landmarks.shape[1])
    distances = np.full(len(landmarks), np.nan)
    size = interocular(reference)
    for frame, (points, wanted) in enumerate(
        zip(np.asarray(landmarks, np.float64), np.asarray(reference, np.float64), strict=True)
    ):
        if not (np.isfinite(points).all() and np.isfinite(wanted).all()):
            continue
        scale, rotation, shift = fit_similarity(points[topology.rigid], wanted[topology.rigid])
        laid = scale * points[topology.mouth] @ rotation.T + shift
        apart = np.linalg.norm((laid - wanted[topology.mouth])[:, :2], axis=-1)
        distances[frame] = apart.mean() / size[frame]
    return distances


def _check(landmarks: NDArray[np.floating], reference: NDArray[np.floating]) -> None:
    if landmarks.shape != reference.shape or landmarks.ndim != 3 or landmarks.shape[2] != 3:
        raise ValueError(f"expected two (T, L, 3), given {landmarks.shape} and {reference.shape}")
