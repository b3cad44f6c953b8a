from __future__ import annotations

import numpy as np
import pytest

from pdfgc.metrics import expression_distance
from tests.tracking.faces import head


def _clip(swing: float, **given: float) -> np.ndarray:
    """Eight frames whose mouth opens and shuts."""
    return np.stack(
        [head(scale=0.5, x=0, y=0, mouth=swing * (frame % 4) / 4, **given) for frame in range(8)]
    )


def test_pose_and_person_do_not_count() -> None:
    still = _clip(0.0)
    assert expression_distance(_clip(0.0, yaw=0.2, roll=0.1), still) == pytest.approx(0, abs=0.01)
    assert expression_distance(_clip(0.2, yaw=0.2), _clip(0.2)) == pytest.approx(0, abs=0.02)
    broader = still * np.array([1.1, 1.0, 1.0])
    assert expression_distance(broader, still) == pytest.approx(0, abs=0.01)


def test_a_moving_mouth_counts_by_how_far_it_moves() -> None:
    small, large = (expression_distance(_clip(s), _clip(0.0)).mean() for s in (0.1, 0.2))
    assert 0.005 < small < 0.6 * large
    with pytest.raises(ValueError, match="expected two"):
        expression_distance(_clip(0.1)[:3], _clip(0.1))
