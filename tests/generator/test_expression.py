"""Brows and corners of the mean face: measured on its own landmarks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pdfgc.generator.expression import ExpressionMotion, expressed
from pdfgc.motion import FACE_STEP, Codes, face_of_codes, face_of_expression
from pdfgc.tracking import canonical_face, face_shape_of

FACE = canonical_face()
PLACES = FACE.points[:, :2]


@pytest.fixture(scope="module")
def motion() -> ExpressionMotion:
    return ExpressionMotion()


def test_equal_expressions_move_nothing(motion: ExpressionMotion) -> None:
    felt = torch.tensor([[0.05, -0.02]])
    assert motion(torch.rand(1, 2, 9, 9) * 4 - 2, felt, felt).abs().max() == 0


@pytest.mark.parametrize("change", [(0.1, 0.0), (-0.05, 0.0), (0.0, 0.15), (0.0, -0.1), (0.1, 0.1)])
def test_every_landmark_is_taken_back_to_where_it_was(
    motion: ExpressionMotion, change: tuple[float, float]
) -> None:
    felt = torch.tensor([change])
    driven = PLACES + expressed(PLACES, felt.numpy())[0]
    point = torch.from_numpy(driven.astype(np.float32)).T[None, :, None]
    back = driven + motion(point, torch.zeros(1, 2), felt)[0, :, 0].T.numpy()
    np.testing.assert_allclose(back, PLACES, atol=0.01)


def test_a_face_shows_what_is_asked_for_and_no_more() -> None:
    faces = np.repeat(FACE.points[None], 3, axis=0)
    change = np.array([[0.0, 0.0], [0.1, 0.0], [0.0, 0.15]])
    faces[..., :2] += expressed(PLACES, change)
    seen = face_shape_of(faces)
    np.testing.assert_allclose(seen[1] - seen[0], [0.1, 0.0], atol=0.02)
    np.testing.assert_allclose(seen[2] - seen[0], [0.0, 0.15], atol=0.02)
    # Corners rise, eyes and nose stay.
    corner = FACE.topology.outer_lips[0]
    assert faces[2, corner, 1] < faces[0, corner, 1] - 0.03
    eyes = np.concatenate([FACE.topology.eyes, FACE.topology.nose[:6]])
    assert np.abs(faces[1:, eyes] - faces[0, eyes]).max() < 0.03
    # Left and right move alike.
    mirrored = faces[:, FACE.mirror] * [-1, 1, 1]
    np.testing.assert_allclose((mirrored - mirrored[:1]), (faces - faces[:1]), atol=0.02)


def test_no_face_is_drawn_beyond_what_faces_do() -> None:
    far, farther = expressed(PLACES, np.array([[0.15, 0.25], [1.0, 2.0]]))
    np.testing.assert_array_equal(far, farther)


def test_the_first_two_values_of_an_expression_code_are_the_face() -> None:
    expression = torch.randn(3, 30)
    codes = Codes(torch.randn(3, 8), torch.randn(3, 6), torch.randn(3, 6), expression)
    torch.testing.assert_close(face_of_codes(codes.join()), expression[:, :2] * FACE_STEP)
    torch.testing.assert_close(face_of_expression(expression), face_of_codes(codes.join()))
