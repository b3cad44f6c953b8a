from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from pdfgc.metrics import find_blinks, score_blinks

FPS = 25.0


def _lids(*frames: int, depth: float = 0.9, length: int = 100) -> np.ndarray:
    """Open eyes that blink at these frames, five frames each."""
    time = np.arange(length)
    lids = np.ones(length)
    for frame in frames:
        lids -= depth * np.clip(1 - np.abs(time - frame) / 3, 0, None)
    return lids


def test_blinks_are_found() -> None:
    lids = _lids(12, 50, 80) + np.random.default_rng(0).normal(size=100) * 0.03
    assert np.abs(find_blinks(lids, FPS) - [12, 50, 80]).max() <= 1


def test_half_blinks_count_and_flutter_does_not() -> None:
    assert len(find_blinks(_lids(20, depth=0.5), FPS)) == 1
    assert len(find_blinks(_lids(20, depth=0.2), FPS)) == 0


def test_eyes_that_stay_shut_do_not_blink() -> None:
    lids = np.ones(100)
    lids[30:70] = 0.1
    assert len(find_blinks(lids, FPS)) == 0


def test_double_blinks_are_two() -> None:
    assert len(find_blinks(_lids(40, 48), FPS)) == 2


def test_blinks_at_the_ends() -> None:
    assert len(find_blinks(_lids(1, 98), FPS)) == 2
    assert len(find_blinks(np.ones(2), FPS)) == 0


def test_score() -> None:
    perfect = score_blinks([12, 50], [13, 48], FPS)
    assert (perfect.precision, perfect.recall, perfect.f1) == (1, 1, 1)
    none = score_blinks([], [13, 48], FPS)
    assert np.isnan(none.precision)
    assert (none.recall, none.f1, none.n_reference) == (0, 0, 2)
    assert np.isnan(score_blinks([], [], FPS).f1)
    assert np.isnan(score_blinks([5], [], FPS).recall)


def test_a_blink_is_paired_once() -> None:
    score = score_blinks([10, 11], [10], FPS)
    assert score.precision == 0.5
    assert score.recall == 1


@pytest.mark.parametrize("seed", range(8))
def test_pairing_is_the_largest_possible(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found, wanted = (np.sort(rng.choice(30, 5, replace=False)) for _ in range(2))
    near = np.abs(found[:, None] - wanted) <= 3
    most = max(near[np.arange(5), list(order)].sum() for order in permutations(range(5)))
    assert score_blinks(found, wanted, FPS).recall == pytest.approx(most / 5)
