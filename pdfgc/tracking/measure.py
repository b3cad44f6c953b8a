"""What is read off landmarks: head pose, gaze, openness of the eyes, the gap of the lips.

Sign conventions, in the image as seen: yaw > 0 turns to the image's right, pitch > 0 up, roll > 0
clockwise. Gaze is relative to the head: a person who keeps looking at the camera while the head
turns right has gaze yaw < 0. Left and right eye are the person's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pdfgc.tracking.canonical import CanonicalFace, canonical_face
from pdfgc.tracking.geometry import (
    Floats,
    angles_from_direction,
    angles_from_rotation,
    fit_similarity,
    rotation_from_angles,
)
from pdfgc.tracking.topology import Eye, Topology, topology_of

# How far eyes turn: yaw and pitch in radians.
_MAX_GAZE = np.radians([50.0, 40.0])
# Eyes less open than this (1 = open) show too little of the iris.
_CLOSED = 0.4


@dataclass(frozen=True)
class HeadFit:
    """Similarity from the canonical face to landmarks.

    Attributes:
        scale: (...,) landmark units per interocular distance.
        rotation: (..., 3, 3) head axes to camera axes.
        translation: (..., 3) where the face centre (mean of the rigid points) lies.
        head: (..., L, 3) the landmarks brought back to head axes and interocular units.
        residual: (...,) root mean square misfit of the rigid points, in interocular units.
    """

    scale: Floats
    rotation: Floats
    translation: Floats
    head: Floats
    residual: Floats


def fit_head(landmarks: NDArray[np.floating]) -> HeadFit:
    """Fit the canonical face to landmarks by their rigid points only (weak perspective).

    A landmark model may lift the whole face a little when the mouth opens; the measured mean of
    this (`CanonicalFace.nod_per_gap`) is taken out of the rotation. Place and size are untouched.

    Args:
        landmarks: (..., L, 3) in any units with x right, y down, z away; NaN rows give NaN.

    Returns:
        The fit, float64.
    """
    face = canonical_face(topology_of(landmarks.shape[-2]))
    points = np.asarray(landmarks, np.float64)
    seen = np.asarray(np.isfinite(points).all((-2, -1)))
    filled = np.where(seen[..., None, None], points, face.points)
    rigid = face.topology.rigid
    scale, rotation, translation = fit_similarity(face.points[rigid], filled[..., rigid, :])
    # (R^T p) for row vectors p is p @ R
    head = (filled - translation[..., None, :]) @ rotation / scale[..., None, None]
    misfit = ((head[..., rigid, :] - face.points[rigid]) ** 2).sum(-1).mean(-1)
    # Relative to the mean face, whose pitch is zero with its own lips.
    gap, mean_gap = (_lip_gap(points, face.topology) for points in (head, face.points))
    still = rotation_from_angles(0.0, -face.nod_per_gap * (gap - mean_gap), 0.0)
    rotation, head = rotation @ still, head @ still

    def hide(values: Floats, extra: int) -> Floats:
        return np.asarray(np.where(seen.reshape(seen.shape + (1,) * extra), values, np.nan))

    return HeadFit(
        hide(scale, 0), hide(rotation, 2), hide(translation, 1), hide(head, 2),
        hide(np.sqrt(misfit), 0),
    )  # fmt: skip


def _lip_gap(head: Floats, topology: Topology) -> Floats:
    upper, lower = (head[..., index, :] for index in topology.lip_gap)
    return np.asarray(np.linalg.norm(lower - upper, axis=-1))


def normalise(landmarks: NDArray[np.floating], crop: NDArray[np.floating]) -> Floats:
    """Landmarks in crop coordinates.

    Args:
        landmarks: (..., L, 3) frame px.
        crop: (..., 3) centre x, centre y, side in frame px.

    Returns:
        (..., L, 3) float64; x and y in [-1, 1] inside the crop (-1 is its left or upper edge, as
        `grid_sample` has it with align_corners=False), z in the same unit around 0.
    """
    crop = np.asarray(crop, np.float64)
    centre = np.concatenate([crop[..., :2], np.zeros_like(crop[..., :1])], axis=-1)
    half = crop[..., 2] / 2
    return np.asarray((landmarks - centre[..., None, :]) / half[..., None, None])


def pose_of_normalised(landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    """Head pose from landmarks in crop coordinates.

    Only rigid points are used, so a mouth that opens moves nothing.

    Args:
        landmarks: (..., L, 3) in crop coordinates ([-1, 1] inside the crop).

    Returns:
        (..., 6) float32: yaw, pitch, roll in radians, x and y as fractions of the crop's side and
        log-scale, the last three as offsets from a fixed template in the crop.
    """
    face = canonical_face(topology_of(landmarks.shape[-2]))
    return _pose(fit_head(landmarks), face)


def _pose(fit: HeadFit, face: CanonicalFace) -> NDArray[np.float32]:
    place = (fit.translation[..., :2] + 1) / 2 - face.template[:2]
    size = np.log(fit.scale / 2 / face.template[2])
    angles = angles_from_rotation(fit.rotation)
    return np.concatenate([angles, place, size[..., None]], axis=-1).astype(np.float32)


def pose_in_crop(
    landmarks: NDArray[np.floating], crop: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Head pose of landmarks in frame pixels, as seen in a crop.

    Args:
        landmarks: (..., L, 3) frame px, z in the same unit.
        crop: (..., 3) centre x, centre y, side in px.

    Returns:
        (..., 6) float32 as `pose_of_normalised`. Under another crop of the same landmarks the
        angles stay and x, y and log-scale change exactly as the crop does.
    """
    return pose_of_normalised(normalise(landmarks, crop))


