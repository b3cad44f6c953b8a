"""Whether lips and sound belong together, by vectors that a pair of encoders gives to both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_FEWEST = 8  # frames that must overlap at an offset


@dataclass(frozen=True)
class SyncScore:
    """Where lips and sound agree best.

    Attributes:
        offset: frames by which the lips are later than the sound; NaN where nothing can be said.
        confidence: agreement at that offset over the median of all offsets.
        agreement: mean agreement at no offset.
    """

    offset: float
    confidence: float
    agreement: float


def sync_curve(
    lips: NDArray[np.floating], sound: NDArray[np.floating], max_lag: int, *, distance: bool = False
) -> NDArray[np.float64]:
    """Mean agreement of lips and sound at each offset.

    Args:
        lips: (T, D), one row per frame.
        sound: (T, D), one row per frame.
        max_lag: largest offset in frames, to both sides.
        distance: take the negative Euclidean distance (SyncNet's) in place of the cosine.

    Returns:
        (2 max_lag + 1,) float64, lips early first; NaN where less than 8 frames overlap.
    """
    if lips.shape != sound.shape or lips.ndim != 2:
        raise ValueError(f"expected two (T, D), given {lips.shape} and {sound.shape}")
    one, two = np.asarray(lips, np.float64), np.asarray(sound, np.float64)
    if not distance:
        one, two = (
            each / np.maximum(np.linalg.norm(each, axis=1, keepdims=True), 1e-12)
            for each in (one, two)
        )
    curve = np.full(2 * max_lag + 1, np.nan)
    length = len(one)
    for lag in range(-max_lag, max_lag + 1):
        if length - abs(lag) < _FEWEST:
            continue
        late = one[max(lag, 0) : length + min(lag, 0)]
        early = two[max(-lag, 0) : length - max(lag, 0)]
        agreement = -np.linalg.norm(late - early, axis=1) if distance else (late * early).sum(1)
        curve[lag + max_lag] = agreement.mean()
    return curve


def sync_score(curve: NDArray[np.floating]) -> SyncScore:
    """Offset and confidence of a curve of agreement.

    Chung and Zisserman, "Out of Time: Automated Lip Sync in the Wild", ACCV workshops 2016,
    section 4.1: the confidence is the best value's distance to the median over all offsets.

    Args:
        curve: (2 n + 1,) from `sync_curve`, the middle standing for no offset.

    >>> sync_score(np.array([0.0, 0.1, 0.0, 0.1, 0.9])).offset
    2.0
    """
    values = np.asarray(curve, np.float64)
    middle = len(values) // 2
    if not np.isfinite(values).any():
        return SyncScore(float("nan"), float("nan"), float("nan"))
    best = int(np.nanargmax(values))
    confidence = float(values[best] - np.nanmedian(values))
    return SyncScore(float(best - middle), confidence, float(values[middle]))
