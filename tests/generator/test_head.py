"""The head's flow against the tracker's geometry."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from pdfgc.generator.drivers import Driven
from pdfgc.generator.head import HeadFlow, rotation
from pdfgc.tracking import canonical_face, fit_head
from pdfgc.tracking.geometry import rotation_from_angles
from pdfgc.tracking.measure import pose_of_normalised

SIDE = 64


@pytest.fixture(scope="module")
def head() -> HeadFlow:
    torch.manual_seed(0)
    return HeadFlow(8)


def _pose(*values: float) -> Tensor:
    return torch.tensor([values])


def _driven(pose: Tensor, style: Tensor | None = None) -> Driven:
    """Eyes that look ahead, open, a mouth hardly open; no style unless one is given."""
    shape = pose.shape[:-1]
    eye = torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(*shape, 4)
    mouth = torch.full((*shape, 1), 0.1)
    face = torch.zeros(*shape, 2)
    return Driven(torch.zeros(*shape, 8) if style is None else style, pose, eye, mouth, face)


def _grey(shots: int, side: int = SIDE, batch: int = 1) -> Tensor:
    return torch.zeros(batch, shots, 3, side, side)


def _flow(head: HeadFlow, source: Tensor, driving: Tensor, side: int = SIDE) -> Tensor:
    with torch.no_grad():
        field: Tensor = head(_grey(1, side), _driven(source.unsqueeze(1)), _driven(driving)).field
    return field[:, 0]


def _landmarks(head: HeadFlow, pose: Tensor) -> np.ndarray:
    """Where the mean face's points lie in the picture."""
    turn = rotation_from_angles(*pose[0, :3].numpy())
    x, y, size = head.template.numpy() * [1, 1, float(pose[0, 5].exp())]
    seen = canonical_face().points @ turn.T
    return seen[:, :2] * size + [x + 2 * float(pose[0, 3]), y + 2 * float(pose[0, 4])]


def test_rotation_is_the_trackers() -> None:
    angles = np.random.default_rng(0).uniform(-0.7, 0.7, (20, 3))
    expected = rotation_from_angles(*angles.T)
    np.testing.assert_allclose(rotation(torch.from_numpy(angles)).numpy(), expected, atol=1e-12)


def test_landmarks_are_taken_back_to_the_head_as_the_tracker_does(head: HeadFlow) -> None:
    turn = rotation_from_angles(np.linspace(-0.4, 0.4, 5), 0.1, -0.05)
    points = (canonical_face().points @ turn.transpose(0, 2, 1) * 0.5 + 0.03).astype(np.float32)
    pose = torch.from_numpy(pose_of_normalised(points))
    found = head.unplaced(torch.from_numpy(points), pose)
    np.testing.assert_allclose(found, fit_head(points).head, atol=0.01)


def test_equal_poses_give_no_flow(head: HeadFlow) -> None:
    pose = _pose(0.3, -0.2, 0.1, 0.02, -0.03, 0.1)
    assert _flow(head, pose, pose).abs().max() < 0.05
    assert _flow(head, pose, pose).abs().mean() < 0.005


@pytest.mark.parametrize(
    ("source", "driving"),
    [
        ((0.0, 0.0, 0.0, 0.0, 0.0, 0.0), (0.35, 0.0, 0.0, 0.0, 0.0, 0.0)),
        ((0.3, 0.1, -0.1, 0.02, 0.0, 0.05), (-0.1, -0.2, 0.2, -0.03, 0.04, -0.05)),
    ],
)
def test_front_of_the_face_goes_where_geometry_says(
    head: HeadFlow, source: tuple[float, ...], driving: tuple[float, ...]
) -> None:
    before, after = (_landmarks(head, _pose(*pose)) for pose in (source, driving))
    topology = canonical_face().topology
    front = np.concatenate([topology.eyes, topology.mouth, topology.brows])
    field = _flow(head, _pose(*source), _pose(*driving), 128)
    at = torch.from_numpy(after[front].astype(np.float32))[None, :, None]
    read = torch.nn.functional.grid_sample(field, at, align_corners=False)[0, :, :, 0].T.numpy()
    wanted = (before - after)[front]
    error = np.abs(read - wanted).sum(1).mean()
    assert error < 0.35 * np.abs(wanted).sum(1).mean()
    # A flat picture that is shifted, turned and stretched does not do it.
    plane = np.column_stack([after[front], np.ones(len(front))])
    fitted = plane @ np.linalg.lstsq(plane, wanted, rcond=None)[0]
    if source[0] == 0:
        assert error < np.abs(fitted - wanted).sum(1).mean()


def test_shift_and_size_are_exact(head: HeadFlow) -> None:
    still = _pose(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    moved = _pose(0.0, 0.0, 0.0, 0.05, -0.025, float(np.log(1.1)))
    field = _flow(head, still, moved)
    x, y, _ = head.template
    axis = (torch.arange(SIDE) * 2 + 1) / SIDE - 1
    np.testing.assert_allclose(
        field[0, 0], (x + (axis - x - 0.1) / 1.1 - axis).expand(SIDE, SIDE), atol=2e-3
    )
    wanted = (y + (axis - y + 0.05) / 1.1 - axis)[:, None].expand(SIDE, SIDE)
    np.testing.assert_allclose(field[0, 1], wanted, atol=2e-3)


def test_learned_moves_are_mixed_by_the_codes_and_stay_on_the_face() -> None:
    head = HeadFlow(8, moves=4)
    with torch.no_grad():
        head.moves[0] = 0.1
    pose = _pose(0.2, 0.0, 0.0, 0.0, 0.0, 0.0)
    source, driving = (_driven(pose.expand(*n, 6), torch.randn(*n, 8)) for n in ((2, 1), (2,)))
    with torch.no_grad():
        motion = head(_grey(1, batch=2), source, driving)
    field, rest = motion.field[:, 0], motion.head
    difference = (field[0] - field[1]).abs().sum(0)
    assert difference[24:40, 24:40].min() > 0
    assert difference[:, 0].max() < 1e-6
    assert rest[0, 0, 30, 32] > 0.9
    assert rest[0, 0, :, 0].max() < 0.2


def test_every_source_has_its_own_flow(head: HeadFlow) -> None:
    sources = torch.tensor([[[0.3, 0, 0, 0, 0, 0], [-0.3, 0, 0, 0, 0, 0]]]).float()
    driving = _pose(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    with torch.no_grad():
        both = head(_grey(2), _driven(sources), _driven(driving)).field
    for k in range(2):
        np.testing.assert_allclose(both[:, k], _flow(head, sources[:, k], driving), atol=1e-6)


def test_gradients_reach_surface_and_moves(head: HeadFlow) -> None:
    source = _pose(0.3, 0.1, 0.0, 0.0, 0.0, 0.0).unsqueeze(1)
    driving = _pose(-0.2, 0.0, 0.0, 0.0, 0.0, 0.0)
    motion = head(_grey(1), _driven(source), _driven(driving, torch.randn(1, 8)))
    (motion.field.square().mean() + motion.head.mean()).backward()
    for parameter in (head.depth, head.belongs, head.moves):
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0


def test_other_widths_are_refused(head: HeadFlow) -> None:
    with pytest.raises(ValueError, match="poses"):
        head(_grey(1), _driven(torch.zeros(1, 1, 5)), _driven(torch.zeros(1, 5)))
