from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from pdfgc.metrics import sync_curve, sync_score


def _codes(frames: int = 60) -> np.ndarray:
    walk = np.cumsum(np.random.default_rng(3).normal(size=(frames, 6)), axis=0)
    return walk - walk.mean(0)


def test_curve_equals_scipy_correlation() -> None:
    sound = _codes()
    lips = np.random.default_rng(1).normal(size=sound.shape) + sound
    unit = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (lips, sound)]
    total = sum(
        signal.correlate(a, b, mode="full") for a, b in zip(unit[0].T, unit[1].T, strict=True)
    )
    lags = signal.correlation_lags(60, 60)
    wanted = [total[lags == lag][0] / (60 - abs(lag)) for lag in range(-10, 11)]
    assert sync_curve(lips, sound, 10) == pytest.approx(wanted)


@pytest.mark.parametrize("distance", [False, True])
@pytest.mark.parametrize("late", [-5, 0, 5])
def test_offset_is_found(late: int, distance: bool) -> None:
    codes = _codes(80)
    lips, sound = codes[10 - late : 70 - late], codes[10:70]
    score = sync_score(sync_curve(lips, sound, 10, distance=distance))
    assert score.offset == late
    assert score.confidence > 0.3
    if late:
        whole = sync_score(sync_curve(sound, sound, 10, distance=distance))
        assert score.agreement < whole.agreement


def test_unrelated_lips_are_not_confident() -> None:
    rng = np.random.default_rng(5)
    noise = sync_score(sync_curve(*rng.normal(size=(2, 100, 16)), 10))
    own = rng.normal(size=(100, 16))
    assert noise.confidence < 0.2 < sync_score(sync_curve(own, own, 10)).confidence


def test_too_short_says_nothing() -> None:
    score = sync_score(sync_curve(_codes(6), _codes(6), 3))
    assert np.isnan([score.offset, score.confidence, score.agreement]).all()
    with pytest.raises(ValueError, match="expected two"):
        sync_curve(_codes(6), _codes(7), 3)
