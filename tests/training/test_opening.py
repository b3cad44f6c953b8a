"""Virtual mouths, read by the tracker on the pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from pdfgc.tracking import FaceTrack, MediaPipeBackend, track_image
from pdfgc.training.batches import View
from pdfgc.training.opening import Opener
from pdfgc.training.virtual import VirtualHead

# The corners of the picture lie far off the head.
INNER = (..., slice(64, -64), slice(64, -64))


def _part(view: View, mouth: Tensor) -> Tensor:
    return Opener(VirtualHead()).part(view, mouth, np.random.default_rng(0))


def _read(view: View, opening: float, backend: MediaPipeBackend) -> FaceTrack:
    picture = _part(view, torch.tensor([opening]))[0].clamp(-1, 1)
    pixels = ((picture + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    return track_image(np.ascontiguousarray(pixels), backend=backend)


def test_a_mouth_that_does_not_move_leaves_the_picture(view: View) -> None:
    torch.testing.assert_close(_part(view, view.mouth)[INNER], view.image[INNER], atol=0.02, rtol=0)


@pytest.mark.parametrize("opening", [0.05, 0.2, 0.35])
def test_the_tracker_reads_what_was_asked_and_nothing_else(
    view: View, backend: MediaPipeBackend, opening: float
) -> None:
    read = _read(view, opening, backend)
    assert read.mouth[0] == pytest.approx(opening, abs=0.06)
    own = _read(view, float(view.mouth[0]), backend)
    assert np.abs(np.degrees(read.pose[0, :3] - own.pose[0, :3])).max() < 3
    assert np.abs(np.degrees(read.gaze - own.gaze)).max() < 3
    assert np.abs(read.openness - own.openness).max() < 0.1


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
