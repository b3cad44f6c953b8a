"""A stream that is pushed at real-time speed is timed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pdfgc import Avatar
from pdfgc.evaluation.streaming import stream_in_real_time


def test_times_of_a_stream(face_image: Path, tiny_weights: Path) -> None:
    avatar = Avatar.from_images(face_image, weights=tiny_weights, device="cpu")
    rng = np.random.default_rng(0)
    samples = (0.1 * rng.standard_normal(12_800)).astype(np.float32)
    found = stream_in_real_time(avatar, samples, crop=True)
    assert found.n_frames == 20
    # Sound that takes 0.8 s to be spoken cannot be drawn sooner, nor the first frame in 120 ms.
    assert found.seconds >= 0.8
    assert found.algorithmic_ms == pytest.approx(120)
    assert found.first_frame_ms >= 120
    assert found.delay_median_ms <= found.delay_p95_ms <= found.delay_worst_ms
    assert 0 <= found.on_time <= 1
    assert found.made_median_ms > 0
    # Of 20 frames, with what else a stream does, on one thread: no less than drawing them took.
    assert found.processor_ms > 0.5 * found.made_median_ms / 8
    assert found.fixed_ms > 0
    assert found.most_queued_s > 0
