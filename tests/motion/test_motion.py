"""`Motion`: order, checks, edits, files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pdfgc.errors import InputError
from pdfgc.motion import Codes, Motion, code_scale, code_width
from tests.motion.motions import talk


def test_joined_codes_follow_one_order() -> None:
    codes = Codes(torch.ones(2, 8), torch.ones(2, 6) * 2, torch.ones(2, 6) * 3, torch.zeros(2, 30))
    joined = codes.join()
    assert joined.shape == (2, code_width(8))
    assert joined[0].tolist() == [1] * 8 + [2] * 6 + [3] * 6 + [0] * 30


def test_every_value_of_a_joined_code_has_a_scale() -> None:
    scale = code_scale(8)
    assert len(scale) == code_width(8)
    assert min(scale) > 0


def test_replacing_gaze_leaves_all_else() -> None:
    motion = talk()
    looked = motion.replace(gaze=(0.2, -0.1))
    np.testing.assert_allclose(looked.gaze, np.tile([0.2, -0.1], (20, 1)), rtol=1e-6)
    np.testing.assert_array_equal(looked.openness, motion.openness)
    np.testing.assert_array_equal(looked.lip, motion.lip)
    np.testing.assert_array_equal(looked.pose, motion.pose)


def test_a_saved_motion_comes_back(tmp_path: Path) -> None:
    motion = talk()
    motion.save(tmp_path / "talk.motion.safetensors")
    back = Motion.load(tmp_path / "talk.motion.safetensors")
    assert (back.fps, back.model_id) == (motion.fps, motion.model_id)
    for name in ("lip", "eye", "pose", "expression"):
        np.testing.assert_array_equal(getattr(back, name), getattr(motion, name))


def test_resampling_keeps_the_length_in_time_and_the_lip_codes_unit() -> None:
    motion = talk(50)
    faster = motion.resample(30)
    assert len(faster) == 60
    np.testing.assert_allclose(np.linalg.norm(faster.lip, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(faster.pose[0], motion.pose[0])
    np.testing.assert_allclose(faster.resample(30).pose, faster.pose)


def test_smoothing_calms_and_keeps_the_mean() -> None:
    motion = talk(200)
    smooth = motion.smooth(0.4)
    assert (
        np.abs(np.diff(smooth.pose, axis=0)).mean()
        < 0.5 * np.abs(np.diff(motion.pose, axis=0)).mean()
    )
    np.testing.assert_allclose(smooth.pose.mean(0), motion.pose.mean(0), atol=0.15)
    np.testing.assert_array_equal(motion.smooth(0).pose, motion.pose)


def test_another_models_codes_are_refused() -> None:
    with pytest.raises(InputError, match="model-a, not model-b"):
        talk().for_model("model-b")
    assert talk().for_model("model-a") is not None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pose": np.zeros((20, 5), np.float32)}, "pose codes have shape"),
        ({"eye": np.full((20, 6), np.nan, np.float32)}, "eye code of frame 0 is not finite"),
        ({"lip": np.zeros((3, 8), np.float32)}, "codes have shape"),
    ],
)
def test_bad_codes_are_refused(change: dict[str, np.ndarray], message: str) -> None:
    motion = talk()
    parts = {n: getattr(motion, n) for n in ("lip", "eye", "pose", "expression")} | change
    with pytest.raises(InputError, match=message):
        Motion(**parts, fps=25, model_id="m")


def test_empty_motions_and_impossible_rates_are_refused() -> None:
    with pytest.raises(InputError, match="at least one frame"):
        talk().slice(5, 5)
    with pytest.raises(InputError, match="positive"):
        talk(fps=0)


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such motion file"):
        Motion.load(tmp_path / "missing.safetensors")
    text = tmp_path / "text.safetensors"
    text.write_text("not a motion")
    with pytest.raises(InputError, match="no readable motion"):
        Motion.load(text)
