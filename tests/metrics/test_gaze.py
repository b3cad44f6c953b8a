from __future__ import annotations

import numpy as np
import pytest

from pdfgc.metrics import gaze_correlation, gaze_error_deg, looking_axes


def test_error_is_the_angle_between_directions() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.uniform(-0.7, 0.7, size=(2, 30, 2))

    def direction(gaze: np.ndarray) -> np.ndarray:
        yaw, pitch = gaze.T
        return np.stack(
            [np.sin(yaw) * np.cos(pitch), -np.sin(pitch), -np.cos(yaw) * np.cos(pitch)], axis=1
        )

    wanted = np.rad2deg(np.arccos((direction(first) * direction(second)).sum(1).clip(-1, 1)))
    assert gaze_error_deg(first, second) == pytest.approx(wanted, abs=1e-5)
    assert gaze_error_deg(first, first) == pytest.approx(0, abs=1e-9)


def test_correlation_only_where_eyes_look_around() -> None:
    time = np.linspace(0, 9, 100)
    reference = np.stack([np.radians(15) * np.sin(time), np.radians(2) * np.cos(time)], axis=1)
    assert looking_axes(reference).tolist() == [True, False]
    found = gaze_correlation(-reference, reference)
    assert found[0] == pytest.approx(-1)
    assert np.isnan(found[1])
