"""The front ends of the released PD-FGC networks: sound to mel windows, frames to pictures.

Both give the numbers of the authors' code, without the packages it needs.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdfgc.config import AudioConfig, OfficialConfig
from pdfgc.media.audio import mel_filters

OFFICIAL_RMS = 0.1
"""Level that the release brings a recording to (root mean square)."""

_LEAST_RMS = 1e-4
_FLOOR, _REFERENCE_DB, _RANGE_DB = 1e-5, 20.0, 100.0
# Spectra are made in pieces of this many steps, so that those of hours are never held.
_PIECE = 4096
# Bits of the weights in 8-bit bilinear enlargement, as OpenCV has them.
_WEIGHT_BITS = 11


def official_level(waveform: NDArray[np.floating]) -> NDArray[np.float32]:
    """Bring a whole recording to the root mean square that the release works with, 0.1.

    Args:
        waveform: (N,) float in [-1, 1].

    Returns:
        (N,) float32; values may lie outside [-1, 1].
    """
    wave = np.asarray(waveform, np.float32)
    rms = max(float(np.sqrt(np.mean(np.square(wave, dtype=np.float64)))), _LEAST_RMS)
    return (wave * np.float32(OFFICIAL_RMS / rms)).astype(np.float32)


def official_mel(waveform: NDArray[np.floating], config: AudioConfig) -> NDArray[np.float32]:
    """Log-mel spectrogram of the release, of a waveform at `official_level`.

    The spectrum is that of the lws package in its speech setting: half a sine's lobe as window,
    nothing before the beginning, so that step m hears the samples up to (m + 1) * hop_length.

    Args:
        waveform: (N,) float at `config.sample_rate`.
        config: settings; `early_samples` says how far a step's window lies before its time.

    Returns:
        (M, n_mels) float32 in [0, 1], 0 in silence, with M = ceil(N / hop) + 7 steps for the
        release's settings: the last ones hear the end only.
    """
    size, hop = config.win_length, config.hop_length
    before = size // 2 + config.early_samples
    steps = -(-len(waveform) // hop) + size // hop - 1
    padded = np.zeros(steps * hop + size, np.float64)
    padded[before : before + len(waveform)] = waveform
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[: steps * hop : hop]
    return np.concatenate(
        [
            official_decibels(official_magnitudes(frames[start : start + _PIECE], config))
            for start in range(0, steps, _PIECE)
        ]
    )


def official_magnitudes(pieces: NDArray[np.float64], config: AudioConfig) -> NDArray[np.float64]:
    """Mel magnitudes of pieces of sound; they grow with the sound's level.

    Args:
        pieces: (M, win_length) float64 samples, one piece per step.
        config: settings.

    Returns:
        (M, n_mels) float64, from 0 on.
    """
    size = config.win_length
    window = 0.5 * np.sin(np.pi * (2 * np.arange(size) + 1) / (2 * size))
    filters = mel_filters(config).numpy().astype(np.float64).T
    magnitudes: NDArray[np.float64] = np.abs(np.fft.rfft(pieces * window, axis=1)) @ filters
    return magnitudes


def official_decibels(magnitudes: NDArray[np.float64]) -> NDArray[np.float32]:
    """Mel magnitudes, (M, n_mels), as the release's networks hear them: float32 in [0, 1]."""
    decibels = 20 * np.log10(np.maximum(magnitudes, _FLOOR)) - _REFERENCE_DB
    return np.clip((decibels + _RANGE_DB) / _RANGE_DB, 0, 1).astype(np.float32)


def official_windows(
    mel: NDArray[np.float32], first: int, last: int, config: AudioConfig
) -> Tensor:
    """The windows of the video frames from `first` up to `last`.

    The window of frame t holds steps 4 (t - 2) up to 4 (t - 2) + 20 for the release's settings, in
    which the release hears frame t; outside the recording there is silence.

    Args:
        mel: (M, n_mels) from `official_mel`.
        first: number of the first frame.
        last: number of the frame after the last one.
        config: settings.

    Returns:
        (last - first, n_mels, window_mels) float32.
    """
    step = config.mels_per_frame
    starts = np.arange(first, last) * step + step // 2 - config.window_past
    at = starts[:, None] + np.arange(config.window_mels)
    inside = (at >= 0) & (at < len(mel))
    rows = mel[np.clip(at, 0, len(mel) - 1)] * inside[..., None]
    return torch.from_numpy(np.ascontiguousarray(rows.transpose(0, 2, 1), np.float32))


def official_picture(frame: NDArray[np.uint8], config: OfficialConfig) -> NDArray[np.uint8]:
    """What the networks see of an aligned frame: brought to size, cut out, brought to size again.

    Args:
        frame: (H, W, 3) uint8 RGB, the aspect is not kept.
        config: size of the frame and of what is cut out.

    Returns:
        (frame_size, frame_size, 3) uint8 RGB.
    """
    size, cut = config.frame_size, config.cut_size
    left = (size - cut) // 2
    whole = _bilinear(frame, size)
    return _bilinear(whole[:cut, left : left + cut], size)


def _bilinear(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Bilinear resizing of 8-bit pictures in integers, bit for bit as OpenCV does it."""
    height, width = image.shape[:2]
    if (height, width) == (size, size):
        return image
    left, right, left_share, right_share = _weights(width, size)
    # At the border both neighbours are the outermost pixel: columns then give it all the weight,
    # rows round its two shares apart.
    left_share, right_share = (
        np.where(left == right, share, each)
        for share, each in ((2**_WEIGHT_BITS, left_share), (0, right_share))
    )
    top, bottom, top_share, bottom_share = _weights(height, size)
    wide = image.astype(np.int64)
    rows = (
        wide[:, left] * left_share[None, :, None] + wide[:, right] * right_share[None, :, None]
    ) >> 4
    upper = (rows[top] * top_share[:, None, None]) >> 16
    lower = (rows[bottom] * bottom_share[:, None, None]) >> 16
    return ((upper + lower + 2) >> 2).astype(np.uint8)


@lru_cache(maxsize=16)
def _weights(length: int, size: int) -> tuple[NDArray[np.int64], ...]:
    """Neighbours and their integer weights for every place of the result."""
    at = (np.arange(size, dtype=np.float64) + 0.5) * (length / size) - 0.5
    at32 = at.astype(np.float32)
    low = np.floor(at32).astype(np.int64)
    share = at32 - low.astype(np.float32)
    high = np.clip(low + 1, 0, length - 1)
    low = np.clip(low, 0, length - 1)
    one = 2**_WEIGHT_BITS
    low_share = np.rint((1 - share) * np.float32(one)).astype(np.int64)
    high_share = np.rint(share * np.float32(one)).astype(np.int64)
    return low, high, low_share, high_share
