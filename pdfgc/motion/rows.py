"""Rows of codes over time: between frames, averaged, mixed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]


def unit(rows: Rows) -> Rows:
    """(T, D) rows brought to length 1; a row of zeros stays."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(length, 1e-6), np.float32)


def between(rows: Rows, frames: NDArray[np.floating]) -> Rows:
    """Rows at moments between frames.

    Args:
        rows: (T, D).
        frames: (N,) moments, 1.5 lies between frames 1 and 2; those outside take the ends.

    Returns:
        (N, D) float32.
    """
    at = np.clip(frames, 0, len(rows) - 1)
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, len(rows) - 1)
    return mixed(rows[low], rows[high], np.asarray(at - low, np.float32))


def mixed(one: Rows, other: Rows, shares: NDArray[np.float32]) -> Rows:
    """(T, D) rows on the way from one to the other, (T,) shares of which are done."""
    share = np.asarray(shares, np.float32)[:, None]
    return np.asarray(one * (1 - share) + other * share, np.float32)


def averaged(rows: Rows, half: int) -> Rows:
    """(T, D) rows averaged over a Hann window of 2 x half + 1 frames; the ends are held."""
    weights = np.hanning(2 * half + 3)[1:-1]
    weights /= weights.sum()
    padded = np.pad(rows, ((half, half), (0, 0)), mode="edge")
    columns = [np.convolve(column, weights, mode="valid") for column in padded.T]
    return np.stack(columns, axis=1).astype(np.float32)
