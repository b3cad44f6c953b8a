"""Landmark models whose bases are fitted, without training."""

from __future__ import annotations

import numpy as np

from pdfgc.encoders.landmarks import shapes_of
from pdfgc.model import LandmarkEncoders, TalkingHead


def fit_landmarks(
    model: TalkingHead, points: np.ndarray, person: np.ndarray, clip: np.ndarray
) -> None:
    """Fit the bases of a model to faces (n, 478, 3)."""
    assert isinstance(model.encoders, LandmarkEncoders)
    shapes = shapes_of(points, np.ones((len(points), 2)))
    model.encoders.landmarks.fit(shapes, person, clip)
