"""Held still: the error that a face which never moves would have, as the measure of errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def with_failures(
    error: NDArray[np.floating], still: NDArray[np.floating], failed: NDArray[np.bool_]
) -> Floats:
    """Put the held-still error where the tracker found no face.

    A result must not gain from frames on which nothing could be measured. The same serves for
    signals: there the held-still value says nothing of the motion.

    Args:
        error: (T, ...) errors of the result; anything where `failed`.
        still: (T, ...) errors of the source frame held throughout.
        failed: (T,) frames without a face.

    Returns:
        (T, ...) float64.

    >>> failed = np.array([False, True])
    >>> with_failures(np.array([1.0, np.nan]), np.array([5.0, 6.0]), failed).tolist()
    [1.0, 6.0]
    """
    wide = failed.reshape(failed.shape + (1,) * (np.ndim(error) - 1))
    return np.where(wide, still, np.asarray(error, np.float64))


def ratio_to_still(error: NDArray[np.floating], still: NDArray[np.floating]) -> Floats:
    """Mean error over the held-still mean error.

    Args:
        error: (T, ...) errors of the result, failures already filled in.
        still: (T, ...) errors of the source frame held throughout.

    Returns:
        (...) float64: 0 = perfect, 1 = no better than a still picture, NaN where holding still
        makes no error.

    >>> float(ratio_to_still(np.array([1.0, 3.0]), np.array([4.0, 4.0])))
    0.5
    """
    mean, base = np.mean(error, axis=0, dtype=np.float64), np.mean(still, axis=0, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(base > 0, mean / base, np.nan))
