"""Sound and mouth: how loud the sound is, where it is silent, what the mouth does there."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_FLOOR_DB = -60.0
# Silence is this far below the loud frames (95th percentile), for at least this long.
_SILENCE_DB, _SILENCE_S = -30.0, 0.2


def loudness_db(waveform: NDArray[np.floating], n_frames: int, samples_per_frame: int) -> Floats:
    """Loudness of the sound around each video frame.

    Args:
        waveform: (N,) float in [-1, 1]; sample `samples_per_frame` x t is frame t's moment.
        n_frames: T.
        samples_per_frame: samples between two frames.

    Returns:
        (T,) float64: root mean square over two frames' length around the frame's middle, in dB
        below full scale, from -60 on.

    >>> loudness_db(np.full(1280, 0.1), 2, 640).round(1).tolist()
    [-20.0, -20.0]
    """
    half = samples_per_frame
    middles = np.arange(n_frames) * samples_per_frame + samples_per_frame // 2
    energy = np.concatenate([[0.0], np.cumsum(np.asarray(waveform, np.float64) ** 2)])
    low = np.clip(middles - half, 0, len(waveform))
    high = np.clip(middles + half, 0, len(waveform))
    power = (energy[high] - energy[low]) / np.maximum(high - low, 1)
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (_FLOOR_DB / 10))))


def envelope(loudness: ArrayLike) -> Floats:
    """Loudness as a mouth would follow it.

    Args:
        loudness: (T,) dB.

    Returns:
        (T,) float64 in [0, 1]: amplitude over its 95th percentile, square root.

    >>> envelope([-20.0, -20.0, -60.0]).round(2).tolist()
    [1.0, 1.0, 0.1]
    """
    amplitude = 10 ** (np.asarray(loudness, np.float64) / 20)
    loud = max(float(np.percentile(amplitude, 95)), 1e-6)
    return np.asarray(np.sqrt(np.clip(amplitude / loud, 0, 1)))


def silent_frames(loudness: ArrayLike, fps: float) -> NDArray[np.bool_]:
    """Frames in pauses of at least 0.2 s, 30 dB or more below the loud frames.

    Args:
        loudness: (T,) dB.
        fps: frames per second.

    Returns:
        (T,) bool; all false where the sound is silent throughout.
    """
    level = np.asarray(loudness, np.float64)
    loud = float(np.percentile(level, 95))
    if loud <= _FLOOR_DB + 1:
        return np.zeros(len(level), np.bool_)
    quiet = level <= max(loud + _SILENCE_DB, _FLOOR_DB)
    out = np.zeros(len(level), np.bool_)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], quiet.astype(int), [0]])))
    for start, stop in edges.reshape(-1, 2):
        out[start:stop] = stop - start >= _SILENCE_S * fps
    return out


def silence_opening(mouth: ArrayLike, silent: NDArray[np.bool_]) -> float:
    """Mean opening of the mouth while there is silence.

    Args:
        mouth: (T,) inner-lip gap over the interocular distance.
        silent: (T,) from `silent_frames`.

    Returns:
        The mean in the same unit; NaN where there is no silence.
    """
    opening = np.asarray(mouth, np.float64)[silent]
    return float(opening.mean()) if len(opening) else float("nan")
