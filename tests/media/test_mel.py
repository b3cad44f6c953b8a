from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pdfgc.config import AudioConfig
from pdfgc.media import SILENCE, log_mel, mel_windows, settled_mels
from pdfgc.media.audio import mel_filters

CONFIG = AudioConfig()
Noise = Callable[..., NDArray[np.float32]]


def _to_magnitude(mel: torch.Tensor) -> NDArray[np.float64]:
    return 10 ** ((mel.double().numpy() - 1) * 2)


def _librosa_mel(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    import librosa

    return librosa.feature.melspectrogram(
        y=waveform,
        sr=CONFIG.sample_rate,
        n_fft=CONFIG.n_fft,
        hop_length=CONFIG.hop_length,
        win_length=CONFIG.win_length,
        n_mels=CONFIG.n_mels,
        fmin=CONFIG.f_min,
        fmax=CONFIG.f_max,
        power=1.0,
        pad_mode="constant",
    )


def test_filters_are_those_of_librosa() -> None:
    import librosa

    expected = librosa.filters.mel(
        sr=CONFIG.sample_rate,
        n_fft=CONFIG.n_fft,
        n_mels=CONFIG.n_mels,
        fmin=CONFIG.f_min,
        fmax=CONFIG.f_max,
    )
    np.testing.assert_allclose(mel_filters(CONFIG).numpy(), expected, atol=1e-7)


def test_mel_is_that_of_librosa(noise: Noise) -> None:
    waveform = noise(24_123)
    mel = log_mel(torch.from_numpy(waveform), CONFIG)
    expected = np.maximum(_librosa_mel(waveform)[:, : mel.shape[1]], 1e-4)
    np.testing.assert_allclose(_to_magnitude(mel), expected, atol=1e-5, rtol=1e-4)
    np.testing.assert_allclose(mel.numpy(), np.log10(expected) / 2 + 1, atol=5e-5)


def test_mel_is_that_of_torchaudio(noise: Noise) -> None:
    try:
        from torchaudio.transforms import MelSpectrogram
    except (ImportError, OSError):
        pytest.skip("torchaudio does not import here")
    waveform = torch.from_numpy(noise(16_000))
    transform = MelSpectrogram(
        sample_rate=CONFIG.sample_rate,
        n_fft=CONFIG.n_fft,
        hop_length=CONFIG.hop_length,
        win_length=CONFIG.win_length,
        n_mels=CONFIG.n_mels,
        f_min=CONFIG.f_min,
        f_max=CONFIG.f_max,
        power=1.0,
        pad_mode="constant",
        norm="slaney",
        mel_scale="slaney",
    )
    expected = transform(waveform)[:, :100].clamp(min=1e-4).log10() / 2 + 1
    torch.testing.assert_close(log_mel(waveform, CONFIG), expected, atol=5e-5, rtol=0)


@pytest.mark.parametrize("n_samples", [0, 1, 159, 160, 161, 640, 16_000])
def test_length_is_whole_hops(n_samples: int) -> None:
    mel = log_mel(torch.zeros(n_samples), CONFIG)
    assert mel.shape == (CONFIG.n_mels, n_samples // CONFIG.hop_length)
    assert mel.dtype == torch.float32


def test_batch_equals_single(noise: Noise) -> None:
    batch = torch.stack([torch.from_numpy(noise(4000, seed=seed)) for seed in range(3)])
    mels = log_mel(batch, CONFIG)
    assert mels.shape == (3, CONFIG.n_mels, 25)
    torch.testing.assert_close(mels[1], log_mel(batch[1], CONFIG), atol=1e-5, rtol=0)


def test_silence_is_the_floor() -> None:
    assert (log_mel(torch.zeros(3200), CONFIG) == SILENCE).all()


def test_range_of_a_voice_and_of_full_scale(noise: Noise) -> None:
    time = torch.arange(16_000) / 16_000
    loudest = log_mel(torch.sin(2 * torch.pi * 440 * time), CONFIG)
    voice = log_mel(torch.from_numpy(noise(16_000)), CONFIG)
    assert 1.2 < loudest.max() < 1.5
    assert voice.min() >= -1
    assert 0.2 < voice.max() < 1.3


def test_step_is_centred_on_its_samples() -> None:
    waveform = torch.zeros(8000)
    waveform[25 * CONFIG.hop_length] = 1.0
    energy = log_mel(waveform, CONFIG).mean(0)
    assert energy.argmax() == 25
    assert energy[24] == pytest.approx(float(energy[26]), abs=1e-4)
    # Half a window to each side, nothing beyond.
    assert (energy[:23] == SILENCE).all()
    assert (energy[28:] == SILENCE).all()


def test_level_shifts_the_mel_and_nothing_else(noise: Noise) -> None:
    waveform = torch.from_numpy(noise(8000))
    loud, soft = log_mel(waveform, CONFIG), log_mel(waveform / 10, CONFIG)
    heard = soft > SILENCE
    torch.testing.assert_close(loud[heard] - 0.5, soft[heard], atol=1e-4, rtol=0)


def test_gradient_reaches_the_waveform(noise: Noise) -> None:
    waveform = torch.from_numpy(noise(3200)).requires_grad_()
    log_mel(waveform, CONFIG).sum().backward()
    assert waveform.grad is not None
    assert torch.isfinite(waveform.grad).all()


@pytest.mark.parametrize("n_samples", [0, 319, 320, 321, 480, 5000, 7999])
def test_settled_steps_never_change(n_samples: int, noise: Noise) -> None:
    waveform = torch.from_numpy(noise(16_000))
    whole = log_mel(waveform, CONFIG)
    prefix = log_mel(waveform[:n_samples], CONFIG)
    settled = settled_mels(n_samples, CONFIG)
    assert settled <= prefix.shape[1]
    torch.testing.assert_close(prefix[:, :settled], whole[:, :settled], atol=1e-5, rtol=0)
    # And the promise is not too modest: at most half a window short.
    assert settled >= prefix.shape[1] - CONFIG.win_length // 2 // CONFIG.hop_length


def test_streaming_equals_offline(noise: Noise) -> None:
    """Windows from a growing prefix equal those of the whole where the look-ahead is there."""
    waveform = torch.from_numpy(noise(32_000))
    n_frames = 50
    offline = mel_windows(log_mel(waveform, CONFIG), n_frames, CONFIG)
    done = 0
    for end in (*range(800, 32_000, 1700), 32_000):
        mel = log_mel(waveform[:end], CONFIG)
        settled = settled_mels(end, CONFIG)
        # The window of frame t ends before step 4 t + 2 + window_ahead.
        ready = max(0, (settled - CONFIG.window_ahead - 2) // CONFIG.mels_per_frame + 1)
        windows = mel_windows(mel, ready, CONFIG)
        torch.testing.assert_close(windows, offline[:ready], atol=1e-5, rtol=0)
        assert ready >= done
        done = ready
        # Frames ahead of that differ only in the steps that were not settled yet.
        early = mel_windows(mel, n_frames, CONFIG)[ready : ready + 3]
        for offset, window in enumerate(early):
            first = (ready + offset) * CONFIG.mels_per_frame + 2 - CONFIG.window_past
            known = max(0, min(CONFIG.window_mels, settled - first))
            torch.testing.assert_close(
                window[:, :known], offline[ready + offset][:, :known], atol=1e-5, rtol=0
            )
    assert done >= n_frames - 5


def test_window_holds_the_named_steps() -> None:
    mel = torch.arange(400.0).expand(CONFIG.n_mels, 400)
    windows = mel_windows(mel, 100, CONFIG)
    assert windows.shape == (100, CONFIG.n_mels, 36)
    assert windows[50, 0].tolist() == [float(step) for step in range(175, 211)]
    assert windows[0, 0, :25].eq(SILENCE).all()
    assert windows[0, 0, 25:].tolist() == [float(step) for step in range(11)]
    assert windows[99, 0, -8:].tolist() == [399.0] + [SILENCE] * 7


@settings(deadline=None, max_examples=40)
@given(n_steps=st.integers(0, 90), n_frames=st.integers(0, 30))
def test_windows_exist_for_any_length(n_steps: int, n_frames: int) -> None:
    windows = mel_windows(torch.zeros(2, 5, n_steps), n_frames, CONFIG)
    assert windows.shape == (2, n_frames, 5, CONFIG.window_mels)


def test_windows_of_a_long_clip_are_a_view() -> None:
    mel = torch.zeros(CONFIG.n_mels, 40_000)
    windows = mel_windows(mel, 10_000, CONFIG)
    assert windows.untyped_storage().nbytes() < 1.01 * mel.untyped_storage().nbytes()
