"""Correlation of two signals over time, at once or at the best lag."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_FLAT = 1e-9
_FEWEST = 8  # frames that must overlap at a lag


@dataclass(frozen=True)
class LaggedCorrelation:
    """The best correlation over a range of lags.

    Attributes:
        value: Pearson's r at that lag, in [-1, 1].
        lag: frames by which the signal is later than the reference.
    """

    value: float
    lag: int


def correlation(signal: ArrayLike, reference: ArrayLike) -> float:
    """Pearson's correlation, defined for what does not move as well.

    Args:
        signal: (T,) measured on the result.
        reference: (T,) measured on the real clip.

    Returns:
        r in [-1, 1]; 0 for a signal that stands still (it says nothing of the reference), NaN for
        a reference that stands still (there is nothing to say).

    >>> round(correlation([0, 1, 2], [1, 3, 5]), 9)
    1.0
    >>> correlation([4, 4, 4], [1, 3, 5])
    0.0
    """
    first, second = _pair(signal, reference)
    if len(first) < 2:
        return float("nan")
    first, second = first - first.mean(), second - second.mean()
    spread, wanted = np.linalg.norm(first), np.linalg.norm(second)
    if wanted < _FLAT:
        return float("nan")
    if spread < _FLAT:
        return 0.0
    return float(np.clip(first @ second / (spread * wanted), -1, 1))


def lagged_correlation(
    signal: ArrayLike, reference: ArrayLike, max_lag: int = 5
) -> LaggedCorrelation:
    """The highest correlation when one signal is shifted against the other.

    Only frames that overlap count; at least 8 must. The search lifts the value of unrelated
    signals above 0: read it beside a shuffled one.

    Args:
        signal: (T,) measured on the result.
        reference: (T,) measured on the real clip.
        max_lag: largest shift in frames, to both sides.

    Returns:
        Value and lag; NaN at lag 0 where the reference stands still.

    >>> wave = np.sin(np.arange(60) * 0.7)
    >>> lagged_correlation(wave[:-2], wave[2:]).lag
    2
    """
    first, second = _pair(signal, reference)
    best = LaggedCorrelation(correlation(first, second), 0)
    # Small shifts first: of equal values the smaller shift counts.
    for lag in sorted(range(-max_lag, max_lag + 1), key=abs):
        if len(first) - abs(lag) < _FEWEST:
            continue
        late, early = (first[lag:], second[: len(second) - lag]) if lag >= 0 else (
            first[:lag], second[-lag:]
        )  # fmt: skip
        value = correlation(late, early)
        if value > best.value:
            best = LaggedCorrelation(value, lag)
    return best


def _pair(
    signal: ArrayLike, reference: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = np.asarray(signal, np.float64), np.asarray(reference, np.float64)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"expected two (T,), given {first.shape} and {second.shape}")
    return first, second
