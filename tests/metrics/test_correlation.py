from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pdfgc.metrics import correlation, lagged_correlation


def test_correlation_equals_scipy() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        first = rng.normal(size=40)
        second = 0.5 * first + rng.normal(size=40)
        wanted = stats.pearsonr(first, second).statistic
        assert correlation(first, second) == pytest.approx(wanted)


def test_what_stands_still() -> None:
    assert correlation(np.ones(9), np.arange(9)) == 0
    assert np.isnan(correlation(np.arange(9), np.ones(9)))
    assert np.isnan(lagged_correlation(np.arange(20), np.ones(20)).value)
    assert np.isnan(correlation([1.0], [1.0]))


@pytest.mark.parametrize("lag", [-5, -1, 0, 3])
def test_lag_is_found(lag: int) -> None:
    signal = np.random.default_rng(1).normal(size=120)
    found = lagged_correlation(np.roll(signal, lag)[10:-10], signal[10:-10])
    assert found.lag == lag
    assert found.value == pytest.approx(1)


def test_lags_beyond_the_range_are_not_searched() -> None:
    signal = np.random.default_rng(1).normal(size=120)
    assert abs(lagged_correlation(np.roll(signal, 9), signal, max_lag=5).lag) <= 5


def test_short_signals_keep_overlap() -> None:
    found = lagged_correlation(np.arange(9.0), np.arange(9.0) ** 2, max_lag=8)
    assert abs(found.lag) <= 1


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="expected two"):
        correlation(np.ones(3), np.ones(4))
