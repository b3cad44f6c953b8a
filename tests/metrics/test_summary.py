from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pdfgc.metrics import bootstrap_median, ratio_to_still, with_failures


def test_interval_equals_scipy() -> None:
    values = np.random.default_rng(0).gamma(2, size=41)
    found = bootstrap_median(values, resamples=4000)
    wanted = stats.bootstrap(
        (values,), np.median, n_resamples=4000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert found.median == np.median(values)
    assert found.low == pytest.approx(wanted.low, abs=0.1)
    assert found.high == pytest.approx(wanted.high, abs=0.1)
    assert (found.n, found.groups) == (41, 41)


def test_clips_of_one_person_are_drawn_together() -> None:
    values = [1.0] * 10 + [2.0, 3.0]
    alone = bootstrap_median(values)
    grouped = bootstrap_median(values, ["a"] * 10 + ["b", "c"])
    assert alone.high == 1
    assert grouped.high > 1
    assert grouped.groups == 3


def test_medians_are_those_of_the_drawn_values() -> None:
    from pdfgc.metrics.bootstrap import _medians

    rng = np.random.default_rng(0)
    values, group = rng.normal(size=11), np.array([0, 0, 0, 1, 2, 2, 3, 4, 4, 4, 4])
    draws = rng.integers(5, size=(200, 5))
    wanted = [np.median(np.concatenate([values[group == each] for each in row])) for row in draws]
    assert _medians(values, group, draws) == pytest.approx(wanted)


def test_what_does_not_count() -> None:
    found = bootstrap_median([1.0, np.nan, 3.0], ["a", "b", "c"])
    assert (found.median, found.n, found.groups) == (2, 2, 2)
    empty = bootstrap_median([np.nan])
    assert empty.n == 0
    assert np.isnan(empty.median)


def test_seed_decides() -> None:
    values = np.random.default_rng(0).normal(size=9)
    assert bootstrap_median(values, seed=3) == bootstrap_median(values, seed=3)


def test_groups_must_fit() -> None:
    with pytest.raises(ValueError, match="n groups"):
        bootstrap_median([1.0, 2.0], ["a"])


def test_failures_count_as_held_still() -> None:
    error = np.array([[1.0, 2.0], [np.nan, np.nan]])
    still = np.array([[4.0, 4.0], [6.0, 8.0]])
    filled = with_failures(error, still, np.array([False, True]))
    assert filled.tolist() == [[1, 2], [6, 8]]
    assert ratio_to_still(filled, still) == pytest.approx([7 / 10, 10 / 12])
    # Failing throughout is as good as holding still, never better.
    all_failed = with_failures(error, still, np.array([True, True]))
    assert ratio_to_still(all_failed, still) == pytest.approx([1, 1])


def test_ratio_to_no_error_is_nan() -> None:
    assert np.isnan(ratio_to_still(np.ones(3), np.zeros(3)))
