from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pdfgc.metrics import moving_axes, pose_correlation, pose_error_deg, rotation_error_deg


def test_rotation_error_equals_scipy() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.uniform(-1, 1, size=(2, 20, 6))

    def rotation(pose: np.ndarray) -> Rotation:
        # Rz(roll) Ry(-yaw) Rx(-pitch)
        return Rotation.from_euler("ZYX", np.stack([pose[:, 2], -pose[:, 0], -pose[:, 1]], axis=1))

    wanted = np.rad2deg((rotation(first).inv() * rotation(second)).magnitude())
    assert rotation_error_deg(first, second) == pytest.approx(wanted)


def test_one_axis_errs_alone() -> None:
    pose = np.zeros((4, 6))
    pose[:, 1] = np.radians([0, 5, -5, 90])
    error = pose_error_deg(pose, np.zeros((4, 6)))
    assert error[:, 1] == pytest.approx([0, 5, 5, 90])
    assert (error[:, [0, 2]] == 0).all()


def test_correlation_only_where_the_head_moves() -> None:
    time = np.linspace(0, 6, 80)
    reference = np.zeros((80, 6))
    reference[:, 0] = np.radians(10) * np.sin(time)
    reference[:, 1] = np.radians(1) * np.sin(time)
    assert moving_axes(reference).tolist() == [True, False, False]
    half = 0.5 * reference
    found = pose_correlation(half, reference)
    assert found[0] == pytest.approx(1)
    assert np.isnan(found[1:]).all()
    assert pose_correlation(np.zeros((80, 6)), reference)[0] == 0
