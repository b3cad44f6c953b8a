"""Clips and numbers laid over the length of the result."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def to_and_fro(n: int, n_frames: int, first: int = 0) -> NDArray[np.int64]:
    """Frames of a clip of `n` frames that is played to and fro, (n_frames,) int64 from `first` on.

    >>> to_and_fro(3, 7).tolist()
    [0, 1, 2, 1, 0, 1, 2]
    """
    if n == 1:
        return np.zeros(n_frames, np.int64)
    at = np.arange(first, first + n_frames) % (2 * n - 2)
    return np.minimum(at, 2 * n - 2 - at)


def played(rows: NDArray[np.float32], n_frames: int, first: int = 0) -> NDArray[np.float32]:
    """(n, W) rows to and fro from a frame on: (n_frames, W)."""
    return rows[to_and_fro(len(rows), n_frames, first)]


def against(
    own: NDArray[np.float32],
    rows: NDArray[np.float32],
    moved: NDArray[np.float32],
    *,
    relative: bool,
) -> NDArray[np.float32]:
    """Rows as they are, or what they differ from a clip's median, put on the source's own.

    Args:
        own: (W,) of the source.
        rows: (n, W) of the clip, as far as its median counts.
        moved: (T, W) the rows to be taken.
        relative: whether they are taken relative to the median.
    """
    return np.asarray(own + moved - np.median(rows, axis=0) if relative else moved, np.float32)
