from __future__ import annotations

import numpy as np
import pytest

from pdfgc.tracking import MESH_478, POINTS_68, Topology, canonical_face, topology_of

BOTH = pytest.mark.parametrize("topology", [MESH_478, POINTS_68], ids=lambda each: each.name)


@BOTH
def test_the_canonical_face_is_its_own_mirror_image(topology: Topology):
    face = canonical_face(topology)
    np.testing.assert_allclose(face.points[face.mirror] * [-1, 1, 1], face.points, atol=1e-6)
    np.testing.assert_array_equal(face.mirror[face.mirror], np.arange(topology.n_landmarks))


@BOTH
def test_every_set_is_as_symmetric_as_the_face(topology: Topology):
    mirror = canonical_face(topology).mirror
    sets = [topology.rigid, topology.mouth, topology.brows, topology.jaw, topology.eyes]
    for indices in sets:
        assert set(mirror[indices]) == set(indices)
    left, right = topology.left_eye, topology.right_eye
    assert mirror[left.outer] == right.outer
    assert mirror[left.inner] == right.inner


@BOTH
def test_the_left_eye_is_on_the_right_of_the_image_and_lids_are_paired(topology: Topology):
    points = canonical_face(topology).points
    assert points[topology.left_eye.outer, 0] > points[topology.left_eye.inner, 0] > 0
    for eye in (topology.left_eye, topology.right_eye):
        assert (points[eye.lower, 1] > points[eye.upper, 1]).all()
        assert np.abs(points[eye.lower, 0] - points[eye.upper, 0]).max() < 0.1
    assert points[topology.lip_gap[1], 1] > points[topology.lip_gap[0], 1]


def test_rigid_points_hold_neither_lips_nor_lids_nor_chin():
    moving = np.concatenate([MESH_478.mouth, MESH_478.brows, [152, 148, 377]])
    lids = set(MESH_478.eyes) - {33, 133, 263, 362}
    assert not set(MESH_478.rigid) & (set(moving) | lids)


def test_the_face_says_where_it_comes_from_and_has_a_plausible_eye():
    face = canonical_face()
    assert "train" in face.origin
    iris = face.points[469] - face.points[471]
    # An iris is 11.7 mm wide, the interocular distance is 63 mm.
    assert np.linalg.norm(iris) * 63 == pytest.approx(11.7, abs=1)
    assert 0.25 < face.open_eye < 0.4


def test_unknown_schemes_are_refused():
    with pytest.raises(ValueError, match="5 points"):
        topology_of(5)
