from __future__ import annotations

import numpy as np
import pytest
import torch

from pdfgc.tracking import MediaPipeBackend, fit_head, pose_of_normalised, track_image
from pdfgc.training.batches import View
from pdfgc.training.turning import turned
from pdfgc.training.virtual import VirtualHead

# The corners of the picture lie far off the head.
INNER = (..., slice(64, -64), slice(64, -64))


class Asked:
    """A source of chance that gives the wanted values, as shares of the range."""

    def __init__(self, yaw: float, pitch: float, roll: float) -> None:
        self.angles = np.array([yaw, pitch, roll])

    def uniform(self, low: float, high: float, size: object) -> np.ndarray:
        values = np.zeros(size)  # type: ignore[call-overload]
        if values.shape[-1] == 3:
            values[...] = self.angles
        return values


def _turned(view: View, *angles: float) -> View:
    return turned(VirtualHead(), view, Asked(*angles))  # type: ignore[arg-type]


def test_a_head_that_does_not_turn_leaves_the_picture(view: View) -> None:
    still = _turned(view, 0, 0, 0)
    torch.testing.assert_close(still.pose, view.pose, atol=1e-4, rtol=0)
    torch.testing.assert_close(still.points, view.points, atol=1e-4, rtol=0)
    torch.testing.assert_close(still.image[INNER], view.image[INNER], atol=0.02, rtol=0)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_tracker_reads_what_was_asked(view: View, backend: MediaPipeBackend, axis: int) -> None:
    reads, asked = [], []
    for way in (-1.0, 1.0):
        moved = _turned(view, *(way * np.eye(3)[axis]))
        pixels = ((moved.image[0].clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0)
        reads.append(track_image(np.ascontiguousarray(pixels), backend=backend).pose[0, :3])
        asked.append(moved.pose[0, :3].numpy())
    gain = (reads[1] - reads[0])[axis] / (asked[1] - asked[0])[axis]
    assert 0.6 < gain < 1.2
    others = np.delete(reads[1] - reads[0] - (asked[1] - asked[0]), axis)
    assert np.abs(np.degrees(others)).max() < 3


def test_labels_go_along_and_the_face_stays_the_same(view: View) -> None:
    many = View(
        **{name: getattr(view, name).repeat_interleave(12, 0) for name in view.__dataclass_fields__}
    )
    moved = turned(VirtualHead(), many, np.random.default_rng(0))
    np.testing.assert_allclose(moved.pose, pose_of_normalised(moved.points.numpy()), atol=1e-6)
    change = (moved.pose - many.pose).abs().numpy()
    assert np.degrees(change[:, :3].max(0)).min() > 5
    assert np.degrees(change[:, :3].max()) < 20
    heads = [fit_head(each.points.numpy()).head for each in (many, moved)]
    np.testing.assert_allclose(heads[0], heads[1], atol=0.02)
    for name in ("eye", "mouth", "shape", "row"):
        assert getattr(moved, name) is getattr(many, name)
