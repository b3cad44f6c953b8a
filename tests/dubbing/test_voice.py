"""The gate opens for voices and stays shut for silence and noise, on real recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pdfgc.config import AudioConfig
from pdfgc.dubbing import voice_activity, voice_gate
from pdfgc.media import read_audio

AUDIO = AudioConfig()


def noise(n: int, slope: float) -> np.ndarray:
    """Noise whose spectrum falls as frequency to the power of `slope`, RMS 0.05."""
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(n))
    spectrum /= np.maximum(np.arange(len(spectrum)), 1) ** slope
    made = np.fft.irfft(spectrum, n)
    return (0.05 * made / made.std()).astype(np.float32)


def test_speech_opens_it_and_the_silence_around_does_not(speech: Path) -> None:
    voice = read_audio(speech)[:48_000]
    silence = np.zeros(32_000, np.float32)
    gate = voice_gate(np.concatenate([silence, voice, silence]), AUDIO)
    assert len(gate) == 7 * 25
    assert gate[:45].max() == 0
    assert gate[-40:].max() == 0
    assert gate[55:120].mean() > 0.9


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0, -0.5])
def test_noise_leaves_it_shut(slope: float) -> None:
    hiss = noise(160_000, slope)
    assert not voice_activity(hiss, AUDIO).any()
    # Nor does noise that sets in.
    hiss[:64_000] = 0
    assert voice_activity(hiss, AUDIO).mean() < 0.01


def test_mains_hum_leaves_it_shut() -> None:
    time_s = np.arange(80_000) / 16_000
    hum = sum(0.05 / k * np.sin(2 * np.pi * 50 * k * time_s) for k in (1, 2, 3))
    assert voice_gate(np.asarray(hum, np.float32), AUDIO).max() == 0


def test_voice_in_noise(speech: Path) -> None:
    voice = read_audio(speech)[:64_000]
    both = np.concatenate([np.zeros(32_000, np.float32), voice, np.zeros(32_000, np.float32)])
    both += noise(len(both), 0.5) * voice.std() / 0.05 * 0.1  # 20 dB below the voice
    gate = voice_gate(both, AUDIO)
    assert gate[:45].max() == 0
    assert gate[52:148].mean() > 0.6


def test_length_is_that_of_the_speech_codes() -> None:
    for n in (1, 639, 640, 641, 16_000):
        assert len(voice_gate(np.zeros(n, np.float32), AUDIO)) == -(-n // 640)


@pytest.mark.realdata
def test_real_sentences_begin_and_end_in_silence(shared_data: Path) -> None:
    gate = voice_gate(read_audio(shared_data / "clips" / "A1161.mp4"), AUDIO)
    assert 0.4 < gate.mean() < 0.9
    assert gate[:5].max() == 0
    assert gate[-3:].max() < 0.5
