from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pdfgc.metrics import interocular, jitter, landmark_distance, mouth_distance
from pdfgc.tracking import MESH_478, POINTS_68, Topology, canonical_face


def _face(topology: Topology, frames: int = 2) -> np.ndarray:
    return np.repeat(canonical_face(topology).points[None], frames, axis=0)


@pytest.mark.parametrize("topology", [MESH_478, POINTS_68], ids=lambda each: each.name)
def test_distance_is_in_interocular_units(topology: Topology) -> None:
    face = _face(topology)
    moved = 7 * (face + np.array([0.3, 0.4, 9.0]))
    size = interocular(7 * face)
    assert landmark_distance(moved, 7 * face) == pytest.approx(7 * 0.5 / size)
    assert landmark_distance(face, face) == pytest.approx(0)


@pytest.mark.parametrize("topology", [MESH_478, POINTS_68], ids=lambda each: each.name)
def test_mouth_is_measured_after_alignment(topology: Topology) -> None:
    face = _face(topology)
    opened = face.copy()
    opened[:, topology.mouth, 1] += 0.1
    turn = Rotation.from_euler("yxz", [25, -10, 15], degrees=True)
    turned = 3 * turn.apply(opened[0])[None].repeat(2, 0) + [5, 6, 7]
    wanted = 0.1 / interocular(face)
    # Turned, moved and grown: only the mouth counts.
    assert mouth_distance(turned, face) == pytest.approx(wanted, rel=1e-6)
    assert mouth_distance(3 * turn.apply(face[0])[None].repeat(2, 0), face) == pytest.approx(
        0, abs=1e-9
    )


def test_alignment_equals_scipy() -> None:
    rng = np.random.default_rng(0)
    face = _face(MESH_478, 1)
    other = face + rng.normal(size=face.shape) * 0.01
    rigid, mouth = MESH_478.rigid, MESH_478.mouth
    source, target = other[0, rigid], face[0, rigid]
    middle, wanted = source.mean(0), target.mean(0)
    rotation, _ = Rotation.align_vectors(target - wanted, source - middle)
    turned = rotation.apply(source - middle)
    scale = (turned * (target - wanted)).sum() / (turned**2).sum()
    laid = scale * rotation.apply(other[0, mouth] - middle) + wanted
    distance = np.linalg.norm((laid - face[0, mouth])[:, :2], axis=-1).mean() / interocular(face)[0]
    assert mouth_distance(other, face)[0] == pytest.approx(distance, rel=1e-6)


def test_missing_faces_give_nan() -> None:
    face = _face(MESH_478)
    lost = face.copy()
    lost[1] = np.nan
    assert np.isnan(mouth_distance(lost, face)).tolist() == [False, True]


def test_shapes_must_agree() -> None:
    face = _face(MESH_478)
    with pytest.raises(ValueError, match="expected two"):
        landmark_distance(face[:1], face)


def test_even_motion_has_no_jitter() -> None:
    steps = np.arange(10)[:, None, None] * np.array([0.1, 0.02, 0.0])
    even = _face(MESH_478, 10) + steps
    assert jitter(even) == pytest.approx(0, abs=1e-12)
    shaking = even.copy()
    shaking[::2, :, 0] += 0.01 * interocular(even)[0]
    # To and fro by d every frame: the second difference is 2 d.
    assert jitter(shaking) == pytest.approx(0.02)
    assert np.isnan(jitter(even[:2]))