def gaze_of(landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    """Direction of gaze relative to the head.

    Each eyeball's centre of rotation is placed behind the middle of the eye's corners, in head
    axes. The iris centre is seen in the image plane only (its depth is not measured); the ray
    through it meets the eyeball. Both eyes are averaged, weighted by their openness and by how
    squarely they face the camera.

    Args:
        landmarks: (..., L, 3) in any units; a scheme without irises gives zeros.

    Returns:
        (..., 2) float32 yaw (> 0: towards the image's right) and pitch (> 0: up), radians, within
        what eyes can do (50 and 40 degrees).
    """
    face = canonical_face(topology_of(landmarks.shape[-2]))
    topology = face.topology
    if not topology.has_iris:
        return np.zeros((*landmarks.shape[:-2], 2), np.float32)
    fit = fit_head(landmarks)
    directions, weights = [], []
    opening = _apertures(fit.head, (topology.left_eye, topology.right_eye))
    for side, eye in enumerate((topology.left_eye, topology.right_eye)):
        corners = fit.head[..., eye.corners, :].mean(-2)
        ball = corners + face.eyeball[side]
        iris = fit.head[..., eye.iris_centre, :]
        # Both in camera axes, where x and y are what the image shows.
        offset = np.einsum("...ij,...j->...i", fit.rotation, iris - ball)[..., :2]
        offset = offset / face.eyeball_radius
        length = np.linalg.norm(offset, axis=-1, keepdims=True)
        offset = offset * np.minimum(1.0, 0.95 / np.maximum(length, 1e-9))
        depth = -np.sqrt(np.clip(1 - (offset**2).sum(-1, keepdims=True), 0, None))
        camera = np.concatenate([offset, depth], axis=-1)
        directions.append(np.einsum("...ji,...j->...i", fit.rotation, camera))
        # An eye turned away is seen narrow and its iris is half hidden.
        outward = 1.0 if side == 0 else -1.0
        turn = angles_from_rotation(fit.rotation)[..., 0] * outward
        facing = np.clip(np.cos(np.clip(turn, 0, None)) ** 4, 0.02, None)
        weights.append(np.clip(opening[..., side], 0.02, None) * facing)
    weight = np.stack(weights, axis=-1)[..., None]
    mean = (np.stack(directions, axis=-2) * weight).sum(-2) / weight.sum(-2)
    mean = mean / np.linalg.norm(mean, axis=-1, keepdims=True)
    return np.clip(angles_from_direction(mean), -_MAX_GAZE, _MAX_GAZE).astype(np.float32)


def gaze_through_blinks(
    gaze: NDArray[np.float32], openness: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Gaze with the frames of closed eyes drawn as a line between those before and after.

    A closed lid hides the iris, and the landmark model then lets it sink.

    Args:
        gaze: (T, 2) radians, one shot.
        openness: (T, 2), 1 = open.

    Returns:
        (T, 2) float32; unchanged if the eyes never open, NaN where `gaze` is.
    """
    known = np.asarray(np.isfinite(gaze).all(-1))
    seen = np.asarray(known & (openness.mean(-1) > _CLOSED))
    if not seen.any():
        return gaze
    times = np.arange(len(gaze))
    lines = [np.interp(times, times[seen], gaze[seen, axis]) for axis in range(2)]
    filled = np.where(seen[:, None], gaze, np.stack(lines, axis=-1))
    return np.where(known[:, None], filled, np.nan).astype(np.float32)


def _apertures(head: Floats, eyes: tuple[Eye, Eye]) -> Floats:
    apertures = []
    for eye in eyes:
        gap = head[..., eye.lower, 1] - head[..., eye.upper, 1]
        corners = head[..., eye.corners, :]
        width = np.linalg.norm(corners[..., 0, :] - corners[..., 1, :], axis=-1)
        apertures.append(np.clip(gap, 0, None).mean(-1) / np.maximum(width, 1e-6))
    return np.stack(apertures, axis=-1)


def apertures_of(landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    """Lid aperture over eye width, measured in head axes so that turning does not leak in.

    Args:
        landmarks: (..., L, 3) in any units.

    Returns:
        (..., 2) float32, the person's left and right eye; about 0.3 for open eyes.
    """
    topology = topology_of(landmarks.shape[-2])
    eyes = (topology.left_eye, topology.right_eye)
    return _apertures(fit_head(landmarks).head, eyes).astype(np.float32)


def openness_of(
    apertures: NDArray[np.floating],
    good: NDArray[np.bool_],
    prior: float,
    *,
    prior_frames: int = 12,
) -> NDArray[np.float32]:
    """Apertures over the person's own open eye.

    The open eye is the 90th percentile over the good frames. Short clips lean on the population:
    the prior counts as much as `prior_frames` frames, so a still is measured against it alone.

    Args:
        apertures: (T, 2) from `apertures_of`.
        good: (T,) frames that may be used for the percentile.
        prior: aperture of an open eye in the population.
        prior_frames: weight of the prior in frames.

    Returns:
        (T, 2) float32 in [0, 2], 1 = the person's open eye.
    """
    used = apertures[good & np.isfinite(apertures).all(-1)]
    own = np.percentile(used, 90, axis=0) if len(used) else np.full(2, prior)
    # One frame tells nothing about how open this person's eyes can be.
    trust = max(0.0, (len(used) - 1) / (len(used) - 1 + prior_frames)) if len(used) else 0.0
    open_eye = trust * own + (1 - trust) * prior
    return np.clip(apertures / np.maximum(open_eye, 0.05), 0, 2).astype(np.float32)


def mouth_opening_of(landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    """Gap of the inner lips over the interocular distance, in head axes; (...,) float32."""
    topology = topology_of(landmarks.shape[-2])
    head = fit_head(landmarks).head
    eyes = [head[..., eye.corners, :].mean(-2) for eye in (topology.left_eye, topology.right_eye)]
    between = np.linalg.norm(eyes[0] - eyes[1], axis=-1)
    return np.asarray(_lip_gap(head, topology) / np.maximum(between, 1e-6), np.float32)


def face_shape_of(landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    """Height of the brows over the eyes and width of the mouth, by which expression is measured.

    Args:
        landmarks: (..., L, 3) in any units with x right, y down, z away.

    Returns:
        (..., 2) float32 in head axes and interocular distances.
    """
    topology = topology_of(landmarks.shape[-2])
    head = fit_head(landmarks).head
    corners = np.concatenate([topology.left_eye.corners, topology.right_eye.corners])
    # y points down.
    brow = head[..., corners, 1].mean(-1) - head[..., topology.brows, 1].mean(-1)
    lips = topology.outer_lips
    across = head[..., lips[0], :] - head[..., lips[len(lips) // 2], :]
    return np.stack([brow, np.linalg.norm(across, axis=-1)], axis=-1).astype(np.float32)
