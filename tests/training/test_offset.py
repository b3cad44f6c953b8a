"""The offset of sound and mouth, found on made-up speech."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pdfgc.training.offset import offset_of
from pdfgc.training.pack_config import PackConfig


class _Track(SimpleNamespace):
    def __len__(self) -> int:
        return len(self.mouth)


def spoken(late_frames: int, n_frames: int = 150) -> tuple[Any, np.ndarray]:
    rng = np.random.default_rng(0)
    level = np.clip(np.convolve(rng.random(n_frames + 40), np.ones(5) / 5, "same") * 3 - 1, 0, 1)
    mouth = level[20 : 20 + n_frames]
    sound = np.repeat(level[20 - late_frames : 20 - late_frames + n_frames], 640)
    carrier = np.sin(np.arange(len(sound)) * 0.3)
    return _Track(mouth=mouth), (sound**2 * carrier).astype(np.float32)


@pytest.mark.parametrize("late_frames", [-10, -2, 0, 3, 12])
def test_a_known_offset_is_found(late_frames: int) -> None:
    track, sound = spoken(late_frames)
    found = offset_of(track, sound, PackConfig())
    assert found.ms == pytest.approx(late_frames * 40, abs=40)
    assert found.r > 0.7


def test_silence_and_short_clips_say_nothing() -> None:
    track, sound = spoken(5)
    assert offset_of(track, sound * 0, PackConfig()).r == 0
    short = _Track(mouth=track.mouth[:30])
    assert offset_of(short, sound[: 30 * 640], PackConfig()).r == 0
