"""Virtual mouths, read by the tracker on the pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from pdfgc.generator.mouth import plausible_inside
from pdfgc.tracking import (
    FaceTrack,
    MediaPipeBackend,
    face_shape_of,
    mouth_opening_of,
    track_image,
)
from pdfgc.training.batches import View
from pdfgc.training.moved import with_opening
from pdfgc.training.opening import Opener
from pdfgc.training.virtual import VirtualHead, motion_of

# The corners of the picture lie far off the head.
INNER = (..., slice(64, -64), slice(64, -64))


def _part(view: View, mouth: Tensor) -> Tensor:
    return Opener(VirtualHead()).part(view, mouth, np.random.default_rng(0))


def _read(view: View, opening: float, backend: MediaPipeBackend) -> FaceTrack:
    return _tracked(_part(view, torch.tensor([opening])), backend)


def _tracked(pictures: Tensor, backend: MediaPipeBackend) -> FaceTrack:
    picture = pictures[0].clamp(-1, 1)
    pixels = ((picture + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    return track_image(np.ascontiguousarray(pixels), backend=backend)


def test_a_mouth_that_does_not_move_leaves_the_picture(view: View) -> None:
    torch.testing.assert_close(_part(view, view.mouth)[INNER], view.image[INNER], atol=0.02, rtol=0)


@pytest.mark.parametrize("opening", [0.05, 0.2, 0.35])
def test_the_tracker_reads_what_was_asked_and_nothing_else(
    view: View, backend: MediaPipeBackend, opening: float
) -> None:
    read = _read(view, opening, backend)
    # Of a gap with teeth in it the tracker sees a little less.
    assert read.mouth[0] == pytest.approx(opening, abs=max(0.06, 0.2 * opening))
    own = _read(view, float(view.mouth[0]), backend)
    assert np.abs(np.degrees(read.pose[0, :3] - own.pose[0, :3])).max() < 3
    assert np.abs(np.degrees(read.gaze - own.gaze)).max() < 3
    assert np.abs(read.openness - own.openness).max() < 0.1


def test_corners_are_drawn_apart_as_asked_and_lips_stay_as_they_were(
    view: View, backend: MediaPipeBackend
) -> None:
    opener, chance = Opener(VirtualHead()), np.random.default_rng(0)

    def read(apart: float) -> tuple[float, FaceTrack]:
        pictures = opener.part(view, view.mouth, chance, torch.tensor([apart]))
        track = _tracked(pictures, backend)
        return float(face_shape_of(track.landmarks)[0, 1]), track

    (narrow, _), (own, still), (wide, moved) = (read(apart) for apart in (-0.08, 0.0, 0.12))
    assert wide - own == pytest.approx(0.12, abs=0.04)
    assert narrow - own == pytest.approx(-0.08, abs=0.04)
    assert np.abs(np.degrees(moved.pose[0, :3] - still.pose[0, :3])).max() < 3
    assert abs(moved.mouth[0] - still.mouth[0]) < 0.06


def test_labels_are_what_was_asked_and_chance_decides(view: View) -> None:
    many = View(
        **{name: getattr(view, name).repeat_interleave(10, 0) for name in view.__dataclass_fields__}
    )
    opener = Opener(VirtualHead())
    first, again, other = (
        opener.otherwise(many, np.random.default_rng(seed)) for seed in (0, 0, 1)
    )
    torch.testing.assert_close(first.image, again.image)
    assert not torch.equal(first.mouth, other.mouth)
    assert first.mouth.max() > 0.2 > 0.05 > first.mouth.min() >= 0
    torch.testing.assert_close(first.eye, many.eye)
    widened = (first.widening - many.widening).abs()
    assert 0 < (widened > 0.01).sum() < 10
    assert ((first.image - many.image).abs().amax((1, 2, 3))[widened > 0.01] > 0).all()


def test_sources_close_their_mouths_and_landmarks_go_along(
    view: View, backend: MediaPipeBackend
) -> None:
    wide = replace(
        view,
        image=_part(view, torch.tensor([0.25])),
        mouth=torch.tensor([0.25]),
        points=torch.from_numpy(with_opening(view.points.numpy(), 0.25 - view.mouth.numpy())),
    )
    many = View(
        **{name: getattr(wide, name).repeat_interleave(8, 0) for name in wide.__dataclass_fields__}
    )
    found = Opener(VirtualHead()).closed(many, np.random.default_rng(0))
    shut = (found.mouth < 0.2).numpy()
    assert 0 < shut.sum() < 8
    torch.testing.assert_close(found.image[~shut], many.image[~shut])
    torch.testing.assert_close(found.points[~shut], many.points[~shut])
    assert (found.mouth[shut] <= 0.07).all()
    gap = mouth_opening_of(found.points.numpy())
    np.testing.assert_allclose(gap[shut], found.mouth[shut], atol=0.05)
    pixels = ((found.image[shut][0].clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0)
    read = track_image(np.ascontiguousarray(pixels.numpy()), backend=backend)
    assert read.mouth[0] < 0.12


def test_an_inside_that_nobody_saw_is_dark_with_teeth_above_and_as_light_as_the_face(
    view: View,
) -> None:
    mouth = (
        VirtualHead().motion(view, replace(motion_of(view), mouth=torch.tensor([[0.35]]))).inside
    )
    found = (plausible_inside(mouth, view.image) + 1) / 2
    within = mouth[0, 0] > 0.95
    place = mouth[0, 1] / mouth[0, 0].clamp(min=1e-3)
    depth = mouth[0, 2] / mouth[0, 0].clamp(min=1e-3)
    highest = (depth / place.clamp(min=0.1))[within].max()
    central = within & (depth / place.clamp(min=0.1) > 0.9 * highest)
    teeth, dark, tongue = (
        found[0][:, central & part]
        for part in ((depth > 0.15) & (depth < 0.35), (place - 0.5).abs() < 0.1, place > 0.85)
    )
    assert teeth.mean() > 1.7 * dark.mean()
    assert tongue.mean() > dark.mean() + 0.05
    assert tongue[0].mean() > 1.3 * tongue[1].mean()
    # Towards the corners no teeth show.
    side = within & (depth / place.clamp(min=0.1) < 0.5 * highest) & (depth < 0.35)
    assert found[0][:, side].mean() < teeth.mean() - 0.1
    dimmer = (plausible_inside(mouth, view.image * 0.5 - 0.5) + 1) / 2
    torch.testing.assert_close(dimmer[0][:, within], found[0][:, within] / 2, atol=0.01, rtol=0)
