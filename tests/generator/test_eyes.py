"""Lids and eyeballs against the tracker's geometry of the mean face."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from pdfgc.generator.eyes import EYEBALL_GAIN, LIDS_FOLLOW, SHUT, EyeMotion, Eyes, parted, unfolded
from pdfgc.generator.shape import MEAN_OPENNESS
from pdfgc.tracking import canonical_face
from pdfgc.tracking.geometry import direction_from_angles

FACE = canonical_face()
LEFT, RIGHT = FACE.topology.left_eye, FACE.topology.right_eye


@pytest.fixture(scope="module")
def eyes() -> EyeMotion:
    return EyeMotion()


def _came_from(eyes: EyeMotion, points: np.ndarray, source: list[float], driving: list[float]):
    at = torch.from_numpy(points.T.astype(np.float32))[None, :, :, None]
    moved: Tensor = eyes(at, torch.tensor([source]), torch.tensor([driving])).step
    return moved[0, :, :, 0].T.numpy()


def test_nothing_moves_when_nothing_changes(eyes: EyeMotion) -> None:
    state = [0.2, -0.1, 0.8, 0.6]
    assert np.abs(_came_from(eyes, FACE.points, state, state)).max() < 2e-3


def test_an_iris_is_looked_up_where_it_was(eyes: EyeMotion) -> None:
    ahead, aside = [0.0, 0.0, 1.0, 1.0], [0.25, -0.1, 1.0, 1.0]
    centres = FACE.points[[LEFT.iris_centre, RIGHT.iris_centre]]
    step = direction_from_angles(0.25, -0.1) - direction_from_angles(0, 0)
    step = EYEBALL_GAIN * FACE.eyeball_radius * step
    back = _came_from(eyes, centres + step, ahead, aside)
    np.testing.assert_allclose(back, -np.tile(step[:2], (2, 1)), rtol=0.2, atol=2e-3)


@pytest.mark.parametrize("pitch", [-0.25, 0.25])
def test_both_lids_go_along_with_an_eye_that_looks_up_or_down(
    eyes: EyeMotion, pitch: float
) -> None:
    # As open as the mean face's eyes are.
    as_open = [MEAN_OPENNESS] * 2
    ahead, aside = [0.0, 0.0, *as_open], [0.0, pitch, *as_open]
    shift = -LIDS_FOLLOW * FACE.eyeball_radius * np.sin(pitch)
    for eye in (LEFT, RIGHT):
        gap = FACE.points[eye.lower].mean(0)[1] - FACE.points[eye.upper].mean(0)[1]
        # A little off the rims, on the skin.
        above = FACE.points[eye.upper].mean(0) + np.array([0, shift - 0.03, 0])
        below = FACE.points[eye.lower].mean(0) + np.array([0, shift + 0.03, 0])
        moved = _came_from(eyes, np.stack([above, below]), ahead, aside)[:, 1]
        np.testing.assert_allclose(moved, -shift, rtol=0.35)
        corners = _came_from(eyes, FACE.points[eye.corners], ahead, aside)
        assert np.abs(corners).max() < 0.012
        # Nothing of the eyeball is looked up on the skin past the lids.
        inside = FACE.points[eye.lower].mean(0) + np.outer(np.linspace(0.1, 0.9, 9), [0, -gap, 0])
        inside[:, 1] += shift
        found = inside[:, 1] + _came_from(eyes, inside, ahead, aside)[:, 1]
        low, high = FACE.points[eye.upper].mean(0)[1], FACE.points[eye.lower].mean(0)[1]
        assert (found > low - 0.15 * gap).all()
        assert (found < high + 0.15 * gap).all()


@pytest.mark.parametrize(("side", "eye"), [(0, LEFT), (1, RIGHT)])
def test_a_closed_lid_is_looked_up_at_the_open_one(eyes: EyeMotion, side: int, eye) -> None:
    shut = [0.0, 0.0, 0.9, 0.9]
    shut[2 + side] = 0.0
    lower = FACE.points[eye.lower].mean(0)
    gap = lower[1] - FACE.points[eye.upper].mean(0)[1]
    # Just above where the lids meet there are the lashes that were just above the open lid.
    moved = _came_from(eyes, lower[None] - [0, 0.005, 0], [0.0, 0.0, 0.9, 0.9], shut)[0]
    assert moved[0] == pytest.approx(0, abs=1e-3)
    assert -1.4 * gap < moved[1] < -0.7 * gap
    # The other eye, brows and cheeks stay.
    other = LEFT if side else RIGHT
    away = np.concatenate([other.contour, FACE.topology.nose, FACE.topology.mouth])
    still = _came_from(eyes, FACE.points[away], [0.0, 0.0, 0.9, 0.9], shut)
    assert np.abs(still).max() < 2e-3


def test_an_open_eye_shows_what_a_half_open_one_hid(eyes: EyeMotion) -> None:
    lower = FACE.points[LEFT.lower].mean(0)
    gap = lower[1] - FACE.points[LEFT.upper].mean(0)[1]
    inside = lower - [0, 0.6 * gap, 0]
    moved = _came_from(eyes, inside[None], [0.0, 0.0, 0.45, 0.45], [0.0, 0.0, 0.9, 0.9])[0]
    # Looked up within what the source shows of the eyeball, not on its lid.
    assert inside[1] + moved[1] > lower[1] - 0.5 * gap


def _shown(eyes: EyeMotion, openness: float, points: np.ndarray) -> Eyes:
    at = torch.from_numpy(points.T.astype(np.float32))[None, :, :, None]
    ahead = torch.tensor([[0.0, 0.0, 0.9, 0.9]])
    return eyes(at, ahead, torch.tensor([[0.0, 0.0, openness, openness]]))


def test_lids_that_come_down_show_skin_like_that_below_the_eye(eyes: EyeMotion) -> None:
    lower = np.stack([FACE.points[eye.lower].mean(0) for eye in (LEFT, RIGHT)])
    middle = lower.copy()
    middle[:, 1] = (lower[:, 1] + [FACE.points[eye.upper].mean(0)[1] for eye in (LEFT, RIGHT)]) / 2
    shut = _shown(eyes, SHUT, middle)
    assert (shut.lid > 0.4).all()
    found = middle[:, 1] + shut.skin[0, 1, :, 0].numpy()
    assert (found > lower[:, 1] + 0.08).all()
    assert (found < FACE.points[FACE.topology.nose, 1].max()).all()
    away = FACE.points[[*FACE.topology.nose, *FACE.topology.mouth, *FACE.topology.brows]]
    assert _shown(eyes, SHUT, away).lid.max() < 0.05
    for openness in (0.9, 1.0):
        assert not _shown(eyes, openness, middle).lid.any()


def test_lids_that_the_tracker_calls_shut_touch(eyes: EyeMotion) -> None:
    assert parted(torch.tensor([SHUT, 0.0, 1.0])).tolist() == pytest.approx([0.0, 0.0, 1.0])
    lower = FACE.points[LEFT.lower].mean(0)
    # No more of the eyeball is to be seen at the lower lid, and no less below it.
    column = lower + np.outer(np.linspace(-0.3, -0.02, 40), [0, 1, 0])
    moved = column[:, 1] + _came_from(eyes, column, [0, 0, 0.9, 0.9], [0, 0, SHUT, SHUT])[:, 1]
    top = FACE.points[LEFT.upper].mean(0)[1]
    assert not ((moved > top + 0.02) & (moved < lower[1] - 0.02)).any()


def test_a_picture_takes_the_skin_where_the_lid_is() -> None:
    seen, skin = torch.full((1, 3, 2, 2), -1.0), torch.full((1, 3, 2, 2), 0.5)
    lid = torch.tensor([[[[0.0, 1.0], [0.0, 0.0]]]])
    picture = unfolded(seen, skin, lid)
    assert (picture[..., 0, 1] > 0.3).all()
    assert (picture[lid.expand_as(picture) == 0] == -1).all()


def test_movement_is_smooth_in_the_codes(eyes: EyeMotion) -> None:
    point = torch.from_numpy(FACE.points.T.astype(np.float32))[None, :, :, None]
    driving = torch.tensor([[0.1, 0.0, 0.5, 0.5]], requires_grad=True)
    moved = eyes(point, torch.tensor([[0.0, 0.0, 0.9, 0.9]]), driving)
    (moved.step.abs().sum() + moved.lid.sum()).backward()
    assert driving.grad is not None
    assert torch.isfinite(driving.grad).all()
    assert (driving.grad != 0).all()
