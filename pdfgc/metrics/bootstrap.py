"""Medians over clips with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Interval:
    """A median over clips.

    Attributes:
        median: NaN where no clip counts.
        low: lower end of the interval.
        high: upper end.
        n: clips that count.
        groups: persons (or other groups) that they are of.
    """

    median: float
    low: float
    high: float
    n: int
    groups: int


def bootstrap_median(
    values: ArrayLike,
    groups: Sequence[str] | None = None,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Median with a percentile bootstrap interval.

    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3. With groups,
    whole groups are drawn: clips of one person are no independent witnesses.

    Args:
        values: (n,) one per clip; NaN = does not count.
        groups: n names, for instance of persons; None = every clip for itself.
        level: share of the resampled medians inside the interval.
        resamples: number of draws.
        seed: of the draws.

    >>> bootstrap_median([1.0, 2.0, 3.0, float("nan")]).median
    2.0
    """
    given = np.asarray(values, np.float64)
    names = np.arange(len(given)) if groups is None else np.asarray(groups)
    if names.shape != given.shape or given.ndim != 1:
        raise ValueError(f"expected (n,) values and n groups, given {given.shape}, {names.shape}")
    counted = np.isfinite(given)
    if not counted.any():
        nan = float("nan")
        return Interval(nan, nan, nan, 0, 0)
    given, names = given[counted], names[counted]
    found, group = np.unique(names, return_inverse=True)
    if len(found) == 1:  # every draw would be the same
        middle = float(np.median(given))
        return Interval(middle, middle, middle, len(given), 1)
    rng = np.random.default_rng(seed)
    medians = _medians(given, group, rng.integers(len(found), size=(resamples, len(found))))
    low, high = np.quantile(medians, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(np.median(given)), float(low), float(high), len(given), len(found))


def _medians(
    values: NDArray[np.float64], group: NDArray[np.int64], draws: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Median of each draw (R, G) of groups, their values (n,) counted as often as they came."""
    times = np.zeros(draws.shape, np.int64)
    np.add.at(times, (np.arange(len(draws))[:, None], draws), 1)
    order = np.argsort(values)
    reached = times[:, group[order]].cumsum(1)
    total = reached[:, -1:]
    middles = [values[order][(reached > at).argmax(1)] for at in ((total - 1) // 2, total // 2)]
    return np.asarray((middles[0] + middles[1]) / 2)
