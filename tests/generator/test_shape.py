"""A person's own shape: measured on faces that were bent by a known amount."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from pdfgc.generator.drivers import Driven
from pdfgc.generator.head import HeadFlow
from pdfgc.generator.mouth import mean_opening, opened
from pdfgc.generator.shape import FaceShape, control_points, mirrored_shape, own_shape
from pdfgc.tracking import canonical_face

FACE = canonical_face()
SIDE = 64


@pytest.fixture(scope="module")
def shape() -> FaceShape:
    torch.manual_seed(0)
    return FaceShape()


def _bent(amount: float) -> np.ndarray:
    """Faces whose mouth and chin lie lower by `amount`; the points that hold a head stay."""
    points = FACE.points.copy()
    low = points[:, 1] > 1.1
    points[low, 1] += amount
    return np.repeat(points[None] * 0.5, 5, axis=0).astype(np.float32)


def test_control_points_are_symmetric_and_few() -> None:
    points = control_points()
    assert len(set(points.tolist())) == len(points) < 40
    assert set(FACE.mirror[points]) == set(points)


def test_the_mean_face_with_open_eyes_has_no_shape() -> None:
    landmarks = _bent(0.0)
    found = own_shape(landmarks, np.full((5, 2), 0.9, np.float32))
    assert found.abs().max() < 1e-3


def test_a_lower_mouth_is_found_where_it_is() -> None:
    found = own_shape(_bent(0.15), np.full((5, 2), 0.9, np.float32))
    low = FACE.points[control_points(), 1] > 1.1
    np.testing.assert_allclose(found[low, 1], 0.15, atol=0.02)
    assert found[~low].abs().max() < 0.02


def test_an_open_mouth_has_the_shape_of_one_at_rest() -> None:
    opening = np.array([0.0, 0.1, 0.3])
    landmarks = np.repeat(FACE.points[None], 3, axis=0)
    landmarks[..., 1] += opened(FACE.points[:, :2], opening - mean_opening())
    upper, lower = FACE.topology.lip_gap
    gap = landmarks[:, lower, 1] - landmarks[:, upper, 1]
    np.testing.assert_allclose(gap, opening, atol=2e-3)
    found = own_shape(landmarks * 0.5, np.full((3, 2), 0.9, np.float32))
    assert found.abs().max() < 0.01


def test_half_open_eyes_tell_how_far_they_open() -> None:
    landmarks = np.repeat(FACE.points[None] * 0.5, 4, axis=0)
    for eye in (FACE.topology.left_eye, FACE.topology.right_eye):
        landmarks[:, eye.upper, 1] = (landmarks[:, eye.upper, 1] + landmarks[:, eye.lower, 1]) / 2
    found = own_shape(landmarks.astype(np.float32), np.full((4, 2), 0.45, np.float32))
    assert found[-2:].abs().max() < 5e-3


def test_mirroring_twice_is_nothing() -> None:
    shape = torch.randn(3, len(control_points()), 2)
    np.testing.assert_allclose(mirrored_shape(mirrored_shape(shape)), shape)
    assert not torch.allclose(mirrored_shape(shape), shape)


def test_maps_pass_through_the_control_points(shape: FaceShape) -> None:
    asked = 0.1 * torch.randn(2, len(shape.anchors), 2)
    place = shape.anchors.T.reshape(1, 2, -1, 1).expand(2, -1, -1, -1)
    read = shape.at(shape.maps(asked), place)[..., 0].transpose(1, 2)
    inside = shape.anchors.abs().amax(1) < 1.8
    np.testing.assert_allclose(read[:, inside], asked[:, inside], atol=0.02)


def test_undoing_a_shape_finds_the_way_back(shape: FaceShape) -> None:
    maps = shape.maps(0.05 * torch.randn(1, len(shape.anchors), 2))
    mean = torch.rand(1, 2, 20, 20) * 2 - 1
    own = mean + shape.at(maps, mean)
    assert (shape.undo(maps, own) - mean).abs().mean() < 2e-3


def _driven(openness: float) -> Driven:
    eye = torch.tensor([[0.0, 0.0, openness, openness]])
    mouth, face = torch.full((1, 1), 0.1), torch.zeros(1, 2)
    return Driven(torch.zeros(1, 8), torch.zeros(1, 6), eye, mouth, face)


def _source(openness: float) -> Driven:
    driven = _driven(openness)
    return driven.of(1)


def test_lids_close_where_the_persons_eyes_are() -> None:
    head = HeadFlow(8)
    lowered = torch.zeros(len(control_points()), 2)
    eyes = np.isin(control_points(), FACE.topology.eyes)
    lowered[torch.from_numpy(eyes), 1] = 0.12

    def centre(asked: Tensor) -> float:
        torch.nn.init.zeros_(head.shape.read[-1].weight)
        with torch.no_grad():
            head.shape.read[-1].bias.copy_(10 * asked.flatten())
            picture = torch.zeros(1, 1, 3, 256, 256)
            moved = head(picture, _source(0.9), _driven(0.0)).field[0, 0, 1].abs()
        # Closing lids move most where they meet.
        return float(moved.amax(1).argmax() * 2 + 1) / 256 - 1

    shift = centre(lowered) - centre(torch.zeros_like(lowered))
    assert shift == pytest.approx(0.12 * float(head.template[2]), rel=0.3)


def test_the_shape_is_read_off_the_picture_alone() -> None:
    torch.manual_seed(0)
    head = HeadFlow(8)
    torch.nn.init.normal_(head.shape.read[-1].weight, std=0.1)
    pictures = torch.randn(2, 1, 1, 3, SIDE, SIDE)
    with torch.no_grad():
        first, again = (head(pictures[0], _source(0.9), _driven(o)).shape for o in (0.9, 0.1))
        other = head(pictures[1], _source(0.9), _driven(0.9)).shape
    np.testing.assert_allclose(first, again)
    assert (first - other).abs().max() > 1e-4
