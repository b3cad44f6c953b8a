"""Hard cuts are found; light, motion and noise are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pdfgc.media import read_image, read_video
from pdfgc.tracking.shots import CutDetector


@pytest.fixture(scope="module")
def room(face_image: Path) -> NDArray[np.uint8]:
    """The portrait beside a grey wall."""
    portrait = read_image(face_image)[::2, ::2]
    return np.concatenate([portrait, np.full_like(portrait, 90)], axis=1)


def cuts(*images: NDArray[np.uint8]) -> list[int]:
    detector = CutDetector()
    return [number for number, image in enumerate(images) if detector.is_cut(image)]


def test_two_who_change_places_with_all_colours_as_they_were(room: NDArray[np.uint8]) -> None:
    assert cuts(room, room, room[:, ::-1], room[:, ::-1]) == [2]


def test_another_place_is_a_cut(room: NDArray[np.uint8]) -> None:
    assert cuts(room, 255 - room, 255 - room, room) == [1, 3]


def test_light_and_noise_are_no_cut(room: NDArray[np.uint8]) -> None:
    noise = np.random.default_rng(0).normal(0, 25, room.shape)
    noisy = np.clip(room + noise, 0, 255).astype(np.uint8)
    assert cuts(room, (room * 0.9).astype(np.uint8), noisy, room) == []
    flat = np.full_like(room, 128)
    assert cuts(flat, flat + 12, np.clip(flat + noise, 0, 255).astype(np.uint8), flat) == []


def test_a_camera_that_moves_quickly_is_no_cut(room: NDArray[np.uint8]) -> None:
    # A fifth of the picture's width in a second.
    assert cuts(*(np.roll(room, 4 * t, axis=1) for t in range(12))) == []


def test_a_moving_head_is_no_cut(face_clip: Path) -> None:
    assert cuts(*(frame.image for frame in read_video(face_clip))) == []
