"""Virtual motion: where the landmarks of a frame would lie, had head, eyes or face moved.

Clips seldom show one head far to the left and far to the right, and still portraits never do. The
tracker's mesh is three-dimensional: turned about the face's centre it says where every point of
the picture has to go, which is all that landmark-guided flow asks for. Pose, gaze, lids, brows
and the corners of the mouth are drawn apart from each other here, as they never are in recordings,
so that no factor can be read off another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pdfgc.generator.expression import expressed
from pdfgc.generator.eyes import EYEBALL_GAIN, LIDS_FOLLOW, lids_go
from pdfgc.generator.mouth import opened
from pdfgc.generator.shape import MEAN_OPENNESS
from pdfgc.tracking.canonical import canonical_face
from pdfgc.tracking.geometry import (
    Floats,
    angles_from_rotation,
    direction_from_angles,
    rotation_from_angles,
)
from pdfgc.tracking.measure import fit_head, pose_of_normalised
from pdfgc.tracking.topology import Eye, Topology, topology_of

# What may be asked of a head in the picture: yaw, pitch, roll; and how far from where it is. A face
# that turns further hides what the source shows.
_MAX_ANGLES = np.radians([35.0, 24.0, 24.0])
_MAX_TURN = np.radians([32.0, 22.0, 24.0])
_MAX_GAZE = np.radians([26.0, 16.0])
# Lids that are less open than this cannot be parted: what they hide is not in the picture.
_OPEN = 0.55
WIDEN = (-0.10, 0.14)
"""By how much virtual mouths widen (interocular distances): from, to."""
RISE = (-0.08, 0.12)
"""How far virtual brows rise (interocular distances): from, to."""
MAX_DRAWN = 0.42
"""How far virtual mouths open at most."""
# The iris of an eye less open than this is hidden; and of lids that have come down this far the
# tracker says that they stand higher than they do (`pdfgc.generator.eyes.SHUT`).
_HIDDEN, _LOWERED = 0.4, 0.6


@dataclass(frozen=True)
class Moved:
    """Landmarks after a virtual motion.

    Attributes:
        points: (n, L, 3) float32 in crop coordinates.
        pose: (n, 6) float32 head pose in the crop.
        eye: (n, 4) float32 gaze yaw and pitch, left and right openness.
        mouth: (n,) float32 opening of the mouth.
        felt: (n, 2) float32 rise of the brows and widening of the mouth (interocular distances).
        seen: (n, L) float32, 1 where a point shows before and after, 0 where the head hides it.
    """

    points: NDArray[np.float32]
    pose: NDArray[np.float32]
    eye: NDArray[np.float32]
    mouth: NDArray[np.float32]
    felt: NDArray[np.float32]
    seen: NDArray[np.float32]


def move(
    points: NDArray[np.float32],
    eye: NDArray[np.float32],
    mouth: NDArray[np.float32],
    rng: np.random.Generator,
) -> Moved:
    """Turn, shift and scale heads, move eyes, lids, mouths, brows and corners, each by chance.

    Args:
        points: (n, L, 3) landmarks in crop coordinates.
        eye: (n, 4) gaze yaw and pitch (rad), left and right openness.
        mouth: (n,) opening.
        rng: source of chance.

    Returns:
        The landmarks and the labels that go with them.
    """
    n = len(points)
    topology = topology_of(points.shape[1])
    fit = fit_head(points)
    head = fit.head.copy()
    # Gaze and lids, in head axes.
    gaze, openness, ratios = draw_eyes(eye, rng)
    follow = _turn_eyes(head, eye[:, :2], gaze, topology)
    hidden = unsure(openness, points.shape[1]) | unsure(eye[:, 2:], points.shape[1])
    for side, which in enumerate((topology.left_eye, topology.right_eye)):
        _move_lids(head, which, ratios[:, side], follow, canonical_face(topology).points[:, 1])
    speaks = rng.random(n) < 0.5
    wanted = np.where(speaks, MAX_DRAWN * rng.random(n) ** 1.3, mouth).astype(np.float32)
    head[..., 1] += opened(canonical_face(topology).points[:, :2], wanted - mouth)
    feels = rng.random((n, 2)) < 0.4
    felt = np.stack([rng.uniform(*RISE, n), rng.uniform(*WIDEN, n)], axis=1) * feels
    head[..., :2] += expressed(canonical_face(topology).points[:, :2], felt)
    # The head.
    before = angles_from_rotation(fit.rotation)
    asked = rng.uniform(-1, 1, (n, 3)) * _MAX_ANGLES
    after = before + np.clip(asked - before, -_MAX_TURN, _MAX_TURN)
    still = rng.random((n, 3)) < np.array([0.15, 0.3, 0.3])
    after = np.where(still, before, after)
    rotation = rotation_from_angles(*after.T)
    scale = fit.scale * np.exp(rng.uniform(-0.12, 0.12, n))
    shift = np.zeros((n, 3))
    shift[:, :2] = rng.uniform(-0.12, 0.12, (n, 2))
    there = placed(head, rotation, scale, fit.translation + shift)
    seen = facing(points) & facing(there) & ~hidden
    return Moved(
        points=there,
        pose=pose_of_normalised(there),
        eye=np.concatenate([gaze, openness], axis=1).astype(np.float32),
        mouth=wanted,
        felt=felt.astype(np.float32),
        seen=seen.astype(np.float32),
    )


def placed(
    head: Floats, rotation: Floats, scale: Floats, translation: Floats
) -> NDArray[np.float32]:
    """Landmarks (n, L, 3) in head axes as they lie in the crop: what `fit_head` takes apart.

    Args:
        head: (n, L, 3) interocular distances.
        rotation: (n, 3, 3) head axes to camera axes.
        scale: (n,) crop units per interocular distance.
        translation: (n, 3) crop coordinates.
    """
    turned = np.einsum("nij,nlj->nli", rotation, head)
    points: NDArray[np.float32] = (turned * scale[:, None, None] + translation[:, None]).astype(
        np.float32
    )
    return points


def with_opening(points: NDArray[np.float32], wider: NDArray[np.float32]) -> NDArray[np.float32]:
    """Landmarks (n, L, 3) in crop coordinates of mouths that open by (n,) more, or close."""
    fit = fit_head(points)
    face = canonical_face(topology_of(points.shape[1]))
    head = fit.head.copy()
    head[..., 1] += opened(face.points[:, :2], wider)
    moved = placed(head, fit.rotation, fit.scale, fit.translation)
    return np.where(wider[:, None, None] != 0, moved, points)


def facing(points: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which landmarks face the camera, (n, L): those of a turned cheek lie behind the face.

    A face is taken for an ellipsoid about a point behind the eyes; its outline may curve away a
    little and still be seen.
    """
    fit = fit_head(points)
    face = canonical_face(topology_of(points.shape[1]))
    centre = face.points[face.topology.jaw].mean(0) * np.array([0.0, 0.5, 1.0])
    outward = face.points - centre
    outward = outward / np.linalg.norm(outward, axis=-1, keepdims=True)
    towards = -np.einsum("nj,lj->nl", fit.rotation[:, 2], outward)
    return np.asarray(towards > -0.15)


