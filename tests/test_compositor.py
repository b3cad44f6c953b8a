"""The head goes back where it was, and everything else stays as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from pdfgc.compositor import Compositor, soft_mask
from pdfgc.media import read_image
from pdfgc.tracking import crop_image


@pytest.fixture(scope="module")
def portrait(face_image: Path) -> NDArray[np.uint8]:
    return read_image(face_image)


CROPS = [
    (225.3, 110.7, 200.4),
    (225.0, 60.0, 260.0),  # reaches over the upper border
    (480.5, 480.5, 150.0),  # reaches over a corner
]


@pytest.mark.parametrize("crop", CROPS)
def test_own_crop_changes_next_to_nothing(
    portrait: NDArray[np.uint8], crop: tuple[float, float, float]
) -> None:
    centre = np.array(crop)
    # Without the finest texture, which two resamplings do change.
    smooth = np.asarray(Image.fromarray(portrait).filter(ImageFilter.GaussianBlur(2)))
    pasted = Compositor(smooth, centre).paste(crop_image(smooth, centre, 256))
    assert np.abs(pasted.astype(int) - smooth).max() <= 4


@pytest.mark.parametrize("crop", CROPS)
@pytest.mark.parametrize("size", [64, 512])
def test_outside_the_mask_nothing_changes(
    portrait: NDArray[np.uint8], crop: tuple[float, float, float], size: int
) -> None:
    white = np.full((size, size, 3), 255, np.uint8)
    pasted = Compositor(portrait, np.array(crop)).paste(white)
    assert pasted.shape == portrait.shape
    assert pasted.dtype == np.uint8
    x, y, side = crop
    columns = (np.arange(512) + 0.5 - (x - side / 2)) / side
    rows = (np.arange(512) + 0.5 - (y - side / 2)) / side
    mask = soft_mask(columns[None], rows[:, None])
    assert np.array_equal(pasted[mask == 0], portrait[mask == 0])
    assert (pasted[mask == 1] == 255).all()


def test_mask_is_soft_and_whole() -> None:
    at = (np.arange(400) + 0.5) / 400
    mask = soft_mask(at[None], at[:, None])
    assert mask[200, 200] == 1
    assert mask[0].max() < 0.01
    assert mask[:, 0].max() < 0.01
    assert mask[0, 0] == 0
    assert np.abs(np.diff(mask, axis=0)).max() < 0.08
    np.testing.assert_allclose(mask, mask.T)
    np.testing.assert_allclose(mask, mask[::-1])


def test_flat_colour_stays_flat() -> None:
    grey = np.full((100, 120, 3), 77, np.uint8)
    pasted = Compositor(grey, np.array([60.2, 50.1, 70.7])).paste(
        np.full((128, 128, 3), 77, np.uint8)
    )
    assert (pasted == 77).all()


def test_source_is_not_written_to(portrait: NDArray[np.uint8]) -> None:
    before = portrait.copy()
    Compositor(portrait, np.array(CROPS[0])).paste(np.zeros((64, 64, 3), np.uint8))
    assert np.array_equal(portrait, before)


def test_crop_outside_is_refused(portrait: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="outside the image"):
        Compositor(portrait, np.array([-300.0, 50.0, 100.0]))
