"""Lips and jaw of the mean face: measured on its own landmarks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from pdfgc.generator.mouth import Mouth, MouthMotion, mean_opening, opened
from pdfgc.tracking import canonical_face

FACE = canonical_face()


@pytest.fixture(scope="module")
def motion() -> MouthMotion:
    return MouthMotion()


def _move(motion: MouthMotion, points: Tensor, source: float, driving: float) -> Mouth:
    """Points (P, 3) of the driving face, moved."""
    place = points.T.reshape(1, 3, -1, 1)
    return motion(place, torch.tensor([[source]]), torch.tensor([[driving]]))


def _landmarks(opening: float) -> Tensor:
    """All of the mean face but the lips' rims, where above and below meet."""
    points = FACE.points.copy()
    points[:, 1] += opened(FACE.points[:, :2], np.array(opening - mean_opening()))
    kept = np.setdiff1d(np.arange(len(points)), FACE.topology.inner_lips)
    return torch.from_numpy(points[kept].astype(np.float32))


def test_equal_mouths_move_nothing(motion: MouthMotion) -> None:
    moved = _move(motion, torch.rand(200, 3) * 4 - 2, 0.2, 0.2)
    assert moved.step.abs().max() < 1e-6
    assert moved.hidden.max() < 1e-6


@pytest.mark.parametrize(("source", "driving"), [(0.0, 0.3), (0.3, 0.0), (0.1, 0.2)])
def test_every_landmark_is_taken_back_to_where_it_was(
    motion: MouthMotion, source: float, driving: float
) -> None:
    step = _move(motion, _landmarks(driving), source, driving).step[0, :, :, 0].T
    back = _landmarks(driving)[:, :2] + step
    np.testing.assert_allclose(back, _landmarks(source)[:, :2], atol=2e-3)


def test_lips_part_by_what_was_asked_and_the_rest_of_the_face_stays() -> None:
    lips = FACE.points[FACE.topology.lip_gap, :2]
    upper, lower = opened(lips, np.array(0.2))
    assert lower - upper == pytest.approx(0.2, abs=2e-3)
    assert 0 > upper > -0.5 * lower
    above = FACE.points[FACE.points[:, 1] < 0.9, :2]
    assert np.abs(opened(above, np.array(0.3))).max() < 1e-6


def test_what_a_closed_mouth_hides_has_to_be_made(motion: MouthMotion) -> None:
    middle = torch.tensor([[0.0, float(FACE.points[FACE.topology.lip_gap, 1].mean()) + 0.05, -0.2]])
    outside = torch.tensor([[0.0, 1.9, 0.0]])
    assert _move(motion, middle, 0.0, 0.3).hidden > 0.9
    assert _move(motion, middle, 0.3, 0.3).hidden < 0.05
    assert _move(motion, middle, 0.0, 0.3).inside[0, 0] > 0.9
    assert _move(motion, middle, 0.3, 0.0).inside.max() < 1e-3
    assert _move(motion, outside, 0.0, 0.3).inside.max() < 1e-3


def test_teeth_that_a_source_shows_are_not_drawn_out(motion: MouthMotion) -> None:
    upper, lower = (float(FACE.points[i, 1]) for i in FACE.topology.lip_gap)
    source, driving = 0.12, 0.36
    parts = opened(FACE.points[FACE.topology.lip_gap, :2], np.array(driving - mean_opening()))
    top, bottom = upper + parts[0], lower + parts[1]
    # Below the upper lip, above the lower one, and in the middle.
    depths = np.array([0.02, 0.05, 0.08, driving - 0.02, driving / 2])
    column = np.stack([np.zeros(5), top + depths, np.full(5, -0.2)], axis=1)
    moved = _move(motion, torch.from_numpy(column.astype(np.float32)), source, driving)
    seen = column[:, 1] + moved.step[0, 1, :, 0].numpy()
    np.testing.assert_allclose(np.diff(seen[:3]), np.diff(depths[:3]), atol=2e-3)
    rims = opened(FACE.points[FACE.topology.lip_gap, :2], np.array(source - mean_opening()))
    assert seen[0] - (upper + rims[0]) == pytest.approx(0.02, abs=4e-3)
    assert lower + rims[1] - seen[3] == pytest.approx(0.02, abs=4e-3)
    hidden = moved.hidden[0, 0, :, 0]
    assert (hidden[[0, 1, 3]] < 0.2).all()
    assert hidden[4] > 0.8
    assert bottom - top == pytest.approx(driving, abs=0.01)