def unsure(openness: NDArray[np.floating], n_landmarks: int) -> NDArray[np.bool_]:
    """Which landmarks of eyes do not say where they are seen, (n, L).

    Args:
        openness: (n, 2) of the left and the right eye.
        n_landmarks: L.
    """
    topology = topology_of(n_landmarks)
    said = np.zeros((len(openness), n_landmarks), bool)
    for side, eye in enumerate((topology.left_eye, topology.right_eye)):
        lids = np.setdiff1d(eye.contour, eye.corners)
        said[:, lids] = openness[:, side, None] < _LOWERED
        if topology.has_iris:
            said[:, [eye.iris_centre, *eye.iris]] = openness[:, side, None] < _HIDDEN
    return said


def draw_eyes(eye: NDArray[np.float32], rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Where eyes might look, and how open they might be.

    Args:
        eye: (n, 4) gaze yaw and pitch (rad), left and right openness as they are.
        rng: source of chance.

    Returns:
        Gaze (n, 2), openness (n, 2) and its ratio to their own (n, 2); four out of ten keep their
        gaze, half keep their lids.
    """
    looks = rng.random(len(eye)) < 0.6
    gaze = np.where(looks[:, None], rng.uniform(-1, 1, (len(eye), 2)) * _MAX_GAZE, eye[:, :2])
    openness, ratios = _openness(eye[:, 2:], rng)
    return gaze, openness, ratios


def _openness(own: NDArray[np.float32], rng: np.random.Generator) -> tuple[Floats, Floats]:
    """New openness of both eyes (n, 2) and its ratio to their own.

    Mostly both move together, at times one alone; often neither does.
    """
    n = len(own)
    asked = np.repeat(rng.uniform(0.0, 1.15, (n, 1)), 2, axis=1)
    alone = rng.random(n) < 0.2
    asked[alone, rng.integers(2, size=n)[alone]] = 1.0
    may = (own.min(axis=1) > _OPEN) & (rng.random(n) < 0.5)
    openness = np.where(may[:, None], asked, own)
    return openness, np.where(may[:, None], openness / np.maximum(own, _OPEN), 1.0)


def _turn_eyes(
    head: Floats, before: NDArray[np.floating], after: Floats, topology: Topology
) -> Floats:
    """Move irises as eyeballs that turn from one gaze to another; in place.

    Returns:
        (n,) how far the lids go along.
    """
    if not topology.has_iris:
        return np.zeros(len(head))
    face = canonical_face(topology)
    step = direction_from_angles(*after.T) - direction_from_angles(*before.T)
    head[:, topology.irises] += EYEBALL_GAIN * face.eyeball_radius * step[:, None]
    return np.asarray(LIDS_FOLLOW * face.eyeball_radius * step[:, 1])


def _move_lids(head: Floats, eye: Eye, ratio: Floats, follow: Floats, height: Floats) -> None:
    """Scale the gap between the lids, nearly all of the way the upper lid's, and shift both.

    Args:
        head: (n, L, 3) landmarks in head axes, changed in place.
        eye: which one.
        ratio: (n,) of the gap to what it is.
        follow: (n,) by how much both lids go down with the gaze, none at the corners.
        height: (L,) y of the mean face.
    """
    contour = eye.contour
    corners = [int(i) for i in np.flatnonzero(np.isin(contour, eye.corners))]
    ring = np.roll(contour, -corners[0])
    half = len(ring) // 2
    for along in range(1, half):
        first, second = int(ring[along]), int(ring[-along])
        upper, lower = (first, second) if height[first] < height[second] else (second, first)
        gap = head[:, lower] - head[:, upper]
        closed = (1 - ratio)[:, None] * gap
        head[:, upper] += 0.85 * closed
        head[:, lower] -= 0.15 * closed
        open_gap = (height[lower] - height[upper]) / MEAN_OPENNESS
        head[:, [upper, lower], 1] += follow[:, None] * lids_go(open_gap)
