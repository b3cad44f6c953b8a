from __future__ import annotations

import numpy as np
import pytest

from pdfgc.metrics import envelope, loudness_db, silence_opening, silent_frames

RATE, FRAME = 16_000, 640


def _sound() -> np.ndarray:
    """One second of tone, one of silence, one of tone."""
    tone = 0.3 * np.sin(np.arange(RATE) * 2 * np.pi * 200 / RATE)
    return np.concatenate([tone, np.zeros(RATE), tone]).astype(np.float32)


def test_loudness_of_a_tone() -> None:
    loudness = loudness_db(_sound(), 75, FRAME)
    assert loudness[5:20] == pytest.approx(20 * np.log10(0.3 / np.sqrt(2)), abs=0.1)
    assert (loudness[27:48] == -60).all()


def test_loudness_reaches_beyond_the_sound() -> None:
    loudness = loudness_db(_sound()[: 10 * FRAME], 20, FRAME)
    assert len(loudness) == 20
    assert (loudness[12:] == -60).all()


def test_loudness_follows_the_frame() -> None:
    sound = np.zeros(100 * FRAME, np.float32)
    sound[50 * FRAME : 51 * FRAME] = 0.5
    assert int(np.argmax(loudness_db(sound, 100, FRAME))) == 50


def test_envelope_is_a_share() -> None:
    shape = envelope(loudness_db(_sound(), 75, FRAME))
    assert shape.max() <= 1
    assert shape.min() >= 0
    assert shape[10] > 0.9
    assert shape[35] < 0.1


def test_silence_is_found_and_measured() -> None:
    silent = silent_frames(loudness_db(_sound(), 75, FRAME), 25)
    assert silent[28:47].all()
    assert not silent[:23].any()
    assert not silent[52:].any()
    mouth = np.where(np.arange(75) // 25 == 1, 0.02, 0.3)
    assert silence_opening(mouth, silent) == pytest.approx(0.02, abs=0.03)
    assert np.isnan(silence_opening(mouth, np.zeros(75, bool)))


def test_short_gaps_and_silent_clips_are_no_silence() -> None:
    loudness = np.full(50, -20.0)
    loudness[20:23] = -60
    assert not silent_frames(loudness, 25).any()
    assert not silent_frames(np.full(50, -60.0), 25).any()
