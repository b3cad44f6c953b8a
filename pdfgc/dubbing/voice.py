"""When somebody speaks: the gate that closes the mouth in silence and noise."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import (
    binary_closing,
    binary_opening,
    maximum_filter1d,
    percentile_filter,
    uniform_filter1d,
)

from pdfgc.avatar.encoding import Waveform
from pdfgc.config import AudioConfig
from pdfgc.media import log_mel
from pdfgc.media.audio import hz_to_mel

# Voices stand out of what is there between words by this much (dB), and are never fainter than
# this below full scale of a mel band.
_ABOVE_FLOOR_DB, _FAINTEST_DB = 9.0, -66.0
# The floor is the 10th percentile of the level over this time around a moment.
_FLOOR_S = 6.0
# Formants bend the spectrum: the spread of a log spectrum (dB) around its own smooth slope, held
# over a syllable. Noises of any slope lie below, voices above.
_BENT_DB = 4.2
_SYLLABLE_S = 0.12
# Gaps inside words are bridged, clicks left out; lips open a little before the sound.
_GAP_S, _SHORTEST_S, _EARLY_S, _LATE_S = 0.24, 0.06, 0.08, 0.16
_RAMP_S = 0.08
_PIECE_S = 8.0
# Voices have their formants here (Hz); hum of the mains lies below.
_LOW_HZ, _HIGH_HZ = 250.0, 5000.0


def voice_activity(waveform: Waveform, config: AudioConfig) -> NDArray[np.bool_]:
    """In which mel steps somebody speaks.

    By level over the floor around it, and by the shape of the spectrum: a voice has formants and
    harmonics, noise has a smooth slope. Music and other people's voices pass for a voice.

    Args:
        waveform: (N,) in [-1, 1] at `config.sample_rate`.
        config: of the mel spectrogram.

    Returns:
        (M,) bool, one for each `config.hop_length` samples, rounded up.
    """
    rate = config.sample_rate / config.hop_length
    level, bent = _looked_at(waveform, config)
    floor = percentile_filter(level, 10, size=max(3, round(_FLOOR_S * rate)), mode="nearest")
    # A recording that is all voice has no floor to show: above this a level is never floor.
    floor = np.minimum(floor, _FAINTEST_DB + 15)
    loud = (level > _FAINTEST_DB) & (level > floor + _ABOVE_FLOOR_DB)
    shaped = _averaged(bent, max(1, round(_SYLLABLE_S * rate))) > _BENT_DB
    voiced = loud & shaped
    shortest = np.ones(max(1, round(_SHORTEST_S * rate)), bool)
    gap = np.ones(max(1, round(_GAP_S * rate)), bool)
    kept = binary_opening(voiced, shortest)
    pad = len(gap)
    return np.asarray(binary_closing(np.pad(kept, pad), gap)[pad:-pad])


def voice_gate(waveform: Waveform, config: AudioConfig) -> NDArray[np.float32]:
    """How much the mouth follows the speech, frame by frame.

    Args:
        waveform: (N,) in [-1, 1] at `config.sample_rate`.
        config: of the mel spectrogram; `config.fps` sets the frames.

    Returns:
        (T,) float32 from 0 (nobody speaks) to 1, T = N / samples per frame, rounded up.
    """
    active = voice_activity(waveform, config)
    rate = config.sample_rate / config.hop_length
    early, late = round(_EARLY_S * rate), round(_LATE_S * rate)
    padded = np.pad(active, (early + late, early + late))
    # Begins earlier and lasts longer: a window from `late` before to `early` after.
    wide = maximum_filter1d(padded.astype(np.uint8), early + late + 1, origin=(late - early) // 2)
    gate = _averaged(wide.astype(np.float64), max(1, round(_RAMP_S * rate)))
    gate = gate[early + late : early + late + len(active)]
    n_frames = -(-len(waveform) // config.samples_per_frame)
    middles = (np.arange(n_frames) + 0.5) * config.mels_per_frame
    return np.asarray(np.interp(middles, np.arange(len(gate)), gate), np.float32)


def _looked_at(
    waveform: Waveform, config: AudioConfig
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Level (dB) and bend of the spectrum (dB) of every mel step, in pieces."""
    hop = config.hop_length
    around = -(-config.win_length // hop)
    step = round(_PIECE_S * config.sample_rate / hop)
    n_steps = max(1, -(-len(waveform) // hop))
    edges = np.linspace(_mel(config.f_min), _mel(config.f_max), config.n_mels + 2)[1:-1]
    bands = (edges > _mel(_LOW_HZ)) & (edges < _mel(_HIGH_HZ))
    # A cubic holds any slope that noise has, but no formants.
    place = np.linspace(-1, 1, int(bands.sum()))
    basis, _ = np.linalg.qr(np.stack([place**power for power in range(4)], axis=1))
    levels, bends = [], []
    for start in range(0, n_steps, step):
        stop, lead = min(start + step, n_steps), min(start, around)
        piece = np.asarray(waveform[(start - lead) * hop : (stop + around) * hop], np.float32)
        piece = np.pad(piece, (0, max(0, (stop - start + lead) * hop - len(piece))))
        mel = log_mel(torch.from_numpy(piece), config).numpy()[:, lead : lead + stop - start]
        # The spectrogram is log10 of the magnitude over 2, plus 1.
        decibels = (mel[bands].astype(np.float64) - 1) * 40
        levels.append(10 * np.log10((10 ** (decibels / 10)).mean(0)))
        bends.append((decibels - basis @ (basis.T @ decibels)).std(0))
    return np.concatenate(levels), np.concatenate(bends)


def _mel(hz: float) -> float:
    return float(hz_to_mel(np.array([hz]))[0])


def _averaged(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    return np.asarray(uniform_filter1d(values, width, mode="nearest"))
