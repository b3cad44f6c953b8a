from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pdfgc.tracking import (
    FaceTrack,
    MediaPipeBackend,
    face_shape_of,
    track_image,
)
from pdfgc.training.batches import View
from pdfgc.training.looking import Looker
from pdfgc.training.virtual import VirtualHead

# The corners of the picture lie far off the head.
INNER = (..., slice(64, -64), slice(64, -64))


STILL = torch.zeros(1)


def _read(view: View, eye: Tensor, backend: MediaPipeBackend, rise: Tensor = STILL) -> FaceTrack:
    picture = Looker(VirtualHead()).look(view, eye, rise)[0].clamp(-1, 1)
    pixels = ((picture + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    return track_image(np.ascontiguousarray(pixels), backend=backend)


def test_eyes_that_do_not_move_leave_the_picture(view: View) -> None:
    looked = Looker(VirtualHead()).look(view, view.eye, STILL)
    torch.testing.assert_close(looked[INNER], view.image[INNER], atol=0.02, rtol=0)


def test_the_tracker_reads_what_was_asked_and_nothing_else(
    view: View, backend: MediaPipeBackend
) -> None:
    asked = np.radians([-20.0, 20.0])
    reads = []
    for yaw in asked:
        eye = view.eye.clone()
        eye[:, 0] += yaw
        reads.append(_read(view, eye, backend))
    left, right = reads
    gain = (right.gaze[0, 0] - left.gaze[0, 0]) / np.ptp(asked)
    assert 0.5 < gain < 1.1
    assert np.abs(np.degrees(right.pose[0, :3] - left.pose[0, :3])).max() < 2
    assert np.abs(right.openness - left.openness).max() < 0.15


def test_eyes_look_up_and_down_as_open_as_they_were(view: View, backend: MediaPipeBackend) -> None:
    reads = []
    for pitch in np.radians([-14.0, 0.0, 14.0]):
        eye = view.eye.clone()
        eye[:, 1] += pitch
        reads.append(_read(view, eye, backend))
    down, still, up = reads
    # The tracker's mesh holds an iris between its lids and reads little of its height.
    assert np.degrees(up.gaze[0, 1] - down.gaze[0, 1]) > 2
    for each in (down, up):
        assert np.abs(each.openness - still.openness).mean() < 0.12


def test_lids_close(view: View, backend: MediaPipeBackend) -> None:
    openness = []
    for share in (1.0, 0.5, 0.0):
        eye = view.eye.clone()
        eye[:, 2:] = share
        openness.append(_read(view, eye, backend).openness.mean())
    assert openness[0] > openness[1] + 0.15 > openness[2] + 0.3
    assert openness[2] < 0.5


def test_brows_rise_and_the_head_stays(view: View, backend: MediaPipeBackend) -> None:
    asked = torch.tensor([-0.06, 0.08])
    low, high = (_read(view, view.eye, backend, rise[None]) for rise in asked)
    (brow, width), *_ = face_shape_of(high.landmarks) - face_shape_of(low.landmarks)
    assert 0.5 < brow / float(asked[1] - asked[0]) < 1.2
    assert abs(width) < 0.03
    yaw, pitch, roll = np.abs(np.degrees(high.pose[0, :3] - low.pose[0, :3]))
    assert max(yaw, roll) < 2
    # The tracker takes brows for a bit of the head that nods.
    assert pitch < 6


def test_labels_are_what_was_asked(view: View) -> None:
    many = View(
        **{name: getattr(view, name).repeat_interleave(14, 0) for name in view.__dataclass_fields__}
    )
    looking = Looker(VirtualHead()).elsewhere(many, np.random.default_rng(0))
    asked = looking.eye - many.eye
    still = ((asked.abs().amax(1) < 1e-6) & (looking.brow == many.brow)).numpy()
    assert 0 < still.sum() < 8
    changes = (looking.image - many.image)[INNER].abs().amax(dim=(1, 2, 3)).numpy()
    assert (changes[~still] > 0.1).all()
    assert changes[still].max() < 0.02
    rise = looking.brow - many.brow
    assert (rise.abs() > 0.01).sum() > 2
    assert (rise == 0).sum() > 2
    again = Looker(VirtualHead()).look(replace(many), looking.eye, rise)
    torch.testing.assert_close(again, looking.image)
