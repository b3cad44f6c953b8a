"""Clips and numbers laid over the length of the result."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def to_and_fro(n: int, n_frames: int) -> NDArray[np.int64]:
    """Frames of a clip of `n` frames that is played to and fro for `n_frames`: (n_frames,) int64.

    >>> to_and_fro(3, 7).tolist()
    [0, 1, 2, 1, 0, 1, 2]
    """
    if n == 1:
        return np.zeros(n_frames, np.int64)
    at = np.arange(n_frames) % (2 * n - 2)
    return np.minimum(at, 2 * n - 2 - at)


def played(rows: NDArray[np.float32], n_frames: int) -> NDArray[np.float32]:
    """(n, W) rows to and fro: (n_frames, W)."""
    return rows[to_and_fro(len(rows), n_frames)]


def against(
    own: NDArray[np.float32], rows: NDArray[np.float32], n_frames: int, *, relative: bool
) -> NDArray[np.float32]:
    """The rows as they are, or what they differ from their median, put on the source's own (W,)."""
    moved = played(rows, n_frames)
    return np.asarray(own + moved - np.median(rows, axis=0) if relative else moved, np.float32)
