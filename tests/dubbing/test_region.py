"""What each region covers, on the landmarks of a real face."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pdfgc.compositor import Compositor, polygon_mask
from pdfgc.dubbing import Region
from pdfgc.dubbing.region import outline_of
from pdfgc.tracking import FaceTrack, track_image


@pytest.fixture(scope="module")
def track(portrait: NDArray[np.uint8]) -> FaceTrack:
    return track_image(portrait)


def covered(track: FaceTrack, region: Region) -> NDArray[np.float64]:
    outline = outline_of(track.landmarks[0], track.topology, region)
    return polygon_mask(outline, (0, 0, 256, 256), 0)


def test_lips_within_jaw_within_face(track: FaceTrack) -> None:
    lips, jaw, face = (covered(track, region) > 0.5 for region in Region)
    assert lips.sum() < jaw.sum() < face.sum()
    assert (jaw <= face).mean() > 0.999


def test_lips_are_covered_and_eyes_are_not(track: FaceTrack) -> None:
    topology = track.topology
    points = np.rint(track.landmarks[0, :, :2]).astype(int)
    for region in (Region.LIPS, Region.JAW):
        mask = covered(track, region)
        assert all(mask[y, x] == 1 for x, y in points[topology.outer_lips])
        assert all(mask[y, x] == 0 for x, y in points[topology.eyes])


def test_nothing_outside_the_mask_changes(track: FaceTrack, portrait: NDArray[np.uint8]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    outline = outline_of(track.landmarks[0], track.topology, Region.JAW)
    compositor = Compositor(portrait, track.crop[0], outline=outline, feather_px=5)
    out = compositor.paste(noise, np.array([9.0, -7.0, 3.0]))
    outside = ~compositor.changes
    np.testing.assert_array_equal(out[outside], portrait[outside])
    assert (out != portrait).any(-1)[compositor.changes].mean() > 0.9
    hard = polygon_mask(outline, (0, 0, 256, 256), 0) > 0
    rows, columns = np.nonzero(compositor.changes)
    inside_rows, inside_columns = np.nonzero(hard)
    assert rows.min() >= inside_rows.min() - 6
    assert columns.max() <= inside_columns.max() + 6


def test_colours_meet_those_of_the_frame(track: FaceTrack, portrait: NDArray[np.uint8]) -> None:
    from pdfgc.tracking import crop_image

    tinted = np.clip(crop_image(portrait, track.crop[0], 256) + np.array([12, -8, 5.0]), 0, 255)
    outline = outline_of(track.landmarks[0], track.topology, Region.LIPS)
    compositor = Compositor(portrait, track.crop[0], outline=outline, feather_px=5)
    head = tinted.astype(np.uint8)
    shift = compositor.colour_shift(head)
    np.testing.assert_allclose(shift, [-12, 8, -5], atol=1.5)
    plain, matched = (
        np.abs(out.astype(int) - portrait).max()
        for out in (compositor.paste(head), compositor.paste(head, shift))
    )
    assert matched < 0.7 * plain


def test_a_share_of_zero_changes_nothing(track: FaceTrack, portrait: NDArray[np.uint8]) -> None:
    compositor = Compositor(portrait, track.crop[0], share=0.0)
    out = compositor.paste(np.zeros((32, 32, 3), np.uint8))
    np.testing.assert_array_equal(out, portrait)
