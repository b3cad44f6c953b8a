"""What batches hold, beyond being the same on every run."""

from __future__ import annotations

import numpy as np
import torch

from pdfgc.training.augment import Jitter
from pdfgc.training.sampler import Sampler


def test_the_first_source_is_seen_through_the_crop_of_the_driving_frame() -> None:
    rng = np.random.default_rng(0)
    crops = Jitter.draw(rng, rng.random(64) < 0.5)
    sources = crops.of_sources(3, rng)
    np.testing.assert_array_equal(sources.mirror, np.repeat(crops.mirror, 3))
    for name in ("scale", "angle", "shift"):
        own, given = getattr(sources, name), getattr(crops, name)
        np.testing.assert_array_equal(own[::3], given)
        # A third of all crops stays in place.
        assert (own[1::3] != given).mean() > 0.5
        assert (own[1::3] != own[2::3]).mean() > 0.5


def test_what_is_no_head_stands_still_between_source_and_driving_frame(
    toy_sampler: Sampler,
) -> None:
    """The toy's background is one ramp; only its heads move."""
    batch = toy_sampler.pairs(0, 32, 1, 13)
    corners = torch.stack(
        [batch.source.image[:, :, :6, columns] - batch.driving.image[:, :, :6, columns]
         for columns in (slice(0, 6), slice(-6, None))]
    )  # fmt: skip
    assert corners.mean(dim=(2, 3, 4)).abs().max() < 0.02
    heads = batch.source.pose[:, 3] - batch.driving.pose[:, 3]
    assert heads.abs().max() > 0.02


def test_heads_are_of_one_clip_through_one_crop(toy_sampler: Sampler) -> None:
    batch = toy_sampler.heads(0, 24)
    assert len(batch.first.row) == len(batch.later.row) == 8
    bank = toy_sampler.bank
    starts = np.array([clip.start for clip in bank.clips])
    clips = [
        np.searchsorted(starts, view.row.numpy(), side="right")
        for view in (batch.first, batch.later)
    ]
    np.testing.assert_array_equal(*clips)
    # The same step is the same batch.
    again = toy_sampler.heads(0, 24)
    torch.testing.assert_close(again.first.image, batch.first.image)
    if len(batch.turned.row):
        torch.testing.assert_close(batch.turned.row, batch.first.row)
        assert (batch.turned.pose[:, :3] - batch.first.pose[:, :3]).abs().amax() > 0.05
