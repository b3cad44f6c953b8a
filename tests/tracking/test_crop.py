from __future__ import annotations

import numpy as np
import pytest

from pdfgc.config import CropConfig
from pdfgc.tracking import crop_around, crop_image, crop_to_frame, frame_to_crop, shot_crop


def ramp(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return np.stack([columns, rows, np.full_like(rows, 90)], -1).astype(np.uint8)


def test_a_crop_without_scaling_copies_pixels():
    image = np.random.default_rng(0).integers(0, 255, (200, 240, 3), np.uint8)
    found = crop_image(image, np.array([100, 80, 64]), 64)
    np.testing.assert_array_equal(found, image[48:112, 68:132])


@pytest.mark.parametrize("size", [32, 64, 150])
def test_pixels_come_from_where_the_matrix_says(size: int):
    crop = np.array([110.3, 90.6, 80.5])
    found = crop_image(ramp(200, 240), crop, size).astype(float)
    matrix = crop_to_frame(crop, size)
    middle = np.array([size * 0.3, size * 0.7, 1])
    x, y = matrix @ middle
    pixel = found[int(middle[1]), int(middle[0])]
    # The ramp's value at an edge coordinate x is x - 0.5, at the pixel's own centre.
    assert pixel[0] == pytest.approx(x - 0.5, abs=1.5 + crop[2] / size)
    assert pixel[1] == pytest.approx(y - 0.5, abs=1.5 + crop[2] / size)


def test_the_matrices_are_inverse():
    crop = np.array([110.3, 90.6, 80.5])
    there, back = (
        np.vstack([m, [0, 0, 1]]) for m in (crop_to_frame(crop, 99), frame_to_crop(crop, 99))
    )
    np.testing.assert_allclose(there @ back, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(frame_to_crop(crop, 99) @ [*crop[:2], 1], [49.5, 49.5])


def test_small_crops_are_antialiased():
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255
    found = crop_image(stripes, np.array([128, 128, 256]), 32)
    assert np.abs(found[4:-4, 4:-4].astype(int) - 127).max() < 8


def test_borders_are_reflected():
    image = ramp(60, 60)
    found = crop_image(image, np.array([0, 30, 60]), 60)
    np.testing.assert_array_equal(found[:, 30:], image[:, :30])
    np.testing.assert_array_equal(found[:, :30], image[:, :30][:, ::-1])
    far = crop_image(image, np.array([-100, -100, 50]), 20)
    assert far.shape == (20, 20, 3)


def test_the_crop_follows_scale_and_rise():
    crop = crop_around(np.array([100, 50, 180, 150]), CropConfig(scale=1.5, rise=0.1))
    np.testing.assert_allclose(crop, [140, 100 - 15, 150])


def test_the_crop_stands_still_while_the_head_moves_a_little():
    sway = 8 * np.sin(np.arange(100) / 5)
    boxes = np.stack([100 + sway, 100 + sway / 2, 200 + sway, 200 + sway / 2], -1)
    crop = shot_crop(boxes, np.ones(100, bool), CropConfig(), fps=25)
    assert (crop == crop[0]).all()


def test_the_crop_follows_a_walker_slowly():
    walk = np.linspace(0, 300, 200)
    boxes = np.stack([100 + walk, 0 * walk + 100, 200 + walk, 0 * walk + 200], -1)
    crop = shot_crop(boxes, np.ones(200, bool), CropConfig(), fps=25)
    assert crop[-1, 0] - crop[0, 0] > 250
    assert np.abs(np.diff(crop[:, 0])).max() < 2
    jumpy = boxes.copy()
    jumpy[100:] += 200
    crop = shot_crop(jumpy, np.ones(200, bool), CropConfig(), fps=25)
    assert np.abs(np.diff(crop[:, 0])).max() < 0.3 * 170 / 25 + 1e-6


def test_bad_frames_do_not_move_the_crop():
    boxes = np.tile(np.array([100.0, 100, 200, 200]), (20, 1))
    boxes[5] = np.nan
    boxes[6] = [500, 500, 510, 510]
    good = np.ones(20, bool)
    good[5:7] = False
    crop = shot_crop(boxes, good, CropConfig(), fps=25)
    np.testing.assert_allclose(crop, np.tile([150, 150 - 0.08 * 170, 170], (20, 1)))
