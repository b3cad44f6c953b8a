"""Motions as pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pdfgc.errors import InputError
from tests.motion.motions import talk


def test_curves_are_drawn_and_written(tmp_path: Path) -> None:
    motion = talk()
    path = tmp_path / "talk.png"
    picture = motion.plot(path)
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(np.asarray(Image.open(path)), picture)
    # A motion that moves otherwise is drawn otherwise, in its own panel only.
    other = motion.replace(pose=motion.pose * [1, 1, 1, -1, 1, 1]).plot()
    changed = np.flatnonzero((picture != other).any(axis=(1, 2)))
    assert 0 < changed.max() - changed.min() < 160
    with pytest.raises(InputError, match=r"use \.png"):
        motion.plot(tmp_path / "talk.nix")
    assert list(tmp_path.iterdir()) == [path]


def test_codes_in_own_units_are_drawn_too() -> None:
    assert replace(talk(), own_units=True).plot().shape[2] == 3


def test_thumbnails_stand_above_their_moments() -> None:
    motion = talk(20)
    shown = [np.full((40, 60, 3), 25 * index, np.uint8) for index in range(10)]
    picture, curves = motion.plot(thumbnails=shown), motion.plot()
    assert picture.shape[1] == curves.shape[1] == 1600
    # Square, and as much higher is the picture.
    side = 0.92 * 1600 / 10
    assert picture.shape[0] - curves.shape[0] == pytest.approx(side + 12, abs=2)
    middles = (0.07 * 1600 + side * (np.arange(10) + 0.5)).astype(int)
    np.testing.assert_allclose(picture[80, middles, 0], 25 * np.arange(10), atol=1)
