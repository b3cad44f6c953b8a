from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from pdfgc.encoders.placing import Placing, looking_ahead
from pdfgc.generator.drawing import draw_landmarks
from pdfgc.generator.layers import warp
from pdfgc.tracking.contours import CONTOURS, IRIS_POINTS


def drawing(turn: np.ndarray, shift: np.ndarray, side: int = 64) -> torch.Tensor:
    """(1, 3, side, side) landmark image of the mean face, moved by an affine map."""
    points = looking_ahead()[CONTOURS.mesh] @ turn.T + shift
    irises = np.full((2 * IRIS_POINTS, 2), 9.0)
    picture = draw_landmarks(np.concatenate([points, irises]), side)
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 127.5 - 1


def test_the_map_of_a_moved_face_is_found() -> None:
    angle = 0.3
    turn = 0.85 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn[0] *= 0.8
    shift = np.array([0.15, -0.05])
    found = Placing()(drawing(turn, shift))[0].numpy()
    np.testing.assert_allclose(found[:, :2], turn, atol=0.05)
    np.testing.assert_allclose(found[:, 2], shift, atol=0.02)


def test_nothing_drawn_moves_nothing() -> None:
    black = torch.full((2, 3, 64, 64), -1.0)
    placing = Placing()
    assert float(placing.to_picture(black, 8).abs().max()) < 1e-5
    assert float(placing.to_face(black, 8).abs().max()) < 1e-5


def test_flows_bring_a_picture_to_the_mean_face_and_back() -> None:
    shift = np.array([0.2, 0.1])
    placing, picture = Placing(), drawing(np.eye(2), shift)
    still = drawing(np.eye(2), np.zeros(2))
    apart = difference(picture, still)
    ahead = warp(picture, placing.to_picture(picture, 64))
    assert difference(ahead, still) < 0.25 * apart
    back = warp(ahead, placing.to_face(picture, 64))
    assert difference(back, picture) < 0.25 * apart


def difference(a: torch.Tensor, b: torch.Tensor) -> float:
    """Mean difference of the light in squares of 4 px: lines get softer when they are moved."""
    return float(F.avg_pool2d(a - b, 4).abs().mean())
