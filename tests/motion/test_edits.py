"""Motions joined, stretched, mirrored and blended."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pdfgc.errors import InputError
from pdfgc.motion import FACTORS, Motion
from tests.motion.motions import talk


def unlike(motion: Motion, other: Motion) -> list[str]:
    return [
        name for name in FACTORS if not np.array_equal(getattr(motion, name), getattr(other, name))
    ]


def test_joined_motions_hold_every_frame_in_order() -> None:
    one, two, three = talk(5, seed=1), talk(7, seed=2), talk(4, seed=3)
    joined = one.join(two, three)
    assert len(joined) == 16
    assert unlike(joined.slice(0, 5), one) == []
    assert unlike(joined.slice(5, 12), two) == []
    assert unlike(joined.slice(12, 16), three) == []


def test_a_fade_goes_from_one_to_the_other() -> None:
    one, two = talk(20, seed=1), talk(20, seed=2)
    joined = one.join(two, fade_s=0.2)
    assert len(joined) == 35
    assert unlike(joined.slice(0, 15), one.slice(0, 15)) == []
    assert unlike(joined.slice(20, 35), two.slice(5, 20)) == []
    middle = (one.pose[17] + two.pose[2]) / 2
    np.testing.assert_allclose(joined.pose[17], middle, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(joined.lip, axis=1), 1, atol=1e-5)
    with pytest.raises(InputError, match="does not fit between motions 0 and 1"):
        one.join(talk(4), fade_s=0.2)


def test_joining_brings_to_one_rate() -> None:
    joined = talk(25, fps=25).join(talk(50, fps=50))
    assert (len(joined), joined.fps) == (50, 25)


def test_stretching_changes_the_time_not_the_way() -> None:
    motion = talk(30).smooth(0.5)
    slow = motion.stretch(2)
    assert (len(slow), slow.fps) == (60, motion.fps)
    np.testing.assert_allclose(slow.pose[::2], motion.pose, atol=1e-6)
    np.testing.assert_allclose(slow.stretch(0.5).pose, motion.pose, atol=1e-6)
    assert len(motion.stretch(0.001)) == 1
    with pytest.raises(InputError, match="cannot be stretched 0 times"):
        motion.stretch(0)


def test_mirroring_turns_sides_round() -> None:
    motion = talk()
    seen = motion.mirror()
    np.testing.assert_array_equal(seen.pose[:, [0, 2, 3]], -motion.pose[:, [0, 2, 3]])
    np.testing.assert_array_equal(seen.pose[:, [1, 4, 5]], motion.pose[:, [1, 4, 5]])
    np.testing.assert_array_equal(seen.gaze, motion.gaze * [-1, 1])
    np.testing.assert_array_equal(seen.openness, motion.openness[:, ::-1])
    assert unlike(seen, motion) == ["eye", "pose"]
    assert unlike(seen.mirror(), motion) == []
    with pytest.raises(InputError, match="cannot be mirrored"):
        replace(motion, own_units=True).mirror()


def test_blending() -> None:
    one, two = talk(20, seed=1), talk(20, seed=2)
    assert unlike(one.blend(two, 0), one) in ([], ["lip"])
    np.testing.assert_allclose(one.blend(two, 1).lip, two.lip, atol=1e-6)
    half = one.blend(two, 0.5)
    np.testing.assert_allclose(half.expression, (one.expression + two.expression) / 2, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(half.lip, axis=1), 1, atol=1e-5)
    over = one.blend(two, np.linspace(0, 1, 20))
    np.testing.assert_allclose(over.pose[0], one.pose[0], atol=1e-6)
    np.testing.assert_allclose(over.pose[-1], two.pose[-1], atol=1e-6)
    with pytest.raises(InputError, match="20 and 19 frames"):
        one.blend(talk(19), 0.5)
    with pytest.raises(InputError, match="not from 0 to 1"):
        one.blend(two, 1.5)


@pytest.mark.parametrize("edit", ["blend", "join"])
def test_another_models_codes_are_not_mixed_in(edit: str) -> None:
    stranger = replace(talk(), model_id="model-b")
    with pytest.raises(InputError, match="model-b, not model-a"):
        talk().blend(stranger, 0.5) if edit == "blend" else talk().join(stranger)
